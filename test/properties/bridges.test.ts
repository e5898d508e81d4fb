import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { functionAddress, type State, stateToText, type Width } from '../../src/core/index.ts';
import { runFirmware } from '../../src/driver/index.ts';
import {
  type BarIndex,
  type BarKind,
  Bridge,
  type BridgeKind,
  type Machine,
  PciFunction,
  type Place,
} from '../../src/pci/index.ts';
import { bridgeAt, bridgeOf, smallMachine } from '../pci/support.ts';
import { PATIENCE, runs } from './support/runs.ts';

interface BarPlan {
  readonly kind: BarKind;
  readonly bits: number;
  readonly prefetchable: boolean;
}

/** A function, or with `behind` a bridge and what is plugged behind it, device after device. */
interface Plan {
  readonly bars: readonly BarPlan[];
  readonly kind: BridgeKind | null;
  readonly behind: readonly Plan[];
  readonly windows: { readonly ioWindow: 16 | 32; readonly prefetchableWindow: 32 | 64 | null };
}

const bar = fc.record({
  kind: fc.constantFrom<BarKind>('io', 'memory32', 'memory64'),
  bits: fc.integer({ min: 4, max: 8 }).chain((bits) => fc.constantFrom(bits, bits + 8)),
  prefetchable: fc.boolean(),
});
const windows = fc.record({
  ioWindow: fc.constantFrom(16 as const, 32 as const),
  prefetchableWindow: fc.constantFrom(null, 32 as const, 64 as const),
});
const endpoint = fc.record({
  bars: fc.array(bar, { maxLength: 3 }),
  kind: fc.constant(null),
  behind: fc.constant([]),
  windows,
});

/** A bridge of a kind, with at most so many of what can stand behind it. */
const bridge = (kind: BridgeKind, behind: fc.Arbitrary<Plan>, most: number): fc.Arbitrary<Plan> =>
  fc.record({
    bars: fc.constant([]),
    kind: fc.constant(kind),
    behind: fc.array(behind, { maxLength: most }),
    windows,
  });

/** What stands on a conventional bus with at most so many bridges below each other. */
const onBus = (depth: number): fc.Arbitrary<Plan> =>
  depth === 0
    ? endpoint
    : fc.oneof(
        endpoint,
        bridge('pci-to-pci', onBus(depth - 1), 3),
        bridge('express-to-pci', onBus(depth - 1), 2),
      );

const onLink = (depth: number): fc.Arbitrary<Plan> =>
  depth === 0
    ? endpoint
    : fc.oneof(
        endpoint,
        bridge('upstream-port', bridge('downstream-port', onLink(depth - 1), 1), 3),
        onBus(1),
      );

const topology = fc.array(fc.oneof(onBus(2), bridge('root-port', onLink(2), 1)), {
  minLength: 1,
  maxLength: 4,
});

/** One BAR: reads tell whose it is. */
class Mark {
  hits = 0;
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }

  read(_offset: number, width: Width): number {
    this.hits++;
    return this.number % 2 ** (8 * width);
  }

  write(): void {}
}

interface Built {
  readonly fn: PciFunction;
  /** Where depth-first numbering puts it: the test's own reckoning. */
  readonly address: number;
  /** The bridges above it, from the root bus on. */
  readonly above: readonly Built[];
  readonly marks: readonly Mark[];
}

function build(plans: readonly Plan[]): { machine: Machine; built: Built[]; marks: Mark[] } {
  const machine = smallMachine();
  const built: Built[] = [];
  const marks: Mark[] = [];
  let buses = 0;
  const put = (plan: Plan, nth: number, bus: number, above: readonly Built[]) => {
    const place: Place =
      above.length === 0 ? functionAddress(0, nth + 1) : { behind: above.at(-1)!.fn as Bridge, device: nth };
    const address = functionAddress(bus, above.length === 0 ? nth + 1 : nth);
    const { kind } = plan;
    const fn =
      kind === null
        ? new PciFunction({ name: 'leaf', vendorId: 0x1234, deviceId: built.length + 1, classCode: 0xff0000 })
        : new Bridge({ kind, deviceId: built.length + 1, ...plan.windows });
    const own = plan.bars.map((_, i) => new Mark(marks.length + i + 1));
    marks.push(...own);
    for (const [i, { kind: barKind, bits, prefetchable }] of plan.bars.entries()) {
      const lengthBytes = 2 ** (barKind === 'io' ? Math.min(bits, 8) : bits);
      fn.addBar({
        index: (2 * i) as BarIndex,
        kind: barKind,
        lengthBytes,
        prefetchable: barKind !== 'io' && prefetchable,
        regions: [{ name: 'mark', offset: 0, length: lengthBytes, target: own[i]! }],
      });
    }
    machine.plug(fn, place);
    const one: Built = { fn, address, above, marks: own };
    built.push(one);
    if (kind === null) return;
    const behind = ++buses;
    for (const [i, each] of plan.behind.entries()) put(each, i, behind, [...above, one]);
  };
  for (const [nth, plan] of plans.entries()) put(plan, nth, 0, []);
  return { machine, built, marks };
}

/** The numbers that reads at the BARs' addresses tell, each at its first and last bytes. */
function seen(machine: Machine, { fn }: Built): number[] {
  return fn.bars.flatMap(({ kind, address, lengthBytes }) =>
    [address, address + lengthBytes - 2].map((at) =>
      kind === 'io' ? machine.ioRead(at, 2) : machine.memoryRead(at, 2),
    ),
  );
}

/** What there is to save but for the RAM, which nobody wrote to. */
const stateOf = (machine: Machine) => stateToText(machine.save().functions as unknown as State);

const marksOf = ({ marks }: Built) => marks.flatMap(({ number }) => [number, number]);
/** Enough I/O for a window each. */
const roomy = { io: { start: 0x1000, end: 0x10000 } };

describe('whatever bridges a machine has', () => {
  it(
    'firmware finds every function where depth-first numbering puts it, and an access reaches exactly one BAR',
    () => {
      fc.assert(
        fc.property(topology, (plans) => {
          const { machine, built, marks } = build(plans);
          const found = runFirmware(machine, roomy);
          expect(found.map(({ address }) => address)).toEqual([0, ...built.map(({ address }) => address)]);
          for (const [i, { deviceId }] of found.slice(1).entries()) expect(deviceId).toBe(i + 1);
          for (const each of built) {
            expect(seen(machine, each)).toEqual(marksOf(each));
            expect(machine.functions.get(each.address)).toBe(each.fn);
          }
          for (const mark of marks) expect(mark.hits).toBe(2);
        }),
        { numRuns: runs(300) },
      );
    },
    PATIENCE,
  );

  it(
    'closing a window, or a bridge, hides all that is behind it and nothing else',
    () => {
      const way = fc.constantFrom('decoding', 'windows', 'buses');
      fc.assert(
        fc.property(topology, fc.nat(), way, (plans, which, how) => {
          const { machine, built } = build(plans);
          runFirmware(machine, roomy);
          const bridges = built.filter(({ fn }) => fn.bridge !== null);
          if (bridges.length === 0) return;
          const closed = bridges[which % bridges.length]!;
          const config = bridgeOf(machine, closed.address);
          const numbers = config.read(bridgeAt.primary, 4);
          if (how === 'decoding') config.command(4);
          else if (how === 'buses') config.buses(0, 0);
          else {
            config.io(0xf000, 0x1000);
            config.memory(0xfff00000, 0x100000);
            config.prefetchable(0xfff00000, 0x100000);
          }
          for (const each of built) {
            const behind = each.above.includes(closed);
            const hidden = how !== 'buses' && behind;
            expect(seen(machine, each)).toEqual(marksOf(each).map((mark) => (hidden ? 0xffff : mark)));
            const id = machine.configRead(each.address, 2, 2);
            expect(id === 0xffff).toBe(how === 'buses' && behind);
          }
          config.write(bridgeAt.primary, 4, numbers);
          config.command(7);
        }),
        { numRuns: runs(300) },
      );
    },
    PATIENCE,
  );

  it(
    'firmware that runs again changes nothing, and a machine that is loaded answers as the one that was saved',
    () => {
      fc.assert(
        fc.property(topology, (plans) => {
          const { machine } = build(plans);
          const first = runFirmware(machine, roomy);
          const before = stateOf(machine);
          expect(runFirmware(machine, roomy)).toEqual(first);
          expect(stateOf(machine)).toBe(before);
          const other = build(plans);
          other.machine.load(machine.save());
          for (const each of other.built) {
            expect(seen(other.machine, each)).toEqual(marksOf(each));
            expect(other.machine.functions.get(each.address)).toBe(each.fn);
          }
          expect(stateOf(other.machine)).toBe(before);
        }),
        { numRuns: runs(200) },
      );
    },
    PATIENCE,
  );
});
