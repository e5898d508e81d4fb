import { describe, expect, it, test } from 'vitest';
import { DmaDomain, GuestMemory } from '../../src/core/index.ts';
import {
  draft2023,
  type GuestSide,
  type LegacyBackend,
  MmrBackend,
  NotPresentableError,
  presentLegacy,
  TranslatorError,
  virtualFunction,
} from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import {
  blockDeviceType,
  ModernOnlyTypeError,
  virtioFunction,
  vsockDeviceType,
} from '../../src/virtio/index.ts';
import { accessesIn, bareFunction, configOf, SLOT, watch } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { handmade } from './support/handmade.ts';
import { GUEST_SLOT, hostWith } from './support.ts';

describe('the function that a guest sees', () => {
  /** A back end with what every one has, and nothing that one may leave out. */
  function least(vectors: number) {
    const log: string[] = [];
    let guest: GuestSide | null = null;
    const backend: LegacyBackend = {
      name: 'least',
      configBytes: 8,
      vectors,
      attach: (side) => void (guest = side),
      read: (offset) => offset,
      write: (offset, _width, value) => void log.push(`w ${offset}=${value}`),
      setMsix: (on) => void log.push(`msix ${on}`),
      setBusMaster: (on) => void log.push(`bus master ${on}`),
      reset: () => void log.push('reset'),
      release: () => void log.push('release'),
      save: () => ({}),
      load: () => void log.push('load'),
    };
    const machine = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }) });
    const pci = virtualFunction(blockDeviceType, backend);
    machine.plug(pci, SLOT);
    configOf(machine).setBar(0, 0xc000);
    configOf(machine).setBar(1, 0xd0000000);
    return { machine, pci, log, side: guest as never as GuestSide };
  }

  it('needs no more of a back end than it must have', () => {
    const { machine, pci, log, side } = least(2);
    const config = configOf(machine);
    config.command(7);
    config.write(pci.capabilities.offsets[0]! + 2, 2, 0x8000);
    machine.memoryWrite(0xd0000000, 4, 0xfee00000);
    machine.memoryWrite(0xd000000c, 4, 0);
    machine.memoryWrite(0xd000000c, 4, 1);
    expect([side.masked!(0), side.masked!(1), machine.memoryRead(0xd0000800, 4)]).toEqual([true, true, 0]);
    side.trigger(0);
    expect(machine.memoryRead(0xd0000800, 4)).toBe(1);
    machine.load(machine.save());
    expect(pci.msix!.isPending(0)).toBe(true);
    side.forget!(0);
    expect(pci.msix!.isPending(0)).toBe(false);
    machine.memoryWrite(0xd000000c, 4, 0);
    expect(side.masked!(0)).toBe(false);
    machine.unplug(SLOT);
    expect(log).toEqual([
      'bus master true',
      'msix true',
      'load',
      'reset',
      'release',
      'bus master false',
      'msix false',
    ]);
  });

  it('has no vectors where the back end has none, and is told of none', () => {
    const { pci, side } = least(0);
    expect(pci.msix).toBeNull();
    side.trigger(0);
    side.forget!(0);
    side.forget!();
    expect(side.masked!(0)).toBe(false);
  });

  it('shows its block in traces as the legacy one', () => {
    const { machine } = least(2);
    configOf(machine).command(1);
    const events = watch(machine);
    expect(machine.ioRead(0xc000 + 14, 2)).toBe(14);
    machine.ioWrite(0xc000 + 18, 1, 3);
    expect(accessesIn(events)).toEqual(['r2 00:04.0 BAR0 legacy+e=e', 'w1 00:04.0 BAR0 legacy+12=3']);
  });

  it('is of no type that has no transitional id', () => {
    const backend = new MmrBackend(hostWith(handmade().fn), SLOT, draft2023);
    expect(() => virtualFunction(vsockDeviceType, backend)).toThrow(ModernOnlyTypeError);
    expect(() => virtualFunction(vsockDeviceType, backend)).toThrow(
      'of kind legacy: the type has no transitional id',
    );
  });
});

describe('RF-16, a function whose DMA reaches another memory than the guest has', () => {
  const made = (own: boolean) => {
    const { fn } = handmade();
    const ram = GuestMemory.allocate({ start: 0, length: 1 << 16 });
    const host = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 4096 }) });
    host.plug(fn, SLOT, new DmaDomain(own ? ram : host.ram));
    configOf(host).setBar(2, 0xd0000000);
    configOf(host).setBar(1, 0xd8000000);
    const guest = new Machine({ ram });
    guest.plug(presentLegacy(host, SLOT).pci, GUEST_SLOT);
    const events = watch(guest);
    const command = (value: number) => {
      events.length = 0;
      configOf(guest, GUEST_SLOT).command(value);
      return events.flatMap((event) =>
        event.kind === 'finding' ? [[event.clause, event.message, event.what, event.value]] : [],
      );
    };
    return { command, host };
  };

  it('is told of once, when the guest lets it master the bus', () => {
    const { command, host } = made(false);
    expect(command(3)).toEqual([]);
    expect(command(7)).toEqual([
      [
        'RF-16',
        "the host's function has a DMA domain that is not the guest's memory",
        "address of the host's function",
        SLOT,
      ],
    ]);
    expect(host.configRead(SLOT, 4, 2) & 4).toBe(4);
    expect([command(3), command(7)]).toEqual([[], []]);
  });

  it('no word of one whose DMA reaches what it ought to, or has gone', () => {
    const right = made(true);
    expect(right.command(7)).toEqual([]);
    const gone = made(false);
    gone.host.unplug(SLOT);
    expect(gone.command(7)).toEqual([]);
  });
});

describe('what is refused says why', () => {
  test.each([
    [undefined, 'function 1234:5678 is neither transitional nor of the mmr-2023 draft'],
    ['mmr', 'function 1234:5678 is neither transitional nor of the mmr-2023 draft'],
  ] as const)('a function of no virtio ids, the way %s', (way, message) => {
    const host = hostWith(bareFunction());
    const present = () => presentLegacy(host, SLOT, way === undefined ? {} : { way });
    expect(present).toThrow(NotPresentableError);
    expect(present).toThrow(message);
  });

  test.each([
    [undefined, 'is neither transitional nor of the mmr-2023 draft'],
    ['io-bar', "is not one for the way 'io-bar'"],
  ] as const)('a modern function, the way %s', (way, message) => {
    const host = hostWith(virtioFunction(new Probe({ type: 'block' }), { kind: 'modern' }).pci);
    expect(() => presentLegacy(host, SLOT, way === undefined ? {} : { way })).toThrow(
      `function 1af4:1042 ${message}`,
    );
  });

  test.each([
    [
      'without the capability',
      { offset: 0xfff0 },
      'the function has no mmr-2023 capability for a legacy block',
    ],
    ['of a block too long', { length: 257 }, "a legacy block of 257 bytes: a guest's I/O BAR holds 256"],
  ])('an MMR function %s', (_, place, message) => {
    const { fn } = handmade();
    const at = fn.extendedCapabilities.offsets[0]!;
    if ('offset' in place) fn.config.set(at + 0x0c, 4, place.offset!);
    if ('length' in place) fn.config.set(at + 0x10, 4, place.length!);
    const host = hostWith(fn);
    expect(() => presentLegacy(host, SLOT)).toThrow(TranslatorError);
    expect(() => presentLegacy(host, SLOT)).toThrow(message);
  });

  it('a block as long as an I/O BAR may be is taken', () => {
    const { fn } = handmade();
    fn.config.set(fn.extendedCapabilities.offsets[0]! + 0x10, 4, 256);
    expect(presentLegacy(hostWith(fn), SLOT).backend.configBytes).toBe(232);
  });
});
