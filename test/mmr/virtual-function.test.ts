import { describe, expect, it, test } from 'vitest';
import { registers, ro } from '../../src/core/index.ts';
import { findFunction, runFirmware } from '../../src/driver/index.ts';
import {
  bareCapabilityDraft,
  draft2023,
  NotPresentableError,
  presentLegacy,
  translatedWayNames,
} from '../../src/mmr/index.ts';
import { DeviceConfig, deviceTypes, virtioFunction } from '../../src/virtio/index.ts';
import { bareFunction, SLOT } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { configProbe, GUEST_SLOT, hostWith, Pair, UP } from './support.ts';

describe('what the guest is given', () => {
  test.each(
    deviceTypes.flatMap((type) =>
      type.transitionalId === null ? [] : [[type.name, type.transitionalId, type.typeNumber, type] as const],
    ),
  )(
    'LEG-ID-01..03: for a function of type %s has the transitional id, revision 0, the type as subsystem id',
    (_, deviceId, subsystemId, type) => {
      const { found, presented } = new Pair(new Probe({ type }));
      expect(found).toMatchObject({
        vendorId: 0x1af4,
        deviceId,
        revisionId: 0,
        subsystemId,
        interruptPin: 1,
      });
      expect(found.classCode).toBe(type.classCode);
      expect(presented.type).toBe(type);
      expect([found.extended, found.capabilities.map(({ id }) => id)]).toEqual([[], [0x11]]);
    },
  );

  it.each([
    [0, 32],
    [8, 32],
    [36, 64],
    [100, 128],
  ])('LEG-DET-01: has an I/O BAR0 for %d bytes of configuration: %d bytes', (length, size) => {
    const config = new DeviceConfig(registers({ all: ro(0, 1, '', { count: Math.max(1, length) }) }), length);
    const { found } = new Pair(new Probe({ config }));
    expect(found.bars[0]).toMatchObject({ index: 0, kind: 'io', size });
  });

  it('has as many vectors as the function', () => {
    for (const vectors of [1, 2, 5]) {
      const under = new Pair(new Probe(), { vectors });
      expect(under.guest.configRead(under.found.address, under.found.capabilities[0]!.offset + 2, 2)).toBe(
        vectors - 1,
      );
    }
  });

  it('of an ordinary function is an ordinary function', () => {
    const under = new Pair(new Probe({ type: 'block' }), { way: 'io-bar' });
    expect([under.presented.backend.name, under.found.deviceId]).toEqual(['io-bar', 0x1001]);
    expect(new Pair(new Probe()).presented.backend.name).toBe('mmr');
  });

  it('has no MSI-X where the guest is not to have messages', () => {
    const under = new Pair(new Probe());
    under.guest.unplug(GUEST_SLOT);
    const { pci } = presentLegacy(under.host, SLOT, { messages: false });
    expect(pci.msix).toBeNull();
  });
});

describe.each(translatedWayNames)('a function taken away from its guest, by way of %s', (way) => {
  it('gives the host all of its vectors back, and can be presented again', () => {
    const under = new Pair(configProbe(), { way });
    const { vectors } = under.presented.backend;
    const before = under.host.interrupts.allocateMessage(() => {});
    expect(before.data).toBe(under.firstVector + vectors);
    under.guest.unplug(GUEST_SLOT);
    const { pci } = under.presentAgain();
    const next = under.host.interrupts.allocateMessage(() => {});
    expect(next.data).toBe(under.firstVector + vectors + 1);
    under.guest.plug(pci, GUEST_SLOT);
    runFirmware(under.guest);
    under.config.command(0x7);
    under.set('deviceStatus', 7);
    under.interrupts();
    under.function.interrupts.config();
    expect(under.interrupts()).toEqual([UP]);
  });

  it('interrupts its guest no more', () => {
    const under = new Pair(configProbe(), { way });
    under.enableMsix();
    under.set('configMsixVector', 0);
    under.guest.unplug(GUEST_SLOT);
    under.interrupts();
    const handlers = under.host.interrupts.pendingVectors;
    under.function.interrupts.config();
    expect([under.interrupts(), handlers]).toEqual([[], []]);
    // Whoever gets a vector of the host next is not told what this function does.
    let told = 0;
    under.host.interrupts.allocateMessage(() => told++);
    under.presented.backend.release();
    under.function.interrupts.config();
    expect(told).toBe(0);
    expect(under.host.interrupts.allocateMessage(() => {}).data).toBe(under.firstVector + 1);
  });
});

describe('a function that no legacy driver could be given', () => {
  it.each([
    ['of another vendor', bareFunction({ deviceId: 0x1001 }), /1234:1001/],
    ['modern only', virtioFunction(new Probe({ type: 'block' }), { kind: 'modern' }).pci, /1af4:1042/],
  ])('%s is refused by its ids', (_, fn, ids) => {
    const machine = hostWith(fn);
    expect(() => presentLegacy(machine, SLOT)).toThrow(NotPresentableError);
    expect(() => presentLegacy(machine, SLOT)).toThrow(ids);
  });

  it('and an empty slot is none', () => {
    const machine = hostWith(bareFunction());
    expect(() => presentLegacy(machine, SLOT + 8)).toThrow(/ffff:ffff/);
    expect(findFunction(machine, SLOT + 8)).toBeNull();
  });

  it('a draft is told by its ids: other ids are another draft', () => {
    const moved = { ...draft2023, deviceIds: { ...draft2023.deviceIds, entropy: 0x1234 } };
    const { host, guest } = new Pair(new Probe(), { draft: moved });
    guest.unplug(GUEST_SLOT);
    expect(presentLegacy(host, SLOT, { draft: moved }).type.name).toBe('entropy');
    expect(() => presentLegacy(host, SLOT)).toThrow(/mmr-2023/);
    expect(() => presentLegacy(host, SLOT, { draft: bareCapabilityDraft })).toThrow(/mmr-bare-capability/);
  });
});
