import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setUp } from '../../../src/cli/demo-windows.ts';
import { deviceDemos } from '../../../src/cli/demos/index.ts';
import { DriverWatch } from '../../../src/conformance/watch/index.ts';
import type { LabEvent } from '../../../src/core/index.ts';
import { DmaMemory } from '../../../src/driver/index.ts';
import { type WayName, waysOf } from '../../../src/mmr/index.ts';
import { shared } from '../../properties/support/runs.ts';

const DRIVER_MEMORY = 0x100000;

/** Ways whose recordings are cut: one of each interface, and one through a translator. */
const CUT: ReadonlySet<WayName> = new Set(['io-bar', 'native-mmr', 'modern']);

/** More accesses are not kept for cutting. */
const KEPT = 4000;

/** A whole demonstration of a device type behind a window, with a watch on its driver. */
async function demonstrate(name: string, window: WayName, intx: boolean) {
  const demo = deviceDemos.find(({ type }) => type.name === name)!;
  const visit = await demo.visit({});
  const { stages, connect } = setUp(window, visit.behaviour, intx);
  const { machine } = stages[0];
  const events: LabEvent[] = [];
  const watch = new DriverWatch({ ram: machine.ram, config: machine, start: 'power-on' });
  machine.events = (event) => {
    watch.sink(event);
    if (events.length < KEPT) events.push(event);
  };
  const facts = await visit.drive(connect(), new DmaMemory(machine.ram, DRIVER_MEMORY), {
    markBroughtUp: () => {},
    markFirst: () => {},
  });
  machine.events = null;
  await visit.close();
  expect(facts.every(({ good }) => good)).toBe(true);
  return { ...watch.finish(), events, machine, breaks: visit.breaks ?? [] };
}

describe('our own drivers', () => {
  const cases = deviceDemos.flatMap(({ type }) =>
    waysOf(type).map((window, i) => [type.name, window, (type.name.length + i) % 2 === 0] as const),
  );

  test.each(cases)(
    '%s, %s, line %s: nothing that must or should be otherwise',
    async (name, window, intx) => {
      const { findings, accesses, breaks } = await demonstrate(name, window, intx);
      expect(accesses).toBeGreaterThan(20);
      expect(findings.filter(({ level, rule }) => level !== 'note' && !breaks.includes(rule))).toEqual([]);
    },
    60_000,
  );
});

describe('a recording of our own drivers', () => {
  const cases = deviceDemos.flatMap(({ type }) =>
    waysOf(type).flatMap((window) => (CUT.has(window) ? [[type.name, window] as const] : [])),
  );

  test.each(cases)(
    '%s, %s: cut anywhere, it accuses nobody',
    async (name, window) => {
      const { events, machine, breaks } = await demonstrate(name, window, name.length % 2 === 0);
      const cuts = fc.tuple(fc.nat(events.length), fc.nat(events.length), fc.boolean());
      fc.assert(
        fc.property(cuts, ([a, b, dumped]) => {
          const watch = new DriverWatch(dumped ? { dump: machine } : {});
          for (const event of events.slice(Math.min(a, b), Math.max(a, b))) watch.sink(event);
          expect(
            watch.finish().findings.filter(({ level, rule }) => level !== 'note' && !breaks.includes(rule)),
          ).toEqual([]);
        }),
        { numRuns: shared(400, cases.length) },
      );
    },
    60_000,
  );
});
