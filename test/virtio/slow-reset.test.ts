import { describe, expect, it, test } from 'vitest';
import { LegacyTransport, legacyAccess, ModernTransport, NoAnswerError } from '../../src/driver/index.ts';
import { mmrFunction } from '../../src/mmr/index.ts';
import { deviceStatus, ShapeError, statusState, virtioFunction } from '../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';

const shape = { resetReads: 3 } as const;
const guests = {
  modern: () => new ModernGuest(new Probe(), { shape }),
  legacy: () => new LegacyGuest(new Probe(), { shape }),
} as const;
type Guest = ReturnType<(typeof guests)['modern']> | ReturnType<(typeof guests)['legacy']>;

const statusOf = (guest: Guest) =>
  guest instanceof ModernGuest ? guest.block.get('deviceStatus') : guest.block.get('deviceStatus');
const setStatus = (guest: Guest, value: number) =>
  guest instanceof ModernGuest
    ? guest.block.set('deviceStatus', value)
    : guest.block.set('deviceStatus', value);
const up = deviceStatus.acknowledge | deviceStatus.driver;

describe.each(Object.keys(guests) as (keyof typeof guests)[])('a reset that takes time, %s', (kind) => {
  const begun = () => {
    const guest = guests[kind]();
    setStatus(guest, up);
    return guest;
  };

  it('shows what status was for as many reads, then 0 (BF-RST-01)', () => {
    const guest = begun();
    setStatus(guest, 0);
    expect([0, 1, 2, 3, 4].map(() => statusOf(guest))).toEqual([up, up, up, 0, 0]);
    expect(guest.clauses()).toEqual([]);
  });

  it('is done at once inside: nothing of before is left (BF-RST-02)', () => {
    const guest = begun();
    setStatus(guest, 0);
    expect([guest.device.status, guest.device.features.spoken]).toEqual([0, null]);
  });

  it('of a device that nobody has set up shows 0 at once', () => {
    const guest = guests[kind]();
    setStatus(guest, 0);
    expect(statusOf(guest)).toBe(0);
  });

  it('goes on where 0 is written again', () => {
    const guest = begun();
    setStatus(guest, 0);
    expect(statusOf(guest)).toBe(up);
    setStatus(guest, 0);
    expect([statusOf(guest), statusOf(guest), statusOf(guest), statusOf(guest)]).toEqual([up, up, up, 0]);
    expect(guest.clauses()).toEqual([]);
  });

  it('is over for a driver that does not wait, which is said (BF-RST-03)', () => {
    const guest = begun();
    setStatus(guest, 0);
    setStatus(guest, 1);
    expect([statusOf(guest), guest.clauses()]).toEqual([1, ['BF-RST-03']]);
  });

  it('goes on in a device that was loaded', () => {
    const guest = begun();
    setStatus(guest, 0);
    statusOf(guest);
    const fresh = guests[kind]();
    fresh.machine.load(guest.machine.save());
    expect([statusOf(fresh), statusOf(fresh), statusOf(fresh)]).toEqual([up, up, 0]);
  });

  it('ends with a reset of the whole function', () => {
    const guest = begun();
    setStatus(guest, 0);
    guest.function.pci.reset();
    guest.config.command(7);
    for (const { index, kind, address } of guest.found.bars) {
      guest.config.setBar(index, address % 2 ** 32);
      if (kind === 'memory64') guest.config.setBar(index + 1, Math.floor(address / 2 ** 32));
    }
    expect(statusOf(guest)).toBe(0);
  });

  it('is waited for by a driver, in pauses, but not for ever', () => {
    const transportOf = (guest: Guest, patience: number) =>
      kind === 'modern'
        ? new ModernTransport(guest.machine, guest.found, { patience })
        : new LegacyTransport(guest.machine, guest.found, legacyAccess(guest.machine, guest.found), {
            patience,
          });
    const guest = begun();
    let pauses = 0;
    const { pause } = guest.machine;
    guest.machine.pause = () => {
      pauses++;
      pause.call(guest.machine);
    };
    transportOf(guest, 10).reset();
    expect([pauses, statusOf(guest)]).toEqual([3, 0]);
    setStatus(guest, up);
    expect(() => transportOf(guest, 2).reset()).toThrow(NoAnswerError);
  });
});

describe('a status of before', () => {
  it('is loaded from a state that knows nothing of it', () => {
    const guest = guests.modern();
    setStatus(guest, up);
    const {
      lateReads: _reads,
      shownLate: _shown,
      ...older
    } = statusState.parse(guest.device.statusRegister.save());
    guest.device.statusRegister.load({ ...older, version: 1 });
    expect(statusOf(guest)).toBe(up);
  });

  test.each([
    ['shownLate', { value: 0, lateReads: 1, shownLate: 0 }],
    ['value', { value: 3, lateReads: 1, shownLate: 3 }],
    ['lateReads', { value: 0, lateReads: -1, shownLate: 3 }],
  ])('that cannot be is refused: %s', (name, wrong) => {
    const { statusRegister } = guests.modern().device;
    expect(() => statusRegister.load({ ...statusRegister.save(), ...wrong })).toThrow(new RegExp(name));
  });
});

it('a reset takes time in every window of an MMR function too, and a whole number of reads', () => {
  expect(mmrFunction(new Probe(), { shape }).device.options.resetReads).toBe(3);
  const tooMany = { kind: 'modern', shape: { resetReads: 0x10000 } } as const;
  expect(() => virtioFunction(new Probe(), tooMany)).toThrow(ShapeError);
});
