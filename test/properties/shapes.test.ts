import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeConfig } from '../../src/conformance/config.ts';
import type { LabEvent } from '../../src/core/index.ts';
import {
  BlockDriver,
  ConfigImage,
  DmaMemory,
  findFunction,
  findStructures,
  openTransport,
  runFirmware,
} from '../../src/driver/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { shapes } from '../../src/testing/index.ts';
import { Decoder, tap } from '../../src/trace/index.ts';
import {
  BlockDevice,
  type FunctionKind,
  type FunctionShape,
  functionKindNames,
  functionKinds,
  MemoryStorage,
  type StructureName,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { imageOf } from '../conformance/support.ts';
import { SLOT } from '../pci/support.ts';
import { runs } from './support/runs.ts';

/*
 * Legal shapes of functions: each can be built, breaks nothing, is found by software where it says that it is, and a driver
 * works with it as with any other. How drivers of every type work with them, the properties over drivers tell.
 */

interface Case {
  readonly kind: FunctionKind;
  readonly shape: FunctionShape;
  readonly express: boolean;
  readonly power: boolean | null;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    kind: fc.constantFrom(...functionKindNames),
    express: fc.boolean(),
    power: fc.constantFrom(null, true, false),
  })
  .chain((each) =>
    shapes({ kind: each.kind, crowded: each.express || each.power !== null }).map((shape) => ({
      ...each,
      shape,
    })),
  );

function build({ kind, shape, express, power }: Case) {
  const device = new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4096).fill(5)) });
  const powerManagement = power === null ? {} : { powerManagement: { noSoftReset: power } };
  return virtioFunction(device, { kind, shape, express, ...powerManagement });
}

function placed(each: Case) {
  const machine = new Machine();
  const fn = build(each);
  machine.plug(fn.pci, SLOT);
  runFirmware(machine);
  return { machine, fn, found: findFunction(machine, SLOT)! };
}

describe('a legal shape', () => {
  test('breaks no clause by the way that it is built, but for what its kind does', () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { pci } = build(each);
        const { findings } = judgeConfig(ConfigImage.of(imageOf(pci, each.express ? 4096 : 256)));
        const { breaks } = functionKinds[each.kind];
        expect(findings.map(({ clause }) => clause)).toEqual(breaks === null ? [] : [breaks]);
      }),
      { numRuns: runs(200) },
    );
  });

  test('has its structures where software finds them: the first place of each that it names', () => {
    fc.assert(
      fc.property(cases, (each) => {
        if (!functionKinds[each.kind].modern) return;
        const { machine, found } = placed(each);
        const { structures = {} } = each.shape;
        const taken = findStructures(machine, found);
        for (const name of ['common', 'isr', 'device', 'notify'] as StructureName[]) {
          const first = structures[name]?.[0] ?? 'memory';
          const { space, address } = taken[name]!;
          expect([name, space]).toEqual([name, first === 'io' ? 'io' : 'memory']);
          const bar = found.bars.find(
            ({ kind, address: start, size }) =>
              (kind === 'io') === (space === 'io') && address >= start && address < start + size,
          )!;
          if (first !== 'io') expect([name, bar.index]).toEqual([name, first === 'memory' ? 4 : first.bar]);
        }
      }),
      { numRuns: runs(200) },
    );
  });

  test('serves a driver, whose accesses are seen alike by the machine and by who reads configuration space', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (each) => {
        const { machine } = placed(each);
        const [own, told]: [LabEvent[], LabEvent[]] = [[], []];
        const bus = tap(machine, (event) => void told.push(event));
        machine.events = (event) => void own.push(event);
        const options = { requestBytes: 512, depth: 1 };
        const driver = new BlockDriver(openTransport(bus, SLOT), new DmaMemory(bus.ram, 0x10000), options);
        expect((await driver.read(7, 1))[0]).toBe(5);
        driver.close();
        machine.events = null;
        const findings = own.flatMap((event) => (event.kind === 'finding' ? [event.clause] : []));
        const { breaks } = functionKinds[each.kind];
        expect(new Set(findings)).toEqual(new Set(breaks === null ? [] : [breaks]));
        const decode = (events: readonly LabEvent[]) => {
          const decoder = new Decoder();
          decoder.add(machine, findFunction(machine, SLOT)!);
          return events
            .flatMap((event) =>
              event.kind === 'access' && event.space !== 'config' ? [decoder.decode(event)] : [],
            )
            .map(({ place, register, value }) => `${place} ${register} ${value}`);
        };
        const seen = decode(own);
        expect(decode(told)).toEqual(seen);
        expect(seen.filter((line) => /^(common|legacy) deviceStatus /.test(line)).length).toBeGreaterThan(3);
      }),
      { numRuns: runs(60) },
    );
  });
});
