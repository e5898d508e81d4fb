import { functionAddress } from '../src/core/index.ts';
import { type GuestPieces, tryGuestPieces } from '../src/hosts/guest/index.ts';
import { type GuestWindow, presentDevice, V86Board } from '../src/hosts/v86/index.ts';
import { LinuxGuest } from '../src/hosts/v86/node.ts';
import { BlockDevice, MemoryStorage, SeededEntropy } from '../src/virtio/index.ts';
import type { Contest, Skip } from './frame.ts';
import { WorkloadError } from './workload.ts';

const MIB = 1 << 20;
const DISK_MIB = 64;
/** Each block that dd reads or writes is one request, straight from and to its own memory. */
const BLOCKS = DISK_MIB * 8;
const RECORDS = `${BLOCKS}+0 records`;

/** Our disks by window, and v86's own on its IDE controller, by the guest's names. */
const disks = { 'io-bar': 'vda', mmr: 'vdb', modern: 'vdc', ide: 'sda' } as const;
export type DiskName = keyof typeof disks;

function contents(): Uint8Array {
  const bytes = new Uint8Array(DISK_MIB * MIB);
  new SeededEntropy(1).fill(bytes.subarray(0, MIB));
  return bytes;
}

const block = () => new BlockDevice({ storage: new MemoryStorage(contents()) });

/** One guest with all the disks: whatever slows it down slows each of them. */
async function startDisks(pieces: GuestPieces): Promise<LinuxGuest> {
  const guest = await LinuxGuest.boot({ pieces, ideDisk: contents() });
  const board = new V86Board(guest.bus);
  const windows: readonly GuestWindow[] = ['io-bar', 'mmr', 'modern'];
  for (const [index, window] of windows.entries())
    presentDevice(board, block(), functionAddress(0, 4 + index), { window });
  await guest.runOk('insmod /lib/modules/libata.ko && insmod /lib/modules/ata_piix.ko');
  await guest.runOk('echo 1 > /sys/bus/pci/rescan; until [ -e /dev/sda ]; do usleep 100000; done');
  return guest;
}

/** Cases follow each other at once: the guest waits that long for the next before it ends. */
const LINGER_MS = 1000;
let shared: Promise<LinuxGuest> | null = null;
let ending: NodeJS.Timeout | undefined;

function takeGuest(pieces: GuestPieces): Promise<LinuxGuest> {
  clearTimeout(ending);
  shared ??= startDisks(pieces);
  return shared;
}

function giveGuestBack(): void {
  ending = setTimeout(() => {
    void shared?.then((guest) => guest.destroy());
    shared = null;
  }, LINGER_MS);
}

/** Reads a whole disk and writes it, in requests of 128 KiB. @returns MiB per second. */
async function throughput(guest: LinuxGuest, name: DiskName): Promise<number> {
  const disk = disks[name];
  const started = performance.now();
  const read = await guest.runOk(`dd if=/dev/${disk} of=/dev/null bs=128k iflag=direct`);
  const written = await guest.runOk(`dd if=/dev/zero of=/dev/${disk} bs=128k count=${BLOCKS} oflag=direct`);
  const seconds = (performance.now() - started) / 1000;
  for (const output of [read, written])
    if (!output.includes(`${RECORDS} in`) || !output.includes(`${RECORDS} out`))
      throw new WorkloadError(`dd on ${name}: ${output}`);
  return (2 * DISK_MIB) / seconds;
}

/** Two disks of one guest. */
export async function prepareDisks(ours: DiskName, baseline: DiskName): Promise<Contest | Skip> {
  const found = await tryGuestPieces();
  if (found.pieces === null) return { skip: found.reason };
  const guest = await takeGuest(found.pieces);
  return {
    ours: () => throughput(guest, ours),
    baseline: () => throughput(guest, baseline),
    release: giveGuestBack,
  };
}

const EXPECTED = 'good';

/** What one test costs: continues the snapshot, plugs a disk, reads a word from it. @returns milliseconds. */
export async function prepareRestore(budgetMs: number): Promise<Contest | Skip> {
  const { pieces, ...missing } = await tryGuestPieces();
  if (pieces === null) return { skip: (missing as { reason: string }).reason };
  // Leaves the snapshot behind.
  await LinuxGuest.start({ pieces }).then((guest) => guest.destroy());
  const image = new Uint8Array(MIB);
  image.set(new TextEncoder().encode(`${EXPECTED}\n`));
  return {
    ours: async () => {
      const started = performance.now();
      const guest = await LinuxGuest.start({ pieces });
      const device = new BlockDevice({ storage: new MemoryStorage(image) });
      presentDevice(new V86Board(guest.bus), device, functionAddress(0, 5), { window: 'mmr' });
      const word = await guest.runOk('echo 1 > /sys/bus/pci/rescan; read -r word < /dev/vda; echo $word');
      await guest.destroy();
      if (word.trim() !== EXPECTED) throw new WorkloadError(`the guest read ${word}`);
      return performance.now() - started;
    },
    baseline: () => budgetMs,
  };
}
