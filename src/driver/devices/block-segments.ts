import { FOUR_GIB } from '../../core/index.ts';
import { BLOCK_SEGMENT_BYTES, BLOCK_UNMAP, blockSegment } from '../../virtio/layout/index.ts';

/** Some sectors in a row. */
export interface SectorRange {
  readonly sector: number;
  readonly sectors: number;
}

/** What a request of segments may ask for, as the device's configuration says. */
export interface SegmentBounds {
  /** Sectors of a segment at most. */
  readonly sectors: number;
  /** Segments of a request at most. */
  readonly segments: number;
}

/** Cuts ranges into segments, and those into rows for one request each (BLK-OP-09). */
export function segmentRows(ranges: readonly SectorRange[], bounds: SegmentBounds): SectorRange[][] {
  const rows: SectorRange[][] = [];
  for (const range of ranges)
    for (let done = 0; done < range.sectors; done += bounds.sectors) {
      const segment = {
        sector: range.sector + done,
        sectors: Math.min(bounds.sectors, range.sectors - done),
      };
      const row = rows.at(-1);
      if (row !== undefined && row.length < bounds.segments) row.push(segment);
      else rows.push([segment]);
    }
  return rows;
}

/** A request's data: little-endian for every guest. */
export function encodeSegments(row: readonly SectorRange[], unmap: boolean): Uint8Array {
  const bytes = new Uint8Array(row.length * BLOCK_SEGMENT_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, { sector, sectors }] of row.entries()) {
    const at = i * BLOCK_SEGMENT_BYTES;
    view.setUint32(at + blockSegment.sectorLow.offset, sector % FOUR_GIB, true);
    view.setUint32(at + blockSegment.sectorHigh.offset, Math.floor(sector / FOUR_GIB), true);
    view.setUint32(at + blockSegment.sectors.offset, sectors, true);
    view.setUint32(at + blockSegment.flags.offset, unmap ? BLOCK_UNMAP : 0, true);
  }
  return bytes;
}
