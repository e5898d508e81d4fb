import fc from 'fast-check';
import {
  BLOCK_BARRIER,
  BLOCK_ID_BYTES,
  BLOCK_REQUEST_BYTES,
  BLOCK_SEGMENT_BYTES,
  BlockDevice,
  blockDeviceType,
  blockFeature,
  blockRequest,
  blockRequestType,
  blockSegment,
  blockZoneRequestType,
  MemoryStorage,
  SECTOR_BYTES,
} from '../../../src/virtio/index.ts';
import type { KitChain, TypeKit } from './kit.ts';

const SECTORS = 32;
/** Small limits, so that requests reach them. */
const LIMITS = { sectors: 8, segments: 3 } as const;

const bytes = (seed: number, length: number) => Array.from({ length }, (_, i) => (seed + 7 * i) & 0xff);

function header(type: number, sectorLow: number, sectorHigh: number, littleEndian: boolean): number[] {
  const view = new DataView(new ArrayBuffer(BLOCK_REQUEST_BYTES));
  view.setUint32(blockRequest.type.offset, type, littleEndian);
  view.setUint32(blockRequest.sectorLow.offset, littleEndian ? sectorLow : sectorHigh, littleEndian);
  view.setUint32(blockRequest.sectorHigh.offset, littleEndian ? sectorHigh : sectorLow, littleEndian);
  return [...new Uint8Array(view.buffer)];
}

/** A request before it is cut into descriptors: readable bytes, and how many writable ones. */
interface Whole {
  readonly readable: readonly number[];
  readonly writable: number;
}

const sectors = fc.oneof(
  { weight: 12, arbitrary: fc.nat(SECTORS - 1) },
  { weight: 1, arbitrary: fc.constantFrom(SECTORS, SECTORS + 1, 0x7fffff, 0xffffffff) },
);
const highs = fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.constantFrom(1, 0xffffffff));
/** Whole sectors as a rule. */
const dataBytes = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(1, 1, 2, 3).map((count) => count * SECTOR_BYTES) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 511, 513, 100) },
);

function transfers(littleEndian: boolean): fc.Arbitrary<Whole> {
  return fc
    .record({ out: fc.boolean(), low: sectors, high: highs, length: dataBytes, seed: fc.nat(255) })
    .map(({ out, low, high, length, seed }) => {
      const type = out ? blockRequestType.out : blockRequestType.in;
      const start = header(type, low, high, littleEndian);
      return out
        ? { readable: [...start, ...bytes(seed, length)], writable: 1 }
        : { readable: start, writable: length + 1 };
    });
}

interface Segment {
  readonly sector: number;
  readonly sectors: number;
  readonly flags: number;
}

/** Little-endian for every guest. */
function segmentBytes(segments: readonly Segment[]): number[] {
  const view = new DataView(new ArrayBuffer(segments.length * BLOCK_SEGMENT_BYTES));
  for (const [i, { sector, sectors, flags }] of segments.entries()) {
    const at = i * BLOCK_SEGMENT_BYTES;
    view.setUint32(at + blockSegment.sectorLow.offset, sector % 2 ** 32, true);
    view.setUint32(at + blockSegment.sectorHigh.offset, Math.floor(sector / 2 ** 32), true);
    view.setUint32(at + blockSegment.sectors.offset, sectors, true);
    view.setUint32(at + blockSegment.flags.offset, flags, true);
  }
  return [...new Uint8Array(view.buffer)];
}

/** Ranges to be discarded, zeroed or erased; now and then beyond a limit, with an unknown flag, or cut off. */
function ranges(littleEndian: boolean): fc.Arbitrary<Whole> {
  const rarely = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: rare });
  const segment = fc.record({
    sector: rarely(fc.nat(SECTORS - 1), fc.constantFrom(SECTORS, 2 ** 32, 2 ** 40)),
    sectors: rarely(fc.nat(LIMITS.sectors), fc.constantFrom(LIMITS.sectors + 1, 0xffffffff)),
    flags: rarely(fc.constantFrom(0, 0, 1), fc.constantFrom(2, 3, 0x80000000)),
  });
  return fc
    .record({
      type: fc.constantFrom(
        blockRequestType.discard,
        blockRequestType.writeZeroes,
        blockRequestType.secureErase,
      ),
      segments: fc.array(segment, { maxLength: LIMITS.segments + 1 }),
      cut: rarely(fc.constant(0), fc.nat(17)),
    })
    .map(({ type, segments, cut }) => {
      const data = segmentBytes(segments);
      const whole = [...header(type, 0, 0, littleEndian), ...data.slice(0, Math.max(0, data.length - cut))];
      return { readable: whole, writable: 1 };
    });
}

/** Requests of any type with any data, the known types the likelier. */
function others(littleEndian: boolean): fc.Arbitrary<Whole> {
  const known = [...Object.values(blockRequestType), ...Object.values(blockZoneRequestType)];
  const types = fc.constantFrom(...known, ...known, 7, 17, BLOCK_BARRIER, 0xffffffff);
  return fc
    .record({
      type: types,
      low: fc.constantFrom(0, 0, 0, 1, SECTORS),
      readable: fc.constantFrom(0, 0, 0, 16, 20),
      writable: fc.constantFrom(0, BLOCK_ID_BYTES, BLOCK_ID_BYTES, 19, 21, 512),
      barrier: fc.constantFrom(0, 0, 0, BLOCK_BARRIER),
    })
    .map(({ type, low, readable, writable, barrier }) => ({
      readable: [...header((type | barrier) >>> 0, low, 0, littleEndian), ...bytes(3, readable)],
      writable: writable + 1,
    }));
}

/** Too short for a header, or without a status byte. */
const stumps = fc.record({
  readable: fc.array(fc.nat(255), { maxLength: BLOCK_REQUEST_BYTES + 4 }),
  writable: fc.nat(2),
});

/** Cuts at which a stream of `length` bytes is divided; none, for one piece, as often as not. */
const cuts = fc.oneof(fc.constant<readonly number[]>([]), fc.array(fc.nat(600), { maxLength: 2 }));

/** Where the pieces of a stream end: header or status apart as a rule, and then at any place. */
function ends(length: number, usual: number | null, more: readonly number[]): number[] {
  const all = [...more, ...(usual === null ? [] : [usual]), length];
  return [...new Set(all)].filter((end) => end > 0 && end <= length).sort((a, b) => a - b);
}

function cutUp(whole: fc.Arbitrary<Whole>): fc.Arbitrary<KitChain> {
  const usual = fc.constantFrom(true, true, true, false);
  const queue = fc.constantFrom(0, 0, 1);
  return fc
    .tuple(whole, queue, usual, cuts, cuts)
    .map(([{ readable, writable }, queue, apart, outCuts, inCuts]) => {
      const outEnds = ends(readable.length, apart ? BLOCK_REQUEST_BYTES : null, outCuts);
      const inEnds = ends(writable, apart ? writable - 1 : null, inCuts);
      return {
        queue,
        readable: outEnds.map((end, i) => readable.slice(outEnds[i - 1] ?? 0, end)),
        writable: inEnds.map((end, i) => end - (inEnds[i - 1] ?? 0)),
      };
    });
}

/** The disk becomes longer or shorter, in sectors. */
interface Resize {
  readonly sectors: number;
}

export const blockKit: TypeKit<Resize> = {
  type: blockDeviceType,
  features: [
    blockFeature.barrier,
    blockFeature.sizeMax,
    blockFeature.segmentMax,
    blockFeature.geometry,
    blockFeature.blockSize,
    blockFeature.flush,
    blockFeature.topology,
    blockFeature.configWriteCache,
    blockFeature.multiQueue,
    blockFeature.discard,
    blockFeature.writeZeroes,
    blockFeature.secureErase,
  ],
  queues: [0, 1],
  make(queueSize) {
    const disk = new Uint8Array(SECTORS * SECTOR_BYTES).map((_, i) => (i * 13 + (i >> 9)) & 0xff);
    const storage = new MemoryStorage(disk);
    const behaviour = new BlockDevice({
      storage,
      queueSize,
      queues: 2,
      sizeMax: 1024,
      discard: LIMITS,
      writeZeroes: LIMITS,
      secureErase: LIMITS,
      barriers: true,
    });
    return {
      behaviour,
      stimulate: ({ sectors }) => {
        // A message waits for bus mastering and a line does not: what happens meanwhile would tell windows apart.
        if (!behaviour.device.dmaEnabled) return;
        storage.resize(sectors * SECTOR_BYTES);
        behaviour.resize();
      },
      outside: () => storage.bytes.slice(),
      saveOutside: () => storage.bytes.slice(),
      loadOutside: (state) => {
        const bytes = state as Uint8Array;
        storage.resize(bytes.length);
        storage.bytes.set(bytes);
        behaviour.measure();
      },
    };
  },
  chains: (littleEndian) =>
    cutUp(
      fc.oneof(
        { weight: 8, arbitrary: transfers(littleEndian) },
        { weight: 4, arbitrary: ranges(littleEndian) },
        { weight: 3, arbitrary: others(littleEndian) },
        { weight: 1, arbitrary: stumps },
      ),
    ),
  stimuli: fc.constantFrom(SECTORS, 8, 24, 33, 40, 1).map((sectors) => ({ sectors })),
};
