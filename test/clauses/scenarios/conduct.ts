import { deviceStatus, feature } from '../../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from '../../virtio/support/guests.ts';
import { Probe } from '../../virtio/support/probe.ts';
import { during, type Scenario, scenario } from './scenario.ts';

/*
 * What a driver does at the wrong time, or to a queue that is none, through either window.
 */

const { acknowledge, driver, driverOk, failed, featuresOk, needsReset } = deviceStatus;
const BEGUN = acknowledge | driver;
const probe = () => new Probe({ queueSizes: [8] });

function legacy(
  name: string,
  wrong: (guest: LegacyGuest) => void,
  prepare: (guest: LegacyGuest) => void = () => {},
): Scenario {
  return scenario(`legacy: ${name}`, () => {
    const guest = new LegacyGuest(probe());
    prepare(guest);
    return during(guest, () => wrong(guest));
  });
}

function modern(
  name: string,
  wrong: (guest: ModernGuest) => void,
  prepare: (guest: ModernGuest) => void = () => {},
): Scenario {
  return scenario(`modern: ${name}`, () => {
    const transportFeatures = [feature.notificationData, feature.notificationConfigData];
    const guest = new ModernGuest(probe(), { transportFeatures });
    prepare(guest);
    return during(guest, () => wrong(guest));
  });
}

/** Either kind of guest, as far as status goes. */
type AnyGuest = LegacyGuest | ModernGuest;
const fails = (guest: AnyGuest) => guest.block.set('deviceStatus', BEGUN | failed);

const afterFailed = [
  legacy('status after FAILED', (guest) => guest.block.set('deviceStatus', BEGUN | failed | driverOk), fails),
  modern(
    'status after FAILED',
    (guest) => guest.block.set('deviceStatus', BEGUN | failed | featuresOk),
    fails,
  ),
  legacy('FAILED is taken back', (guest) => guest.block.set('deviceStatus', BEGUN), fails),
  legacy('features after FAILED', (guest) => guest.block.set('driverFeatures', 0), fails),
  modern('features after FAILED', (guest) => guest.block.set('driverFeature', 0), fails),
  legacy('a queue address after FAILED', (guest) => guest.block.set('queueAddress', 0x10), fails),
  modern('queue_enable after FAILED', (guest) => void guest.setUp(0), fails),
  legacy(
    'a kick after FAILED',
    (guest) => guest.kick(),
    (guest) => {
      guest.start();
      guest.block.set('deviceStatus', BEGUN | driverOk | failed);
    },
  ),
  modern(
    'a kick after FAILED',
    (guest) => guest.kick(),
    (guest) => {
      guest.start();
      guest.block.set('deviceStatus', BEGUN | featuresOk | driverOk | failed);
    },
  ),
];

/** A modern driver that goes on without FEATURES_OK. */
const hasty = (guest: ModernGuest) => {
  guest.block.set('deviceStatus', BEGUN);
  guest.block.set('driverFeatureSelect', 1);
  guest.block.set('driverFeature', 1);
  guest.setUp(0);
};

const status = [
  modern(
    'DRIVER_OK without FEATURES_OK',
    (guest) => guest.block.set('deviceStatus', BEGUN | driverOk),
    hasty,
  ),
  modern(
    'a kick without FEATURES_OK',
    (guest) => guest.kick(),
    (guest) => {
      hasty(guest);
      guest.block.set('deviceStatus', BEGUN | driverOk);
    },
  ),
  legacy('the driver sets NEEDS_RESET', (guest) => guest.block.set('deviceStatus', BEGUN | needsReset)),
  modern('the driver sets NEEDS_RESET', (guest) => guest.block.set('deviceStatus', BEGUN | needsReset)),
  modern(
    'a status bit is dropped',
    (guest) => guest.block.set('deviceStatus', BEGUN),
    (guest) => void guest.start(),
  ),
];

const choose = (guest: AnyGuest) => guest.block.set('queueSelect', 1);
const start = (guest: AnyGuest) => void guest.start();

const absent = [
  legacy('an address for no queue', (guest) => guest.block.set('queueAddress', 0x10), choose),
  modern(
    'an address for no queue',
    (guest) => {
      guest.block.set('queueDescriptorLow', 0x1000);
      guest.block.set('queueDeviceHigh', 1);
    },
    choose,
  ),
  modern('a size for no queue', (guest) => guest.block.set('queueSize', 4), choose),
  modern('queue_enable for no queue', (guest) => guest.block.set('queueEnable', 1), choose),
  legacy('a kick for no queue', (guest) => guest.kick(7), start),
  ...(
    [
      ['NOTIFICATION_DATA', [feature.notificationData], 7],
      ['NOTIF_CONFIG_DATA', [feature.notificationConfigData], 0x4007],
      ['both', [feature.notificationData, feature.notificationConfigData], 0x4007],
    ] as const
  ).map(([name, features, value]) =>
    modern(
      `a kick for no queue, with ${name}`,
      (guest) => {
        const width = features.some((bit) => bit === feature.notificationData) ? 4 : 2;
        guest.machine.memoryWrite(guest.structure(2) + 4 * 7, width, value);
      },
      (guest) => void guest.start(features),
    ),
  ),
];

export const conducts: readonly Scenario[] = [...afterFailed, ...status, ...absent];
