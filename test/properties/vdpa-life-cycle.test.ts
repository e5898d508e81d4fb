import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestMemory } from '../../src/core/index.ts';
import {
  deviceStatus,
  EntropyDevice,
  feature,
  type ParentPolicy,
  SeededEntropy,
  VdpaError,
  VdpaParent,
} from '../../src/virtio/index.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Features may be set at every moment of a parent's life. A model of a few lines says what each operation is answered with, errno by
 * errno, and what features and status are afterwards; what is refused changes nothing.
 */
const RAM_BYTES = 1 << 16;
const PAGE = 4096;
const bit = (number: number) => 2 ** (number % 32);
const version1 = bit(feature.version1);
const platform = bit(feature.accessPlatform);
const { featuresOk, driverOk } = deviceStatus;

const policies: fc.Arbitrary<ParentPolicy> = fc.record({
  version1: fc.constantFrom('required', 'optional'),
  accessPlatform: fc.constantFrom('required', 'optional'),
  resetsToZero: fc.boolean(),
  earlyRead: fc.constantFrom('nobody in particular', 'a legacy driver'),
  earlyWrite: fc.constantFrom('nobody in particular', 'a legacy driver'),
  order: fc.constantFrom('little, always', 'a call', 'a call for each ring'),
  config: fc.constantFrom('little', 'driver'),
});

type Step =
  | { readonly do: 'features'; readonly low: number; readonly high: number }
  | { readonly do: 'status'; readonly value: number }
  | { readonly do: 'read' | 'write' | 'reset' | 'suspend' | 'resume' | 'kick' | 'down' | 'up' }
  | { readonly do: 'size'; readonly index: number; readonly size: number }
  | { readonly do: 'order'; readonly order: 'little' | 'big' };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('features' as const),
      low: fc.constantFrom(0, bit(feature.ringEventIndex), bit(feature.anyLayout), 1),
      high: fc.constantFrom(0, version1, platform, version1 + platform, bit(feature.ringPacked), 2 ** 31),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('status' as const),
      value: fc.constantFrom(0, 1, 3, 11, 15, 8, 4, 7),
    }),
  },
  fc.record({
    do: fc.constantFrom(
      'read' as const,
      'write' as const,
      'reset' as const,
      'suspend' as const,
      'resume' as const,
      'kick' as const,
      'down' as const,
      'up' as const,
    ),
  }),
  fc.record({
    do: fc.constant('size' as const),
    index: fc.constantFrom(0, 1, -1),
    size: fc.constantFrom(8, 4, 3, 0, 16),
  }),
  fc.record({ do: fc.constant('order' as const), order: fc.constantFrom('little' as const, 'big' as const) }),
);

/** What the parent has to be. */
interface Model {
  features: readonly number[];
  set: boolean;
  /** The driver wrote features that count as those of a legacy one. */
  legacy: boolean;
  status: number;
  ready: boolean;
}

const fresh = (): Model => ({ features: [0, 0], set: false, legacy: false, status: 0, ready: false });

/** Features that an entropy device of these options offers: to a driver of virtio 1.x, and to a legacy one. */
function offers({ low, high }: { low: number; high: number }, modern: boolean): boolean {
  const lows = bit(feature.ringEventIndex) + (modern ? 0 : bit(feature.anyLayout));
  const highs = platform + (modern ? version1 : 0);
  return (low & ~lows) === 0 && (high & ~highs) === 0;
}

function setFeatures(model: Model, policy: ParentPolicy, words: { low: number; high: number }): string {
  const { low, high } = words;
  if ((model.status & featuresOk) !== 0) return 'EBUSY';
  const modern = (high & version1) !== 0;
  if (!(policy.resetsToZero && low === 0 && high === 0)) {
    if (policy.version1 === 'required' && !modern) return 'EINVAL';
    if (policy.accessPlatform === 'required' && (high & platform) === 0) return 'EINVAL';
    if (!offers(words, modern)) return 'EINVAL';
  }
  model.set = true;
  model.legacy = !modern;
  model.features = modern ? [low, high] : [low, 0];
  return 'none';
}

function expected(model: Model, policy: ParentPolicy, step: Step): string {
  switch (step.do) {
    case 'features':
      return setFeatures(model, policy, step);
    case 'status': {
      const { value } = step;
      if (value === 0) {
        Object.assign(model, fresh());
        return 'none';
      }
      if ((model.status & ~value) !== 0) return 'EINVAL';
      if ((value & featuresOk) !== 0 && !model.set && policy.version1 === 'optional') model.legacy = true;
      // A device keeps FEATURES_OK of a legacy driver, and of one that accepted VERSION_1.
      const stands = model.legacy || (model.features[1]! & version1) !== 0;
      model.status = stands ? value : value & ~featuresOk;
      return 'none';
    }
    case 'read':
    case 'write': {
      // The entropy device has no configuration: every access is outside, and assumes nothing.
      return 'EINVAL';
    }
    case 'reset':
      Object.assign(model, fresh());
      return 'none';
    case 'up':
    case 'down':
      model.ready = step.do === 'up';
      return 'none';
    case 'size':
      if (step.index !== 0) return 'ENOBUFS';
      if (model.ready) return 'EBUSY';
      return step.size === 8 || step.size === 4 ? 'none' : 'EINVAL';
    case 'order':
      return policy.order === 'a call' ? 'none' : 'EOPNOTSUPP';
    default:
      return 'none';
  }
}

function perform(parent: VdpaParent, step: Step): string {
  const run: Record<Step['do'], () => void> = {
    features: () => step.do === 'features' && parent.setFeatures([step.low, step.high, 0, 0]),
    status: () => step.do === 'status' && parent.setStatus(step.value),
    read: () => parent.readConfig(0, 1),
    write: () => parent.writeConfig(0, Uint8Array.of(1)),
    reset: () => parent.reset(),
    suspend: () => parent.suspend(),
    resume: () => parent.resume(),
    kick: () => parent.kick(0),
    up: () => parent.rings.setReady(0, true),
    down: () => parent.rings.setReady(0, false),
    size: () => step.do === 'size' && parent.rings.setSize(step.index, step.size),
    order: () => step.do === 'order' && parent.setOrder(step.order),
  };
  try {
    run[step.do]();
    return 'none';
  } catch (error) {
    if (error instanceof VdpaError) return error.errno;
    throw error;
  }
}

describe('a vDPA parent, whatever it is asked for and when', () => {
  it('answers as the model does, and is as it was where it refuses', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(policies, fc.array(steps, { maxLength: 30 }), (policy, sequence) => {
        const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
        const behaviour = new EntropyDevice({ source: new SeededEntropy(3) });
        const transportFeatures = [feature.ringEventIndex];
        const parent = new VdpaParent(behaviour, ram, { policy, orders: 'both', transportFeatures });
        parent.map(0, RAM_BYTES);
        parent.rings.setAddress(0, { descriptor: 0, driver: PAGE, device: 2 * PAGE });
        const model = fresh();
        for (const step of sequence) {
          const before = JSON.stringify(parent.save());
          const wanted = expected(model, policy, step);
          const got = perform(parent, step);
          expect(got).toBe(wanted);
          if (wanted !== 'none') expect(JSON.stringify(parent.save())).toBe(before);
          expect(parent.driverFeatures.slice(0, 2)).toEqual(model.features);
          // A kick of a ring that stands in empty memory finds nothing.
          expect(parent.status).toBe(model.status);
          expect(parent.rings.ready(0)).toBe(model.ready);
        }
        expect(driverOk).toBe(4);
      }),
      { numRuns: runs(300) },
    );
  });

  it('maps what is free, refuses what overlaps, and reaches exactly what is mapped', {
    timeout: PATIENCE,
  }, () => {
    const ranges = fc.record({
      do: fc.constantFrom('map' as const, 'map' as const, 'unmap' as const),
      start: fc.integer({ min: 0, max: 15 }),
      length: fc.integer({ min: 0, max: 6 }),
    });
    fc.assert(
      fc.property(fc.array(ranges, { maxLength: 25 }), (sequence) => {
        const ram = GuestMemory.allocate({ start: 0, length: 24 });
        const parent = new VdpaParent(new EntropyDevice(), ram);
        // Byte by byte: the number of the map that it is in, or 0.
        const owners = new Uint8Array(24);
        for (const [i, step] of sequence.entries()) {
          const { start, length } = step;
          const touched = owners.subarray(start, start + length);
          let wanted = length === 0 ? 'EINVAL' : 'none';
          if (step.do === 'map' && length > 0) {
            if (touched.some((owner) => owner !== 0)) wanted = 'EEXIST';
            else touched.fill(i + 1);
          } else if (wanted === 'none')
            for (const owner of new Set(touched))
              if (owner !== 0) for (const [at, each] of owners.entries()) if (each === owner) owners[at] = 0;
          let got = 'none';
          try {
            if (step.do === 'map') parent.map(start, length);
            else parent.unmap(start, length);
          } catch (error) {
            got = (error as VdpaError).errno;
          }
          expect(got).toBe(wanted);
          for (const [at, owner] of owners.entries())
            expect(parent.dma.reaches(at, 1, true)).toBe(owner !== 0);
        }
      }),
      { numRuns: runs(200) },
    );
  });
});
