import { describe, expect, it, test } from 'vitest';
import { DmaDomain, functionAddress, type LabEvent } from '../../src/core/index.ts';
import { findFunction, powerDown, runFirmware } from '../../src/driver/index.ts';
import {
  AlreadyPresentedError,
  draft2023,
  IoBarBackend,
  MmrBackend,
  type ownWayNames,
  presentLegacy,
  TranslatorError,
  ways,
} from '../../src/mmr/index.ts';
import type { VirtioFunction } from '../../src/virtio/index.ts';
import { at, SLOT } from '../pci/support.ts';
import { legacyParts, RawRing } from '../virtio/support/ring.ts';
import { handmadeWays, Stranger } from './support/handmade.ts';
import { configProbe, equalOwnWayNames, GUEST_SLOT, hostWith, Pair, UP } from './support.ts';

type OwnWayName = (typeof ownWayNames)[number];
const make = (way: OwnWayName) => ways[way].build(configProbe());
const COMMAND = 0x407;
const commandOf = (under: Pair) => under.host.configRead(SLOT, at.command, 2) & COMMAND;

/** Where the host's own driver finds the legacy block. */
function legacyBlock(host: ReturnType<typeof hostWith>, way: OwnWayName) {
  if (way === 'io-bar') {
    const base = host.configRead(SLOT, at.bar, 4) & ~3;
    return (offset: number, width: 1 | 2 | 4, value: number) => host.ioWrite(base + offset, width, value);
  }
  const base = host.configRead(SLOT, at.bar, 4) + (way === 'memory-bar' ? 0 : 0x1000);
  return (offset: number, width: 1 | 2 | 4, value: number) => host.memoryWrite(base + offset, width, value);
}

describe.each(equalOwnWayNames)('a function that the host used itself, presented by way of %s', (way) => {
  /** The host's driver has a queue in its own memory, features, bus mastering and MSI-X on. */
  function used(fn: VirtioFunction) {
    const host = hostWith(fn.pci);
    host.configWrite(SLOT, at.command, 2, 7);
    const write = legacyBlock(host, way);
    write(18, 1, 3);
    write(4, 4, 8);
    write(8, 4, 2);
    write(18, 1, 7);
    return host;
  }

  it('BF-RST-01: starts as if nobody had used it', () => {
    const fn = make(way);
    const host = used(fn);
    expect([fn.device.status, fn.device.queue(0)!.ready, fn.device.has(3)]).toEqual([7, true, true]);
    const { backend } = presentLegacy(host, SLOT);
    expect([fn.device.status, fn.device.queue(0)!.ready, fn.device.has(3)]).toEqual([0, false, false]);
    expect([backend.read(18, 1), backend.read(8, 4), backend.read(4, 4)]).toEqual([0, 0, 0]);
  });

  it.each([true, false])('is brought up from D3hot, No_Soft_Reset %s', (noSoftReset) => {
    const fn = ways[way].build(configProbe(), { powerManagement: { noSoftReset } });
    const host = used(fn);
    expect(powerDown(host, findFunction(host, SLOT)!)).toBe(true);
    const { backend } = presentLegacy(host, SLOT);
    backend.write(18, 1, 3);
    expect([fn.pci.powered, backend.read(18, 1), fn.device.status]).toEqual([true, 3, 3]);
  });

  it('masters no bus before its guest lets it', () => {
    const host = used(make(way));
    presentLegacy(host, SLOT);
    expect(host.configRead(SLOT, at.command, 2) & 4).toBe(0);
  });

  it('its old interrupt does not reach the guest', () => {
    const fn = make(way);
    const host = used(fn);
    fn.interrupts.queue(0);
    expect(host.interrupts.isAsserted(11)).toBe(true);
    const { pci } = presentLegacy(host, SLOT);
    expect([host.interrupts.isAsserted(11), pci.configRead(at.status, 2) & 8]).toEqual([false, 0]);
  });

  it('is decoded nowhere while it is measured', () => {
    const host = used(make(way));
    const seen: number[] = [];
    host.events = (event: LabEvent) => {
      if (event.kind !== 'access' || event.space !== 'config' || event.value !== 0xffffffff) return;
      if (event.operation === 'write') seen.push(host.functions.get(SLOT)!.config.get(at.command, 2) & 3);
    };
    const { backend } = presentLegacy(host, SLOT);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every((bits) => bits === 0)).toBe(true);
    host.events = null;
    backend.write(18, 1, 1);
    expect(backend.read(18, 1)).toBe(1);
  });
});

describe.each(equalOwnWayNames)('a function that a guest has, by way of %s', (way) => {
  const pair = () => new Pair(configProbe(), { way });

  it('is not given to another, nor disturbed by the attempt', () => {
    const under = pair();
    under.enableMsix();
    under.setUp();
    under.set('deviceStatus', 7);
    const before = [commandOf(under), under.get('queueAddress')];
    under.hostEvents.length = 0;
    expect(() => presentLegacy(under.host, SLOT)).toThrow(AlreadyPresentedError);
    expect(() => presentLegacy(under.host, SLOT)).toThrow(/00:04\.0/);
    expect(() => new MmrBackend(under.host, SLOT, draft2023)).toThrow(AlreadyPresentedError);
    expect(() => new IoBarBackend(under.host, SLOT, 8)).toThrow(AlreadyPresentedError);
    expect(under.hostEvents.every((e) => e.kind !== 'access' || e.operation === 'read')).toBe(true);
    expect([commandOf(under), under.get('queueAddress'), under.get('deviceStatus')]).toEqual([...before, 7]);
  });

  it('can be given to another when it was taken away, or its back end released', () => {
    const under = pair();
    under.guest.unplug(GUEST_SLOT);
    const second = presentLegacy(under.host, SLOT);
    expect(() => presentLegacy(under.host, SLOT)).toThrow(AlreadyPresentedError);
    second.backend.release();
    expect(presentLegacy(under.host, SLOT).type.name).toBe('block');
  });

  it('is given back reset, silent, off the bus, and as its host had it', () => {
    const fn = make(way);
    const host = hostWith(fn.pci);
    const before = host.configRead(SLOT, at.command, 2);
    const { backend } = presentLegacy(host, SLOT);
    backend.setMsix(true);
    backend.setBusMaster(true);
    backend.write(18, 1, 7);
    backend.reset();
    backend.release();
    expect([host.configRead(SLOT, at.command, 2), fn.device.status, fn.pci.msixEnabled]).toEqual([
      before,
      0,
      false,
    ]);
    backend.setBusMaster(true);
    backend.write(18, 1, 7);
    backend.setMsix(true);
    backend.reset();
    expect([host.configRead(SLOT, at.command, 2), fn.device.status, fn.pci.msixEnabled]).toEqual([
      before,
      0,
      false,
    ]);
    expect([backend.read(18, 1), backend.read(20, 4)]).toEqual([0xff, 0xffffffff]);
  });

  it('gives interrupt disable back as it was found', () => {
    for (const found of [0x3, 0x403]) {
      const fn = make(way);
      const host = hostWith(fn.pci);
      host.configWrite(SLOT, at.command, 2, found);
      presentLegacy(host, SLOT).backend.release();
      expect(host.configRead(SLOT, at.command, 2) & COMMAND).toBe(found);
    }
  });

  it('is followed where firmware moves it', () => {
    const under = pair();
    const ring = under.setUp();
    under.enableMsix();
    under.set('queueMsixVector', 1);
    under.set('deviceStatus', 7);
    const bar = way === 'io-bar' ? [at.bar, 0xd000] : [at.bar, 0xd0000000];
    under.host.configWrite(SLOT, at.command, 2, 0);
    under.host.configWrite(SLOT, bar[0]!, 4, bar[1]!);
    under.host.configWrite(SLOT, at.bar + 4, 4, 0xd8000000);
    under.host.configWrite(SLOT, at.command, 2, 3);
    expect([under.get('deviceStatus'), under.get('queueAddress')]).toEqual([7, 0x10]);
    under.block();
    under.interrupts();
    ring.offer(0);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect(under.interrupts()).toEqual(['message 1']);
    expect(under.block().length).toBeGreaterThan(0);
  });

  it('reads all ones, with one finding, while nothing decodes its block, and goes on afterwards', () => {
    const under = pair();
    under.set('deviceStatus', 3);
    under.host.configWrite(SLOT, at.command, 2, 0);
    under.guestEvents.length = 0;
    for (const _ of [0, 1]) {
      expect([under.get('deviceStatus'), under.in(0, 4), under.get('isrStatus')]).toEqual([
        0xff, 0xffffffff, 0xff,
      ]);
      under.set('deviceStatus', 7);
      under.set('queueNotify', 0);
    }
    expect(under.guestEvents.filter(({ kind }) => kind === 'finding')).toHaveLength(1);
    under.host.configWrite(SLOT, at.command, 2, 3);
    expect(under.get('deviceStatus')).toBe(3);
    under.host.configWrite(SLOT, at.command, 2, 0);
    under.get('deviceStatus');
    expect(under.guestEvents.filter(({ kind }) => kind === 'finding')).toHaveLength(2);
  });

  it('never reaches another function that comes to stand where it was', () => {
    const under = pair();
    under.set('deviceStatus', 7);
    const other = make(way);
    const place = functionAddress(0, 2);
    // Other firmware: the newcomer is given the addresses that our function had, and ours is moved on.
    under.host.plug(other.pci, place, new DmaDomain(under.ram));
    const bars = [0, 1, 4, 5].map((i) => under.host.configRead(SLOT, at.bar + 4 * i, 4));
    under.host.configWrite(SLOT, at.command, 2, 0);
    for (const [n, i] of [0, 1, 4, 5].entries()) {
      under.host.configWrite(place, at.bar + 4 * i, 4, bars[n]!);
      under.host.configWrite(
        SLOT,
        at.bar + 4 * i,
        4,
        bars[n]! + (i === 5 ? 0 : way === 'io-bar' && i === 0 ? 0x100 : 0x100000),
      );
    }
    under.host.configWrite(place, at.command, 2, 7);
    under.host.configWrite(SLOT, at.command, 2, 7);
    expect(under.get('deviceStatus')).toBe(7);
    under.set('deviceStatus', 0x0f);
    expect([other.device.status, under.function.device.status]).toEqual([0, 0x0f]);
  });

  it('is not confused with what is plugged into its slot next', () => {
    const under = pair();
    under.set('deviceStatus', 7);
    under.host.unplug(SLOT);
    const other = make(way);
    under.host.plug(other.pci, SLOT, new DmaDomain(under.ram));
    runFirmware(under.host);
    other.pci.configWrite(at.command, 2, 7);
    expect([under.get('deviceStatus'), under.in(20, 4)]).toEqual([0xff, 0xffffffff]);
    under.set('deviceStatus', 3);
    under.config.command(3);
    under.config.command(7);
    under.enableMsix();
    expect([other.device.status, other.pci.busMaster, other.pci.msixEnabled]).toEqual([0, true, false]);
    // It is nobody's yet: another guest may have it, and is not disturbed by the first one's end.
    const next = presentLegacy(under.host, SLOT);
    next.backend.setBusMaster(true);
    under.guest.unplug(GUEST_SLOT);
    expect(other.pci.busMaster).toBe(true);
    expect(() => presentLegacy(under.host, SLOT)).toThrow(AlreadyPresentedError);
  });

  it('counts as gone once others have reset it', () => {
    const under = pair();
    under.enableMsix();
    under.set('deviceStatus', 7);
    under.function.pci.reset();
    runFirmware(under.host);
    expect([under.get('deviceStatus'), under.in(20, 4)]).toEqual([0xff, 0xffffffff]);
  });
});

describe.each(handmadeWays)('a function of the host that is taken away, by way of %s', (way) => {
  const offsets = [
    [0, 4],
    [4, 4],
    [8, 4],
    [12, 2],
    [14, 2],
    [16, 2],
    [18, 1],
    [19, 1],
    [20, 4],
    [22, 2],
    [24, 2],
  ] as const;

  it.each(['read', 'write', 'write of 0'])(
    'costs nothing, and one finding: %s of every register',
    (operation) => {
      const under = new Pair(configProbe(), { way });
      under.set('deviceStatus', 7);
      under.function.device.configChanged();
      under.host.unplug(SLOT);
      under.hostEvents.length = under.guestEvents.length = 0;
      for (const [offset, width] of offsets) {
        if (operation === 'read') expect(under.in(offset, width)).toBe(2 ** (8 * width) - 1);
        else under.out(offset, width, operation === 'write' ? 1 : 0);
      }
      under.config.command(3);
      under.presented.pci.reset();
      expect(under.hostEvents.length).toBeLessThan(8);
      expect(under.guestEvents.filter(({ kind }) => kind === 'finding')).toHaveLength(1);
    },
  );

  it('drops the line of its guest, and gives the host its vectors and line back', () => {
    const under = new Pair(configProbe(), { way });
    under.set('deviceStatus', 7);
    under.function.device.configChanged();
    expect(under.interrupts()).toEqual([UP]);
    under.host.unplug(SLOT);
    expect(under.interrupts()).toEqual(['line 10 down']);
    expect(under.host.interrupts.allocateMessage(() => {}).data).toBe(0);
    under.guest.unplug(GUEST_SLOT);
    expect(under.host.interrupts.allocateMessage(() => {}).data).toBe(1);
  });

  // On a bus that tells nobody, a function that is gone shows by reading all ones.
  it.each([
    ['a reset', (under: Stranger) => under.out(18, 1, 0)],
    ['a status', (under: Stranger) => under.out(18, 1, 7)],
    ['a queue address', (under: Stranger) => under.out(8, 4, 1)],
    ['a queue', (under: Stranger) => under.out(14, 2, 1)],
    ['features', (under: Stranger) => under.out(4, 4, 1)],
    ['a reset of the whole function', (under: Stranger) => under.presented.pci.reset()],
    ['MSI-X', (under: Stranger) => under.messages()],
  ])('is given up at once where nobody says that it went: %s', (_name, act) => {
    const { watchFunction } = Object.getPrototypeOf(new Pair(configProbe()).host);
    expect(watchFunction).toBeTypeOf('function');
    const under = new Stranger({ window: way }, {}, true);
    under.setUp();
    under.leave();
    under.findings();
    let accesses = 0;
    under.host.events = (event) => {
      if (event.kind === 'access') accesses++;
    };
    act(under);
    under.in(18, 1);
    under.in(18, 1);
    expect(accesses).toBeLessThan(40);
    expect(under.findings().length).toBe(1);
    accesses = 0;
    act(under);
    under.in(18, 1);
    under.out(18, 1, 0);
    expect([accesses, under.findings()]).toEqual([0, []]);
  });
});

test('an empty slot is nothing to hold', () => {
  const host = hostWith(make('io-bar').pci);
  expect(() => new IoBarBackend(host, SLOT + 8, 8)).toThrow(TranslatorError);
  expect(() => new MmrBackend(host, SLOT + 8, draft2023)).toThrow(/no function at 00:05\.0/);
});

test('a driver that comes after a guest finds a function that serves it', () => {
  const under = new Pair(configProbe(), { way: 'io-bar' });
  under.enableMsix();
  under.set('deviceStatus', 7);
  under.guest.unplug(GUEST_SLOT);
  under.host.configWrite(SLOT, at.command, 2, 7);
  const write = legacyBlock(under.host, 'io-bar');
  write(8, 4, 0x20);
  const ring = new RawRing(under.ram, 8, legacyParts(0x20, 8));
  ring.describe(0, { address: 0x80000, length: 1, flags: 2 });
  ring.offer(0);
  write(16, 2, 0);
  under.probe.finish(1);
  expect(under.host.interrupts.isAsserted(11)).toBe(true);
});
