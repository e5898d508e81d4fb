import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type QemuGuestPieces,
  QemuLinux,
  type QemuProgram,
  tryQemu,
  tryQemuGuestPieces,
} from '../src/hosts/qemu/index.ts';
import { SeededEntropy } from '../src/virtio/index.ts';
import type { Contest, Skip } from './frame.ts';
import { serveAlone } from './vfio-user.ts';
import { WorkloadError } from './workload.ts';

const MIB = 1 << 20;
const DISK_MIB = 64;

/** Our disk over vfio-user, and QEMU's own virtio disk, with an image each, by their names in one guest. */
const disks = { ours: 'vda', theirs: 'vdb' } as const;

/** Commands that read the whole disk or a part of it, past the guest's caches, and the MiB that they read. */
export const loads = {
  'requests of 128 KiB': {
    mebibytes: DISK_MIB,
    command: (disk: string) => `dd if=/dev/${disk} of=/dev/null bs=128k iflag=direct 2>/dev/null`,
  },
  // 32 readers, each with a request on its way.
  'requests of 4 KiB, 32 at a time': {
    mebibytes: 16,
    command: (disk: string) =>
      `for i in $(seq 0 31); do dd if=/dev/${disk} of=/dev/null bs=4k count=128 skip=$((i * 512)) iflag=direct 2>/dev/null & done; wait`,
  },
} as const;
export type LoadName = keyof typeof loads;

class TwoDisks {
  readonly #folder = mkdtempSync(join(tmpdir(), 'virtiolab-bench-'));
  #server: ChildProcess | null = null;
  #guest: QemuLinux | null = null;

  static async start(qemu: QemuProgram, pieces: QemuGuestPieces): Promise<TwoDisks> {
    const made = new TwoDisks();
    try {
      await made.#boot(qemu, pieces);
      return made;
    } catch (error) {
      await made.end();
      throw error;
    }
  }

  async #boot(qemu: QemuProgram, pieces: QemuGuestPieces): Promise<void> {
    const image = (name: string): string => {
      const bytes = new Uint8Array(DISK_MIB * MIB);
      new SeededEntropy(1).fill(bytes.subarray(0, MIB));
      const path = join(this.#folder, name);
      writeFileSync(path, bytes);
      return path;
    };
    const socket = join(this.#folder, 'socket');
    this.#server = await serveAlone(socket, '--device', 'block:modern', '--image', image('ours'));
    this.#guest = await QemuLinux.boot({
      qemu,
      pieces,
      modules: ['virtio_blk', 'virtio_pci'],
      arguments: ['-drive', `if=none,id=theirs,format=raw,file=${image('theirs')}`],
      devices: [
        { driver: 'vfio-user-pci', addr: '5', socket: { type: 'unix', path: socket } },
        { driver: 'virtio-blk-pci', addr: '6', drive: 'theirs', 'disable-legacy': 'on' },
      ],
    });
  }

  /** @returns MiB per second */
  async run(disk: keyof typeof disks, load: LoadName): Promise<number> {
    const { command, mebibytes } = loads[load];
    const started = performance.now();
    const { exitCode, output } = await this.#guest!.run(command(disks[disk]));
    if (exitCode !== 0) throw new WorkloadError(`dd on ${disk}: ${output}`);
    return (1000 * mebibytes) / (performance.now() - started);
  }

  async end(): Promise<void> {
    await this.#guest?.close();
    this.#server?.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A disk of ours against QEMU's own, in one 64-bit Linux. */
export async function prepareQemuDisks(load: LoadName): Promise<Contest | Skip> {
  const qemu = await tryQemu();
  if (qemu.pieces === null) return { skip: qemu.reason };
  const pieces = await tryQemuGuestPieces('bookworm');
  if (pieces.pieces === null) return { skip: pieces.reason };
  const both = await TwoDisks.start(qemu.pieces, pieces.pieces);
  return {
    ours: () => both.run('ours', load),
    baseline: () => both.run('theirs', load),
    release: () => both.end(),
  };
}
