import { type FileHandle, open } from 'node:fs/promises';
import { Progress } from '../output.ts';

/** A stretch of the image, in bytes from its start; whole sectors. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Small images are written whole, large ones at both ends. */
const MAX_WRITTEN_BYTES = 64 << 20;
const PIECE_BYTES = 1 << 20;

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

async function bytesAt(file: FileHandle, { start, end }: Range): Promise<Buffer> {
  const buffer = Buffer.alloc(end - start);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
  return buffer.subarray(0, bytesRead);
}

/**
 * Compares a copy with its original, byte by byte: where it was written it must hold the pattern, elsewhere what the
 * original holds.
 * @returns the offset of the first piece that differs, or null.
 */
export async function firstDifference(
  originalPath: string,
  copyPath: string,
  bytes: number,
  written: readonly Range[],
): Promise<number | null> {
  const original = await open(originalPath, 'r');
  const copy = await open(copyPath, 'r');
  const progress = new Progress('verify', bytes);
  const isWritten = (at: number) => written.some(({ start, end }) => at >= start && at < end);
  // Cut at the edges of what was written too, so that no piece is half and half.
  const edges = [...new Set([0, bytes, ...written.flatMap(({ start, end }) => [start, end])])];
  edges.sort((a, b) => a - b);
  const stretches = edges.slice(1).map((end, i) => ({ start: edges[i]!, end }));
  try {
    for (const piece of pieces(stretches)) {
      const expected = isWritten(piece.start) ? pattern(piece) : await bytesAt(original, piece);
      if (Buffer.compare(expected, await bytesAt(copy, piece)) !== 0) return piece.start;
      progress.at(piece.end);
    }
    return null;
  } finally {
    progress.end();
    await original.close();
    await copy.close();
  }
}
