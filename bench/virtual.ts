import { type FunctionAddress, functionAddress, GuestMemory } from '../src/core/index.ts';
import { mmrFunction, mmrVirtualFunctions } from '../src/mmr/index.ts';
import { Machine } from '../src/pci/index.ts';
import { sriovCapability, sriovControl } from '../src/pci/layout/index.ts';
import {
  BlockDevice,
  EntropyDevice,
  legacyHeader,
  MemoryStorage,
  type VirtioVirtualFunctions,
  virtioFunction,
} from '../src/virtio/index.ts';
import { median } from './frame.ts';
import { bytesInUse } from './memory.ts';
import { WorkloadError } from './workload.ts';

export const MOST = 65535;
const SEGMENT = 1;
export const OWNER = functionAddress(0, 0, 0, SEGMENT);
/** First capability of extended configuration space, and what legacy blocks stand at in their BAR. */
const CAPABILITY = 0x100;
const BLOCK = 0x1000;
/** Places of the VF BARs: the legacy block's, that of MSI-X, that of the structures. */
const BARS = [
  [0, 0x8000_0000],
  [1, 0xc000_0000],
  [4, 0x100_0000_0000],
] as const;
const PIECE = 0x2000;
const STATUS = BLOCK + legacyHeader.deviceStatus.offset;
const FEATURES = BLOCK + legacyHeader.deviceFeatures.offset;
const HEADER_BYTES = 0x40;

const storage = new MemoryStorage(new Uint8Array(1 << 20));
const block = () => new BlockDevice({ storage });

/** So many MMR functions of a physical one that has a segment to itself, enabled and placed. */
export class ManyFunctions {
  readonly machine: Machine;
  readonly functions: VirtioVirtualFunctions;
  readonly count: number;

  constructor(count: number, enabled = true) {
    this.count = count;
    this.machine = new Machine({
      ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }),
      ecamBase: 2 ** 40,
      ecamBuses: 256,
      segments: 2,
    });
    this.machine.unplug(OWNER);
    const owner = virtioFunction(new EntropyDevice(), { kind: 'modern', express: true });
    this.functions = mmrVirtualFunctions(owner, { total: count, make: block });
    this.machine.plug(owner.pci, OWNER);
    for (const [index, address] of BARS) {
      this.#write('bar', 4, address % 2 ** 32, 4 * index);
      if (address >= 2 ** 32) this.#write('bar', 4, Math.floor(address / 2 ** 32), 4 * index + 4);
    }
    this.#write('numVfs', 2, count);
    if (enabled) this.enable();
  }

  #write(register: keyof typeof sriovCapability, width: 2 | 4, value: number, at = 0): void {
    this.machine.configWrite(OWNER, CAPABILITY + sriovCapability[register].offset + at, width, value);
  }

  enable(): void {
    this.#write('control', 2, sriovControl.enable | sriovControl.memorySpace);
  }

  disable(): void {
    this.#write('control', 2, 0);
  }

  /** Where the legacy block's BAR of a function is. */
  static blockOf(index: number): number {
    return BARS[0][1] + PIECE * (index - 1);
  }

  /** Reads the header of each, and reads and writes each legacy block once. */
  touchAll(): void {
    const { machine, count } = this;
    let sum = 0;
    for (let index = 1; index <= count; index++) {
      const fn: FunctionAddress = OWNER + index;
      for (let offset = 0; offset < HEADER_BYTES; offset += 4) sum += machine.configRead(fn, offset, 4);
      const at = ManyFunctions.blockOf(index);
      sum += machine.memoryRead(at + FEATURES, 4);
      machine.memoryWrite(at + STATUS, 1, 1);
    }
    const last = machine.memoryRead(ManyFunctions.blockOf(count) + STATUS, 1);
    if (last !== 1 || sum === 0)
      throw new WorkloadError(`virtual functions: the last block has status ${last}`);
  }
}

/** Microseconds a function in which so many are enabled, and all are touched. Of few the code has not warmed up: see {@link prepareTouch}. */
function touchCost(count: number): number {
  const many = new ManyFunctions(count, false);
  const started = performance.now();
  many.enable();
  many.touchAll();
  return (1000 * (performance.now() - started)) / count;
}

const WARM_UP = 8192;
const FEW = 256;

/** The cost of each of so many beside that of each of few, which are brought up as often as it takes to measure. */
export function prepareTouch(count: number): { ours: () => number; baseline: () => number } {
  touchCost(WARM_UP);
  return {
    ours: () => touchCost(count),
    baseline: () => median(Array.from({ length: 9 }, () => touchCost(FEW))),
  };
}

/** Bytes that each of so many takes once all were touched and none does anything. */
export function touchedBytes(count: number): number {
  new ManyFunctions(256).touchAll();
  const many = new ManyFunctions(count);
  const before = bytesInUse();
  many.touchAll();
  const bytes = (bytesInUse() - before) / count;
  many.disable();
  return bytes;
}

/** Bytes that each of so many takes which nobody has touched. */
export function untouchedBytes(count: number): number {
  const many = new ManyFunctions(count, false);
  const before = bytesInUse();
  many.enable();
  const bytes = (bytesInUse() - before) / count;
  many.disable();
  return Math.max(0, bytes);
}

/** Nanoseconds of a read of the status in a legacy block at an address. */
function readCost(machine: Machine, address: number, count = 2_000_000): number {
  let sum = 0;
  const started = performance.now();
  for (let i = 0; i < count; i++) sum += machine.memoryRead(address, 1);
  const took = performance.now() - started;
  if (sum !== count) throw new WorkloadError('virtual functions: the status is not what was written');
  return (1e6 * took) / count;
}

/** The last of so many functions, its status read over and over. */
export function prepareAccess(count: number): () => number {
  const { machine } = new ManyFunctions(count);
  const address = ManyFunctions.blockOf(count) + STATUS;
  machine.memoryWrite(address, 1, 1);
  return () => readCost(machine, address);
}

/** The same of a plain MMR function. */
export function preparePlainAccess(): () => number {
  const machine = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }) });
  const address = functionAddress(0, 4);
  machine.plug(mmrFunction(block()).pci, address);
  const [, at] = BARS[0];
  machine.configWrite(address, 0x10, 4, at);
  machine.configWrite(address, 4, 2, 2);
  machine.memoryWrite(at + STATUS, 1, 1);
  return () => readCost(machine, at + STATUS);
}

/** Microseconds in which a function of which only the state is kept comes back, with what it costs to put another away. */
export function preparePageIn(): () => number {
  const many = new ManyFunctions(2048);
  many.touchAll();
  return () => {
    const started = performance.now();
    many.touchAll();
    const all = performance.now() - started;
    const kept = many.functions.pci.size;
    if (kept.kept < 1024) throw new WorkloadError(`virtual functions: only ${kept.kept} are put away`);
    return (1000 * all) / many.count;
  };
}
