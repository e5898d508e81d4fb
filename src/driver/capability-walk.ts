import type { Width } from '../core/index.ts';
import {
  CAPABILITIES_START,
  capabilityHeader,
  capabilityId,
  EXTENDED_START,
  status,
  type0Header,
  unpackExtendedHeader,
} from '../pci/layout/index.ts';
import type { ConfigImage } from './config-image.ts';

/** Reads one function's configuration space: `offset` in bytes, aligned to `width`. */
export type ConfigReader = (offset: number, width: Width) => number;

export interface FoundCapability {
  readonly id: number;
  readonly offset: number;
}

/** Why a list ends: as it must, because it came back to where it was, or because its pointer leaves the space of the list. */
export type ListEnd = 'end' | 'loop' | 'outside';

/** A list that was walked as far as its bytes are known. */
export interface WalkedList {
  readonly found: readonly FoundCapability[];
  readonly end: ListEnd | 'unknown';
}

/** Both lists of an image. A function that is known not to be PCI Express has no extended one. */
export function walkLists(image: ConfigImage): Readonly<Record<'capabilities' | 'extended', WalkedList>> {
  const capabilities = walkImage(image, walkCapabilities);
  const conventional =
    capabilities.end !== 'unknown' && !capabilities.found.some(({ id }) => id === capabilityId.express);
  const extended: WalkedList =
    conventional && !image.knows(EXTENDED_START) ? { found: [], end: 'end' } : walkImage(image, walkExtended);
  return { capabilities, extended };
}

/** Walks a list of an image to its end. */
function walkImage(
  image: ConfigImage,
  walk: (read: ConfigReader) => Generator<FoundCapability, ListEnd>,
): WalkedList {
  const found: FoundCapability[] = [];
  const end = image.ask((read) => {
    const list = walk(read);
    for (;;) {
      const next = list.next();
      if (next.done === true) return next.value;
      found.push(next.value);
    }
  });
  return { found, end: end ?? 'unknown' };
}

/** The ordinary list, from the header on; one that loops or leaves its space ends (PCI Local Bus 3.0, section 6.7). */
export function* walkCapabilities(read: ConfigReader): Generator<FoundCapability, ListEnd> {
  if ((read(type0Header.status.offset, 2) & status.capabilities) === 0) return 'end';
  const seen = new Set<number>();
  let at = read(type0Header.capabilitiesPointer.offset, 1) & ~3;
  while (at >= CAPABILITIES_START && !seen.has(at)) {
    seen.add(at);
    yield { id: read(at + capabilityHeader.capabilityId.offset, 1), offset: at };
    at = read(at + capabilityHeader.nextPointer.offset, 1) & ~3;
  }
  return at === 0 ? 'end' : seen.has(at) ? 'loop' : 'outside';
}

/** The list of extended capabilities (PCI Express 5.0, section 7.6.3), in the same way. Conventional functions have none. */
export function* walkExtended(read: ConfigReader): Generator<FoundCapability, ListEnd> {
  const seen = new Set<number>();
  let at = EXTENDED_START;
  while (at >= EXTENDED_START && !seen.has(at)) {
    seen.add(at);
    const header = read(at, 4);
    if (header === 0 || header === 0xffffffff) return 'end';
    const { id, next } = unpackExtendedHeader(header);
    yield { id, offset: at };
    at = next & ~3;
  }
  return at === 0 ? 'end' : seen.has(at) ? 'loop' : 'outside';
}
