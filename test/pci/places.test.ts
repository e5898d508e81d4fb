import { describe, expect, it, test } from 'vitest';
import { DmaDomain, FunctionAddressError, functionAddress } from '../../src/core/index.ts';
import { enumerate, findFunction } from '../../src/driver/index.ts';
import { PlaceError, SlotError } from '../../src/pci/index.ts';
import { EntropyDevice, virtioFunction } from '../../src/virtio/index.ts';
import { addScratch, bareFunction, configOf, interruptsIn, SLOT, smallMachine, watch } from './support.ts';

const HEADER_TYPE = 0x0e;
const LINE = 0x3c;
/** Places of the device at SLOT. */
const place = (fn: number) => SLOT + fn;

describe('a device with several functions (PCI Local Bus 3.0, section 6.2.1)', () => {
  it('says so in the header of each, from the second plug to the last but one unplug', () => {
    const machine = smallMachine();
    const headers = () => [0, 1, 7].map((fn) => machine.configRead(place(fn), HEADER_TYPE, 1));
    machine.plug(bareFunction(), place(0));
    expect(headers()).toEqual([0x00, 0xff, 0xff]);
    const [second, third] = [bareFunction(), bareFunction()];
    machine.plug(third, place(7));
    expect(headers()).toEqual([0x80, 0xff, 0x80]);
    machine.plug(second, place(1));
    machine.unplug(place(7));
    expect(headers()).toEqual([0x80, 0x80, 0xff]);
    machine.unplug(place(1));
    expect(headers()).toEqual([0x00, 0xff, 0xff]);
    // What was taken out is alone in its next slot.
    machine.plug(third, functionAddress(0, 9));
    expect(machine.configRead(functionAddress(0, 9), HEADER_TYPE, 1)).toBe(0);
  });

  it('is one device only: its neighbours on the bus are alone', () => {
    const machine = smallMachine();
    for (const device of [3, 4, 5]) machine.plug(bareFunction(), functionAddress(0, device));
    machine.plug(bareFunction(), place(7));
    expect([3, 4, 5].map((device) => machine.configRead(functionAddress(0, device), HEADER_TYPE, 1))).toEqual(
      [0, 0x80, 0],
    );
  });

  it('says so after a reset, after a write, and after a load into a slot with neighbours', () => {
    const machine = smallMachine();
    const [zero, one] = [bareFunction(), bareFunction()];
    machine.plug(zero, place(0));
    const alone = zero.save();
    machine.plug(one, place(1));
    const together = zero.save();
    machine.configWrite(place(0), HEADER_TYPE, 1, 0);
    zero.reset();
    expect(machine.configRead(place(0), HEADER_TYPE, 1)).toBe(0x80);
    zero.load(alone);
    expect(machine.configRead(place(0), HEADER_TYPE, 1)).toBe(0x80);
    machine.unplug(place(1));
    zero.load(together);
    expect(machine.configRead(place(0), HEADER_TYPE, 1)).toBe(0);
  });

  it('keeps the layout of its header', () => {
    const machine = smallMachine();
    const bridge = bareFunction();
    bridge.config.set(HEADER_TYPE, 1, 0x01);
    machine.plug(bridge, place(0));
    machine.plug(bareFunction(), place(1));
    expect(machine.configRead(place(0), HEADER_TYPE, 1)).toBe(0x81);
    machine.unplug(place(1));
    expect(machine.configRead(place(0), HEADER_TYPE, 1)).toBe(0x01);
  });

  it('is found whole by software, and asked for no more than it has', () => {
    const machine = smallMachine();
    for (const fn of [0, 2, 7]) machine.plug(bareFunction(), place(fn));
    machine.plug(bareFunction(), functionAddress(0, 6));
    const asked = new Set<number>();
    const { configRead } = machine;
    machine.configRead = (fn, offset, width) => {
      asked.add(fn);
      return configRead.call(machine, fn, offset, width);
    };
    expect(enumerate(machine).map(({ address }) => address)).toEqual([
      0,
      place(0),
      place(2),
      place(7),
      functionAddress(0, 6),
    ]);
    const others = [...asked].filter((fn) => fn % 8 !== 0);
    expect(others).toEqual([1, 2, 3, 4, 5, 6, 7].map(place));
  });

  it('is not probed beyond function 0 where a function stands that function 0 does not tell of', () => {
    const machine = smallMachine();
    for (const fn of [0, 1]) machine.plug(bareFunction(), place(fn));
    const { configRead } = machine;
    machine.configRead = (fn, offset, width) =>
      configRead.call(machine, fn, offset, width) & (offset === HEADER_TYPE ? 0x7f : 0xffffffff);
    expect(enumerate(machine).map(({ address }) => address)).toEqual([0, place(0)]);
  });

  it('gives each function its own interrupt pin and line', () => {
    const machine = smallMachine();
    const [zero, one] = [bareFunction(), bareFunction({ interruptPin: 2 })];
    machine.plug(zero, place(0));
    machine.plug(one, place(1));
    const events = watch(machine);
    one.setInterrupt(true);
    zero.setInterrupt(true);
    expect(interruptsIn(events)).toEqual(['line 10 up', 'line 11 up']);
    expect([0, 1].map((fn) => machine.configRead(place(fn), LINE, 1))).toEqual([11, 10]);
  });
});

describe('a place where software could not find a function', () => {
  test.each([
    ['a function of a device that is not there', functionAddress(0, 6, 1)],
    ['a function of a device whose neighbour has a function 0', place(-1)],
    ['a bus that no bridge leads to', functionAddress(1, 4)],
    ['a place beyond the bus', 256],
    ['a place before the bus', -8],
    ['no whole place', 32.5],
    ['no number', Number.NaN],
  ])('is refused: %s', (_, address) => {
    const machine = smallMachine();
    machine.plug(bareFunction(), SLOT);
    const fn = bareFunction();
    expect(() => machine.plug(fn, address)).toThrow(PlaceError);
    expect([fn.plugged, machine.functions.has(address)]).toEqual([false, false]);
    machine.plug(fn, place(7));
    expect(findFunction(machine, place(7))).not.toBeNull();
  });

  it('says what is wrong with it', () => {
    const machine = smallMachine();
    expect(() => machine.plug(bareFunction(), place(1))).toThrow(
      expect.objectContaining({ address: place(1), reason: expect.stringMatching(/no function 0/) }),
    );
  });

  it('is what function 0 would leave behind: it stays until the others are gone', () => {
    const machine = smallMachine();
    const [zero, seven] = [bareFunction(), bareFunction()];
    machine.plug(zero, place(0));
    machine.plug(seven, place(7));
    // Function 0 of another device is nobody's.
    machine.plug(bareFunction(), functionAddress(0, 5));
    expect(() => machine.unplug(place(0))).toThrow(/function 7 of the device would be lost/);
    expect([zero.plugged, machine.configRead(place(0), 0, 2)]).toEqual([true, 0x1234]);
    expect(machine.unplug(place(7))).toBe(seven);
    expect(machine.unplug(place(0))).toBe(zero);
  });

  test.each([
    [256, 0, 0, 'bus', 256],
    [0, 32, 0, 'device', 32],
    [0, -1, 0, 'device', -1],
    [0, 4, 8, 'function', 8],
    [0, 4, 0.5, 'function', 0.5],
  ])('has no address: bus %d, device %d, function %d', (bus, device, fn, part, value) => {
    expect(() => functionAddress(bus, device, fn)).toThrow(FunctionAddressError);
    expect(() => functionAddress(bus, device, fn)).toThrow(expect.objectContaining({ part, value }));
  });

  it('has an address at the limits', () => {
    expect(functionAddress(255, 31, 7)).toBe(0xffff);
  });
});

describe('a plug that fails', () => {
  it('changes nothing of a function that sits elsewhere: not its line, not its interrupt', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    machine.plug(fn, SLOT);
    const other = smallMachine();
    for (const [where, address] of [
      [machine, functionAddress(0, 5)],
      [other, functionAddress(0, 6)],
    ] as const)
      expect(() => where.plug(fn, address)).toThrow(SlotError);
    expect(machine.configRead(SLOT, LINE, 1)).toBe(11);
    fn.reset();
    expect(machine.configRead(SLOT, LINE, 1)).toBe(11);
    const events = watch(machine);
    fn.setInterrupt(true);
    expect(interruptsIn(events)).toEqual(['line 11 up']);
  });

  it('because a listener threw leaves function and machine as they were', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    fn.config.set(LINE, 1, 0x55);
    const told: string[] = [];
    const failure = new Error('no');
    let fails = true;
    fn.onPlug.push(() => {
      told.push('plug');
      if (fails) throw failure;
    });
    fn.onUnplug.push(() => told.push('unplug'));
    machine.plug(bareFunction(), place(0));
    expect(() => machine.plug(fn, place(1))).toThrow(failure);
    expect([fn.plugged, told, fn.config.get(LINE, 1)]).toEqual([false, ['plug', 'unplug'], 0x55]);
    expect(machine.functions.has(place(1))).toBe(false);
    expect(machine.configRead(place(0), HEADER_TYPE, 1)).toBe(0);
    fails = false;
    machine.plug(fn, place(1));
    expect(machine.configRead(place(1), LINE, 1)).toBe(11);
  });
});

describe('plugging and unplugging again and again', () => {
  const counts = (machine: ReturnType<typeof smallMachine>) => ({
    memory: machine.memory.mappings.length,
    io: machine.io.mappings.length,
    watchers: machine.ram.watchers,
    functions: machine.functions.size,
  });

  test.each(['its own domain', 'one domain for all', 'a domain each time'])(
    'leaves nothing behind: %s',
    (how) => {
      const machine = smallMachine();
      const before = counts(machine);
      const shared = new DmaDomain(machine.ram);
      const { pci } = virtioFunction(new EntropyDevice(), { kind: 'transitional' });
      const listeners = () =>
        [pci.onPlug, pci.onUnplug, pci.onReset, pci.onBusMaster, pci.onMsixEnable].map(
          ({ length }) => length,
        );
      const atFirst = listeners();
      for (let round = 0; round < 2000; round++) {
        if (how === 'its own domain') machine.plug(pci, SLOT);
        else machine.plug(pci, SLOT, how === 'one domain for all' ? shared : new DmaDomain(machine.ram));
        const { dma } = pci.slot;
        const config = configOf(machine);
        config.setBar(0, 0xc000);
        config.setBar(1, 0xc0000000);
        config.command(0x7);
        expect(dma.write(0x1000, Uint8Array.of(round), 0, 1)).toBe(true);
        expect(machine.ram.watchers).toBe(before.watchers + 1);
        machine.unplug(SLOT);
      }
      expect([counts(machine), listeners()]).toEqual([before, atFirst]);
    },
  );
});

describe('a DMA domain that was released', () => {
  it('reaches the memory again when it is used again, as it is by then', () => {
    const machine = smallMachine();
    const domain = new DmaDomain(machine.ram, [{ start: 0, length: 0x1000, write: true }]);
    const buffer = new Uint8Array(1);
    expect(domain.write(0x10, Uint8Array.of(1), 0, 1)).toBe(true);
    const { generation } = domain;
    domain.release();
    expect([domain.generation > generation, domain.locate(0x10, 1)]).toEqual([true, -1]);
    machine.ram.replace([{ start: 0, bytes: new Uint8Array(0x800).fill(7) }]);
    expect([domain.read(0x10, buffer, 0, 1), buffer[0], domain.reaches(0x800, 1, false)]).toEqual([
      true,
      7,
      false,
    ]);
    machine.ram.replace([{ start: 0, bytes: new Uint8Array(0x800).fill(8) }]);
    expect([domain.read(0x10, buffer, 0, 1), buffer[0]]).toEqual([true, 8]);
  });

  it('keeps windows that it was given meanwhile', () => {
    const machine = smallMachine();
    const domain = new DmaDomain(machine.ram);
    const { generation } = domain;
    domain.setWindows([{ start: 0x2000, length: 16, write: false }]);
    expect(domain.generation).toBeGreaterThan(generation);
    expect([
      domain.reaches(0x2000, 16, false),
      domain.reaches(0x2000, 1, true),
      domain.reaches(0x1000, 1, false),
    ]).toEqual([true, false, false]);
  });
});

it('a function without an interrupt pin raises no line, and shows none pending', () => {
  const machine = smallMachine();
  const fn = bareFunction({ interruptPin: 0 });
  addScratch(fn, 0, 'memory32', 16);
  machine.plug(fn, SLOT);
  const events = watch(machine);
  fn.setInterrupt(true);
  expect([
    interruptsIn(events),
    machine.configRead(SLOT, 0x06, 2) & 0x8,
    machine.configRead(SLOT, LINE, 1),
  ]).toEqual([[], 0, 0]);
});
