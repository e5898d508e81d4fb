import type { GuestShell } from '../shell.ts';

/** A Linux guest that runs commands. */
export type TourGuest = Pick<GuestShell, 'run' | 'runOk'>;

/** A PCI function as the guest's kernel lists it. */
export interface ListedFunction {
  /** Such as `00:05.0`. */
  readonly slot: string;
  /** Vendor, device, revision and class, in hexadecimal. */
  readonly vendor: string;
  readonly device: string;
  readonly revision: string;
  readonly classCode: string;
  /** The driver that is bound, or the empty string. */
  readonly driver: string;
  /** Interrupt line, in the guest's numbering. */
  readonly irq: number;
  /** Such as `io c040..c07f`, one for each BAR that has an address. */
  readonly resources: readonly string[];
}

/** The shell's own commands, but for one: a process takes an emulated processor as long as all of the rest. */
const LIST = `cd /sys/bus/pci/devices && for slot in *; do cd $slot
for name in vendor device revision class irq; do read -r $name < $name; done
driver=; [ -e driver ] && driver=$(readlink driver)
resources=; n=0; while [ $n -lt 6 ] && read -r line; do resources="$resources$line;"; n=$((n + 1)); done < resource
echo "$slot|$vendor|$device|$revision|$class|\${driver##*/}|$irq|$resources"
cd ..; done; cd /`;

const IO_RESOURCE = 0x100;
const hexOf = (text: string) => text.replace(/^0x/, '');

/** A line of sysfs's `resource` file: start, end and flags. */
function resourceText(line: string): string[] {
  const [start = '0', end = '0', flags = '0'] = line.split(' ');
  if (Number(end) === 0) return [];
  const kind = (Number(flags) & IO_RESOURCE) !== 0 ? 'io' : 'memory';
  return [`${kind} ${Number(start).toString(16)}..${Number(end).toString(16)}`];
}

/** Has the kernel look for functions that were plugged while it ran; their drivers have taken them when this is done. */
export async function findFunctions(guest: TourGuest): Promise<void> {
  await guest.runOk('echo 1 > /sys/bus/pci/rescan');
}

/** What lspci would print, from sysfs. */
export async function listFunctions(guest: TourGuest): Promise<ListedFunction[]> {
  const lines = (await guest.runOk(LIST)).trimEnd().split('\n');
  return lines.map((line) => {
    const [slot, vendor, device, revision, classCode, driver, irq, resources] = line.split('|');
    return {
      slot: slot!.replace(/^0000:/, ''),
      vendor: hexOf(vendor!),
      device: hexOf(device!),
      revision: hexOf(revision!),
      classCode: hexOf(classCode!),
      driver: driver!,
      irq: Number(irq),
      resources: resources!.split(';').flatMap(resourceText),
    };
  });
}

/** What the guest read of a disk. */
export interface DiskRead {
  /** Whole disk, in bytes. */
  readonly bytes: number;
  /** How much of it was read, from its start, and the MD5 of that. */
  readonly readBytes: number;
  readonly md5: string;
}

const SECTOR_BYTES = 512;
const MIB = 1 << 20;
const READ_TIMEOUT_MS = 120_000;

/** Reads a disk, at most `limitBytes` of it, a whole number of MiB. */
export async function readDisk(guest: TourGuest, disk: string, limitBytes: number): Promise<DiskRead> {
  const bytes = Number(await guest.runOk(`cat /sys/block/${disk}/size`)) * SECTOR_BYTES;
  const read = `dd if=/dev/${disk} bs=1M count=${limitBytes / MIB} 2>/dev/null | md5sum`;
  const sum = await guest.runOk(read, { timeoutMs: READ_TIMEOUT_MS });
  return { bytes, readBytes: Math.min(bytes, limitBytes), md5: sum.slice(0, 32) };
}

/** A file system as the guest found it, or why it could not be mounted. */
export type Mounted = { readonly files: Readonly<Record<string, string>> } | { readonly error: string };

/** Files whose checksums are taken, in the order of their names. */
const MOST_FILES = 20;

/** Mounts an ext4 file system read-only, and takes the MD5 of files in it. */
export async function mountAndSum(guest: TourGuest, disk: string): Promise<Mounted> {
  // Without its journal's replay, which would have to write.
  const mount = await guest.run(`mount -t ext4 -o ro,noload /dev/${disk} /mnt`);
  if (mount.exitCode !== 0) return { error: mount.output.trim().split('\n').at(-1) ?? '' };
  const list = `cd /mnt && find . -type f | sort | head -n ${MOST_FILES} | tr '\\n' '\\0' | xargs -0 -r md5sum; cd / && umount /mnt`;
  const sums = await guest.runOk(list, { timeoutMs: READ_TIMEOUT_MS });
  const rows = sums.split('\n').filter((line) => line !== '');
  return {
    files: Object.fromEntries(rows.map((line) => [line.slice(34).replace(/^\.\//, ''), line.slice(0, 32)])),
  };
}

/** Makes a file system with one file in it where there is none yet: busybox makes ext2, which the ext4 driver mounts. */
export async function makeFileSystem(guest: TourGuest, disk: string): Promise<void> {
  await guest.runOk(
    `mke2fs /dev/${disk} > /dev/null && mount -t ext4 /dev/${disk} /mnt && seq 1 5000 > /mnt/numbers; umount /mnt`,
  );
}

/** Random bytes from the guest's device, in hexadecimal, and the source that the kernel took them from. */
export async function drawRandom(guest: TourGuest, bytes: number): Promise<{ source: string; hex: string }> {
  const source = (await guest.runOk('cat /sys/class/misc/hw_random/rng_current')).trim();
  const hex = (await guest.runOk(`head -c ${bytes} /dev/hwrng | hexdump -ve '1/1 "%02x"'`)).trim();
  return { source, hex };
}

/** How often each interrupt of a virtio driver came, as the guest counted. */
export async function countInterrupts(guest: TourGuest): Promise<Record<string, number>> {
  const { output } = await guest.run('grep virtio /proc/interrupts');
  const rows = output.split('\n').flatMap((line) => {
    const match = /^\s*\S+:\s+(\d+)\s+\S+(?:\s+\S+-\S+)?\s+(.*virtio.*)$/.exec(line);
    return match === null ? [] : [[match[2]!, Number(match[1])] as const];
  });
  return Object.fromEntries(rows);
}
