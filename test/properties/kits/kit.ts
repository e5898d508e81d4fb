import type fc from 'fast-check';
import type { State } from '../../../src/core/index.ts';
import type { DeviceBehaviour, DeviceType } from '../../../src/virtio/index.ts';

/** One chain of a driver: what its readable buffers hold, and how long its writable ones are. Plain data. */
export interface KitChain {
  readonly queue: number;
  readonly readable: readonly (readonly number[])[];
  readonly writable: readonly number[];
}

/** A device of some type with the world behind it, as the properties over all types need it. */
export interface KitDevice<Stimulus = unknown> {
  readonly behaviour: DeviceBehaviour;
  /** Something happens outside: a frame arrives, a disk grows, the host asks for memory. */
  stimulate(stimulus: Stimulus): void;
  /**
   * All that has reached the outside (frames sent, bytes stored, pages given), as plain data in a definite order: two
   * devices that were driven alike have to agree in it.
   */
  outside(): unknown;
  /** The outside world's own state, for a device that goes on from a saved one. */
  saveOutside(): State;
  loadOutside(state: State): void;
}

/** What the properties over all device types know of one of them. */
export interface TypeKit<Stimulus = unknown> {
  readonly type: DeviceType;
  /** Feature bits of the type below 32; drivers accept any subset. */
  readonly features: readonly number[];
  /** Queues that drivers set up, by number. */
  readonly queues: readonly number[];
  /** A device with few, short queues; the same at each call. Nothing in it may depend on time or chance. */
  make(queueSize: number): KitDevice<Stimulus>;
  /** Chains as a driver of either byte order may build them: most well-formed, some malformed in every way. */
  chains(littleEndian: boolean): fc.Arbitrary<KitChain>;
  /** What may happen outside; plain data. Null for a type to which nothing happens. */
  readonly stimuli: fc.Arbitrary<Stimulus> | null;
}
