import { createHash } from 'node:crypto';
import type { WatchReport } from '../../../conformance/watch/index.ts';
import type { Finding, State } from '../../../core/index.ts';
import { ways } from '../../../mmr/index.ts';
import { walk } from '../../../trace/index.ts';
import {
  BlockDevice,
  type DeviceBehaviour,
  EntropyDevice,
  type EntropySource,
  MemoryStorage,
  type Storage,
  systemEntropy,
} from '../../../virtio/index.ts';
import type { GuestWindow } from '../../present/present.ts';
import type { GuestTrace, TracedMachine } from '../../present/trace.ts';
import { ext4Image } from '../ext4-image.ts';
import {
  countInterrupts,
  drawRandom,
  type ListedFunction,
  listFunctions,
  makeFileSystem,
  mountAndSum,
  readDisk,
  type TourGuest,
} from './steps.ts';

/** Who emulates the guest's machine. */
export type MachineName = 'v86' | 'qemu';

/** A disk for the guest. */
export interface TourImage {
  readonly storage: Storage;
  /** MD5 of its first {@link TOUR_READ_BYTES}, or of all where it is shorter. */
  readonly md5: string;
}

export interface TourOptions {
  readonly window: GuestWindow;
  /** Only read. Without one the guest gets a disk that it may write to. */
  readonly image?: TourImage;
  /** Called with every line that the guest prints while it boots. */
  readonly progress?: (line: string) => void;
  /** Called as soon as there is something to be watched: while the guest boots already. */
  readonly watching?: (traces: readonly GuestTrace[]) => void;
}

/** How often a register was read and written on either machine. */
export interface RegisterCount {
  /** Place of the function, as `00:05.0`. */
  readonly function: string;
  /** Structure and register, as `legacy.deviceStatus`; `configuration space` for all of that. */
  readonly register: string;
  readonly reads: Readonly<Record<TracedMachine, number>>;
  readonly writes: Readonly<Record<TracedMachine, number>>;
}

/** What was compared; `host` is null where the host cannot know. */
export interface Compared {
  readonly guest: string;
  readonly host: string | null;
  readonly same: boolean;
}

/** What the watch of one board says; `slot` is where its one function stands in the guest, where it does not say so itself. */
export interface WatchedBoard extends WatchReport {
  readonly slot: string | null;
}

/** What the guest saw, beside what the host did. */
export interface TourResult {
  readonly machine: MachineName;
  readonly window: GuestWindow;
  readonly kernel: string;
  /** The guest went on from a snapshot, and was not booted. */
  readonly restored: boolean;
  /** Until the guest's shell answered and the functions were plugged. */
  readonly bootMs: number;
  readonly functions: readonly ListedFunction[];
  readonly disk: { readonly bytes: number; readonly readBytes: number; readonly md5: Compared };
  /** Why the disk could not be mounted as ext4, or null. */
  readonly mountError: string | null;
  /** MD5 by path of files on it. */
  readonly files: Readonly<Record<string, Compared>>;
  readonly random: { readonly source: string; readonly bytes: Compared };
  /** Interrupts by driver as the guest counted them, and how often the host interrupted. */
  readonly interrupts: { readonly guest: Readonly<Record<string, number>>; readonly host: number };
  readonly registers: readonly RegisterCount[];
  readonly findings: readonly Finding[];
  /** What the guest's drivers did wrong, for each board that was watched. */
  readonly watch: readonly WatchedBoard[];
  /** Everything that was compared is the same, and no clause was broken but by the way that the window's functions are built. */
  readonly good: boolean;
}

/** How much of a disk is read and compared. */
export const TOUR_READ_BYTES = 16 << 20;
/** The slots of the functions, the disk's first. */
export const TOUR_SLOTS = [5, 6] as const;
const OWN_DISK_BYTES = 2 << 20;
const RANDOM_BYTES = 32;
/** The kernel hands random bytes out in other pieces than it asked for. */
const RANDOM_PIECE = 16;
/** Events that are kept of a tour. */
export const TOUR_EVENTS = 1_000_000;

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

/** Remembers what the guest was given. */
class WatchedEntropy implements EntropySource {
  given = '';

  fill(target: Uint8Array): void {
    systemEntropy.fill(target);
    this.given += Buffer.from(target).toString('hex');
  }

  save(): State {
    return null;
  }

  load(): void {}
}

/** A disk of our own: ext4 with some files where this machine can make it, else empty. */
async function ownDisk(): Promise<{ bytes: Uint8Array; files: Readonly<Record<string, string>> | null }> {
  const numbers = Array.from({ length: 5000 }, (_, i) => `${i + 1}\n`).join('');
  const random = new Uint8Array(100_000);
  systemEntropy.fill(random.subarray(0, 0x10000));
  const files = {
    'hello.txt': new TextEncoder().encode('Hello from the host.\n'),
    numbers: new TextEncoder().encode(numbers),
    'folder/random': random,
  };
  const image = await ext4Image(OWN_DISK_BYTES, files);
  return image ?? { bytes: new Uint8Array(OWN_DISK_BYTES), files: null };
}

/** What the guest of a tour is given. */
export interface TourDevices {
  /** A disk, and a source of random bytes: one for each of {@link TOUR_SLOTS}. */
  readonly behaviours: readonly DeviceBehaviour[];
  /** MD5 of what is read of the disk; null where the guest is to write to it first. */
  readonly md5: string | null;
  /** MD5 by path of the files that are known to be there. */
  readonly files: Readonly<Record<string, string>>;
  /** Random bytes so far, in hexadecimal. */
  readonly given: () => string;
}

/** A disk with the image, or with one of our own, and a source of random bytes. */
export async function tourDevices(image: TourImage | undefined): Promise<TourDevices> {
  const own = image === undefined ? await ownDisk() : null;
  const storage = image?.storage ?? new MemoryStorage(own!.bytes);
  const source = new WatchedEntropy();
  return {
    behaviours: [new BlockDevice({ storage }), new EntropyDevice({ source })],
    md5: image?.md5 ?? (own!.files === null ? null : md5(own!.bytes.subarray(0, TOUR_READ_BYTES))),
    files: own?.files ?? {},
    given: () => source.given,
  };
}

/** A board that is traced, and what its one function is called in the guest where that differs. */
export interface TouredBoard {
  readonly trace: GuestTrace;
  readonly slot: string | null;
}

/** How the guest came to be. */
export type TourStart = Pick<TourResult, 'machine' | 'window' | 'kernel' | 'restored' | 'bootMs'>;

function countRegisters(boards: readonly TouredBoard[]): RegisterCount[] {
  type Counting = RegisterCount & Record<'reads' | 'writes', Record<TracedMachine, number>>;
  const counts = new Map<string, Counting>();
  for (const { trace, slot } of boards)
    for (const { machine, function: own, space, place, register, operation } of trace.accesses()) {
      const fn = slot ?? own;
      const whole = register.replace(/ \(.*\)$/, '');
      const name = space === 'config' ? 'configuration space' : `${place}.${whole}`;
      const key = `${fn} ${name}`;
      let count = counts.get(key);
      if (count === undefined) {
        count = { function: fn, register: name, reads: { guest: 0, host: 0 }, writes: { guest: 0, host: 0 } };
        counts.set(key, count);
      }
      count[operation === 'read' ? 'reads' : 'writes'][machine]++;
    }
  return [...counts.values()].sort((a, b) =>
    a.function < b.function ? -1 : a.function > b.function ? 1 : 0,
  );
}

const compared = (guest: string, host: string | null): Compared => ({
  guest,
  host,
  same: host === null || host === guest,
});

/**
 * Has a guest that runs already list its functions, read its disk, mount it, and draw random bytes, and compares all that
 * with what the host knows. @throws GuestCommandError
 */
export async function showAround(
  guest: TourGuest,
  start: TourStart,
  { md5: known, files: knownFiles, given }: TourDevices,
  boards: readonly TouredBoard[],
): Promise<TourResult> {
  const functions = await listFunctions(guest);
  if (known === null) await makeFileSystem(guest, 'vda');
  const read = await readDisk(guest, 'vda', TOUR_READ_BYTES);
  const mounted = await mountAndSum(guest, 'vda');
  const random = await drawRandom(guest, RANDOM_BYTES);
  const traces = boards.map(({ trace }) => trace);
  const interrupts = {
    guest: await countInterrupts(guest),
    host: traces.reduce((sum, { recorder }) => sum + recorder.counts('guest').interrupts, 0),
  };
  for (const trace of traces) trace.end();
  const disk = { ...read, md5: compared(read.md5, known) };
  const files = Object.fromEntries(
    Object.entries('files' in mounted ? mounted.files : {}).map(([path, sum]) => [
      path,
      compared(sum, knownFiles[path] ?? null),
    ]),
  );
  const drawn = compared(random.hex, knownPieces(random.hex, given()));
  const findings = traces.flatMap(findingsOf);
  const mountError = 'error' in mounted ? mounted.error : null;
  const same = [disk.md5, drawn, ...Object.values(files)].every((each) => each.same);
  return {
    ...start,
    functions,
    disk,
    mountError,
    files,
    random: { source: random.source, bytes: drawn },
    interrupts,
    registers: countRegisters(boards),
    findings,
    watch: boards.map(({ trace, slot }) => ({ slot, ...trace.watch.finish() })),
    good: same && mountError === null && findings.every(isBuiltIn(start.window)),
  };
}

/** Random bytes, but for the pieces that are none of ours. */
function knownPieces(hex: string, given: string): string {
  let known = '';
  for (let at = 0; at < hex.length; at += 2 * RANDOM_PIECE) {
    const piece = hex.slice(at, at + 2 * RANDOM_PIECE);
    known += given.includes(piece) ? piece : '?'.repeat(piece.length);
  }
  return known;
}

/** What every function of the window breaks, whatever a driver does. */
const isBuiltIn =
  (window: GuestWindow) =>
  ({ party, clause }: Finding): boolean =>
    party === 'device' && clause === ways[window].breaks;

function findingsOf({ recorder }: GuestTrace): Finding[] {
  const found: Finding[] = [];
  for (const { node } of walk(recorder.roots)) if (node.event?.kind === 'finding') found.push(node.event);
  return found;
}
