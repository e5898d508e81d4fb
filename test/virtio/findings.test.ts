import { describe, expect, it } from 'vitest';
import { type Finding, functionAddress } from '../../src/core/index.ts';
import { runFirmware } from '../../src/driver/index.ts';
import { BlockDevice, feature, MemoryStorage, virtioFunction } from '../../src/virtio/index.ts';
import { smallMachine, watch } from '../pci/support.ts';
import { LegacyGuest, ModernGuest } from './support/guests.ts';
import { RawPackedRing } from './support/packed-ring.ts';
import { Probe } from './support/probe.ts';

const disk = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512)), queueSize: 8 });

const findingsIn = (events: readonly { kind: string }[]) =>
  events.filter((event): event is Finding => event.kind === 'finding');

describe('findings of several functions', () => {
  it('tell two disks apart', () => {
    const machine = smallMachine();
    const slots = [4, 5].map((device) => functionAddress(0, device));
    for (const slot of slots) machine.plug(virtioFunction(disk(), { kind: 'legacy' }).pci, slot);
    const functions = runFirmware(machine);
    const events = watch(machine);
    for (const slot of slots) {
      const { address } = functions.find((each) => each.address === slot)!.bars[0]!;
      machine.ioWrite(address + 16, 2, 9);
    }
    const [first, second] = findingsIn(events);
    expect([first?.address, second?.address]).toEqual(slots);
    expect({ ...second, address: first?.address }).toEqual(first);
  });
});

describe('kicks that lead to nothing', () => {
  it.each([
    ['legacy', () => new LegacyGuest(disk()), 'LEG-INIT-01'],
    ['modern', () => new ModernGuest(disk()), 'INIT-01'],
  ] as const)('are said once until the queue is set up anew: %s', (_, make, clause) => {
    const guest = make();
    const wait = () => {
      guest.block.set('deviceStatus', 0);
      guest.start(guest instanceof ModernGuest ? ([] as never) : (0 as never), []);
      guest.clauses();
      for (let i = 0; i < 3; i++) guest.kick();
      return guest.clauses();
    };
    expect([wait(), wait()]).toEqual([[clause], [clause]]);
    guest.setUp(0);
    guest.clauses();
    guest.config.command(3);
    for (let i = 0; i < 3; i++) guest.kick();
    expect(guest.clauses()).toEqual([clause]);
    guest.config.command(7);
    guest.kick();
    expect(guest.clauses()).toEqual([]);
  });
});

describe('accesses in another width than their field', () => {
  it('PCI-LAY-01: are said once for an offset and width until the next reset', () => {
    const guest = new ModernGuest(disk());
    const look = () => {
      for (const offset of [0x14, 0x14, 0x16, 0x16]) guest.block.readAt(offset, 4);
      return guest.clauses();
    };
    expect([look(), look()]).toEqual([['PCI-LAY-01', 'PCI-LAY-01'], []]);
    guest.block.set('deviceStatus', 0);
    expect(look()).toEqual(['PCI-LAY-01', 'PCI-LAY-01']);
  });

  it('LEG-LAY-03: are nothing special in a legacy block', () => {
    const guest = new LegacyGuest(disk());
    guest.block.readAt(20, 1);
    expect(guest.clauses()).toEqual([]);
  });
});

describe('where in a queue', () => {
  it('a chain is named by its first descriptor in a split ring', () => {
    const guest = new ModernGuest(disk());
    const [ring] = guest.start();
    ring!.describe(5, { address: 0x8000_0000, length: 16 });
    ring!.offer(5);
    guest.kick();
    expect(findingsIn(guest.events)).toMatchObject([
      { queue: 0, descriptor: 5 },
      { queue: 0, descriptor: 5 },
    ]);
  });

  it('and by its place, not by its id, in a packed one', () => {
    const guest = new ModernGuest(disk(), { transportFeatures: [feature.ringPacked] });
    guest.negotiate([feature.ringPacked]);
    const parts = { descriptor: 0x10000, driver: 0x12000, device: 0x12010 };
    guest.setUp(0, 6, parts);
    guest.block.set('deviceStatus', 0x0f);
    const ring = new RawPackedRing(guest.machine.ram, 6, parts);
    ring.offer(77, { address: 0, length: 16 }, { address: 0x100, length: 1, flags: 2 });
    guest.kick();
    guest.events.length = 0;
    ring.offer(78, { address: 0x8000_0000, length: 16 });
    guest.kick();
    expect(findingsIn(guest.events)[0]).toMatchObject({ queue: 0, descriptor: 2 });
  });

  it('a ring that breaks names its queue, and the descriptor', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [4, 4] }));
    const rings = guest.start([], [0, 1]);
    rings[1]!.describe(3, { address: 0, length: 1, flags: 1, next: 9 });
    rings[1]!.offer(3);
    guest.kick(1);
    expect(findingsIn(guest.events)).toMatchObject([
      { queue: 1, descriptor: 9, what: 'descriptor index', value: 9 },
    ]);
  });
});
