import type { OverlayStorage, Storage } from '../../virtio/index.ts';
import type { DemoImage, Range } from './block-image.ts';

/** Small images are written whole, of large ones half of this at either end: it is kept in memory. */
export const MAX_WRITTEN_BYTES = 64 << 20;
export const PIECE_BYTES = 1 << 20;

/** Where the demonstration writes. */
export function writtenRanges(bytes: number): Range[] {
  const half = MAX_WRITTEN_BYTES / 2;
  if (bytes <= MAX_WRITTEN_BYTES) return [{ start: 0, end: bytes }];
  return [
    { start: 0, end: half },
    { start: bytes - half, end: bytes },
  ];
}

/** Cuts ranges into pieces for one request each. */
export function* pieces(ranges: readonly Range[], length = PIECE_BYTES): Generator<Range> {
  for (const { start, end } of ranges)
    for (let at = start; at < end; at += length) yield { start: at, end: Math.min(end, at + length) };
}

/** Bytes that tell where they belong: each four are a mixture of their own offset. */
export function pattern({ start, end }: Range): Uint8Array {
  const words = new Uint32Array((end - start) / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(start / 4 + i + 1, 0x9e3779b1);
  return new Uint8Array(words.buffer);
}

/** Reads a storage past the device; null where it fails. */
function bytesOf(storage: Storage, { start, end }: Range): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(end - start);
  return new Promise((resolve) =>
    storage.read({
      offset: start,
      length: bytes.length,
      live: true,
      give: (at, source, offset, length) => {
        bytes.set(source.subarray(offset, offset + length), at);
        return true;
      },
      take: () => false,
      whenReady: (step) => step(),
      done: (ok) => resolve(ok ? bytes : null),
    }),
  );
}

/**
 * Compares an image and what was written over it, byte by byte: where it was written it must hold the pattern, elsewhere
 * what the image holds. Where nothing was changed it shows the image itself.
 * @returns the offset of the first piece that differs, or null.
 */
export async function firstDifference(
  image: DemoImage,
  overlay: OverlayStorage,
  written: readonly Range[],
): Promise<number | null> {
  const isIn = (ranges: readonly Range[], at: number) =>
    ranges.some(({ start, end }) => at >= start && at < end);
  const changed = overlay.changed;
  // Cut at the edges of what was written and of what has changed, so that no piece is half and half.
  const edges = [...new Set([...written, ...changed].flatMap(({ start, end }) => [start, end]))];
  edges.sort((a, b) => a - b);
  const stretches = edges
    .slice(1)
    .map((end, i) => ({ start: edges[i]!, end }))
    .filter(({ start }) => isIn(written, start) || isIn(changed, start));
  for (const piece of pieces(stretches)) {
    const expected = isIn(written, piece.start) ? pattern(piece) : await image.read(piece);
    const found = await bytesOf(overlay, piece);
    if (found === null || Buffer.compare(expected, found) !== 0) return piece.start;
  }
  return null;
}
