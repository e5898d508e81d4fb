import { describe, expect, it, test } from 'vitest';
import type { Width } from '../../../src/core/index.ts';
import { feature } from '../../../src/virtio/index.ts';
import { BUFFERS, ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

const DATA = feature.notificationData;
const NAMED = feature.notificationConfigData;
const OFFERED = [DATA, NAMED, feature.ringPacked];
const NOTIFY = 2;

/** A started device of two queues of four, that takes chains and keeps them. */
function started(accepted: readonly number[]) {
  const probe = new Probe({ queueSizes: [4, 4] });
  const guest = new ModernGuest(probe, { transportFeatures: OFFERED });
  const rings = guest.start(accepted, [0, 1]);
  guest.clauses();
  const kick = (offset: number, width: Width, value: number) => {
    guest.machine.memoryWrite(guest.structure(NOTIFY) + offset, width, value);
    return guest.clauses();
  };
  const name = (queue: number) => {
    guest.block.set('queueSelect', queue);
    return guest.block.get('queueNotifConfigData');
  };
  return { probe, guest, ring: rings[1]!, kick, name };
}

describe('queue_notif_config_data', () => {
  it('is a name of its own for each queue, another than its number', () => {
    const { name } = started([NAMED]);
    const names = [name(0), name(1)];
    expect(new Set([...names, 0, 1]).size).toBe(4);
  });

  it('reads 0 for a queue that does not exist, and where the feature was not accepted', () => {
    expect([started([NAMED]).name(2), started([]).name(1), started([DATA]).name(1)]).toEqual([0, 0, 0]);
  });
});

describe('a kick', () => {
  /** One chain on queue 1, kicked as the case says; `named` adds the device's name of queue 1. */
  const kicked = (accepted: readonly number[], offset: number, width: Width, value: number, named = 0) => {
    const under = started(accepted);
    under.ring.describe(0, { address: BUFFERS, length: 1 });
    under.ring.offer(0);
    const clauses = under.kick(offset, width, value + (named === 0 ? 0 : under.name(named)));
    return [under.probe.handled, clauses];
  };
  const served = ['1:0'];

  test.each<[string, number[], number, Width, number, number, string[]]>([
    ['PCI-KICK-01, PCI-KICK-03: its number, 16 bits wide', [], 4, 2, 1, 0, []],
    ['PCI-KICK-01: another width', [], 4, 4, 1, 0, ['PCI-KICK-01']],
    ['PCI-KICK-01: a byte', [], 4, 1, 1, 0, ['PCI-KICK-01']],
    ['PCI-KICK-03: at another place', [], 0, 2, 1, 0, ['PCI-KICK-03']],
    ['PCI-KICK-02, PCI-KICK-04: its number and where it goes on', [DATA], 4, 4, 0x0001_0001, 0, []],
    ['PCI-KICK-02: without that', [DATA], 4, 2, 1, 0, ['PCI-KICK-02']],
    ['PCI-KICK-04: at another place', [DATA], 0, 4, 0x0001_0001, 0, ['PCI-KICK-04']],
    ['KICK-01: ahead of its ring', [DATA], 4, 4, 0x0002_0001, 0, ['KICK-01']],
    ['KICK-01: with another wrap counter', [DATA], 4, 4, 0x8001_0001, 0, ['KICK-01']],
    ['KICK-02: late', [DATA], 4, 4, 0x0000_0001, 0, []],
    ['KICK-01: further behind than the ring is long', [DATA], 4, 4, 0xfffc_0001, 0, ['KICK-01']],
    ['PCI-KICK-05: its name', [NAMED], 4, 2, 0, 1, []],
    ['PCI-KICK-06: its name and where it goes on', [DATA, NAMED], 4, 4, 0x0001_0000, 1, []],
    ['PCI-KICK-06: at another place', [DATA, NAMED], 0, 4, 0x0001_0000, 1, ['PCI-KICK-06']],
  ])('%s', (_, accepted, offset, width, value, named, clauses) => {
    expect(kicked(accepted, offset, width, value, named)).toEqual([served, clauses]);
  });

  it('PCI-KICK-05: with a number where a name is due is of no queue', () => {
    expect(kicked([NAMED], 4, 2, 1)).toEqual([[], ['PCI-KICK-05', 'PCI-KICK-05']]);
  });

  it('INIT-08: before DRIVER_OK takes nothing, and is reported', () => {
    const probe = new Probe({ queueSizes: [4] });
    const guest = new ModernGuest(probe);
    guest.negotiate([]);
    const ring = guest.setUp(0);
    ring.offer(0);
    guest.clauses();
    guest.kick(0);
    expect([probe.handled, guest.clauses()]).toEqual([[], ['INIT-08']]);
  });
});

describe('a kick of a packed ring', () => {
  const AVAILABLE = 0x80;
  const USED = 0x8000;

  /** A ring of four with `flags` in its descriptors, of which the device took those that are available. */
  function ringOf(flags: readonly number[]) {
    const under = started([DATA, feature.ringPacked]);
    const { descriptor } = under.ring.parts;
    for (const [slot, value] of flags.entries())
      under.ring.describe(slot, { address: BUFFERS, length: 1, flags: slot, next: value });
    expect(under.guest.machine.ram.read(descriptor + 14, 2)[0]).toBe(flags[0]! & 0xff);
    return under;
  }

  // Nothing was taken when the kick comes, as its data is looked at first.
  test.each([
    [[AVAILABLE, 0, 0, 0], 0x8001, []],
    [[AVAILABLE, AVAILABLE, AVAILABLE, AVAILABLE], 0x0000, []],
    [[AVAILABLE, AVAILABLE, 0, 0], 0x8002, []],
    [[AVAILABLE, 0, 0, 0], 0x8000, []],
    [[AVAILABLE, 0, 0, 0], 0x8002, ['KICK-01']],
    [[AVAILABLE, USED, 0, 0], 0x8002, ['KICK-01']],
    [[AVAILABLE, AVAILABLE, AVAILABLE, 0], 0x0000, ['KICK-01']],
    [[AVAILABLE, 0, 0, 0], 0x8004, ['KICK-01']],
    [[AVAILABLE, 0, 0, 0], 0x7fff, ['KICK-01']],
  ])('KICK-01: flags %j bear out 0x%x: %j', (flags, next, clauses) => {
    expect(ringOf(flags).kick(4, 4, next * 0x10000 + 1)).toEqual(clauses);
  });

  it('KICK-02: that comes late, in the lap before, is none that finds fault', () => {
    const under = ringOf([AVAILABLE, AVAILABLE, AVAILABLE, AVAILABLE]);
    expect(under.kick(4, 4, 0x0000_0001)).toEqual([]);
    expect(under.probe.handled.length).toBe(4);
    for (const next of [0x8001, 0x8003, 0x0000]) expect(under.kick(4, 4, next * 0x10000 + 1)).toEqual([]);
  });
});
