import { describe, expect, it, test } from 'vitest';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  deviceStatus,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  ScsiDevice,
} from '../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from './support/guests.ts';
import { TestLink } from './support/network.ts';

const { acknowledge, driver, featuresOk, driverOk } = deviceStatus;

interface Case {
  /** Features that the driver needs to be told. */
  readonly features: readonly number[];
  make(): { behaviour: DeviceBehaviour; change: () => void };
  /** Where the change shows: offset in the configuration, bytes, and the value afterwards. */
  readonly shown: readonly [offset: number, width: 1 | 2 | 4, value: number];
}

const cases: Readonly<Record<string, Case>> = {
  'a disk that changes its length': {
    features: [],
    make: () => {
      const storage = new MemoryStorage(new Uint8Array(4096));
      const behaviour = new BlockDevice({ storage });
      const change = () => {
        storage.resize(8192);
        behaviour.resize();
      };
      return { behaviour, change };
    },
    shown: [0, 4, 16],
  },
  'a link that goes down': {
    features: [16],
    make: () => {
      const behaviour = new NetworkDevice({ link: new TestLink() });
      return { behaviour, change: () => behaviour.setLink(false) };
    },
    shown: [6, 2, 0],
  },
  'a terminal of another size': {
    features: [0],
    make: () => {
      const behaviour = new ConsoleDevice({ maxPorts: 0, offersSize: true });
      const port = behaviour.addPort({ backend: new MemoryConsole(), size: { columns: 80, rows: 25 } });
      return { behaviour, change: () => port.resize({ columns: 100, rows: 40 }) };
    },
    shown: [0, 2, 100],
  },
  'a balloon that is to grow': {
    features: [],
    make: () => {
      const behaviour = new BalloonDevice();
      return { behaviour, change: () => behaviour.setTarget(77) };
    },
    shown: [0, 4, 77],
  },
};
const each = Object.entries(cases);

describe('a change of configuration', () => {
  test.each(each)(
    'OPER-01: is told of a live driver of the common configuration: %s',
    (_, { make, features }) => {
      const { behaviour, change } = make();
      const guest = new ModernGuest(behaviour);
      guest.start(features, []);
      guest.interrupts();
      change();
      expect([guest.interrupts(), guest.isr()]).toEqual([['line 11 up'], 2]);
    },
  );

  test.each(each)('OPER-01: and of a live legacy one: %s', (_, { make, features }) => {
    const { behaviour, change } = make();
    const guest = new LegacyGuest(behaviour);
    guest.start(
      features.reduce((word, bit) => word | (1 << bit), 0),
      [],
    );
    guest.interrupts();
    change();
    expect([guest.interrupts(), guest.isr()]).toEqual([['line 11 up'], 2]);
  });

  test.each(each)(
    'BF-RST-02: is told to nobody before DRIVER_OK or after a reset, and shows all the same: %s',
    (_, { make, features, shown: [offset, width, value] }) => {
      const steps: readonly ((guest: ModernGuest) => void)[] = [
        () => {},
        (guest) => guest.block.set('deviceStatus', acknowledge),
        (guest) => guest.negotiate(features),
        (guest) => {
          guest.start(features, []);
          guest.block.set('deviceStatus', 0);
        },
      ];
      for (const step of steps)
        for (const kind of ['modern', 'transitional'] as const) {
          const { behaviour, change } = make();
          const guest = new ModernGuest(behaviour, { kind });
          step(guest);
          const before = guest.block.get('configGeneration');
          guest.interrupts();
          change();
          expect([guest.interrupts(), guest.isr()]).toEqual([[], 0]);
          expect(guest.machine.memoryRead(guest.structure(4) + offset, width)).toBe(value);
          expect(guest.block.get('configGeneration')).not.toBe(before);
          // Nothing is owed when DRIVER_OK comes: the driver reads what there is.
          guest.block.set('deviceStatus', 0);
          guest.start(features, []);
          expect([guest.interrupts(), guest.isr()]).toEqual([[], 0]);
        }
    },
  );

  test.each(each)(
    'BF-RST-02: is told to no legacy driver before DRIVER_OK, although its queues work by then: %s',
    (_, { make, features, shown: [offset, width, value] }) => {
      for (const status of [0, acknowledge, acknowledge | driver]) {
        const { behaviour, change } = make();
        const guest = new LegacyGuest(behaviour);
        if (status !== 0) guest.block.set('deviceStatus', status);
        guest.block.set(
          'driverFeatures',
          features.reduce((word, bit) => word | (1 << bit), 0),
        );
        guest.interrupts();
        change();
        expect([guest.interrupts(), guest.isr()]).toEqual([[], 0]);
        expect(guest.block.readAt(20 + offset, width)).toBe(value);
      }
    },
  );

  it('asks nobody for an announcement who is not there', () => {
    const behaviour = new NetworkDevice({ link: new TestLink() });
    const guest = new ModernGuest(behaviour);
    expect(behaviour.announce()).toBe(false);
    guest.negotiate([16, 17, 21]);
    expect([behaviour.announce(), guest.isr()]).toEqual([true, 0]);
    // The driver finds it in status when it starts.
    expect(guest.machine.memoryRead(guest.structure(4) + 6, 2)).toBe(3);
    guest.block.set('deviceStatus', acknowledge | driver | featuresOk | driverOk);
    expect([behaviour.announce(), guest.isr()]).toEqual([true, 2]);
  });
});

describe('an event of a SCSI host', () => {
  it.each([LegacyGuest, ModernGuest])('goes into no buffer before DRIVER_OK: %o', (Kind) => {
    const behaviour = new ScsiDevice();
    const guest = new Kind(behaviour);
    if (guest instanceof LegacyGuest) guest.block.set('driverFeatures', 0b110);
    else guest.negotiate([1, 2]);
    const ring = guest.setUp(1);
    ring.describe(0, { address: 0x80000, length: 16, flags: 2 });
    ring.offer(0);
    guest.kick(1);
    guest.interrupts();
    behaviour.attachLun(0, 0, new DiskUnit({ storage: new MemoryStorage(new Uint8Array(512)) }));
    expect([ring.usedIndex, guest.interrupts(), guest.isr()]).toEqual([0, [], 0]);
    guest.block.set('deviceStatus', guest.block.get('deviceStatus') | 7);
    behaviour.detachLun(0, 0);
    expect(ring.usedIndex).toBe(1);
  });
});
