import { setCommand } from '../../../../src/driver/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  balloonFeature,
  blockFeature,
  ConsoleDevice,
  consoleFeature,
  EntropyDevice,
  feature,
  MemoryConsole,
  MemoryStorage,
  P9Device,
  P9MemoryServer,
  ScsiDevice,
} from '../../../../src/virtio/index.ts';
import { SLOT } from '../../../pci/support.ts';
import { be16, be32, type Lab, type LabBuffer, le16, le32, le64, zeros } from '../support/lab.ts';
import { disk } from '../support/watched.ts';
import { type Seed, seeds } from './seed.ts';

const idle = (lab: Lab) => setCommand(lab.machine, SLOT, 0, 4);
const entropy = seeds(() => new EntropyDevice());
const consoles = seeds(() => new ConsoleDevice(), {
  features: [consoleFeature.multiport],
  queues: [0, 1, 2, 3],
});
const legacyConsole = seeds(() => new ConsoleDevice(), {
  speaks: 'legacy',
  features: [consoleFeature.multiport],
  queues: [0, 1, 2, 3],
});
const ALL = {
  statistics: true,
  freePageHints: true,
  freePageReports: true,
  mustTellHost: 'offered',
} as const;
const BALLOON = [balloonFeature.statisticsQueue, balloonFeature.freePageHint, balloonFeature.pageReporting];
const balloon = seeds(() => new BalloonDevice(ALL), { features: BALLOON, queues: [0, 1, 2, 3, 4] });
const legacyBalloon = seeds(() => new BalloonDevice(ALL), {
  speaks: 'legacy',
  features: [balloonFeature.statisticsQueue],
  queues: [0, 1, 2],
});
const scsi = seeds(() => new ScsiDevice({ queueSize: 512 }), { queues: [0, 1, 2], size: 512 });
const legacyScsi = seeds(() => new ScsiDevice({ queueSize: 512 }), { speaks: 'legacy', queues: [0, 1, 2] });
const p9 = seeds(() => new P9Device({ server: new P9MemoryServer({}) }));
export const room = (length: number): LabBuffer => ({ length, write: true });

const message = (event: number, value = 1, port = 0) => [...le32(port), ...le16(event), ...le16(value)];
const [READY, PORT_READY, PORT_NAME] = [0, 3, 7];

const DISCARD = [blockFeature.discard];
const block = seeds(() => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(64 * 512)) }), {
  features: [blockFeature.flush, blockFeature.discard],
});
const legacyBlock = seeds(disk, { speaks: 'legacy' });
export const header = (type: number, sector = 0) => ({ bytes: [...le32(type), ...le32(0), ...le64(sector)] });
const segment = (sector: number, sectors: number, flags = 0) => [
  ...le64(sector),
  ...le32(sectors),
  ...le32(flags),
];
export const STATUS = room(1);
const capacity = (lab: Lab) => {
  for (const at of [0, 4]) lab.config(at, 4);
};
const limits = (lab: Lab) => {
  for (const at of [36, 40]) lab.config(at, 4);
};

/** Requests of block devices. */
export const blockSeeds: readonly Seed[] = [
  block('block-header-short', 'half a header', (lab) => void lab.post(0, [{ bytes: zeros(8) }, STATUS])),
  block('block-no-status', 'no status', (lab) => void lab.post(0, [header(4)])),
  legacyBlock(
    'block-framing',
    'header and data in one',
    (lab) => void lab.post(0, [{ bytes: [...header(1).bytes, ...zeros(512)] }, STATUS]),
  ),
  legacyBlock(
    'block-byte-order',
    'the other byte order',
    (lab) => void lab.post(0, [{ bytes: [...be32(1), ...zeros(12)] }, { bytes: zeros(512) }, STATUS]),
  ),
  block('block-unknown-type', 'type 99', (lab) => void lab.post(0, [header(99), STATUS])),
  block(
    'block-read-into-readable',
    'a read into what is readable',
    (lab) => void lab.post(0, [header(0), { bytes: zeros(512) }, STATUS]),
  ),
  block(
    'block-write-from-writable',
    'a write from what is writable',
    (lab) => void lab.post(0, [header(1), room(512), STATUS]),
  ),
  block('block-part-of-sector', 'half a sector', (lab) => void lab.post(0, [header(0), room(256), STATUS])),
  block('block-past-capacity', 'past the end', (lab) => {
    capacity(lab);
    lab.post(0, [header(0, 64), room(512), STATUS]);
  }),
  block('block-segment-past-capacity', 'a segment past the end', (lab) => {
    capacity(lab);
    lab.post(0, [header(11), { bytes: segment(63, 2) }, STATUS]);
  }),
  block(
    'block-flush-with-sector',
    'a flush with a sector',
    (lab) => void lab.post(0, [header(4, 3), STATUS]),
  ),
  block(
    'block-flush-with-data',
    'a flush with data',
    (lab) => void lab.post(0, [header(4), { bytes: zeros(512) }, STATUS]),
  ),
  legacyBlock('block-flush-type-5', 'type 5', (lab) => void lab.post(0, [header(5), STATUS])),
  block('block-id-length', '19 bytes for an id', (lab) => void lab.post(0, [header(8), room(19), STATUS])),
  block('block-segments-length', 'no segment', (lab) => void lab.post(0, [header(11), STATUS])),
  block('block-segments-limit', 'a segment that is too long', (lab) => {
    limits(lab);
    lab.post(0, [header(11), { bytes: segment(0, 0x7fffffff) }, STATUS]);
  }),
  block(
    'block-buffers-limit',
    'more buffers than seg_max',
    (lab) => {
      lab.config(12, 4);
      const most = lab.config(12, 4);
      const entries = [header(0), ...Array.from({ length: most + 1 }, () => room(512)), STATUS];
      const table = 0x280000;
      for (const [i, buffer] of entries.entries()) {
        const { address, length } = lab.memory(buffer);
        lab.describe(
          table,
          i,
          address,
          'length' in buffer ? buffer.length! : length,
          (i === 0 ? 0 : 2) | (i < entries.length - 1 ? 1 : 0),
          i + 1,
        );
      }
      lab.post(0, [{ address: table, length: 16 * entries.length, flags: 4 }]);
    },
    { features: [blockFeature.segmentMax, feature.ringIndirectDescriptors] },
  ),
  block(
    'block-unmap-in-discard',
    'unmap in a discard',
    (lab) => void lab.post(0, [header(11), { bytes: segment(0, 1, 1) }, STATUS]),
  ),
  block(
    'block-request-without-feature',
    'write zeroes without the feature',
    (lab) => void lab.post(0, [header(13), { bytes: segment(0, 1) }, STATUS]),
  ),
  seeds(() => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4096), true) }))(
    'block-write-to-read-only',
    'a write to a read-only disk',
    (lab) => void lab.post(0, [header(1), { bytes: zeros(512) }, STATUS]),
  ),
  seeds(() => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4096), true) }))(
    'block-read-only-refused',
    'RO left out',
    () => {},
  ),
  legacyBlock(
    'block-scsi-command',
    'a command in the header',
    (lab) => void lab.post(0, [{ bytes: [...header(2).bytes, ...zeros(16)] }, room(96), room(16), STATUS]),
  ),
  legacyBlock(
    'block-scsi-results',
    'no sense data',
    (lab) => void lab.post(0, [header(2), { bytes: zeros(6) }, room(16), STATUS]),
  ),
  seeds(disk, { bare: true, features: [blockFeature.zoned, ...DISCARD] })(
    'block-zoned-with-discard',
    'ZONED and DISCARD',
    (lab) => lab.toFeatures(),
  ),
];

const head = (more: { lun?: number[]; attribute?: number } = {}) => [
  ...(more.lun ?? [1, 0, 0x40, 0, 0, 0, 0, 0]),
  ...zeros(8),
  more.attribute ?? 0,
  0,
  0,
  ...zeros(32),
];

/** Requests of the other types. */
export const typeSeeds: readonly Seed[] = [
  entropy('entropy-readable', 'a readable buffer', (lab) => void lab.post(0, [{ bytes: [1, 2, 3] }])),
  p9('p9-message-short', 'less than a header', (lab) => void lab.post(0, [{ bytes: zeros(6) }, room(64)])),
  p9(
    'p9-message-longer',
    'a message longer than its buffers',
    (lab) => void lab.post(0, [{ bytes: [...le32(99), 100, 255, 255, 0] }, room(64)]),
  ),
  p9(
    'p9-reply-sent',
    'a reply',
    (lab) => void lab.post(0, [{ bytes: [...le32(7), 101, 255, 255] }, room(64)]),
  ),
  p9(
    'p9-no-room',
    'no room for a reply',
    (lab) => void lab.post(0, [{ bytes: [...le32(7), 100, 255, 255] }]),
  ),
  consoles('console-input-readable', 'readable input', (lab) => void lab.post(0, [{ bytes: [1] }])),
  consoles('console-output-writable', 'writable output', (lab) => void lab.post(1, [room(8)])),
  consoles('console-message-short', 'half a message', (lab) => void lab.post(3, [{ bytes: zeros(4) }])),
  consoles(
    'console-message-of-device',
    "a device's message",
    (lab) => void lab.post(3, [{ bytes: message(PORT_NAME) }]),
  ),
  legacyConsole(
    'console-message-byte-order',
    'the other byte order',
    (lab) => void lab.post(3, [{ bytes: [...zeros(4), ...be16(PORT_READY), ...be16(1)] }]),
  ),
  consoles(
    'console-not-ready',
    'no DEVICE_READY',
    (lab) => void lab.post(3, [{ bytes: message(PORT_READY) }]),
  ),
  consoles('console-ready-twice', 'DEVICE_READY twice', (lab) => {
    lab.post(3, [{ bytes: message(READY) }]);
    lab.post(3, [{ bytes: message(READY) }]);
  }),
  legacyConsole(
    'console-message-framing',
    'a message in two',
    (lab) => void lab.post(3, [{ bytes: message(READY).slice(0, 4) }, { bytes: message(READY).slice(4) }]),
  ),
  consoles('console-never-ready', 'never ready', (lab) => {
    lab.post(1, [{ bytes: [65] }]);
    lab.post(1, [{ bytes: [65] }]);
  }),
  seeds(() => new ConsoleDevice({ ports: [{ backend: new MemoryConsole() }] }), {
    features: [consoleFeature.multiport],
    queues: [0, 1, 2, 3],
  })('console-port-not-opened', 'a port that is not opened', (lab) => {
    for (let i = 0; i < 8; i++) lab.post(2, [room(64)]);
    lab.post(3, [{ bytes: message(READY) }]);
    lab.post(3, [{ bytes: message(PORT_READY) }]);
  }),
  balloon(
    'balloon-pages-writable',
    'writable page numbers',
    (lab) => void lab.post(0, [{ bytes: le32(9) }, room(4)]),
  ),
  balloon('balloon-inflate-length', 'half a page number', (lab) => void lab.post(0, [{ bytes: [1, 2] }])),
  balloon('balloon-deflate-length', 'half a page number', (lab) => void lab.post(1, [{ bytes: [1, 2] }])),
  balloon('balloon-inflated-again', 'a page twice', (lab) => {
    lab.post(0, [{ bytes: le32(9) }]);
    lab.post(0, [{ bytes: le32(9) }]);
  }),
  balloon(
    'balloon-deflated-outside',
    'a page that is not there',
    (lab) => void lab.post(1, [{ bytes: le32(9) }]),
  ),
  balloon('balloon-deflated-early', 'a page too early', (lab) => {
    idle(lab);
    lab.post(0, [{ bytes: le32(9) }]);
    lab.post(1, [{ bytes: le32(9) }]);
  }),
  balloon('balloon-page-in-use', 'a buffer in the balloon', (lab) => {
    lab.post(0, [{ bytes: le32(0x290) }]);
    lab.post(0, [{ bytes: le32(9), address: 0x290000 }]);
  }),
  balloon('balloon-statistics-outstanding', 'two buffers of statistics', (lab) => {
    lab.post(2, [{ bytes: zeros(10) }]);
    lab.post(2, [{ bytes: zeros(10) }]);
  }),
  balloon('balloon-statistics-writable', 'writable statistics', (lab) => void lab.post(2, [room(10)])),
  balloon('balloon-statistics-length', 'half an entry', (lab) => void lab.post(2, [{ bytes: zeros(6) }])),
  balloon('balloon-statistics-empty', 'no entry', (lab) => void lab.post(2, [room(10)])),
  legacyBalloon(
    'balloon-statistics-byte-order',
    'the other byte order',
    (lab) => void lab.post(2, [{ bytes: [...be16(4), ...zeros(8)] }]),
  ),
  balloon('balloon-statistics-subset', 'another subset', (lab) => {
    idle(lab);
    lab.post(2, [{ bytes: zeros(10) }]);
    lab.post(2, [{ bytes: zeros(20) }]);
  }),
  balloon('balloon-command-length', 'half a command', (lab) => void lab.post(3, [{ bytes: [1, 2] }])),
  balloon('balloon-report-readable', 'a readable report', (lab) => void lab.post(4, [{ bytes: zeros(16) }])),
  balloon('balloon-report-pages', 'half a page', (lab) => void lab.post(4, [room(100)])),
  balloon(
    'balloon-actual-not-written',
    'actual never written',
    (lab) => void lab.post(0, [{ bytes: le32(9) }]),
  ),
  legacyBalloon('balloon-actual-byte-order', 'actual in the other byte order', (lab) => {
    lab.post(0, [{ bytes: le32(9) }]);
    lab.config(4, 4, 0x01000000);
  }),
  balloon(
    'balloon-no-statistics',
    'no buffer of statistics',
    (lab) => void lab.post(0, [{ bytes: le32(9) }]),
  ),
  balloon('balloon-tell-refused', 'MUST_TELL_HOST left out', () => {}),
  scsi(
    'scsi-header-short',
    'half a header',
    (lab) => void lab.post(2, [{ bytes: head().slice(0, 40) }, room(108)]),
  ),
  scsi('scsi-response-short', 'half a response', (lab) => void lab.post(2, [{ bytes: head() }, room(50)])),
  scsi(
    'scsi-both-directions',
    'data both ways',
    (lab) => void lab.post(2, [{ bytes: [...head(), 1, 2] }, room(116)]),
  ),
  scsi(
    'scsi-task-attribute',
    'a task attribute',
    (lab) => void lab.post(2, [{ bytes: head({ attribute: 2 }) }, room(108)]),
  ),
  scsi(
    'scsi-address',
    'an address of nobody',
    (lab) => void lab.post(2, [{ bytes: head({ lun: zeros(8) }) }, room(108)]),
  ),
  scsi('scsi-event-buffer', 'half an event buffer', (lab) => void lab.post(1, [room(8)])),
  scsi(
    'scsi-control-type',
    'control type 9',
    (lab) => void lab.post(0, [{ bytes: [...le32(9), ...zeros(20)] }, room(8)]),
  ),
  scsi(
    'scsi-control-short',
    'half a control request',
    (lab) => void lab.post(0, [{ bytes: zeros(12) }, room(1)]),
  ),
  legacyScsi(
    'scsi-control-byte-order',
    'the other byte order',
    (lab) => void lab.post(0, [{ bytes: [...be32(1), ...zeros(20)] }, room(8)]),
  ),
  legacyScsi(
    'scsi-framing',
    'a header with data',
    (lab) => void lab.post(2, [{ bytes: [...head(), ...zeros(16)] }, room(108)]),
  ),
  scsi('scsi-commands-per-unit', 'too many commands', (lab) => {
    const most = lab.config(12, 4);
    idle(lab);
    for (let i = 0; i <= most; i++) lab.post(2, [{ bytes: head() }, room(108)]);
  }),
  scsi(
    'scsi-events-not-primed',
    'no event buffers',
    (lab) => void lab.post(2, [{ bytes: head() }, room(108)]),
  ),
  consoles('queue-without-feature', 'a queue of MULTIPORT', (lab) => lab.kick(2), {
    features: [],
    queues: [0, 1],
  }),
];
