import { describe, expect, it } from 'vitest';
import { DmaDomain, type Width } from '../../../src/core/index.ts';
import { guestWindows, presentDevice } from '../../../src/hosts/present/present.ts';
import { V86Board } from '../../../src/hosts/v86/board.ts';
import { V86Bus } from '../../../src/hosts/v86/bus.ts';
import { SlotUnavailableError } from '../../../src/hosts/v86/errors.ts';
import { PciFunction, SlotError } from '../../../src/pci/index.ts';
import { EntropyDevice } from '../../../src/virtio/index.ts';
import { fakeMachine } from './fake-machine.ts';

const DEVICE = 5 << 3;
const HEADER_TYPE = 0x0e;
const LINE = 0x3c;

function setUp() {
  const fake = fakeMachine({ acpi: true });
  const board = new V86Board(new V86Bus(fake.machine));
  /** Through ports 0xCF8 and 0xCFC, as the guest reads. */
  const read8 = (place: number, register: number) => {
    fake.select(place, register & ~3);
    return fake.port(0xcfc + (register & 3)).read8();
  };
  return { ...fake, board, read8 };
}

const probe = (interruptPin: 0 | 1 | 2 = 1) =>
  new PciFunction({ name: 'probe', vendorId: 1, deviceId: 2, classCode: 0xff0000, interruptPin });

const target = () => ({ configRead: (_offset: number, _width: Width) => 0, configWrite: () => {} });

describe('neighbours in one device of a v86 machine (PCI Local Bus 3.0, section 6.2.1)', () => {
  it('say so to the guest, while there are several', () => {
    const { board, read8 } = setUp();
    const headers = () => [0, 1].map((fn) => read8(DEVICE + fn, HEADER_TYPE));
    const takeZero = board.plug(probe(), DEVICE);
    expect(headers()[0]).toBe(0);
    const takeOne = board.plug(probe(), DEVICE + 1);
    expect(headers()).toEqual([0x80, 0x80]);
    takeOne();
    expect(headers()[0]).toBe(0);
    takeZero();
    expect(board.bus.isFree(DEVICE)).toBe(true);
  });

  it('come after function 0 and leave before it', () => {
    const { board, read8 } = setUp();
    expect(() => board.plug(probe(), DEVICE + 1)).toThrow(/no function 0/);
    expect(board.bus.isFree(DEVICE + 1)).toBe(false);
    const takeZero = board.plug(probe(), DEVICE);
    expect(board.bus.isFree(DEVICE + 1)).toBe(true);
    const takeOne = board.plug(probe(), DEVICE + 1);
    expect(takeZero).toThrow(SlotUnavailableError);
    expect([read8(DEVICE, 0), board.functions.size]).toEqual([1, 2]);
    takeOne();
    takeZero();
    expect(board.functions.size).toBe(0);
  });

  it("do so on the bare bus too, and are not mistaken for v86's own", () => {
    const { board } = setUp();
    expect(() => board.bus.plug(DEVICE + 1, target())).toThrow(/no function 0/);
    expect(() => board.bus.plug((1 << 3) + 1, target())).toThrow(/v86 itself/);
    const zero = board.bus.plug(DEVICE, target());
    const one = board.bus.plug(DEVICE + 1, target());
    expect(() => zero.unplug()).toThrow(SlotUnavailableError);
    one.unplug();
    zero.unplug();
    expect(board.bus.isFree(DEVICE)).toBe(true);
  });

  it.each(guestWindows)('may be devices of ours, through %s', (window) => {
    const { board, read8 } = setUp();
    const devices = [0, 3].map((fn) => presentDevice(board, new EntropyDevice(), DEVICE + fn, { window }));
    expect([0, 3].map((fn) => [read8(DEVICE + fn, 0), read8(DEVICE + fn, HEADER_TYPE)])).toEqual([
      [0xf4, 0x80],
      [0xf4, 0x80],
    ]);
    for (const device of devices.reverse()) device.unplug();
    expect([board.functions.size, board.parts.size]).toEqual([0, 0]);
  });

  it('are refused before anything is built where there is no place for them', () => {
    const { board } = setUp();
    const behaviour = new EntropyDevice();
    expect(() => presentDevice(board, behaviour, DEVICE + 1, { window: 'mmr' })).toThrow(
      SlotUnavailableError,
    );
    presentDevice(board, behaviour, DEVICE, { window: 'mmr' });
    expect(board.functions.size).toBe(1);
  });
});

describe('a plug into a v86 machine that fails', () => {
  it('changes nothing of a function that sits elsewhere', () => {
    const { board, read8, log } = setUp();
    const fn = probe();
    board.plug(fn, DEVICE);
    expect(() => board.plug(fn, 6 << 3)).toThrow(SlotError);
    expect([read8(DEVICE, LINE), board.bus.isFree(6 << 3)]).toEqual([11, true]);
    fn.setInterrupt(true);
    expect(log).toContain('raise 11');
  });

  it('because a listener threw leaves the place free', () => {
    const { board } = setUp();
    const fn = probe();
    const failure = new Error('no');
    fn.onPlug.push(() => {
      throw failure;
    });
    expect(() => board.plug(fn, DEVICE)).toThrow(failure);
    expect([fn.plugged, fn.config.get(LINE, 1), board.functions.size, board.bus.isFree(DEVICE)]).toEqual([
      false,
      0,
      0,
      true,
    ]);
  });
});

it('a function plugged and taken out again and again leaves nothing behind', () => {
  const { board } = setUp();
  const fn = probe();
  const { watchers } = board.ram;
  for (let round = 0; round < 1000; round++) {
    const dma = new DmaDomain(board.ram);
    const takeOut = board.plug(fn, DEVICE, dma);
    dma.write(0x1000, Uint8Array.of(1), 0, 1);
    expect(board.ram.watchers).toBe(watchers + 1);
    takeOut();
    expect(dma.observer).toBeNull();
  }
  expect(board.ram.watchers).toBe(watchers);
});

it('a function without a pin has no line in a v86 machine', () => {
  const { board, read8, log } = setUp();
  const fn = probe(0);
  board.plug(fn, DEVICE);
  fn.setInterrupt(true);
  expect([read8(DEVICE, LINE), log.filter((entry) => entry.startsWith('raise'))]).toEqual([0, []]);
});
