import { describe, expect, it, test } from 'vitest';
import { VirtiolabError } from '../../../src/core/index.ts';
import {
  BlockDevice,
  blockConfig,
  blockFeature,
  feature,
  MemoryStorage,
  StorageSizeError,
} from '../../../src/virtio/index.ts';
import { sameBytes } from '../../core/bytes.ts';
import { type GuestOptions, LegacyGuest, ModernGuest } from '../support/guests.ts';
import { RawRequests } from '../support/requests.ts';

const SECTORS = 16;
const [IN, OUT, SCSI, FLUSH, FLUSH_OUT, GET_ID] = [0, 1, 2, 4, 5, 8];
const [OK, IOERR, UNSUPP] = [0, 1, 2];
const ANY_LAYOUT = 2 ** feature.anyLayout;

const image = () => new Uint8Array(SECTORS * 512).map((_, i) => (i >> 9) * 3 + i);

interface Options extends GuestOptions {
  readonly readOnly?: boolean;
  readonly serial?: string;
  readonly features?: number;
}

function legacy({ readOnly = false, serial = 'serial-0', features = ANY_LAYOUT, ...options }: Options = {}) {
  const storage = new MemoryStorage(image(), readOnly);
  const guest = new LegacyGuest(new BlockDevice({ storage, serial }), options);
  const ring = guest.start(features)[0]!;
  guest.clauses();
  return { guest, ring, storage, requests: new RawRequests(guest, ring) };
}

function modern({ readOnly = false, serial = 'serial-0', ...options }: Options = {}) {
  const storage = new MemoryStorage(image(), readOnly);
  const guest = new ModernGuest(new BlockDevice({ storage, serial }), options);
  const ring = guest.start()[0]!;
  guest.clauses();
  return { guest, ring, storage, requests: new RawRequests(guest, ring) };
}

const sectors = (from: number, count: number) => image().slice(from * 512, (from + count) * 512);
const pattern = (count: number) => new Uint8Array(count * 512).map((_, i) => 0xa0 ^ i);

describe.each([
  ['legacy', legacy],
  ['modern', modern],
] as const)('a block device with a %s driver', (_, start) => {
  it.each([
    [0, 1],
    [5, 3],
    [SECTORS - 2, 2],
  ])('reads from sector %d, %d of them', (sector, count) => {
    const { requests, guest } = start();
    const answer = requests.do({ type: IN, sector, inBytes: count * 512 });
    expect(answer).toEqual({ status: OK, data: sectors(sector, count), used: count * 512 + 1 });
    expect(guest.clauses()).toEqual([]);
  });

  it('writes whole sectors and nothing beside them', () => {
    const { requests, storage } = start();
    expect(requests.do({ type: OUT, sector: 7, out: pattern(2) })).toMatchObject({ status: OK, used: 1 });
    const expected = image();
    expected.set(pattern(2), 7 * 512);
    expect(sameBytes(storage.bytes, expected)).toBe(true);
  });

  // What a driver gets wrong ends as a status byte, is reported, and changes nothing.
  it.each([
    ['reads past the end', { type: IN, sector: SECTORS, inBytes: 512 }, IOERR, ['BLK-OP-03']],
    ['reads across the end', { type: IN, sector: SECTORS - 1, inBytes: 1024 }, IOERR, ['BLK-OP-03']],
    ['reads from a sector beyond 2^32', { type: IN, sector: 2 ** 40, inBytes: 512 }, IOERR, ['BLK-OP-03']],
    [
      'reads from the last sector that 64 bits name',
      { type: IN, sector: 2 ** 64 - 2048, inBytes: 512 },
      IOERR,
      ['BLK-OP-03'],
    ],
    ['writes past the end', { type: OUT, sector: SECTORS, out: pattern(1) }, IOERR, ['BLK-OP-03']],
    ['reads half a sector', { type: IN, inBytes: 256 }, IOERR, ['BLK-OP-06']],
    ['writes a byte too much', { type: OUT, out: new Uint8Array(513) }, IOERR, ['BLK-OP-06']],
    ['sends a SCSI command that was not offered', { type: SCSI, inBytes: 512 }, UNSUPP, []],
    ['sends a type that does not exist', { type: 0x1234 }, UNSUPP, []],
    ['asks for an id in too short a buffer', { type: GET_ID, inBytes: 19 }, IOERR, ['BLK-OP-08']],
    ['gives a flush a sector', { type: FLUSH, sector: 3 }, OK, ['BLK-OP-05']],
    ['reads nothing at all', { type: IN }, OK, []],
  ] as const)('that %s', (_, request, status, clauses) => {
    const { requests, guest, storage } = start();
    const answer = requests.do(request);
    expect([answer.status, guest.clauses()]).toEqual([status, clauses]);
    expect(sameBytes(storage.bytes, image())).toBe(true);
    if ('inBytes' in request) expect(answer.data.every((byte) => byte === 0xee)).toBe(true);
    // SPL-USED-02: no byte counts that was not written from the first one on.
    expect(answer.used).toBe('inBytes' in request ? 0 : 1);
    expect(guest.block.get('deviceStatus') & 64).toBe(0);
    expect(requests.do({ type: IN, inBytes: 512 }).status).toBe(OK);
  });

  it.each([
    ['flushes', FLUSH],
    ['of the legacy kind', FLUSH_OUT],
  ])('LEG-BLK-10: %s', (_name, type) => {
    const { requests, guest } = start();
    expect(requests.do({ type }).status).toBe(type === FLUSH || guest.device.legacyDriver ? OK : UNSUPP);
  });

  it('BLK-OP-08: gives its id in 20 bytes, padded with zeros', () => {
    const { requests } = start({ serial: 'abc' });
    const answer = requests.do({ type: GET_ID, inBytes: 20 });
    expect(answer).toMatchObject({ status: OK, used: 21 });
    expect(String.fromCharCode(...answer.data)).toBe(`abc${'\0'.repeat(17)}`);
    const long = start({ serial: '12345678901234567890' }).requests.do({ type: GET_ID, inBytes: 20 });
    expect(String.fromCharCode(...long.data)).toBe('12345678901234567890');
    const wide = requests.do({ type: GET_ID, inBytes: 24 });
    expect([wide.status, wide.used <= 20, [...wide.data.slice(20)]]).toEqual([
      OK,
      true,
      [0xee, 0xee, 0xee, 0xee],
    ]);
  });

  it('BLK-OP-16: read-only, refuses writes and reads on', () => {
    const { requests, storage, guest } = start({ readOnly: true });
    expect(requests.do({ type: OUT, sector: 1, out: pattern(1) }).status).toBe(IOERR);
    expect([sameBytes(storage.bytes, image()), guest.clauses()]).toEqual([true, ['BLK-OP-16']]);
    expect(requests.do({ type: IN, sector: 1, inBytes: 512 }).data).toEqual(sectors(1, 1));
    expect(requests.do({ type: FLUSH }).status).toBe(OK);
  });

  it.each([
    [
      'a readable header shorter than 16 bytes',
      { type: IN, readableCuts: [15], writableCuts: [1] },
      ['LEG-BLK-15'],
    ],
    ['no readable part at all', { type: IN, readableCuts: [], writableCuts: [1] }, ['LEG-BLK-15']],
  ])('that sends %s gets an error', (_, request, clauses) => {
    const { requests, guest } = start();
    expect([requests.do(request).status, guest.clauses()]).toEqual([IOERR, clauses]);
  });

  it('that leaves no room for a status gets its buffer back', () => {
    const { requests, guest } = start();
    expect(requests.do({ type: FLUSH, writableCuts: [] }).used).toBe(0);
    expect(guest.clauses()).toEqual(['LEG-BLK-15']);
  });

  // SPL-FRM-01: how the streams are cut into descriptors does not show.
  it.each([
    ['header and data together', { out: pattern(1), readableCuts: [528] }],
    ['a header in many pieces', { out: pattern(1), readableCuts: [4, 0, 4, 7, 1, 512] }],
    ['a header cut off in the middle of the data', { out: pattern(1), readableCuts: [10, 100, 418] }],
    ['data in unequal pieces', { out: pattern(2), readableCuts: [16, 1, 1022, 1] }],
  ])('writes from %s', (_, { out, readableCuts }) => {
    const { requests, storage } = start();
    expect(requests.do({ type: OUT, sector: 2, out, readableCuts }).status).toBe(OK);
    expect(storage.bytes.slice(1024, 1024 + out.length)).toEqual(out);
  });

  it.each([
    ['data and status together', [1025]],
    ['pieces that end anywhere', [1, 511, 500, 12, 1]],
    ['a status behind the last bytes of data', [1000, 25]],
    ['empty descriptors', [0, 1024, 0, 1]],
  ])('reads into %s', (_, writableCuts) => {
    const { requests } = start();
    const answer = requests.do({ type: IN, sector: 3, inBytes: 1024, writableCuts });
    expect(answer).toEqual({ status: OK, data: sectors(3, 2), used: 1025 });
  });

  it('that points at memory out of its reach gets an error, or its buffer back', () => {
    const windows = [{ start: 0, length: 0xa0000, write: true }];
    const { requests, guest, ring } = start({ windows });
    // The writable buffers of a raw request begin at 0xa0000.
    requests.send({ type: IN, inBytes: 512 });
    expect([ring.used(), guest.clauses()]).toEqual([[[0, 0]], ['LEG-BLK-15']]);
    expect(requests.answer(512).data.every((byte) => byte === 0xee)).toBe(true);
  });
});

describe('legacy only', () => {
  it('LEG-BLK-07: requests are in the order of the guest', () => {
    const { requests } = legacy({ guestEndian: 'big' });
    expect(requests.do({ type: IN, sector: 9, inBytes: 512 })).toMatchObject({
      status: OK,
      data: sectors(9, 1),
    });
    expect(requests.do({ type: IN, sector: 2 ** 32, inBytes: 512 }).status).toBe(IOERR);
  });

  it.each([
    ['a read', { type: IN, sector: 4, inBytes: 512 }, OK],
    ['a flush', { type: FLUSH }, OK],
    ['an unknown type', { type: 0x40 }, UNSUPP],
  ])('LEG-BLK-11: the barrier bit does not change what %s is', (_, request, status) => {
    const { requests } = legacy();
    expect(requests.do({ ...request, type: request.type + 2 ** 31 }).status).toBe(status);
  });

  it('LEG-BLK-11: to a modern driver the barrier bit is part of an unknown type', () => {
    expect(modern().requests.do({ type: IN + 2 ** 31, inBytes: 512 }).status).toBe(UNSUPP);
  });

  test.each([
    ['header and data together', { type: OUT, out: pattern(1), readableCuts: [528] }, ['LEG-BLK-15']],
    ['data and status together', { type: IN, inBytes: 512, writableCuts: [513] }, ['LEG-BLK-15']],
    ['parts of their own', { type: IN, inBytes: 512 }, []],
  ] as const)(
    'LEG-BLK-15: %s without ANY_LAYOUT is served, and reported unless it is right',
    (_, request, clauses) => {
      const { requests, guest } = legacy({ features: 0 });
      expect([requests.do(request).status, guest.clauses()]).toEqual([OK, clauses]);
    },
  );
});

describe('configuration and features', () => {
  it('BLK-OP-15, BLK-OP-09, BLK-INIT-11: describes the storage', () => {
    const device = new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4 << 20)), queueSize: 64 });
    const values = Object.fromEntries(
      Object.keys(blockConfig).map((name) => [name, device.config.get(name as keyof typeof blockConfig)]),
    );
    expect(values).toEqual({
      capacity: 8192,
      sizeMax: 0,
      segmentMax: 62,
      cylinders: 8,
      heads: 16,
      sectors: 63,
      blockSize: 512,
      physicalBlockExponent: 0,
      alignmentOffset: 0,
      minimumIoSize: 1,
      optimalIoSize: 0,
      writeback: 1,
      unused0: 0,
      numQueues: 1,
    });
  });

  it('BLK-INIT-08, BLK-INIT-09, BLK-INIT-12: offers FLUSH with CONFIG_WCE, read-only where it is, and no zones', () => {
    const features = (readOnly: boolean) =>
      new BlockDevice({ storage: new MemoryStorage(image(), readOnly) }).features;
    for (const each of [features(false), features(true)]) {
      expect(each).toEqual(expect.arrayContaining([blockFeature.flush, blockFeature.configWriteCache]));
      expect(each).not.toContain(blockFeature.zoned);
    }
    expect([features(false).includes(5), features(true).includes(5)]).toEqual([false, true]);
  });

  test.each([0, 1, 511, 513])('storage of %d bytes is refused', (length) => {
    const make = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(length)) });
    expect(make).toThrow(StorageSizeError);
    expect(make).toThrow(expect.objectContaining({ lengthBytes: length }));
  });

  it('a serial of more than 20 characters is refused', () => {
    const serial = 'x'.repeat(21);
    expect(() => new BlockDevice({ storage: new MemoryStorage(image()), serial })).toThrow(VirtiolabError);
  });
});
