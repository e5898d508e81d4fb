import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../../src/core/index.ts';
import {
  Administration,
  AdministrationInUseError,
  commonConfig,
  QueueSizeError,
  VirtioDevice,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { RawPackedRing } from '../support/packed-ring.ts';
import { Probe } from '../support/probe.ts';
import { ADMIN_VQ, AdminGuest, ANSWER_AT, COMMAND_AT, commandBytes, little, OK, outcome } from './support.ts';

const RING_RESET = 40;
const RING_PACKED = 34;
const QUERY = { opcode: 0, group: 0, room: 8 } as const;

/** A guest that has done nothing yet. */
const fresh = (sizes: readonly number[] = [16], typeSizes: readonly number[] = [8, 4]) =>
  new ModernGuest(new Probe({ queueSizes: typeSizes }), {
    kind: 'modern',
    administration: new Administration({ queueSizes: sizes }),
  });

const offers = (guest: ModernGuest) => {
  guest.block.set('deviceFeatureSelect', 1);
  return ((guest.block.get('deviceFeature') >>> (ADMIN_VQ - 32)) & 1) === 1;
};

const shown = ({ block }: ModernGuest) => [
  block.get('numQueues'),
  block.get('adminQueueIndex'),
  block.get('adminQueueNum'),
];

describe('the administration queues in the common configuration (PCI-COM-16, PCI-COM-17, PCI-COM-18)', () => {
  it('have their fields at 60 and 62, as the specification numbers them', () => {
    expect([commonConfig.adminQueueIndex.offset, commonConfig.adminQueueNum.offset]).toEqual([60, 62]);
  });

  it('are offered where there is an administration, and only there', () => {
    expect(offers(fresh())).toBe(true);
    expect(offers(new ModernGuest(new Probe(), { kind: 'modern' }))).toBe(false);
  });

  it('are not counted in num_queues, and follow the queues of the type', () => {
    const guest = fresh([16, 32]);
    guest.negotiate([ADMIN_VQ]);
    expect(shown(guest)).toEqual([2, 2, 2]);
    const sizes = [0, 1, 2, 3, 4].map((queue) => {
      guest.block.set('queueSelect', queue);
      return [guest.block.get('queueSize'), guest.block.get('queueNotifyOffset')];
    });
    expect(sizes).toEqual([
      [8, 0],
      [4, 1],
      [16, 2],
      [32, 3],
      [0, 0xffff],
    ]);
  });

  it('do not exist for a driver that did not accept ADMIN_VQ', () => {
    const guest = fresh();
    guest.negotiate();
    expect(shown(guest)).toEqual([2, 0, 0]);
    guest.block.set('queueSelect', 2);
    expect([guest.block.get('queueSize'), guest.block.get('queueNotifyOffset')]).toEqual([0, 0xffff]);
    guest.clauses();
    guest.block.set('queueEnable', 1);
    guest.kick(2);
    guest.block.set('queueMsixVector', 1);
    expect(guest.block.get('queueMsixVector')).toBe(0xffff);
    expect(guest.clauses()).toEqual(['PCI-VQ-01', 'PCI-KICK-03']);
  });

  it('are taken down when a driver gives ADMIN_VQ up again', () => {
    const guest = fresh();
    guest.negotiate([ADMIN_VQ]);
    guest.setUp(2);
    expect(guest.block.get('queueEnable')).toBe(1);
    guest.block.set('deviceStatus', 0);
    guest.block.set('deviceStatus', 3);
    guest.block.set('driverFeatureSelect', 1);
    guest.block.set('driverFeature', 1 | (1 << (ADMIN_VQ - 32)));
    guest.setUp(2, 4);
    guest.block.set('queueMsixVector', 1);
    guest.block.set('driverFeature', 1);
    guest.block.set('driverFeature', 1 | (1 << (ADMIN_VQ - 32)));
    expect(
      (['queueEnable', 'queueSize', 'queueMsixVector', 'queueDescriptorLow'] as const).map((name) =>
        guest.block.get(name),
      ),
    ).toEqual([0, 16, 0xffff, 0]);
  });

  it('are not shown by the legacy window', () => {
    const guest = new LegacyGuest(new Probe({ queueSizes: [8, 4] }), {
      administration: new Administration(),
    });
    guest.enableMsix();
    guest.start(0xffffffff, [0, 1]);
    guest.block.set('queueSelect', 2);
    guest.block.set('queueMsixVector', 0);
    expect([guest.block.get('queueSize'), guest.block.get('queueMsixVector')]).toEqual([0, 0xffff]);
    guest.block.set('queueAddress', 0x20);
    expect(guest.block.get('queueAddress')).toBe(0);
  });

  it('have a vector of their own', () => {
    const guest = fresh();
    expect(guest.function.pci.msix!.vectors).toBe(4);
    guest.enableMsix();
    guest.negotiate([ADMIN_VQ]);
    guest.block.set('queueSelect', 2);
    guest.block.set('queueMsixVector', 3);
    expect(guest.block.get('queueMsixVector')).toBe(3);
    const ring = guest.setUp(2);
    guest.block.set('deviceStatus', 15);
    guest.machine.ram.write(COMMAND_AT, Uint8Array.from(commandBytes(QUERY)));
    ring.chain(0, [
      { address: COMMAND_AT, length: 24 },
      { address: ANSWER_AT, length: 16, flags: 2 },
    ]);
    ring.offer(0);
    guest.events.length = 0;
    guest.kick(2);
    expect(guest.interrupts()).toEqual(['message 3']);
  });

  it('can be reset one by one', () => {
    const guest = new AdminGuest({ features: [RING_RESET] });
    guest.block.set('queueSelect', 1);
    guest.block.set('queueReset', 1);
    expect([guest.block.get('queueReset'), guest.block.get('queueEnable')]).toEqual([0, 0]);
    guest.rings.set(1, guest.setUp(1));
    expect(outcome(guest.send(QUERY))).toEqual(OK);
  });
});

describe('commands in rings', () => {
  it('leave the queues of the type to it', () => {
    const guest = new AdminGuest({ probe: { complete: 0 } });
    const ring = guest.setUp(0);
    ring.chain(0, [{ address: COMMAND_AT, length: 4 }]);
    ring.offer(0);
    guest.kick(0);
    expect(guest.probe.handled).toEqual(['0:0']);
    expect(outcome(guest.send(QUERY))).toEqual(OK);
    expect(guest.probe.handled).toEqual(['0:0']);
  });

  it('work in packed rings', () => {
    const packed = new ModernGuest(new Probe(), {
      kind: 'modern',
      transportFeatures: [RING_PACKED],
      administration: new Administration({ queueSizes: [8] }),
    });
    packed.negotiate([RING_PACKED, ADMIN_VQ]);
    const { parts } = packed.setUp(1);
    packed.block.set('deviceStatus', 15);
    const { ram } = packed.machine;
    const ring = new RawPackedRing(ram, 8, parts);
    ram.write(COMMAND_AT, Uint8Array.from(commandBytes(QUERY)));
    ring.offer(
      5,
      { address: COMMAND_AT, length: 24 },
      { address: ANSWER_AT, length: 12, flags: 2 },
      { address: ANSWER_AT + 12, length: 20, flags: 2 },
    );
    packed.kick(1);
    expect(ring.used(0)).toEqual([5, 16]);
    expect([...ram.read(ANSWER_AT, 16)]).toEqual([...little(0, 8), ...little(3, 8)]);
  });

  it('are answered in each of several queues', () => {
    const guest = new AdminGuest({ admin: { queueSizes: [8, 8, 8] } });
    for (const queue of [3, 1, 2]) expect(outcome(guest.send(QUERY, queue))).toEqual(OK);
  });

  it('are answered in their order within a queue (AVQ-08)', () => {
    const guest = new AdminGuest();
    for (const slot of [0, 1, 2]) guest.put(QUERY, 1, slot);
    guest.kick(1);
    expect(guest.rings.get(1)!.used()).toEqual([
      [0, 16],
      [2, 16],
      [4, 16],
    ]);
  });
});

describe('answers that come late', () => {
  const late = (scheduler: HeldScheduler) =>
    new AdminGuest({
      machine: { scheduler },
      features: [RING_RESET],
      admin: { queueSizes: [8, 8], lateAnswers: true },
    });
  const used = (guest: AdminGuest) => [1, 2].map((queue) => guest.rings.get(queue)!.usedIndex);
  const label = (queue: number) => `answers of administration queue ${queue}`;
  const run = (scheduler: HeldScheduler, wanted: string) => {
    const index = scheduler.pending.findIndex((task) => task.label.includes(wanted));
    expect(index, wanted).toBeGreaterThanOrEqual(0);
    scheduler.release(index);
  };

  it('come in any order between queues, and in order within one', () => {
    const scheduler = new HeldScheduler();
    const guest = late(scheduler);
    guest.put(QUERY, 1, 0);
    guest.put(QUERY, 1, 1);
    guest.put(QUERY, 2, 2);
    guest.kick(1);
    guest.kick(2);
    run(scheduler, 'queue 1');
    run(scheduler, 'queue 2');
    expect(guest.administration.inFlight).toBe(3);
    expect(used(guest)).toEqual([0, 0]);
    run(scheduler, label(2));
    expect(used(guest)).toEqual([0, 1]);
    run(scheduler, label(1));
    expect(guest.rings.get(1)!.used()).toEqual([[0, 16]]);
    run(scheduler, label(1));
    expect(
      guest.rings
        .get(1)!
        .used()
        .map(([id]) => id),
    ).toEqual([0, 2]);
  });

  it('are lost where the device is reset', () => {
    const scheduler = new HeldScheduler();
    const guest = late(scheduler);
    guest.put(QUERY);
    guest.kick(1);
    run(scheduler, 'queue 1');
    guest.block.set('deviceStatus', 0);
    const before = guest.answer(0, 0, 16).raw;
    scheduler.releaseAll();
    expect(used(guest)).toEqual([0, 0]);
    expect(guest.answer(0, 0, 16).raw).toEqual(before);
  });

  it('are lost where their queue is reset, and those of other queues are not', () => {
    const scheduler = new HeldScheduler();
    const guest = late(scheduler);
    guest.put(QUERY, 1, 0);
    guest.put(QUERY, 2, 1);
    for (const queue of [1, 2]) guest.kick(queue);
    for (const queue of [1, 2]) run(scheduler, `queue ${queue}`);
    guest.block.set('queueSelect', 1);
    guest.block.set('queueReset', 1);
    scheduler.releaseAll();
    expect(used(guest)).toEqual([0, 1]);
    expect(guest.administration.inFlight).toBe(0);
  });

  it('are saved, and come where the state is loaded', () => {
    const scheduler = new HeldScheduler();
    const guest = late(scheduler);
    guest.put(QUERY);
    guest.kick(1);
    run(scheduler, 'queue 1');
    const state = guest.machine.save();
    const after = new HeldScheduler();
    const other = late(after);
    other.machine.load(state);
    after.releaseAll();
    expect(other.rings.get(1)!.used()).toEqual([[0, 16]]);
    expect(outcome(other.answer(16))).toEqual(OK);
  });
});

describe('a reset that is slow to show', () => {
  it('has no commands taken, and ends all that was in use', () => {
    const guest = new AdminGuest({ shape: { resetReads: 2 } });
    guest.send({ opcode: 1, group: 0, data: little(1, 8) });
    guest.block.set('deviceStatus', 0);
    const before = guest.rings.get(1)!.usedIndex;
    guest.put(QUERY);
    guest.kick(1);
    expect(guest.rings.get(1)!.usedIndex).toBe(before);
    expect([1, 2, 3].map(() => guest.block.get('deviceStatus'))).toEqual([15, 15, 0]);
    guest.restart();
    expect(outcome(guest.send({ opcode: 1, group: 0, data: little(3, 8) }))).toEqual(OK);
  });
});

describe('an administration', () => {
  it('is behind one device', () => {
    const administration = new Administration();
    const make = (probe: Probe) => new VirtioDevice(probe, { legacy: false, administration });
    make(new Probe());
    const second = new Probe();
    expect(() => make(second)).toThrow(AdministrationInUseError);
    // The behaviour is free for another try.
    expect(virtioFunction(second, { kind: 'modern' }).device.behaviour).toBe(second);
  });

  test.each([[[3]], [[65536]]])('is not made with queues of %j', (queueSizes) => {
    expect(() => new Administration({ queueSizes })).toThrow(QueueSizeError);
  });
});

describe('a driver that does something before a command has come to its end', () => {
  it('has its next command carried out behind it', () => {
    const guest = new AdminGuest();
    const ring = guest.rings.get(1)!;
    let nested = false;
    guest.machine.events = (event) => {
      // What is reported of the first command brings the driver to send another.
      if (event.kind !== 'finding' || nested) return;
      nested = true;
      guest.put(QUERY, 1, 1);
      guest.kick(1);
    };
    guest.put({ opcode: 0x7fff, group: 0, writable: 8 }, 1, 0);
    guest.kick(1);
    expect([nested, ring.used()]).toEqual([
      true,
      [
        [0, 8],
        [2, 16],
      ],
    ]);
    expect([outcome(guest.answer(8)), outcome(guest.answer(16, 1))]).toEqual([[22, 2], OK]);
  });

  it('resets the device: the command is not answered, and the next one is', () => {
    const guest = new AdminGuest();
    let nested = false;
    guest.machine.events = (event) => {
      if (event.kind !== 'finding' || nested) return;
      nested = true;
      guest.restart();
    };
    guest.put({ opcode: 0x7fff, group: 0, writable: 8 }, 1, 0);
    guest.kick(1);
    expect([nested, guest.rings.get(1)!.usedIndex]).toEqual([true, 0]);
    expect(outcome(guest.send(QUERY))).toEqual(OK);
  });
});
