import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checks,
  conform,
  outcomes,
  type Subject,
  type SubjectSource,
} from '../../../src/conformance/device/index.ts';
import { explorations } from '../../../src/conformance/explore/index.ts';
import { type Bus, TargetGoneError, TargetTimeoutError, type Width } from '../../../src/core/index.ts';
import { ourSource, sampleNames } from '../../../src/testing/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';

/** How a target goes wrong at some access. */
type Wrong = 'dies' | 'hangs once' | 'lies once' | 'lies from then on';

/** A bus whose nth access is the last that is as it should be. */
function wrongBus(bus: Bus, wrong: Wrong, after: number, lie: number): Bus {
  let left = after;
  const access = <T>(make: () => T, lied: () => T): T => {
    left--;
    if (left > 0 || (left < 0 && wrong !== 'dies' && wrong !== 'lies from then on')) return make();
    if (wrong === 'dies') throw new TargetGoneError('the target', 'it died');
    if (wrong === 'hangs once') throw new TargetTimeoutError('the target', 'an access', 10);
    make();
    return lied();
  };
  const value = (width: Width) => lie % 256 ** width;
  const nothing = () => {};
  return {
    ram: bus.ram,
    interrupts: bus.interrupts,
    pause: () => bus.pause(),
    configRead: (fn, offset, width) =>
      access(
        () => bus.configRead(fn, offset, width),
        () => value(width),
      ),
    configWrite: (fn, offset, width, v) => access(() => bus.configWrite(fn, offset, width, v), nothing),
    ioRead: (port, width) =>
      access(
        () => bus.ioRead(port, width),
        () => value(width),
      ),
    ioWrite: (port, width, v) => access(() => bus.ioWrite(port, width, v), nothing),
    memoryRead: (at, width) =>
      access(
        () => bus.memoryRead(at, width),
        () => value(width),
      ),
    memoryWrite: (at, width, v) => access(() => bus.memoryWrite(at, width, v), nothing),
  };
}

const wrongSource = (source: SubjectSource, wrong: Wrong, after: number, lie: number): SubjectSource => ({
  ...source,
  open: () => {
    const subject = source.open() as Subject;
    return {
      ...subject,
      target: { ...subject.target, bus: wrongBus(subject.target.bus, wrong, after, lie) },
    };
  },
});

const every = [...checks, ...explorations({ seed: 3, runs: 2 })];
const cases = fc.record({
  type: fc.constantFrom(...sampleNames.filter((name) => name !== 'rtc' && name !== 'vsock')),
  kind: fc.constantFrom('legacy', 'transitional', 'modern'),
  check: fc.constantFrom(...every),
  wrong: fc.constantFrom<Wrong>('dies', 'hangs once', 'lies once', 'lies from then on'),
  // Up to where the longest checks end, and often near the beginning.
  after: fc.oneof(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 1500 })),
  lie: fc.oneof(fc.constantFrom(0, 1, 0xff, 0xffff, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff })),
});

describe('a target', () => {
  it(
    'that dies, hangs or lies at any access is judged, to an end',
    async () => {
      await fc.assert(
        fc.asyncProperty(cases, async ({ type, kind, check, wrong, after, lie }) => {
          const source = wrongSource(ourSource(type, kind), wrong, after, lie);
          for await (const { outcome, reason } of conform(source, { checks: [check] })) {
            expect(outcomes).toContain(outcome);
            if (outcome === 'SKIP' || outcome === 'REJECT') expect(reason).not.toBe(null);
          }
        }),
        { numRuns: runs(300) },
      );
    },
    PATIENCE,
  );
});
