import { setCommand } from '../../../../src/driver/index.ts';
import { blockFeature, feature } from '../../../../src/virtio/index.ts';
import { SLOT } from '../../../pci/support.ts';
import type { Lab } from '../support/lab.ts';
import { card, disk } from '../support/watched.ts';
import { type Seed, seeds } from './seed.ts';

const modern = seeds(disk);
const bare = seeds(disk, { bare: true });
const legacy = seeds(disk, { speaks: 'legacy' });
const pairs = seeds(card);
const legacyBare = seeds(disk, { speaks: 'legacy', bare: true });

const begin = (lab: Lab) => {
  setCommand(lab.bus, SLOT, 4, 0);
  lab.reset();
};
const upTo = (lab: Lab, ...steps: number[]) => {
  begin(lab);
  for (const step of steps) lab.status(step);
};

const early = (lab: Lab) => {
  lab.toFeatures();
  lab.setUp(0);
  lab.kick(0);
};

/** Status, features and queues of both interfaces. */
export const transportSeeds: readonly Seed[] = [
  bare('no-driver-ok', 'DRIVER_OK is never set', early),
  legacyBare('legacy-kick-before-driver-ok', 'a kick before DRIVER_OK', early),
  legacyBare('legacy-kick-before-driver', 'a kick before DRIVER', (lab) => {
    begin(lab);
    lab.setUp(0);
    lab.kick(0);
  }),
  bare('status-bit-cleared', 'DRIVER without ACKNOWLEDGE', (lab) => upTo(lab, 1, 2)),
  bare('needs-reset-written', 'NEEDS_RESET set by the driver', (lab) => upTo(lab, 1, 3, 67)),
  bare('status-after-failed', 'a bit after FAILED', (lab) => upTo(lab, 1, 131, 1)),
  bare('no-acknowledge', 'DRIVER first', (lab) => upTo(lab, 2)),
  bare('no-driver', 'FEATURES_OK without DRIVER', (lab) => upTo(lab, 1, 9)),
  bare('driver-ok-with-earlier-steps', 'all at once', (lab) => upTo(lab, 15)),
  bare('features-ok-with-earlier-steps', 'FEATURES_OK with DRIVER', (lab) => upTo(lab, 1, 11)),
  bare('steps-joined', 'ACKNOWLEDGE with DRIVER', (lab) => upTo(lab, 3)),
  bare('no-reset', 'ACKNOWLEDGE first', (lab) => lab.status(1)),
  bare('no-reset-of-used-device', 'ACKNOWLEDGE of a device in use', (lab) => {
    lab.toFeatures();
    lab.status(1);
  }),
  bare('reset-not-read-back', 'no reading after the reset', (lab) => {
    lab.status(0);
    lab.status(1);
  }),
  bare('set-up-after-failed', 'features after FAILED', (lab) => {
    upTo(lab, 1, 3, 131);
    lab.negotiate();
  }),
  modern('kick-after-failed', 'a kick after FAILED', (lab) => {
    lab.status(0x8f);
    lab.kick(0);
  }),
  legacyBare('legacy-features-ok', 'FEATURES_OK of a legacy driver', (lab) => upTo(lab, 1, 3, 11)),
  bare('no-features-ok', 'DRIVER_OK without FEATURES_OK', (lab) => {
    upTo(lab, 1, 3);
    lab.negotiate();
    lab.status(7);
  }),
  bare('features-ok-not-read', 'FEATURES_OK not read back', (lab) => {
    upTo(lab, 1, 3);
    lab.negotiate();
    lab.status(11);
    lab.setUp(0);
  }),
  bare('features-ok-refused', 'goes on although the features were refused', (lab) => {
    upTo(lab, 1, 3);
    lab.negotiate([22]);
    lab.status(11);
    lab.get('deviceStatus');
    lab.setUp(0);
  }),
  bare('kick-before-driver-ok', 'a kick before DRIVER_OK', (lab) => {
    lab.toFeatures();
    lab.setUp(0);
    lab.kick(0);
  }),
  bare('bus-master-off', 'bus mastering is off', (lab) => {
    lab.bringUp();
    lab.kick(0);
  }),
  modern('use-after-needs-reset', 'a kick for a device that needs a reset', (lab) => {
    // The device says so of a ring that it cannot follow.
    lab.view(lab.areas(0)[1]).setUint16(2, 999, true);
    lab.kick(0);
    lab.get('deviceStatus');
    lab.kick(0);
  }),
  bare('features-before-driver', 'features before DRIVER', (lab) => {
    upTo(lab, 1);
    lab.negotiate();
  }),
  modern('features-after-driver-ok', 'features after DRIVER_OK', (lab) => lab.negotiate()),
  bare('features-after-features-ok', 'features after FEATURES_OK', (lab) => {
    lab.toFeatures();
    lab.set('driverFeature', 0);
  }),
  bare('no-feature-write', 'no features', (lab) => {
    upTo(lab, 1, 3, 11);
    lab.get('deviceStatus');
    lab.status(15);
  }),
  bare('features-not-read', 'features that were never read', (lab) => {
    lab.status(1);
    lab.status(3);
    lab.set('driverFeatureSelect', 1);
    lab.set('driverFeature', 1);
  }),
  bare('features-not-offered', 'a feature that is not offered', (lab) => {
    upTo(lab, 1, 3);
    lab.negotiate([blockFeature.barrier]);
    lab.status(11);
  }),
  bare('features-unknown', 'a feature of nobody', (lab) => {
    upTo(lab, 1, 3);
    lab.negotiate([22]);
    lab.status(11);
  }),
  bare('version-1-refused', 'no VERSION_1', (lab) => {
    upTo(lab, 1, 3);
    lab.negotiate();
    lab.set('driverFeatureSelect', 1);
    lab.set('driverFeature', 0);
    lab.status(11);
  }),
  legacyBare('bit-30-accepted', 'bit 30', (lab) => {
    upTo(lab, 1, 3);
    lab.negotiate([30]);
  }),
  legacy('any-layout-refused', 'no ANY_LAYOUT', () => {}),
  bare('access-platform-refused', 'ACCESS_PLATFORM left out', (lab) => lab.toFeatures(), {
    fn: { transportFeatures: [feature.accessPlatform] },
  }),
  bare('ring-packed-refused', 'RING_PACKED left out', (lab) => lab.toFeatures()),
  bare('order-platform-refused', 'ORDER_PLATFORM left out', (lab) => lab.toFeatures(), {
    fn: { orderPlatform: true } as never,
  }),
  bare('notif-config-data-refused', 'NOTIF_CONFIG_DATA left out', (lab) => lab.toFeatures()),
  bare('gave-up-for-unknown-feature', 'FAILED without a feature', (lab) => {
    upTo(lab, 1, 3);
    lab.set('deviceFeatureSelect', 0);
    lab.get('deviceFeature');
    lab.status(131);
  }),
  modern('common-width', 'a byte of a field of four', (lab) => void lab.get('queueSize', 1)),
  modern('common-read-only-written', 'numQueues written', (lab) => lab.set('numQueues', 1)),
  modern(
    'queue-field-without-feature',
    'queue_reset without its feature offered',
    (lab) => void lab.get('queueReset'),
    {
      fn: { transportFeatures: [] },
    },
  ),
  bare('queue-before-features-ok', 'a queue before FEATURES_OK', (lab) => {
    upTo(lab, 1, 3);
    lab.negotiate();
    lab.setUp(0);
  }),
  bare('queue-before-driver', 'a queue before DRIVER', (lab) => {
    upTo(lab, 1);
    lab.setUp(0);
  }),
  bare(
    'queue-size-zero-packed',
    'a packed queue of size 0',
    (lab) => {
      lab.toFeatures();
      lab.set('queueSelect', 0);
      lab.set('queueSize', 0);
    },
    { features: [feature.ringPacked] },
  ),
  bare('queue-size-no-power', 'a size of 3', (lab) => {
    lab.toFeatures();
    lab.set('queueSelect', 0);
    lab.set('queueSize', 3);
  }),
  bare('queue-size-raised', 'a size above the offer', (lab) => {
    lab.toFeatures();
    lab.set('queueSelect', 0);
    lab.set('queueSize', 2 * lab.get('queueSize'));
  }),
  bare('queue-size-not-read', 'a size that was never read', (lab) => {
    lab.toFeatures();
    lab.set('queueSelect', 0);
    for (const name of ['queueDescriptor', 'queueDriver', 'queueDevice']) {
      lab.set(`${name}Low`, 0x100000);
      lab.set(`${name}High`, 0);
    }
    lab.set('queueEnable', 1);
  }),
  bare('queue-absent-set-up', 'a queue that there is not', (lab) => {
    lab.toFeatures();
    lab.set('queueSelect', 9);
    lab.get('queueSize');
    lab.set('queueEnable', 1);
  }),
  bare('queue-enabled-half-set-up', 'enabled before its addresses', (lab) => {
    lab.toFeatures();
    lab.set('queueSelect', 0);
    lab.get('queueSize');
    lab.set('queueEnable', 1);
  }),
  modern(
    'queue-enabled-again-half-set-up',
    'enabled again without addresses',
    (lab) => {
      lab.set('queueReset', 1);
      lab.get('queueReset');
      lab.set('queueEnable', 1);
    },
    { features: [feature.ringReset] },
  ),
  modern('queue-moved', 'an enabled queue is moved', (lab) => lab.set('queueDescriptorLow', 0x200000)),
  modern('queue-resized', 'an enabled queue is resized', (lab) => lab.set('queueSize', 8)),
  modern('queue-enable-other-than-1', 'queue_enable with 0', (lab) => lab.set('queueEnable', 0)),
  bare('split-alignment', 'a table at 8 bytes', (lab) => {
    lab.toFeatures();
    lab.setUp(0, { areas: [0x100008, 0x104000, 0x108000] });
  }),
  bare(
    'packed-alignment',
    'an event structure at 2 bytes',
    (lab) => {
      lab.toFeatures();
      lab.setUp(0, { areas: [0x100000, 0x104002, 0x108000] });
    },
    { features: [feature.ringPacked] },
  ),
  bare('ring-out-of-reach', 'a ring outside memory', (lab) => {
    lab.toFeatures();
    lab.setUp(0, { areas: [0xf0000000, 0x104000, 0x108000] });
    lab.status(15);
    lab.kick(0);
  }),
  modern(
    'queue-enabled-while-resetting',
    'enabled before its reset was over',
    (lab) => {
      lab.set('queueReset', 1);
      lab.set('queueEnable', 1);
    },
    { features: [feature.ringReset] },
  ),
  modern('queue-reset-other-than-1', 'queue_reset with 0', (lab) => lab.set('queueReset', 0), {
    features: [feature.ringReset],
  }),
  modern('queue-reset-without-feature', 'queue_reset without RING_RESET', (lab) => lab.set('queueReset', 1)),
  modern(
    'kick-while-queue-resets',
    'a kick while a queue resets',
    (lab) => {
      lab.set('queueReset', 1);
      lab.kick(0);
    },
    { features: [feature.ringReset] },
  ),
  modern('suspend-unasked', 'SUSPEND without its feature', (lab) => lab.status(31)),
  modern(
    'kick-while-suspended',
    'a kick for a suspended device',
    (lab) => {
      lab.status(31);
      lab.get('deviceStatus');
      lab.kick(0);
    },
    { features: [feature.suspend] },
  ),
  modern(
    'buffers-while-suspended',
    'buffers for a suspended device',
    (lab) => {
      lab.status(31);
      lab.get('deviceStatus');
      lab.post(0, [{ length: 512, write: true }]);
    },
    { features: [feature.suspend] },
  ),
  modern(
    'config-while-suspended',
    'configuration of a suspended device',
    (lab) => {
      lab.status(31);
      lab.get('deviceStatus');
      lab.config(32, 1, 0);
    },
    { features: [feature.suspend, blockFeature.configWriteCache] },
  ),
  modern(
    'resume-not-awaited',
    'a kick before the device went on',
    (lab) => {
      lab.status(31);
      lab.status(lab.get('deviceStatus') | 4);
      lab.kick(0);
    },
    { features: [feature.suspend] },
  ),
  modern('vector-outside-table', 'vector 99', (lab) => lab.set('configMsixVector', 99)),
  bare('vector-not-read-back', 'a vector that was not read back', (lab) => {
    lab.toFeatures();
    lab.set('configMsixVector', 0);
    lab.status(15);
  }),
  modern('vector-refused', 'a refused vector', (lab) => {
    lab.set('queueMsixVector', 99);
    lab.get('queueMsixVector');
    lab.kick(0);
  }),
  pairs('kick-queue-not-set-up', 'a kick of a queue that is not set up', (lab) => {
    lab.set('queueSelect', 1);
    lab.get('queueSize');
    lab.kick(1);
  }),
  legacy('kick-absent-queue', 'a kick of no queue', (lab) => {
    lab.set('queueSelect', 9);
    lab.get('queueSize');
    lab.kick(9, { place: 0 });
  }),
  modern('kick-not-2-bytes', 'a kick of 4 bytes', (lab) => lab.kick(0, { width: 4 })),
  modern('kick-not-4-bytes', 'a kick of 2 bytes', (lab) => lab.kick(0), {
    features: [feature.notificationData],
  }),
  modern('kick-name-index', 'a kick that names another queue', (lab) => lab.kick(0, { value: 5 })),
  modern('kick-name-data', 'the same with NOTIFICATION_DATA', (lab) => lab.kick(0, { value: 5, width: 4 }), {
    features: [feature.notificationData],
  }),
  modern(
    'kick-name-config',
    'a kick without queue_notif_config_data',
    (lab) => {
      lab.get('queueNotifConfigData');
      lab.kick(0, { value: 0x7777 });
    },
    { features: [feature.notificationConfigData] },
  ),
  modern(
    'kick-name-both',
    'the same with both',
    (lab) => {
      lab.get('queueNotifConfigData');
      lab.kick(0, { value: 0x7777, width: 4 });
    },
    { features: [feature.notificationConfigData, feature.notificationData] },
  ),
  modern('kick-elsewhere', 'a kick at the place of another queue', (lab) => lab.kick(0, { place: 1 }), {
    queues: [0],
  }),
  modern('kick-data-split', 'a kick with another index', (lab) => lab.kick(0, { value: 0x50000, width: 4 }), {
    features: [feature.notificationData],
  }),
  modern(
    'kick-data-packed',
    'a kick with another place',
    (lab) => lab.kick(0, { value: 0x50000, width: 4 }),
    { features: [feature.notificationData, feature.ringPacked] },
  ),
];
