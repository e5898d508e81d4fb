import { BlockDevice, type BlockOptions, MemoryStorage, ScsiDevice } from '../../../src/virtio/index.ts';
import { RawScsi, start as startScsi } from '../../virtio/devices/scsi/support.ts';
import { LegacyGuest, ModernGuest } from '../../virtio/support/guests.ts';
import { type RawRequest, RawRequests } from '../../virtio/support/requests.ts';
import { during, type Scenario, scenario } from './scenario.ts';

const [IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES] = [0, 1, 4, 8, 11, 13];
const FEATURES = [1, 2, 5, 9, 13, 14];
const LIMITS = { sectors: 4, segments: 2 };
const windows = [{ start: 0, length: 0x90000, write: true }];
/** Options for a disk that cannot be written. */
const READ_ONLY: Partial<BlockOptions> = {};
const sector = new Uint8Array(512);

/** A disk of 8 sectors; `modern`, or a legacy driver with or without ANY_LAYOUT. */
function disk(kind: 'modern' | 'legacy' | 'strict', options: Partial<BlockOptions> = {}, reach = false) {
  const storage = new MemoryStorage(new Uint8Array(8 * 512), options === READ_ONLY);
  const device = new BlockDevice({
    storage,
    discard: LIMITS,
    writeZeroes: LIMITS,
    ...(options === READ_ONLY ? {} : options),
  });
  const where = reach ? { windows } : {};
  if (kind === 'modern') {
    const guest = new ModernGuest(device, where);
    const features = FEATURES.filter((bit) => device.features.includes(bit));
    return { guest, ring: guest.start(features)[0]! };
  }
  const guest = new LegacyGuest(device, where);
  return { guest, ring: guest.start(kind === 'legacy' ? 2 ** 27 : 0)[0]! };
}

const block = (
  name: string,
  request: RawRequest,
  kind: 'modern' | 'legacy' | 'strict' = 'modern',
  options: Partial<BlockOptions> = {},
): Scenario =>
  scenario(`block, ${kind}: ${name}`, () => {
    const { guest, ring } = disk(kind, options);
    const requests = new RawRequests(guest, ring, { slot: 1 });
    return during(guest, () => requests.send(request));
  });

/** Addresses of header, data and status of a read; those left out are within reach. */
const unreachable = (name: string, place: { header?: number; status?: number }, flags = 2): Scenario =>
  scenario(`block, modern: ${name}`, () => {
    const { guest, ring } = disk('modern');
    ring.chain(2, [
      { address: place.header ?? 0x80000, length: 16 },
      { address: place.status ?? 0x81000, length: 1, flags },
    ]);
    ring.offer(2);
    return during(guest, () => guest.kick());
  });

const segment = (first: number, sectors: number, flags = 0) => {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, first, true);
  view.setUint32(8, sectors, true);
  view.setUint32(12, flags, true);
  return bytes;
};
const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

const blocks: readonly Scenario[] = [
  block('past the end', { type: IN, sector: 8, inBytes: 512 }),
  block('half a sector', { type: OUT, out: sector.subarray(0, 256) }),
  block('a flush with a sector and data', { type: FLUSH, sector: 3, out: sector }),
  block('too little room for the id', { type: GET_ID, inBytes: 19 }),
  block('a write with data to be written', { type: OUT, inBytes: 512 }),
  block('a read with data to be read', { type: IN, out: sector }),
  block('a read with data in both directions', { type: IN, out: sector, inBytes: 512 }, 'legacy'),
  block('a header cut off', { type: IN, readableCuts: [15], writableCuts: [1] }),
  block('a header cut off', { type: IN, readableCuts: [15], writableCuts: [1] }, 'legacy'),
  block('a header cut off', { type: IN, readableCuts: [15], writableCuts: [1] }, 'strict'),
  block('a read without a status', { type: IN, writableCuts: [] }),
  block('a read without a status', { type: IN, writableCuts: [] }, 'strict'),
  block('header and data together', { type: OUT, out: sector, readableCuts: [528] }, 'strict'),
  block('a write to a disk that cannot be written', { type: OUT, out: sector }, 'modern', READ_ONLY),
  block('more segments than it takes', { type: OUT, out: sector, readableCuts: [16, 256, 256] }, 'modern', {
    segmentMax: 1,
  }),
  block('a discard that was not accepted', { type: DISCARD, out: segment(0, 1) }, 'legacy'),
  block('no segment', { type: DISCARD }),
  block('too many segments', { type: DISCARD, out: joined(segment(0, 1), segment(1, 1), segment(2, 1)) }),
  block('too long a segment', { type: DISCARD, out: segment(0, 5) }),
  block('a segment past the end', { type: WRITE_ZEROES, out: segment(7, 2) }),
  block('unmap in a discard', { type: DISCARD, out: segment(0, 1, 1) }),
  block('an unknown flag', { type: WRITE_ZEROES, out: segment(0, 1, 4) }),
  scenario('block, modern: segments out of reach', () => {
    const { guest, ring } = disk('modern');
    guest.machine.ram.write(0x80000, Uint8Array.of(DISCARD));
    ring.chain(2, [
      { address: 0x80000, length: 16 },
      { address: 0x8000_0000, length: 16 },
      { address: 0x81000, length: 1, flags: 2 },
    ]);
    ring.offer(2);
    return during(guest, () => guest.kick());
  }),
  unreachable('a header out of reach', { header: 0x8000_0000 }),
  unreachable('a status out of reach', { status: 0x8000_0000 }),
  scenario('block, modern: a second queue without MQ', () => {
    const device = new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512)), queues: 2 });
    const guest = new ModernGuest(device);
    const rings = guest.start([], [0, 1]);
    return during(guest, () => new RawRequests(guest, rings[1]!, { queue: 1 }).send({ type: FLUSH }));
  }),
];

type Lab = ReturnType<typeof startScsi>;

const scsi = (name: string, wrong: (lab: Lab) => void, modern = true, more = {}): Scenario =>
  scenario(`scsi, ${modern ? 'modern' : 'legacy'}: ${name}`, () => {
    const lab = startScsi({ modern, ...more });
    lab.scsi.settle();
    return during(lab.guest, () => wrong(lab));
  });

const READ_ONE = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];
const tmf = Uint8Array.from({ length: 24 }, (_, i) => (i === 8 ? 1 : 0));

/** A chain whose named part is out of reach. */
const away = (lab: Lab, queue: number, chain: readonly (readonly [number, number, number])[]) => {
  const ring = lab.scsi.rings[queue]!;
  ring.chain(
    32,
    chain.map(([address, length, flags]) => ({ address, length, flags })),
  );
  ring.offer(32);
  lab.guest.kick(queue);
};
const OUTSIDE = 0x8000_0000;

const scsis: readonly Scenario[] = [
  ...[true, false].map((modern) =>
    scsi(
      'a header cut off',
      ({ scsi: raw }) => raw.send({ cdb: READ_ONE, readableCuts: [50], slot: 1 }),
      modern,
    ),
  ),
  scsi('a response cut off', ({ scsi: raw }) => raw.send({ cdb: TEST_UNIT_READY, writableCuts: [107] })),
  scsi('no room for a response', ({ scsi: raw }) => raw.send({ cdb: TEST_UNIT_READY, writableCuts: [11] })),
  scsi('a header out of reach', (lab) =>
    away(lab, 2, [
      [OUTSIDE, 51, 0],
      [0x84000, 108, 2],
    ]),
  ),
  scsi('a response out of reach', (lab) => {
    lab.guest.machine.ram.write(0x82000, lab.scsi.request({ cdb: TEST_UNIT_READY }));
    away(lab, 2, [
      [0x82000, 51, 0],
      [OUTSIDE, 108, 2],
    ]);
  }),
  scsi('data out of reach', (lab) => {
    lab.guest.machine.ram.write(0x82000, lab.scsi.request({ cdb: READ_ONE }));
    away(lab, 2, [
      [0x82000, 51, 0],
      [0x84000, 108, 2],
      [OUTSIDE, 512, 2],
    ]);
  }),
  scsi('data in both directions', ({ scsi: raw }) =>
    raw.send({ cdb: READ_ONE, out: new Uint8Array(10), inBytes: 512 }),
  ),
  scsi('data in the wrong direction', ({ scsi: raw }) =>
    raw.send({ cdb: READ_ONE, out: new Uint8Array(512) }),
  ),
  scsi('a task attribute', ({ scsi: raw }) => raw.send({ cdb: TEST_UNIT_READY, task: [3, 0, 0] })),
  scenario('scsi, strict: framing', () => {
    const guest = new LegacyGuest(new ScsiDevice());
    const raw = new RawScsi(guest, guest.start(0, [0, 1, 2]));
    return during(guest, () => raw.send({ cdb: TEST_UNIT_READY, readableCuts: [20, 31] }));
  }),
  scsi('configuration that is not to be written', ({ guest }) => {
    guest.machine.memoryWrite((guest as ModernGuest).structure(4) + 8, 4, 5);
  }),
  scsi(
    'more commands for a unit than it takes',
    (lab) => {
      lab.guest.machine.ram.write(0x82000, lab.scsi.request({ cdb: READ_ONE }));
      const ring = lab.scsi.rings[2]!;
      for (let i = 0; i < 129; i++) {
        ring.chain(2 * i, [
          { address: 0x82000, length: 51 },
          { address: 0x84000, length: 108 + 512, flags: 2 },
        ]);
        ring.offer(2 * i);
      }
      lab.guest.kick(2);
    },
    true,
    { queueSize: 512, storage: { length: 64 * 512, readOnly: false, read() {}, write() {}, flush() {} } },
  ),
  scsi('an unknown control request', ({ scsi: raw }) =>
    raw.expose(0, 0, Uint8Array.of(9, 0, 0, 0), [24], [1]),
  ),
  scsi('a control request cut off', ({ scsi: raw }) => raw.expose(0, 0, tmf, [23], [1])),
  scsi('no room for a control response', ({ scsi: raw }) => raw.expose(0, 0, tmf, [24], []), false),
  scsi('a control request out of reach', (lab) =>
    away(lab, 0, [
      [OUTSIDE, 24, 0],
      [0x84000, 1, 2],
    ]),
  ),
  scsi('a control response out of reach', (lab) => {
    lab.guest.machine.ram.write(0x82000, tmf);
    away(lab, 0, [
      [0x82000, 24, 0],
      [OUTSIDE, 1, 2],
    ]);
  }),
  scsi('a short event buffer', ({ scsi: raw }) => raw.offerEvent(1, 15)),
  scsi('an event buffer out of reach', (lab) => {
    away(lab, 1, [[OUTSIDE, 16, 2]]);
    lab.device.resetLun(0, 0);
  }),
];

export const storages: readonly Scenario[] = [...blocks, ...scsis];
