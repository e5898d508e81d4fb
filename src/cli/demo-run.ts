import { createHash } from 'node:crypto';
import { VirtiolabError } from '../core/index.ts';
import { BlockDriver, DmaMemory } from '../driver/index.ts';
import {
  Decoder,
  describeFunction,
  type EventCounts,
  type FunctionDescription,
  Recorder,
  type TraceNode,
} from '../trace/index.ts';
import { SECTOR_BYTES, type Storage } from '../virtio/index.ts';
import { CommandError } from './command.ts';
import { CountedStorage } from './counted-storage.ts';
import type { DemoImage } from './demo-image.ts';
import { firstDifference, pattern, pieces, writtenRanges } from './demo-pattern.ts';
import { type Stage, setUp, type WindowName } from './demo-windows.ts';
import { Progress } from './output.ts';

export interface ShownStage {
  readonly name: Stage['name'];
  readonly description: FunctionDescription;
  readonly decoder: Decoder;
  readonly counts: EventCounts;
}

/** What a demonstration saw. Times in milliseconds. */
export interface DemoResult {
  readonly window: WindowName;
  readonly image: DemoImage;
  /** The driver's machine first. */
  readonly stages: readonly ShownStage[];
  readonly bringUp: { readonly trace: readonly TraceNode[]; readonly ms: number };
  /** From the first kick to its interrupt. */
  readonly firstRequest: readonly TraceNode[];
  readonly read: { readonly bytes: number; readonly ms: number; readonly sha256: string };
  readonly write: {
    readonly bytes: number;
    readonly ms: number;
    /** Offset of the first piece of the copy that is not as it should be; null when all is well. */
    readonly differsAt: number | null;
  };
  readonly requests: CountedStorage['requests'];
  /** The driver read what the file holds, and the file holds what the driver wrote. */
  readonly good: boolean;
}

const DRIVER_MEMORY = 0x100000;

async function timed<T>(work: () => T | Promise<T>): Promise<{ result: T; ms: number }> {
  const started = performance.now();
  const result = await work();
  return { result, ms: performance.now() - started };
}

/** Reads the whole image through the driver. @returns its SHA-256. */
async function readAll(driver: BlockDriver): Promise<{ sha256: string; bytes: number }> {
  const bytes = driver.capacity * SECTOR_BYTES;
  const progress = new Progress('read', bytes);
  const hash = createHash('sha256');
  for (const { start, end } of pieces([{ start: 0, end: bytes }])) {
    hash.update(await driver.read(start / SECTOR_BYTES, (end - start) / SECTOR_BYTES));
    progress.at(end);
  }
  progress.end();
  return { sha256: hash.digest('hex'), bytes };
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

/**
 * Brings a block device up behind a window, reads all of it, writes and flushes, and looks at the file from outside.
 * @param file the image's copy, as the device's storage.
 * @throws CommandError when the device fails.
 */
export async function runDemo(
  window: WindowName,
  image: DemoImage,
  file: Storage,
  intx: boolean,
): Promise<DemoResult> {
  try {
    return await drive(window, image, file, intx);
  } catch (error) {
    if (!(error instanceof VirtiolabError)) throw error;
    throw new CommandError(`window ${window}: the device failed: ${error.message}`);
  }
}

async function drive(
  window: WindowName,
  image: DemoImage,
  file: Storage,
  intx: boolean,
): Promise<DemoResult> {
  const storage = new CountedStorage(file);
  const { stages, connect } = setUp(window, storage, intx);
  const recorder = new Recorder();
  const shown = stages.map(({ name, machine, function: fn }) => {
    const description = describeFunction(machine, fn);
    const decoder = new Decoder();
    decoder.add(machine, fn);
    machine.events = recorder.sink(name);
    return { name, description, decoder, counts: recorder.counts(name) };
  });
  const memory = new DmaMemory(stages[0].machine.ram, DRIVER_MEMORY);
  const bringUp = await timed(() => new BlockDriver(connect(), memory));
  const driver = bringUp.result;
  const broughtUp = recorder.roots.length;
  await driver.read(0, 1);
  recorder.keeping = false;
  const read = await timed(() => readAll(driver));
  const write = await timed(() => writeAll(driver, read.result.bytes));
  for (const { machine } of stages) machine.events = null;
  const differsAt = await firstDifference(
    image.path,
    image.copy,
    image.bytes,
    writtenRanges(read.result.bytes),
  );
  driver.close();
  return {
    window,
    image,
    stages: shown,
    bringUp: { trace: recorder.roots.slice(0, broughtUp), ms: bringUp.ms },
    firstRequest: recorder.roots.slice(broughtUp),
    read: { ...read.result, ms: read.ms },
    write: { bytes: write.result, ms: write.ms, differsAt },
    requests: storage.requests,
    good: read.result.sha256 === image.sha256 && differsAt === null,
  };
}
