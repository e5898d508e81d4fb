import { describe, expect, it, test } from 'vitest';
import {
  FunctionConfig,
  findFunction,
  isPoweredDown,
  powerDown,
  powerUp,
  runFirmware,
} from '../../src/driver/index.ts';
import {
  accessesIn,
  addScratch,
  at,
  bareFunction,
  configOf,
  SLOT,
  smallMachine,
  watch,
} from '../pci/support.ts';

/** A function with a BAR of each kind, its addresses given, and with power management if it is to have any. */
function open(management: 'none' | 'keeps its state' | 'resets') {
  const machine = smallMachine({ holdPostedWrites: true });
  const fn = bareFunction();
  addScratch(fn, 0, 'io', 32);
  addScratch(fn, 1, 'memory32', 0x1000);
  fn.addBar({ index: 2, kind: 'memory64', lengthBytes: 0x1000, prefetchable: true, regions: [] });
  if (management !== 'none') fn.addPowerManagement({ noSoftReset: management === 'keeps its state' });
  machine.plug(fn, SLOT);
  runFirmware(machine);
  const config = configOf(machine);
  config.command(7);
  const found = findFunction(machine, SLOT)!;
  const places = () => fn.bars.map(({ mappedAt }) => mappedAt);
  return {
    machine,
    fn,
    found,
    places,
    config,
    power: () => isPoweredDown(new FunctionConfig(machine, SLOT)),
  };
}

describe('power of a function (PCI PM 1.2)', () => {
  test.each(['keeps its state', 'resets'] as const)(
    'one that %s goes down, and comes back as it was',
    (management) => {
      const { machine, fn, found, places, config, power } = open(management);
      const before = places();
      expect(before.every((each) => each !== null && each > 0)).toBe(true);
      // Above 4 GiB: both halves count.
      expect(before[2]).toBeGreaterThan(2 ** 32);
      expect([powerDown(machine, found), power(), fn.powered, places()]).toEqual([
        true,
        true,
        false,
        [null, null, null],
      ]);
      powerUp(machine, found);
      expect([power(), fn.powered, places()]).toEqual([false, true, before]);
      expect([config.read(at.command, 2), fn.busMaster]).toEqual([7, true]);
    },
  );

  it('leaves BARs alone that came back by themselves, and those that never had an address', () => {
    for (const management of ['keeps its state', 'resets'] as const) {
      const { machine, found, config } = open(management);
      powerDown(machine, found);
      const events = watch(machine);
      powerUp(machine, {
        ...found,
        bars: found.bars.map((bar) => (bar.index === 1 ? { ...bar, address: 0 } : bar)),
      });
      const written = events.flatMap((event) =>
        event.kind === 'access' &&
        event.operation === 'write' &&
        event.offset >= at.bar &&
        event.offset < 0x28
          ? [event.offset]
          : [],
      );
      expect([management, written]).toEqual([management, management === 'resets' ? [0x10, 0x18, 0x1c] : []]);
      expect(config.read(at.bar + 4, 4) === 0).toBe(management === 'resets');
    }
  });

  it('is no matter where a function is up already, or has none', () => {
    for (const management of ['none', 'keeps its state', 'resets'] as const) {
      const { machine, found, power } = open(management);
      const events = watch(machine);
      expect(power()).toBe(false);
      powerUp(machine, found);
      expect(events.filter((event) => event.kind === 'access' && event.operation === 'write')).toEqual([]);
      expect(powerDown(machine, found)).toBe(management !== 'none');
    }
  });

  it('lets the function rest before it is accessed again: what is on its way arrives', () => {
    const { machine, found } = open('keeps its state');
    powerDown(machine, found);
    let pauses = 0;
    const pause = machine.pause.bind(machine);
    machine.pause = () => {
      pauses++;
      pause();
    };
    powerUp(machine, found);
    expect([pauses, accessesIn(watch(machine))]).toEqual([1, []]);
  });
});
