import { VirtiolabError } from '../core/index.ts';
import type { VirtioFunction } from '../virtio/index.ts';
import { commonConfig, legacyHeader } from '../virtio/layout/index.ts';
import { deviceMutants } from './mutants/index.ts';
import { type DeviceMutant, type Lies, touches } from './mutants/mutant.ts';
import { mutateHandling, mutateRings, type RingMutation } from './mutants/ring-parts.ts';

/** A device that a driver has to survive: it ends with an error, or with the right data, and never hangs or crashes. */
export interface LyingDevice {
  /** In words with hyphens, unique. */
  readonly name: string;
  /** What it does, in one line. */
  readonly says: string;
  /** Makes what is wrong with one function. */
  make(): Lies;
}

/** No lying device has that name. */
export class UnknownLieError extends VirtiolabError {
  readonly lie: string;

  constructor(lie: string) {
    super(`unknown lie '${lie}'; lies are ${lyingDevices.map(({ name }) => name).join(', ')}`);
    this.lie = lie;
  }
}

/** One of the suite's broken devices, under the name that a driver's author looks for. */
function mutant(name: string, of: string): LyingDevice {
  const found: DeviceMutant = deviceMutants.find((each) => each.name === of)!;
  return { name, says: found.says, make: () => found };
}

const rings = (mutation: RingMutation): Lies => ({ device: (fn) => mutateRings(fn, () => mutation) });

/** Pauses until a late device answers. */
const LATE_PAUSES = 8;
/** So much more than it had room for does a device say that it wrote. */
const TOO_MANY_BYTES = 0x10000;

/** Something happens to the device when it is given its second chain, and in place of serving that. */
const atSecond = (happens: (fn: VirtioFunction) => void): Lies => ({
  device(fn) {
    let chains = 0;
    mutateHandling(fn, (_, honest) => {
      if (++chains === 2) happens(fn);
      else honest();
    });
  },
});

/** Serves every chain some pauses after it was given it. */
function late(): Lies {
  const waiting: { honest: () => void; pauses: number }[] = [];
  return {
    device: (fn) => mutateHandling(fn, (_, honest) => waiting.push({ honest, pauses: 0 })),
    bus: () => ({
      pause() {
        for (const each of waiting) each.pauses++;
        while ((waiting[0]?.pauses ?? 0) >= LATE_PAUSES) waiting.shift()!.honest();
      },
    }),
  };
}

/** Devices that lie, for those who write drivers: `lab({ type, lie: 'used-twice' })`. */
export const lyingDevices: readonly LyingDevice[] = [
  {
    name: 'used-length-wrong',
    says: 'the used length is more than there was room for',
    make: () =>
      rings({
        push:
          (honest) =>
          (head, length, ...rest) =>
            honest(head, length + TOO_MANY_BYTES, ...rest),
      }),
  },
  {
    name: 'used-length-zero',
    says: 'the used length is 0, whatever was written',
    make: () =>
      rings({
        push:
          (honest) =>
          (head, _, ...rest) =>
            honest(head, 0, ...rest),
      }),
  },
  {
    name: 'used-id-unknown',
    says: 'the used id is none of a chain that the device was given',
    make: () =>
      rings({
        push:
          (honest, at) =>
          (head, ...rest) =>
            honest(head + at.ring.size, ...rest),
      }),
  },
  mutant('used-twice', 'uses-chains-twice'),
  {
    name: 'never-answers',
    says: 'chains are taken and never handed back',
    make: () => ({ device: (fn) => mutateHandling(fn, () => {}) }),
  },
  { name: 'answers-late', says: `each chain is served ${LATE_PAUSES} pauses later`, make: late },
  {
    name: 'needs-reset-midway',
    says: 'at its second chain the device asks for a reset',
    make: () => atSecond(({ device }) => device.statusRegister.fail()),
  },
  {
    name: 'resets-itself',
    says: 'at its second chain the device is as after power-on',
    make: () => atSecond(({ device }) => device.reset()),
  },
  {
    name: 'interrupts-without-reason',
    says: 'before each chain that it serves the device tells of used buffers and of changes that there are not',
    make: () => ({
      device: (fn) =>
        mutateHandling(fn, (chain, honest) => {
          fn.interrupts.queue(chain.queue);
          fn.interrupts.config();
          honest();
        }),
    }),
  },
  mutant('never-interrupts', 'never-interrupts'),
  {
    name: 'queue-absent',
    says: 'every queue has size 0',
    make: () => ({
      bus: () => ({
        read: (access, value) =>
          touches(access, 'common', commonConfig.queueSize) ||
          touches(access, 'legacy', legacyHeader.queueSize)
            ? 0
            : value,
      }),
    }),
  },
];
