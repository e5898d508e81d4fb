import { type Bus, DmaDomain, functionAddress, HeldScheduler } from '../../../src/core/index.ts';
import { runFirmware } from '../../../src/driver/index.ts';
import { mmrFunction, presentLegacy } from '../../../src/mmr/index.ts';
import type { Machine } from '../../../src/pci/index.ts';
import { BalloonDevice, EntropyDevice, feature } from '../../../src/virtio/index.ts';
import { SLOT, smallMachine, watch } from '../../pci/support.ts';
import { LegacyGuest, ModernGuest } from '../../virtio/support/guests.ts';
import { Probe } from '../../virtio/support/probe.ts';
import { during, type Scenario, scenario } from './scenario.ts';

const modernGuest = (features: readonly number[] = []) => {
  const guest = new ModernGuest(new Probe({ queueSizes: [8, 8] }), {
    transportFeatures: [
      feature.ringReset,
      feature.suspend,
      feature.notificationData,
      feature.notificationConfigData,
      feature.ringPacked,
      feature.ringIndirectDescriptors,
    ],
  });
  guest.start(features, [0, 1]);
  return guest;
};

function modern(
  name: string,
  wrong: (guest: ModernGuest) => void,
  features: readonly number[] = [],
): Scenario {
  return scenario(`modern: ${name}`, () => {
    const guest = modernGuest(features);
    return during(guest, () => wrong(guest));
  });
}

function legacy(name: string, wrong: (guest: LegacyGuest) => void, started = true): Scenario {
  return scenario(`legacy: ${name}`, () => {
    const guest = new LegacyGuest(new Probe({ queueSizes: [8, 8] }));
    if (started) guest.start(0, [0]);
    return during(guest, () => wrong(guest));
  });
}

const notify = (guest: ModernGuest, offset: number, width: 1 | 2 | 4, value: number) =>
  guest.machine.memoryWrite(guest.structure(2) + offset, width, value);

/** The window in configuration space, aimed and used. */
function aim(guest: ModernGuest, bar: number, offset: number, length: number): void {
  const at = guest.found.capabilities.find(
    ({ id, offset: place }) => id === 9 && guest.config.read(place + 3, 1) === 5,
  )!.offset;
  guest.config.write(at + 4, 1, bar);
  guest.config.write(at + 8, 4, offset);
  guest.config.write(at + 12, 4, length);
  guest.config.read(at + 16, 4);
}

const hasty = scenario('modern: a driver that does not wait for the end of its reset', () => {
  const guest = new ModernGuest(new Probe(), { shape: { resetReads: 2 } });
  for (const status of [3, 0]) guest.block.set('deviceStatus', status);
  return during(guest, () => guest.block.set('deviceStatus', 1));
});

const memoryBlock = scenario('legacy: a driver takes a function whose block stands in memory', () => {
  const guest = new LegacyGuest(new Probe(), { kind: 'legacy-memory' });
  return during(guest, () => {
    for (const command of [2, 6, 6]) guest.config.command(command);
  });
});

const negotiation = [
  scenario('modern: bits that were not offered', () => {
    const guest = new ModernGuest(new Probe());
    return during(guest, () => void guest.negotiate([5, 35]));
  }),
  scenario('modern: no VERSION_1', () => {
    const guest = new ModernGuest(new Probe(), { kind: 'modern' });
    return during(guest, () => void guest.negotiate([], false));
  }),
  scenario('modern: a feature without the one that it needs', () => {
    const guest = new ModernGuest(new Probe({ features: [1, 2], dependencies: [[2, [1]]] }));
    return during(guest, () => void guest.negotiate([2]));
  }),
  scenario('modern: ACCESS_PLATFORM left out', () => {
    const windows = [{ start: 0, length: 0x10000, write: true, target: 0x10000 }];
    const guest = new ModernGuest(new Probe(), { windows });
    return during(guest, () => void guest.negotiate());
  }),
  scenario('legacy: a device that cannot ask for ACCESS_PLATFORM', () => {
    const windows = [{ start: 0, length: 0x10000, write: true, target: 0x10000 }];
    const guest = new LegacyGuest(new Probe(), { windows });
    return during(guest, () => guest.block.set('deviceStatus', 7));
  }),
  legacy('bits that were not offered', (guest) => guest.block.set('driverFeatures', 0x20), false),
  legacy('bit 30', (guest) => guest.block.set('driverFeatures', 2 ** 30), false),
  scenario('legacy: a feature without the one that it needs', () => {
    const guest = new LegacyGuest(new Probe({ features: [1, 2], dependencies: [[2, [1]]] }));
    return during(guest, () => guest.block.set('driverFeatures', 4));
  }),
  modern('features after FEATURES_OK', (guest) => guest.block.set('driverFeature', 1)),
  legacy('a status bit is dropped', (guest) => guest.block.set('deviceStatus', 3)),
  scenario('modern: SUSPEND that was not agreed on', () => {
    const guest = new ModernGuest(new Probe());
    guest.start();
    return during(guest, () => guest.block.set('deviceStatus', 0x1f));
  }),
];

const queues = [
  modern('an enabled queue is moved', (guest) => guest.block.set('queueDeviceHigh', 5)),
  modern('an enabled queue is moved, lower half', (guest) => guest.block.set('queueDriverLow', 0x5000)),
  modern('an enabled queue is resized', (guest) => guest.block.set('queueSize', 4)),
  scenario('modern: sizes that cannot be taken', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [8] }));
    return during(guest, () => {
      for (const size of [16, 3, 0]) guest.block.set('queueSize', size);
    });
  }),
  scenario('modern: no size for a packed ring', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [8] }), {
      transportFeatures: [feature.ringPacked],
    });
    guest.negotiate([feature.ringPacked]);
    return during(guest, () => guest.block.set('queueSize', 0));
  }),
  modern('queue_enable with 0', (guest) => guest.block.set('queueEnable', 0)),
  modern('queue_reset without the feature', (guest) => guest.block.set('queueReset', 1)),
  scenario('modern: a queue is enabled while its reset runs', () => {
    const scheduler = new HeldScheduler();
    const guest = new ModernGuest(new Probe(), { machine: { scheduler } });
    guest.start([feature.ringReset]);
    guest.block.set('queueReset', 1);
    return during(guest, () => guest.block.set('queueEnable', 1));
  }),
  modern('queue_reset with 0', (guest) => guest.block.set('queueReset', 0), [feature.ringReset]),
];

const kicks = [
  modern('a kick for no queue', (guest) => notify(guest, 28, 2, 7)),
  modern('a kick of four bytes', (guest) => notify(guest, 4, 4, 1)),
  modern('a kick of two bytes with NOTIFICATION_DATA', (guest) => notify(guest, 4, 2, 1), [
    feature.notificationData,
  ]),
  modern('kick data that the ring does not bear out', (guest) => notify(guest, 4, 4, 0x50001), [
    feature.notificationData,
  ]),
  modern('a kick at the place of another queue', (guest) => notify(guest, 0, 2, 1)),
  scenario('modern: a kick before DRIVER_OK', () => {
    const guest = new ModernGuest(new Probe());
    guest.negotiate();
    guest.setUp(0);
    return during(guest, () => guest.kick());
  }),
  modern(
    'a kick while suspended',
    (guest) => {
      guest.block.set('deviceStatus', 0x1f);
      guest.block.get('deviceStatus');
      guest.kick(1);
    },
    [feature.suspend],
  ),
  scenario('modern: kicks for a queue that is not set up', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [8, 8] }));
    guest.start();
    return during(guest, () => {
      guest.kick(1);
      guest.kick(1);
    });
  }),
  legacy('kicks for a queue that is not set up', (guest) => {
    guest.kick(1);
    guest.kick(1);
  }),
  modern('kicks while bus mastering is off', (guest) => {
    guest.config.command(2);
    guest.kick(1);
    guest.kick(1);
  }),
  legacy('kicks while bus mastering is off, and again after it was on', (guest) => {
    guest.config.command(1);
    guest.kick(0);
    guest.kick(0);
    guest.config.command(5);
    guest.config.command(1);
    guest.kick(0);
  }),
  modern('kicks for a ring that broke', (guest) => {
    guest.machine.ram.write(0x20000 + 16 * 8 + 2, Uint8Array.of(9, 0));
    guest.kick(1);
    guest.kick(1);
    guest.kick(1);
    guest.kick(0);
  }),
];

const accesses = [
  modern('registers in another width', (guest) => {
    guest.block.readAt(0x16, 4);
    guest.block.readAt(0x15, 1);
    guest.block.readAt(0x15, 1);
    guest.block.readAt(0x01, 2);
    guest.block.readAt(0x20, 4);
    guest.block.readAt(0x24, 4);
  }),
  scenario('modern: device configuration in another width', () => {
    const guest = new ModernGuest(new BalloonDevice());
    return during(guest, () => {
      for (const offset of [4, 5]) guest.machine.memoryWrite(guest.structure(4) + offset, 1, 0xff);
    });
  }),
  modern(
    'configuration written while suspended',
    (guest) => {
      guest.block.set('deviceStatus', 0x1f);
      guest.block.get('deviceStatus');
      guest.machine.memoryWrite(guest.structure(4) + 8, 4, 0);
    },
    [feature.suspend],
  ),
  modern('a window of three bytes', (guest) => aim(guest, 4, 0, 3)),
  modern('a window that is not aligned', (guest) => aim(guest, 4, 2, 4)),
  modern('a window at nothing', (guest) => aim(guest, 1, 0, 4)),
  modern('a BAR is measured while it is decoded', (guest) => {
    const before = guest.config.read(0x10, 4);
    guest.config.write(0x10, 4, 0xffffffff);
    guest.config.write(0x10, 4, before);
  }),
  modern('a BAR is moved while it is decoded', (guest) => guest.config.setBar(4, 0xd0000000)),
];

/** A host with an MMR function, presented to a guest; `wired` gives it the guest's memory. */
function present(wired: boolean) {
  const [host, guest] = [smallMachine(), smallMachine()];
  const { pci } = mmrFunction(new EntropyDevice());
  host.plug(pci, functionAddress(0, 5), wired ? new DmaDomain(guest.ram) : undefined);
  runFirmware(host);
  const presented = presentLegacy(host, functionAddress(0, 5));
  guest.plug(presented.pci, SLOT);
  return { host, guest, events: watch(guest) };
}

const presented = [true, false].map((wired) =>
  scenario(`a host's function with ${wired ? "the guest's" : 'its own'} memory`, () => {
    const { guest, events } = present(wired);
    for (const command of [4, 0, 4]) guest.configWrite(SLOT, 4, 2, command);
    return events;
  }),
);

/** What the host's function says of a guest that it does not see. */
const behind = (name: string, wrong: (guest: Machine, bar: number) => void) =>
  scenario(`through the translator: ${name}`, () => {
    const { host, guest } = present(true);
    const bar = runFirmware(guest).find((each) => each.address === SLOT)!.bars[0]!.address;
    const events = watch(host);
    guest.configWrite(SLOT, 4, 2, 5);
    wrong(guest, bar);
    return events;
  });

const translated = [
  behind('a kick for a queue that is not set up', (guest, bar) => guest.ioWrite(bar + 16, 2, 0)),
  behind('a kick while bus mastering is off', (guest, bar) => {
    guest.ioWrite(bar + 8, 4, 0x10);
    guest.configWrite(SLOT, 4, 2, 1);
    guest.ioWrite(bar + 16, 2, 0);
  }),
  behind('kicks for a device that broke', (guest, bar) => {
    guest.ioWrite(bar + 8, 4, 0x80000);
    for (let i = 0; i < 3; i++) guest.ioWrite(bar + 16, 2, 0);
  }),
];

/** A function whose status does not become 0 any more, behind the translator. */
const stuck = scenario("a host's function that does not finish its reset", () => {
  const [host, guest] = [smallMachine(), smallMachine()];
  const address = functionAddress(0, 5);
  host.plug(mmrFunction(new EntropyDevice()).pci, address, new DmaDomain(guest.ram));
  runFirmware(host);
  let hangs = false;
  const bus: Bus = {
    configRead: (fn, offset, width) => host.configRead(fn, offset, width),
    configWrite: (fn, offset, width, value) => host.configWrite(fn, offset, width, value),
    ioRead: (port, width) => host.ioRead(port, width),
    ioWrite: (port, width, value) => host.ioWrite(port, width, value),
    memoryRead: (at, width) => (hangs && width === 1 ? 7 : host.memoryRead(at, width)),
    memoryWrite: (at, width, value) => host.memoryWrite(at, width, value),
    ram: host.ram,
    interrupts: host.interrupts,
    pause: () => host.pause(),
  };
  guest.plug(presentLegacy(bus, address).pci, SLOT);
  const bar = runFirmware(guest).find((each) => each.address === SLOT)!.bars[0]!.address;
  const events = watch(guest);
  hangs = true;
  guest.ioWrite(bar + 18, 1, 0);
  return events;
});

export const transports: readonly Scenario[] = [
  memoryBlock,
  hasty,
  ...negotiation,
  ...queues,
  ...kicks,
  ...accesses,
  ...presented,
  ...translated,
  stuck,
];
