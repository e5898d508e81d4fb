import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DmaDomain, GuestMemory } from '../../../src/core/index.ts';
import { PrivateApt, unpackPackage } from '../../../src/hosts/guest/apt.ts';
import { type ArchiveMember, cpioArchive } from '../../../src/hosts/guest/cpio.ts';
import { type PieceSet, takeSet } from '../../../src/hosts/guest/piece-set.ts';
import { sharedRam } from '../../../src/hosts/qtest-server/front/shared-ram.ts';
import { SERVED_ADDRESS, VfioUserServer } from '../../../src/hosts/vfio-user/index.ts';
import { MediatedDevice, type MediatedDeviceOptions } from '../../../src/mmr/index.ts';
import { type DeviceBehaviour, virtioFunction } from '../../../src/virtio/index.ts';

/*
 * Debian's kernel for s390x in QEMU: the big-endian machine that Debian still has, and a vfio-user client. It has no ports, so its
 * legacy drivers take a block in a memory BAR; and its IOMMU maps nothing for a legacy driver, which gives physical addresses. Devices
 * get the machine's RAM beside it, as if it had none.
 */
const RAM_MIB = 512;
const MODULES = ['virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci', 'virtio-rng', 'virtio_blk'];
const PROGRAM = 'usr/bin/qemu-system-s390x';
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

interface Manifest {
  readonly wanted: string;
  readonly packageVersion: string;
}

const version = ({ packageVersion }: Manifest) => packageVersion.replaceAll(/[^\w.+~-]/g, '_');

const program: PieceSet<Manifest> = {
  name: 'qemu-s390x',
  what: "the packages of QEMU's s390x machine",
  wanted: 'qemu-system-s390x of trixie-backports',
  files: () => [PROGRAM],
  version,
  fetch: async (scratch, into) => {
    const suite = 'trixie-backports';
    const pins = [{ packages: ['src:qemu'], suite }];
    const apt = await PrivateApt.open(scratch, { architecture: 'amd64', suites: ['trixie', suite], pins });
    await apt.update();
    for (const file of await apt.downloadAll(['qemu-system-s390x'])) await unpackPackage(file, into);
    const packageVersion = (await apt.show('qemu-system-s390x')).get('Version') ?? 'unknown';
    return { wanted: program.wanted, packageVersion };
  },
};

const kernel: PieceSet<Manifest> = {
  name: 's390x-bookworm',
  what: 'the packages of the s390x guest',
  wanted: MODULES.join(' '),
  files: () => ['vmlinuz', 'busybox', ...MODULES.map((name) => `${name}.ko`)],
  version,
  fetch: async (scratch, into) => {
    const apt = await PrivateApt.open(scratch, { architecture: 's390x', suites: ['bookworm'] });
    await apt.update();
    const image = /linux-image-[\w.-]+/.exec((await apt.show('linux-image-s390x')).get('Depends') ?? '')?.[0];
    const root = join(scratch, 'root');
    for (const file of (await apt.download([image!, 'busybox-static'])).values())
      await unpackPackage(file, root);
    mkdirSync(into, { recursive: true });
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
    const take = (ending: string, name: string) =>
      copyFileSync(join(root, files.find((file) => file.endsWith(ending))!), join(into, name));
    take('bin/busybox', 'busybox');
    copyFileSync(join(root, files.find((file) => /boot\/vmlinuz-/.test(file))!), join(into, 'vmlinuz'));
    for (const name of MODULES) take(`/${name}.ko`, `${name}.ko`);
    return { wanted: kernel.wanted, packageVersion: image! };
  },
};

function initramfs(folder: string, commands: readonly string[]): Uint8Array {
  const script = [
    '#!/bin/sh',
    'export PATH=/bin',
    'busybox mount -t sysfs none /sys; busybox mount -t devtmpfs none /dev',
    ...MODULES.map((name) => `busybox insmod /lib/${name}.ko`),
    'until [ -e /dev/vda ]; do busybox usleep 20000; done',
    'echo "=== begins"',
    ...commands.map((command) => `busybox ${command}`),
    'echo "=== ends"',
    'busybox poweroff -f',
    '',
  ].join('\n');
  const file = (path: string, bytes: Uint8Array, permissions: number): ArchiveMember => ({
    ...{ kind: 'file', path, bytes, permissions },
  });
  return cpioArchive([
    ...['bin', 'dev', 'sys', 'lib'].map((path) => ({ kind: 'folder' as const, path, permissions: 0o755 })),
    { kind: 'device', path: 'dev/console', permissions: 0o600, major: 5, minor: 1 },
    file('init', new TextEncoder().encode(script), 0o755),
    file('bin/busybox', readFileSync(join(folder, 'busybox')), 0o755),
    { kind: 'link', path: 'bin/sh', target: 'busybox' },
    ...MODULES.map((name) => file(`lib/${name}.ko`, readFileSync(join(folder, `${name}.ko`)), 0o644)),
  ]);
}

/** A big-endian machine with devices of ours on vDPA parents, shown as legacy functions. */
export class BigEndianMachine {
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'virtiolab-s390x-'));
  readonly #sockets: string[] = [];
  #server: VfioUserServer | null = null;
  #ram: GuestMemory | null = null;
  #qemu: ChildProcess | null = null;

  get #ramFile(): string {
    return join(this.#folder, 'ram');
  }

  async add(behaviour: DeviceBehaviour, options: MediatedDeviceOptions = {}): Promise<MediatedDevice> {
    this.#server ??= await VfioUserServer.start();
    if (this.#ram === null) {
      const bytes = await sharedRam(this.#ramFile, RAM_MIB << 20);
      this.#ram = new GuestMemory([{ start: 0, bytes }]);
      this.#ram.shared = true;
    }
    const dma = new DmaDomain(this.#ram);
    const mediated = new MediatedDevice(behaviour, { guestOrder: 'big', ...options });
    const { transportFeatures, guestOrder: guestEndian } = mediated;
    const fn = virtioFunction(mediated, { kind: 'legacy-memory', guestEndian, transportFeatures });
    const socket = join(this.#folder, `device-${this.#sockets.length}`);
    this.#sockets.push(socket);
    this.#server.serve({ socket, plug: (device) => void device.plug(fn.pci, SERVED_ADDRESS, dma) });
    return mediated;
  }

  /** Boots, runs commands of busybox, and ends. @returns what they printed. */
  async run(commands: readonly string[]): Promise<string> {
    const [{ folder: qemu }, { folder: guest }] = [await takeSet(program), await takeSet(kernel)];
    const archive = join(this.#folder, 'initramfs');
    writeFileSync(archive, initramfs(guest, commands));
    const libraries = join(qemu, LIBRARIES);
    const devices = this.#sockets.flatMap((path) => [
      '-device',
      JSON.stringify({ driver: 'vfio-user-pci', socket: { type: 'unix', path } }),
    ]);
    const child = spawn(
      join(libraries, 'ld-linux-x86-64.so.2'),
      [
        ...['--library-path', libraries, '--argv0', 'qemu-system-s390x', join(qemu, PROGRAM)],
        ...['-L', join(qemu, 'usr/share/qemu'), '-machine', 's390-ccw-virtio,memory-backend=ram'],
        '-object',
        `memory-backend-file,id=ram,size=${RAM_MIB}M,share=on,mem-path=${this.#ramFile}`,
        ...['-m', `${RAM_MIB}`, '-cpu', 'max', '-nographic', '-no-reboot', '-accel', 'tcg'],
        ...['-kernel', join(guest, 'vmlinuz'), '-initrd', archive],
        ...['-append', 'console=ttysclp0 rdinit=/init loglevel=3', ...devices],
      ],
      { stdio: ['ignore', 'pipe', 'ignore'], env: { QEMU_MODULE_DIR: join(libraries, 'qemu') } },
    );
    this.#qemu = child;
    let printed = '';
    child.stdout.on('data', (data: Buffer) => {
      printed += data.toString('latin1');
    });
    await new Promise((resolve) => child.on('close', resolve));
    return printed.replaceAll('\r', '').split('=== begins\n')[1]?.split('=== ends')[0] ?? printed;
  }

  async close(): Promise<void> {
    this.#qemu?.kill('SIGKILL');
    await this.#server?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
