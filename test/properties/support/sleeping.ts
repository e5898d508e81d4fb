import {
  BalloonDevice,
  BlockDevice,
  EntropyDevice,
  MemoryStorage,
  SeededEntropy,
  type VirtioVirtualFunctions,
  virtioFunction,
  virtualFunctions,
} from '../../../src/virtio/index.ts';

/** A descriptor, and what is in its buffer where the device reads it. */
interface Piece {
  readonly address: number;
  readonly length: number;
  readonly flags: number;
  readonly next: number;
  readonly bytes?: Uint8Array;
}

const NEXT = 1;
const WRITE = 2;

/** A device type of which the state alone may be kept, and a request for it. */
export interface SleepingType {
  functions(total: number, live: number): VirtioVirtualFunctions;
  /** Buffers from an address on, as a chain from descriptor 0 on. */
  chain(at: number): Piece[];
}

const owner = () =>
  virtioFunction(new EntropyDevice({ source: new SeededEntropy(1) }), { kind: 'modern', express: true });

const types = {
  entropy: (): SleepingType => ({
    functions: (total, live) =>
      virtualFunctions(owner(), {
        total,
        live,
        make: (index) => new EntropyDevice({ source: new SeededEntropy(index), queueSize: 8 }),
      }),
    chain: (at) => [{ address: at, length: 48, flags: WRITE, next: 0 }],
  }),
  block: (): SleepingType => ({
    functions: (total, live) => {
      const disks = Array.from({ length: total + 1 }, (_, index) => new Uint8Array(4096).fill(index));
      const make = (index: number) =>
        new BlockDevice({ storage: new MemoryStorage(disks[index]!), queueSize: 8 });
      return virtualFunctions(owner(), { total, live, make });
    },
    // A read of the second sector.
    chain: (at) => [
      {
        address: at,
        length: 16,
        flags: NEXT,
        next: 1,
        bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
      },
      { address: at + 0x100, length: 512, flags: NEXT | WRITE, next: 2 },
      { address: at + 0x400, length: 1, flags: WRITE, next: 0 },
    ],
  }),
  balloon: (): SleepingType => ({
    functions: (total, live) =>
      virtualFunctions(owner(), { total, live, make: () => new BalloonDevice({ queueSize: 8 }) }),
    // Two pages for the balloon.
    chain: (at) => [
      { address: at, length: 8, flags: 0, next: 0, bytes: Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0) },
    ],
  }),
} as const;

export const sleepingTypes = Object.keys(types) as (keyof typeof types)[];
export const ofType = (name: keyof typeof types): SleepingType => types[name]();
