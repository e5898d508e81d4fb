import fc from 'fast-check';
import { describe, it } from 'vitest';
import {
  type DeviceRequest,
  deviceRequests,
  type HostileRequest,
  hostileRequests,
  requestChain,
  requestTypes,
  widths,
} from '../../src/testing/index.ts';
import { defaultTransportFeatures, feature } from '../../src/virtio/index.ts';
import { kitOf, kitTypes } from './kits/index.ts';
import type { KitChain } from './kits/kit.ts';
import {
  GOOD_PLACES,
  type PayloadBuffer,
  type PayloadSetup,
  type PayloadStep,
  PayloadTarget,
  PLACES,
  sameOutcome,
} from './support/payload-target.ts';
import { PATIENCE, shared } from './support/runs.ts';

/*
 * A driver may put anything into a request: whatever it is, the device ends, writes nothing that it may not write, learns
 * nothing of what it may not read, and is as good as new after a reset.
 *
 * What pins this down is no model of the device. Memory out of reach is compared with a copy; each case runs twice with
 * other bytes out of reach and has to come out the same; and after a reset the device has to do with a row of requests
 * what one does that has never seen the hostile ones, its outside being the same.
 */
interface Case {
  readonly setup: PayloadSetup;
  readonly steps: readonly PayloadStep[];
  /** What the device is asked after the reset. */
  readonly probe: readonly PayloadStep[];
}

const RINGS = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.ringPacked,
  feature.inOrder,
] as const;

const setups = (type: string): fc.Arbitrary<PayloadSetup> =>
  fc
    .record({
      way: fc.constantFrom(
        ...(kitOf(type).type.transitionalId === null
          ? (['modern'] as const)
          : (['legacy', 'modern'] as const)),
      ),
      bigEndian: fc.boolean(),
      features: fc.subarray([...kitOf(type).features]),
      ringFeatures: fc.subarray([...RINGS]),
      queueSize: fc.constantFrom(16, 32, 64),
      held: fc.boolean(),
    })
    .map((each) => ({
      ...each,
      type,
      bigEndian: each.bigEndian && each.way === 'legacy',
      offered: [...defaultTransportFeatures, feature.ringPacked, feature.inOrder],
      ringFeatures: each.ringFeatures.filter((bit) => each.way === 'modern' || bit < 32),
    }));

const ABSURD = [0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff] as const;

/** Where a buffer lies and how long it says that it is: as a rule as the request wants it. */
const bad = fc.record({
  which: fc.nat(7),
  place: fc.option(fc.nat(PLACES.length - 1)),
  length: fc.option(fc.oneof(fc.constantFrom<number>(...ABSURD), fc.nat(40))),
});

/** Chains of the kit, and requests that everybody's tests draw, where there are any of the type. */
function chains(type: string, littleEndian: boolean, spoil: boolean): fc.Arbitrary<KitChain> {
  const { queues, ...kit } = kitOf(type);
  const own = kit.chains(littleEndian);
  const found = requestTypes.find((each) => each === type);
  if (found === undefined) return own;
  const good = deviceRequests(found) as fc.Arbitrary<DeviceRequest | HostileRequest>;
  const drawn = (spoil ? fc.oneof(good, hostileRequests(found)) : good).map((request) => {
    const { queue, buffers } = requestChain(request, { modern: false, littleEndian });
    return {
      queue,
      readable: buffers.filter(({ writable }) => !writable).map(({ content }) => [...content]),
      writable: buffers.filter(({ writable }) => writable).map(({ length }) => Math.min(length, 0x900)),
    };
  });
  return fc.oneof(
    { weight: 3, arbitrary: own },
    { weight: 1, arbitrary: drawn.filter(({ queue }) => queues.includes(queue)) },
  );
}

function requests(type: string, littleEndian: boolean, spoil: boolean): fc.Arbitrary<PayloadStep> {
  const flips = fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 3 });
  const place = fc.nat(GOOD_PLACES - 1);
  const kick = fc.constantFrom(true, true, true, false);
  return fc
    .record({
      chain: chains(type, littleEndian, spoil),
      place,
      kick,
      bytes: spoil ? flips : fc.constant([]),
      wrong: spoil ? fc.oneof(fc.constant([]), fc.array(bad, { maxLength: 2 })) : fc.constant([]),
    })
    .filter(({ chain }) => chain.readable.length + chain.writable.length > 0)
    .map(({ chain, place, kick, bytes, wrong }) => {
      const buffers = buffersOf(chain, place, bytes);
      for (const { which, place, length } of wrong) {
        const at = which % buffers.length;
        const before = buffers[at]!;
        buffers[at] = { ...before, place: place ?? before.place, length: length ?? before.length };
      }
      return { do: 'request' as const, queue: chain.queue, buffers, kick: kick || !spoil };
    });
}

function buffersOf(
  { readable, writable }: KitChain,
  first: number,
  flips: readonly (readonly [number, number])[],
): PayloadBuffer[] {
  let place = first;
  const next = () => place++ % GOOD_PLACES;
  const flipped = new Map(flips);
  let at = 0;
  return [
    ...readable.map((bytes) => ({
      place: next(),
      length: bytes.length,
      content: bytes.map((byte) => byte ^ (flipped.get(at++) ?? 0)),
      writable: false,
    })),
    ...writable.map((length) => ({ place: next(), length, content: [], writable: true })),
  ];
}

function steps(setup: PayloadSetup): fc.Arbitrary<PayloadStep> {
  const { type, bigEndian, held } = setup;
  const { stimuli } = kitOf(type);
  const configure = fc.record({
    offset: fc.nat(63),
    width: widths,
    value: fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 0xffffffff })),
  });
  const weigh = (weight: number, arbitrary: fc.Arbitrary<PayloadStep>) => ({ weight, arbitrary });
  return fc.oneof(
    weigh(16, requests(type, !bigEndian, true)),
    weigh(
      held ? 8 : 1,
      fc.nat(3).map((pick) => ({ do: 'release', pick })),
    ),
    weigh(
      1,
      configure.map((each) => ({ do: 'configure', ...each })),
    ),
    weigh(
      1,
      fc.boolean().map((on) => ({ do: 'master', on })),
    ),
    weigh(1, fc.constant({ do: 'restart' })),
    ...(stimuli === null
      ? []
      : [
          weigh(
            4,
            stimuli.map((stimulus) => ({ do: 'stimulus', stimulus })),
          ),
        ]),
  );
}

const cases = (type: string): fc.Arbitrary<Case> =>
  setups(type).chain((setup) =>
    fc.record({
      setup: fc.constant(setup),
      steps: fc.array(steps(setup), { maxLength: 40, size: 'max' }),
      probe: fc.array(requests(type, !setup.bigEndian, false), { minLength: 1, maxLength: 4 }),
    }),
  );

function run({ setup, steps, probe }: Case): void {
  const [one, other] = [new PayloadTarget(setup, 0x00), new PayloadTarget(setup, 0xff)];
  for (const target of [one, other]) {
    for (const step of steps) target.step(step);
    target.settle();
  }
  sameOutcome('what the function did depends on memory that it may not reach', one, other);
  // What happened outside may still be under way to the driver, and is no part of what a fresh device knows.
  if (steps.some((step) => step.do === 'stimulus')) return;
  // Two of a kind from here on: one has seen it all, the other begins where the first one's outside is.
  one.restart();
  const fresh = new PayloadTarget(setup, 0x00);
  fresh.device.loadOutside(one.device.saveOutside());
  const since = one.log.length;
  const first = fresh.log.length;
  for (const step of probe) for (const target of [one, fresh]) target.step(step);
  for (const target of [one, fresh]) target.settle();
  const [after, expected] = [one.log.slice(since), fresh.log.slice(first)];
  if (JSON.stringify(after) !== JSON.stringify(expected))
    throw new Error(`after a reset: ${JSON.stringify(after)}; a fresh device: ${JSON.stringify(expected)}`);
}

describe('any content of a request', () => {
  it.each(kitTypes)(
    'of %s ends, stays inside the DMA domain, and leaves a device that a reset mends',
    (type) => {
      fc.assert(fc.property(cases(type), run), { numRuns: shared(400, kitTypes.length) });
    },
    PATIENCE,
  );
});
