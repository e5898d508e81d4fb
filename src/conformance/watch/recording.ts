import type { FunctionAddress, Width } from '../../core/index.ts';
import { ConfigImage } from '../../driver/index.ts';
import { draft2023 } from '../../mmr/layout/index.ts';
import { CAPABILITIES_START, EXTENDED_START, type0Header } from '../../pci/layout/index.ts';
import {
  type AccessPlace,
  type DumpedFunctions,
  eventOf,
  type ForeignAccess,
  placesOf,
} from '../../trace/index.ts';
import { DriverWatch, type WatchOptions, type WatchReport } from './driver-watch.ts';

/** Registers whose change moves what stands at addresses. */
const MOVING_END = type0Header.bar.offset + type0Header.bar.width * type0Header.bar.count;
const ALL_ONES = 0xffffffff;

/** Of capabilities that nobody read: all ones name no BAR. Elsewhere it reads 0, as what is not there. */
const unknownAt = (offset: number) => (offset >= CAPABILITIES_START && offset < EXTENDED_START ? 0xff : 0);

/** Configuration space as the accesses of a recording show it. */
class SeenFunctions {
  readonly #images = new Map<FunctionAddress, ConfigImage>();
  /** A BAR that was measured holds all ones, and what is read back is its size. */
  #measuring = -1;

  /** @returns whether addresses may stand for something else from now on. */
  follow({ fn, address, width, value, operation }: ForeignAccess): boolean {
    if (fn === null) return false;
    const bar = address >= type0Header.bar.offset && address < MOVING_END;
    if (operation === 'write') {
      this.#measuring = bar && value === ALL_ONES ? address : -1;
      if (value === ALL_ONES && bar) return false;
      if (!bar && address !== type0Header.command.offset) return false;
    } else if (address === this.#measuring) return false;
    let image = this.#images.get(fn);
    if (image === undefined) this.#images.set(fn, (image = new ConfigImage()));
    const before = image.ask((read) => read(address, width));
    // A BAR's low bits are the function's own.
    const kept = bar && operation === 'write' ? image.ask((read) => read(address, 1) & 0xf) : null;
    for (let i = 0; i < width; i++) {
      const byte = Math.floor(value / 256 ** i) & 0xff;
      image.set(address + i, i === 0 && kept !== null ? (byte & 0xf0) | kept : byte);
    }
    return before !== value;
  }

  get functions(): FunctionAddress[] {
    return [...this.#images.keys()];
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    const image = this.#images.get(fn);
    let value = 0;
    for (let i = width - 1; i >= 0; i--)
      value = value * 256 + (image?.knows(offset + i) ? image.read(offset + i, 1) : unknownAt(offset + i));
    return value;
  }
}

/** What is known of a recording beside its accesses. */
export interface RecordingOptions extends Pick<WatchOptions, 'types' | 'draft' | 'bigEndian' | 'start'> {
  /** The functions of the machine, as they were listed; without it, what the recording shows of configuration space has to do. */
  readonly dump?: DumpedFunctions;
}

/**
 * Watches the driver in a recording of another program. Nothing of memory is in it, so registers and configuration space are
 * judged, not rings and requests.
 */
export function watchRecording(
  accesses: Iterable<ForeignAccess>,
  options: RecordingOptions = {},
): WatchReport {
  const { dump, draft = draft2023, ...rest } = options;
  const watch = new DriverWatch({ ...rest, draft, ...(dump === undefined ? {} : { dump }) });
  const seen = new SeenFunctions();
  const placed = (): readonly AccessPlace[] =>
    dump === undefined
      ? placesOf(seen, seen.functions, draft)
      : placesOf(
          dump,
          dump.functions.map(({ address }) => address),
          draft,
        );
  let places = placed();
  for (const access of accesses) {
    if (dump === undefined && access.fn !== null) {
      watch.access(eventOf(access, places));
      if (seen.follow(access)) places = placed();
    } else watch.access(eventOf(access, places));
  }
  return watch.finish();
}
