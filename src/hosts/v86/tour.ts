import { createHash } from 'node:crypto';
import type { WatchReport } from '../../conformance/watch/index.ts';
import { type Finding, functionAddress, type State } from '../../core/index.ts';
import { ways } from '../../mmr/index.ts';
import { walk } from '../../trace/index.ts';
import {
  BlockDevice,
  EntropyDevice,
  type EntropySource,
  MemoryStorage,
  type Storage,
  systemEntropy,
} from '../../virtio/index.ts';
import { ext4Image } from '../guest/ext4-image.ts';
import type { GuestPieces } from '../guest/pieces.ts';
import { type GuestWindow, presentDevice } from '../present/present.ts';
import { V86Board } from './board.ts';
import type { V86Bus } from './bus.ts';
import { LinuxGuest } from './linux-guest.ts';
import {
  countInterrupts,
  drawRandom,
  findFunctions,
  type ListedFunction,
  listFunctions,
  makeFileSystem,
  mountAndSum,
  readDisk,
} from './tour-steps.ts';
import { GuestTrace, type TracedMachine } from './trace.ts';

/** A disk for the guest. */
export interface TourImage {
  readonly storage: Storage;
  /** MD5 of its first {@link TOUR_READ_BYTES}, or of all where it is shorter. */
  readonly md5: string;
}

export interface TourOptions {
  readonly pieces: GuestPieces;
  readonly window: GuestWindow;
  /** Only read. Without one the guest gets a disk that it may write to. */
  readonly image?: TourImage;
  /**
   * Boots from power-on, with the functions in their slots. By default the guest goes on from a snapshot of a kernel that has
   * booted, in the cache folder (made where there is none), and finds its functions when it looks for new ones.
   */
  readonly cold?: boolean;
  /** Told in a line of a snapshot that cannot be used or kept. */
  readonly warn?: (message: string) => void;
  /** Called with every line that the guest prints while it boots. */
  readonly progress?: (line: string) => void;
  /** Called as soon as there is something to be watched: while the guest boots already. */
  readonly watching?: (trace: GuestTrace) => void;
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

/** What the guest saw, beside what the host did. */
export interface TourResult {
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
  /** What the guest's drivers did wrong. */
  readonly watch: WatchReport;
  /** Everything that was compared is the same, and no clause was broken but by the way that the window's functions are built. */
  readonly good: boolean;
}

/** How much of a disk is read and compared. */
export const TOUR_READ_BYTES = 16 << 20;
const BLOCK_DEVICE = 5;
const ENTROPY_DEVICE = 6;
const OWN_DISK_BYTES = 2 << 20;
const RANDOM_BYTES = 32;
/** The kernel hands random bytes out in other pieces than it asked for. */
const RANDOM_PIECE = 16;
const MOST_EVENTS = 1_000_000;

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

function countRegisters(trace: GuestTrace): RegisterCount[] {
  const counts = new Map<string, RegisterCount & Record<'reads' | 'writes', Record<TracedMachine, number>>>();
  for (const { machine, function: fn, space, place, register, operation } of trace.accesses()) {
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

/** A guest that has been shown around, and what came of it. The caller ends the guest. */
export interface Tour {
  readonly guest: LinuxGuest;
  readonly result: TourResult;
}

/**
 * Boots a Linux guest with a disk and a source of random bytes behind a window, has it list its functions, read its
 * disk, mount it, and draw random bytes, and compares all that with what the host knows.
 * @throws as {@link LinuxGuest.boot}; GuestCommandError
 */
export async function runTour(options: TourOptions): Promise<Tour> {
  const { pieces, window } = options;
  const own = options.image === undefined ? await ownDisk() : null;
  const storage = options.image?.storage ?? new MemoryStorage(own!.bytes);
  const entropy = new WatchedEntropy();
  let trace: GuestTrace | undefined;
  const started = performance.now();
  const plug = (bus: V86Bus) => {
    const board = new V86Board(bus);
    const devices = [
      presentDevice(board, new BlockDevice({ storage }), functionAddress(0, BLOCK_DEVICE), { window }),
      presentDevice(board, new EntropyDevice({ source: entropy }), functionAddress(0, ENTROPY_DEVICE), {
        window,
      }),
    ];
    trace = new GuestTrace(board, devices, MOST_EVENTS);
    options.watching?.(trace);
  };
  const { progress, warn } = options;
  const start = {
    pieces,
    ...(progress === undefined ? {} : { progress }),
    ...(warn === undefined ? {} : { warn }),
  };
  const guest =
    options.cold === true ? await LinuxGuest.boot({ ...start, plug }) : await LinuxGuest.start(start);
  if (options.cold !== true) plug(guest.bus);
  const bootMs = performance.now() - started;
  try {
    if (options.cold !== true) await findFunctions(guest);
    const functions = await listFunctions(guest);
    if (own?.files === null) await makeFileSystem(guest, 'vda');
    const read = await readDisk(guest, 'vda', TOUR_READ_BYTES);
    const mounted = await mountAndSum(guest, 'vda');
    const random = await drawRandom(guest, RANDOM_BYTES);
    const interrupts = {
      guest: await countInterrupts(guest),
      host: trace!.recorder.counts('guest').interrupts,
    };
    trace!.end();
    const disk = {
      ...read,
      md5: compared(read.md5, options.image?.md5 ?? md5(own!.bytes.subarray(0, TOUR_READ_BYTES))),
    };
    const files = Object.fromEntries(
      Object.entries('files' in mounted ? mounted.files : {}).map(([path, sum]) => [
        path,
        compared(sum, own?.files?.[path] ?? null),
      ]),
    );
    const drawn = compared(random.hex, knownPieces(random.hex, entropy.given));
    const findings = findingsOf(trace!);
    const mountError = 'error' in mounted ? mounted.error : null;
    const same = [disk.md5, drawn, ...Object.values(files)].every((each) => each.same);
    const result: TourResult = {
      window,
      kernel: pieces.kernelPackage,
      restored: guest.restored,
      bootMs,
      functions,
      disk,
      mountError,
      files,
      random: { source: random.source, bytes: drawn },
      interrupts,
      registers: countRegisters(trace!),
      findings,
      watch: trace!.watch.finish(),
      good: same && mountError === null && findings.every(isBuiltIn(window)),
    };
    return { guest, result };
  } catch (error) {
    await guest.destroy();
    throw error;
  }
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
