import { describe, expect, it } from 'vitest';
import { HeldScheduler, StateMismatchError, sinkFor } from '../../../src/core/index.ts';
import { type GuestWindow, guestWindows, presentDevice } from '../../../src/hosts/present/present.ts';
import { GuestTrace } from '../../../src/hosts/present/trace.ts';
import { V86Board } from '../../../src/hosts/v86/board.ts';
import { V86Bus } from '../../../src/hosts/v86/bus.ts';
import { fixedVectorsDraft, translatedWayNames } from '../../../src/mmr/index.ts';
import { EntropyDevice, legacyHeader, SeededEntropy } from '../../../src/virtio/index.ts';
import { fakeMachine } from './fake-machine.ts';

const PLACE = 5 << 3;
const PORTS_AT = 0xc000;
/** Rings and buffer of a driver that is written by hand, below the machine's display hole. */
const PAGE = 0x10;
const BUFFER = 0x20000;
const BUFFER_BYTES = 32;

function setUp(window: GuestWindow, scheduler?: HeldScheduler) {
  const fake = fakeMachine();
  const board = new V86Board(new V86Bus(fake.machine), scheduler === undefined ? {} : { scheduler });
  const device = presentDevice(board, new EntropyDevice({ source: new SeededEntropy(1) }), PLACE, { window });
  const config = (register: number, value: number) => {
    fake.select(PLACE, register);
    fake.port(0xcfc).write32(value);
  };
  config(0x10, PORTS_AT);
  config(0x04, 0x5);
  return { ...fake, board, device };
}

/** What a legacy driver does to ask for random bytes. */
function ask({ port, board }: ReturnType<typeof setUp>): void {
  const view = new DataView(board.bus.ram.bytes.buffer, board.bus.ram.bytes.byteOffset);
  const at = PAGE * 4096;
  const register = (name: keyof typeof legacyHeader) => port(PORTS_AT + legacyHeader[name].offset);
  register('deviceStatus').write8(7);
  register('queueSelect').write16(0);
  const size = register('queueSize').read16();
  register('queueAddress').write32(PAGE);
  view.setUint32(at, BUFFER, true);
  view.setUint32(at + 8, BUFFER_BYTES, true);
  view.setUint16(at + 12, 2, true);
  view.setUint16(at + 16 * size + 2, 1, true);
  register('queueNotify').write16(0);
}

const answer = ({ board }: ReturnType<typeof setUp>) => [...board.ram.read(BUFFER, BUFFER_BYTES)];

function expected(): number[] {
  const bytes = new Uint8Array(BUFFER_BYTES);
  new SeededEntropy(1).fill(bytes);
  return [...bytes];
}

describe('a device presented to the guest of a v86 machine', () => {
  it.each(translatedWayNames)("does nothing on the guest's memory within a read, through %s", (window) => {
    const scheduler = new HeldScheduler();
    const lab = setUp(window, scheduler);
    ask(lab);
    const register = (name: keyof typeof legacyHeader) => lab.port(PORTS_AT + legacyHeader[name].offset);
    expect(scheduler.pending.length).toBe(1);
    for (let i = 0; i < 3; i++) {
      expect(register('deviceStatus').read8()).toBe(7);
      expect(register('queueAddress').read32()).toBe(PAGE);
    }
    expect(answer(lab)).toEqual(new Array(BUFFER_BYTES).fill(0));
    scheduler.releaseAll();
    expect(answer(lab)).toEqual(expected());
  });

  it.each(translatedWayNames)(
    'answers a legacy driver through %s: DMA, notification, interrupt',
    (window) => {
      const lab = setUp(window);
      ask(lab);
      expect(answer(lab)).toEqual(expected());
      expect(lab.log).toContain('raise 11');
      expect(lab.port(PORTS_AT + legacyHeader.isrStatus.offset).read8()).toBe(1);
      expect(lab.log.at(-1)).toBe('lower 11');
      expect(lab.log.some((entry) => entry.startsWith('dirty 131072'))).toBe(true);
    },
  );

  it('is seen on both sides, by register name', () => {
    const lab = setUp('mmr');
    const trace = new GuestTrace(lab.board, [lab.device]);
    lab.port(PORTS_AT + legacyHeader.deviceStatus.offset).write8(1);
    trace.end();
    lab.port(PORTS_AT + legacyHeader.deviceStatus.offset).write8(3);
    expect(trace.count).toBe(3);
    const seen = [...trace.accesses()].map((each) => [
      each.machine,
      each.space,
      each.operation,
      each.place,
      each.register,
    ]);
    expect(seen).toEqual([
      ['guest', 'io', 'write', 'legacy', 'deviceStatus'],
      ['host', 'memory', 'write', 'legacy', 'deviceStatus'],
      ['host', 'memory', 'read', 'legacy', 'deviceStatus'],
    ]);
  });

  it.each(translatedWayNames)('goes on elsewhere through %s with what was in flight', (window) => {
    const held = new HeldScheduler();
    const first = setUp(window, held);
    ask(first);
    expect(answer(first)).toEqual(new Array(BUFFER_BYTES).fill(0));
    const saved = structuredClone(first.board.save());
    const second = setUp(window);
    second.board.bus.ram.bytes.set(first.board.bus.ram.bytes);
    second.board.load(saved);
    expect(answer(second)).toEqual(expected());
    expect(second.log).toContain('raise 11');
    expect(() => setUp(window === 'mmr' ? 'io-bar' : 'mmr').board.load(saved)).toThrow(StateMismatchError);
  });

  it.each(guestWindows)('says where the guest has what something is found of, through %s', (window) => {
    const board = new V86Board(new V86Bus(fakeMachine().machine));
    const found: (number | null)[] = [];
    board.events = sinkFor(['finding'], ({ address }) => void found.push(address));
    const places = [PLACE, PLACE + 3];
    for (const place of places) {
      const { fn } = presentDevice(board, new EntropyDevice(), place, { window });
      fn.device.report('driver', 'SPL-DESC-05', 'made for this test');
    }
    expect(found).toEqual(places);
  });

  it('takes its draft, and leaves the machine again', () => {
    const fake = fakeMachine();
    const board = new V86Board(new V86Bus(fake.machine));
    const device = presentDevice(board, new EntropyDevice(), PLACE, {
      window: 'mmr',
      draft: fixedVectorsDraft,
      placement: 'shared',
      prepare: (pci) => pci.addPowerManagement(),
    });
    expect(board.functions.get(PLACE)).toBe(device.pci);
    expect(board.parts.size).toBe(1);
    fake.select(PLACE, 0x34);
    expect(fake.port(0xcfc).read8()).toBe(0x40);
    device.unplug();
    expect([board.functions.size, board.parts.size]).toEqual([0, 0]);
    expect(device.host!.functions.has(PLACE)).toBe(false);
    expect(board.bus.isFree(PLACE)).toBe(true);
  });

  it('offers messages only to a machine that takes them', () => {
    for (const acpi of [false, true])
      for (const window of guestWindows) {
        const board = new V86Board(new V86Bus(fakeMachine({ acpi }).machine));
        const { pci } = presentDevice(board, new EntropyDevice(), PLACE, { window });
        expect(pci.msix !== null).toBe(acpi);
      }
  });
});
