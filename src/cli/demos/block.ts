import { createHash, type Hash } from 'node:crypto';
import { BlockDriver } from '../../driver/index.ts';
import {
  BlockDevice,
  blockDeviceType,
  CountedStorage,
  MemoryStorage,
  OverlayStorage,
  SECTOR_BYTES,
  type Storage,
} from '../../virtio/index.ts';
import { Progress } from '../progress.ts';
import { bytesText } from '../text.ts';
import { type DemoImage, openImage, type Range } from './block-image.ts';
import { firstDifference, PIECE_BYTES, pattern, pieces, writtenRanges } from './block-pattern.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

/** Adds up how long the driver was at work, without what is done beside it. */
class Stopwatch {
  ms = 0;

  async time<T>(work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const result = await work();
    this.ms += performance.now() - started;
    return result;
  }
}

interface ReadAll {
  /** Of what the driver read, and of the image itself. */
  readonly sha256: string;
  readonly expected: string;
  readonly ms: number;
}

/** Reads the whole image through the driver, and beside it past the device. */
async function readAll(driver: BlockDriver, image: DemoImage): Promise<ReadAll> {
  const bytes = driver.capacity * SECTOR_BYTES;
  const progress = new Progress('read', bytes);
  const watch = new Stopwatch();
  const hash = createHash('sha256');
  // One sum is both until something differs.
  let other: Hash | null = null;
  for (const piece of pieces([{ start: 0, end: bytes }])) {
    const sectors = (piece.end - piece.start) / SECTOR_BYTES;
    const read = await watch.time(() => driver.read(piece.start / SECTOR_BYTES, sectors));
    const expected = await image.read(piece);
    if (other === null && Buffer.compare(read, expected) !== 0) other = hash.copy();
    hash.update(read);
    other?.update(expected);
    progress.at(piece.end);
  }
  progress.end();
  const sha256 = hash.digest('hex');
  return { sha256, expected: other?.digest('hex') ?? sha256, ms: watch.ms };
}

interface WriteAll {
  readonly ranges: readonly Range[];
  readonly bytes: number;
  readonly ms: number;
}

/** Writes the pattern and flushes. */
async function writeAll(driver: BlockDriver): Promise<WriteAll> {
  const ranges = writtenRanges(driver.capacity * SECTOR_BYTES);
  const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  const progress = new Progress('write', total);
  const watch = new Stopwatch();
  let done = 0;
  for (const piece of pieces(ranges)) {
    const bytes = pattern(piece);
    await watch.time(() => driver.write(piece.start / SECTOR_BYTES, bytes));
    progress.at((done += bytes.length));
  }
  await watch.time(() => driver.flush());
  progress.end();
  return { ranges, bytes: total, ms: watch.ms };
}

const speed = (bytes: number, ms: number) =>
  `in ${ms.toFixed(1)} ms, ${(bytes / 2 ** 20 / (ms / 1000)).toFixed(0)} MiB/s`;
const perSecond = (bytes: number, ms: number) => Math.round(bytes / (ms / 1000));

function readFact(bytes: number, { sha256, expected, ms }: ReadAll): DemoFact {
  const equal = sha256 === expected;
  const verdict = equal ? "equal to the file's" : `but the file's is ${expected}`;
  return {
    what: 'Read',
    result: `${bytesText(bytes)} ${speed(bytes, ms)}`,
    details: [`SHA-256 ${sha256}, ${verdict}`],
    good: equal,
    data: { bytes, ms, sha256, equal, bytesPerSecond: perSecond(bytes, ms) },
  };
}

function writeFact(differsAt: number | null, { ranges, bytes, ms }: WriteAll): DemoFact {
  const equal = differsAt === null;
  const where = ranges.length === 1 ? '' : ` (half at either end: no more is written)`;
  const verdict = equal ? 'holds exactly what was written' : `is wrong at byte ${differsAt}`;
  return {
    what: 'Write',
    result: `${bytesText(bytes)}${where} and a flush ${speed(bytes, ms)}; the overlay over the file ${verdict}`,
    good: equal,
    data: { bytes, ranges, ms, differsAt, equal, bytesPerSecond: perSecond(bytes, ms) },
  };
}

/**
 * A visit to a block device: reads all of its image, writes and flushes, and looks at what was written past the device.
 * @param overlay over the image: what is written is kept there.
 * @param storage what the device has, by default the overlay.
 */
export function blockVisit(
  image: DemoImage,
  overlay: OverlayStorage = new OverlayStorage(image.base, { clusterBytes: PIECE_BYTES }),
  storage: Storage = overlay,
): DeviceVisit {
  const counted = new CountedStorage(storage);
  return {
    behaviour: new BlockDevice({ storage: counted }),
    subject: `image ${image.origin}, ${bytesText(image.base.length)}`,
    async drive(transport, memory, marks): Promise<DemoFact[]> {
      const driver = new BlockDriver(transport, memory);
      marks.markBroughtUp();
      await driver.read(0, 1);
      marks.markFirst();
      const read = await readAll(driver, image);
      const write = await writeAll(driver);
      const differsAt = await firstDifference(image, overlay, write.ranges);
      driver.close();
      const { read: reads, write: writes, flush: flushes } = counted.requests;
      return [
        readFact(image.base.length, read),
        writeFact(differsAt, write),
        {
          what: 'Requests',
          result: `${reads} read, ${writes} write, ${flushes} flush`,
          good: true,
          data: { read: reads, write: writes, flush: flushes },
        },
      ];
    },
    close: () => image.close(),
  };
}

const SAMPLE_BYTES = 1 << 20;

export const blockDemo: DeviceDemo = {
  type: blockDeviceType,
  summary:
    'reads a disk image whole and compares its SHA-256, writes over it and compares that past the device',
  first: 'The first read',
  takesImage: true,
  sample: () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(SAMPLE_BYTES)) }),
  visit: async ({ image }) => blockVisit(await openImage(image)),
};
