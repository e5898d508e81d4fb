import { createHash } from 'node:crypto';
import { BlockDriver } from '../../driver/index.ts';
import { FileStorage } from '../../hosts/node/index.ts';
import { BlockDevice, CountedStorage, SECTOR_BYTES, type Storage } from '../../virtio/index.ts';
import { bytesText, Progress } from '../output.ts';
import { scratchFolder } from '../scratch.ts';
import { type DemoImage, prepareImage } from './block-image.ts';
import { firstDifference, pattern, pieces, writtenRanges } from './block-pattern.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const started = performance.now();
  const result = await work();
  return { result, ms: performance.now() - started };
}

/** Reads the whole image through the driver. @returns its SHA-256. */
async function readAll(driver: BlockDriver): Promise<string> {
  const bytes = driver.capacity * SECTOR_BYTES;
  const progress = new Progress('read', bytes);
  const hash = createHash('sha256');
  for (const { start, end } of pieces([{ start: 0, end: bytes }])) {
    hash.update(await driver.read(start / SECTOR_BYTES, (end - start) / SECTOR_BYTES));
    progress.at(end);
  }
  progress.end();
  return hash.digest('hex');
}

/** Writes the pattern and flushes. @returns how many bytes were written. */
async function writeAll(driver: BlockDriver, bytes: number): Promise<number> {
  const ranges = writtenRanges(bytes);
  const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  const progress = new Progress('write', total);
  let done = 0;
  for (const piece of pieces(ranges)) {
    await driver.write(piece.start / SECTOR_BYTES, pattern(piece));
    progress.at((done += piece.end - piece.start));
  }
  await driver.flush();
  progress.end();
  return total;
}

const speed = (bytes: number, ms: number) =>
  `in ${ms.toFixed(1)} ms, ${(bytes / 2 ** 20 / (ms / 1000)).toFixed(0)} MiB/s`;
const perSecond = (bytes: number, ms: number) => Math.round(bytes / (ms / 1000));

function readFact(image: DemoImage, bytes: number, { result: sha256, ms }: { result: string; ms: number }) {
  const equal = sha256 === image.sha256;
  const verdict = equal ? "equal to the file's" : `but the file's is ${image.sha256}`;
  return {
    what: 'Read',
    result: `${bytesText(bytes)} ${speed(bytes, ms)}`,
    details: [`SHA-256 ${sha256}, ${verdict}`],
    good: equal,
    data: { bytes, ms, sha256, equal, bytesPerSecond: perSecond(bytes, ms) },
  };
}

function writeFact(differsAt: number | null, { result: bytes, ms }: { result: number; ms: number }) {
  const equal = differsAt === null;
  const verdict = equal ? 'holds exactly what was written' : `is wrong at byte ${differsAt}`;
  return {
    what: 'Write',
    result: `${bytesText(bytes)} and a flush ${speed(bytes, ms)}; the file ${verdict}`,
    good: equal,
    data: { bytes, ms, differsAt, equal, bytesPerSecond: perSecond(bytes, ms) },
  };
}

/**
 * A visit to a block device: reads all of it, writes and flushes, and looks at the file from outside.
 * @param file the image's copy, as the device's storage.
 */
export function blockVisit(image: DemoImage, file: Storage): DeviceVisit {
  const storage = new CountedStorage(file);
  return {
    behaviour: new BlockDevice({ storage }),
    subject: `image ${image.origin}, ${bytesText(image.bytes)}`,
    async drive(transport, memory, marks): Promise<DemoFact[]> {
      const driver = new BlockDriver(transport, memory);
      marks.markBroughtUp();
      await driver.read(0, 1);
      marks.markFirst();
      const bytes = driver.capacity * SECTOR_BYTES;
      const read = await timed(() => readAll(driver));
      const write = await timed(() => writeAll(driver, bytes));
      const differsAt = await firstDifference(image.path, image.copy, image.bytes, writtenRanges(bytes));
      driver.close();
      const { read: reads, write: writes, flush: flushes } = storage.requests;
      return [
        readFact(image, bytes, read),
        writeFact(differsAt, write),
        {
          what: 'Requests',
          result: `${reads} read, ${writes} write, ${flushes} flush`,
          good: true,
          data: { read: reads, write: writes, flush: flushes },
        },
      ];
    },
    close: async () => {},
  };
}

export const blockDemo: DeviceDemo = {
  type: 'block',
  summary: 'reads a disk image whole and compares its SHA-256, writes a copy and compares that from outside',
  first: 'The first read',
  takesImage: true,
  async visit({ image: path }) {
    const image = await prepareImage(path, await scratchFolder());
    const file = await FileStorage.open(image.copy);
    return { ...blockVisit(image, file), close: () => file.close() };
  },
};
