import { Buffer } from 'node:buffer';
import { describe, expect, it, test } from 'vitest';
import { VirtiolabError } from '../../../src/core/index.ts';
import {
  BlockDevice,
  BlockOptionError,
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
    ['gives a flush data', { type: FLUSH, out: new Uint8Array(512) }, OK, ['BLK-OP-05']],
    ['reads nothing at all', { type: IN }, OK, []],
    ['asks how old the device is, which it does not tell', { type: 10, inBytes: 6 }, UNSUPP, []],
    ['BLK-OP-25: asks a device without zones for a report of them', { type: 16, inBytes: 64 }, UNSUPP, []],
    ['appends to a zone', { type: 15, out: new Uint8Array(512) }, UNSUPP, []],
    ['discards without having accepted that', { type: 11, out: new Uint8Array(16) }, UNSUPP, ['BF-FEAT-03']],
    ['erases securely, which was not offered', { type: 14, out: new Uint8Array(16) }, UNSUPP, []],
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
    expect([sameBytes(storage.bytes, image()), guest.clauses()]).toEqual([true, ['BLK-OP-04']]);
    expect(requests.do({ type: IN, sector: 1, inBytes: 512 }).data).toEqual(sectors(1, 1));
    expect(requests.do({ type: FLUSH }).status).toBe(OK);
  });

  it.each([
    ['a readable header shorter than 16 bytes', { type: IN, readableCuts: [15], writableCuts: [1] }],
    ['no readable part at all', { type: IN, readableCuts: [], writableCuts: [1] }],
  ])('that sends %s gets an error', (_, request) => {
    const { requests, guest } = start();
    expect([requests.do(request).status, guest.clauses()]).toEqual([IOERR, [guest.shapeClause]]);
  });

  it.each([
    ['a write', { type: OUT, sector: 1, inBytes: 512 }],
    ['a read', { type: IN, sector: 1, out: pattern(1) }],
  ] as const)(
    'whose data are all in the wrong direction moves nothing, and is no success: %s',
    (_, request) => {
      const { requests, guest, storage } = start();
      expect([requests.do(request).status, guest.clauses()]).toEqual([IOERR, [guest.shapeClause]]);
      expect(sameBytes(storage.bytes, image())).toBe(true);
    },
  );

  it.each([
    ['a write', { type: OUT, sector: 1, out: pattern(1), inBytes: 512 }],
    ['a read', { type: IN, sector: 1, out: pattern(1), inBytes: 512 }],
  ] as const)('with data in both directions is served, and reported: %s', (_, request) => {
    const { requests, guest, storage } = start();
    expect([requests.do(request).status, guest.clauses()]).toEqual([OK, [guest.shapeClause]]);
    const moved = request.type === OUT ? pattern(1) : image().subarray(512, 1024);
    expect(sameBytes(storage.bytes.subarray(512, 1024), moved)).toBe(true);
  });

  it('that leaves no room for a status gets its buffer back', () => {
    const { requests, guest } = start();
    expect(requests.do({ type: FLUSH, writableCuts: [] }).used).toBe(0);
    expect(guest.clauses()).toEqual([guest.shapeClause]);
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
    expect([ring.used(), guest.clauses()]).toEqual([[[0, 0]], ['RF-05']]);
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

  it('LEG-BLK-02: configuration is in the order of the guest', () => {
    const { guest } = legacy({ guestEndian: 'big' });
    const config = (offset: number, width: 1 | 2 | 4) => guest.block.readAt(20 + offset, width);
    // As a big-endian processor sees its own integers, byte by byte: capacity, then the size of a block.
    expect([0, 7].map((at) => config(at, 1))).toEqual([0, SECTORS]);
    expect([20, 21, 22, 23].map((at) => config(at, 1))).toEqual([0, 0, 2, 0]);
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

/** All fields that the structure goes on to. */
const valuesOf = ({ config }: BlockDevice) =>
  Object.fromEntries(
    Object.entries(blockConfig)
      .filter(([, { offset }]) => offset < config.length)
      .map(([name]) => [name, config.get(name as keyof typeof blockConfig)]),
  );

describe('configuration and features', () => {
  it('BLK-OP-15, BLK-OP-09, BLK-INIT-11: describes the storage', () => {
    const device = new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4 << 20)), queueSize: 64 });
    expect(valuesOf(device)).toEqual({
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
      maxDiscardSectors: 0x3fffff,
      maxDiscardSegments: 1,
      discardSectorAlignment: 1,
      maxWriteZeroesSectors: 0x3fffff,
      maxWriteZeroesSegments: 1,
      writeZeroesMayUnmap: 0,
      unused1: 0,
    });
  });

  it('shows what it is told: block size, topology, limits, queues', () => {
    const storage = new MemoryStorage(new Uint8Array(4 << 20));
    const device = new BlockDevice({
      storage,
      queueSize: 8,
      queues: 3,
      blockSize: 4096,
      topology: { physicalBlockExponent: 3, alignmentOffset: 7, minimumIoSize: 16, optimalIoSize: 0x12345 },
      sizeMax: 0x20000,
      segmentMax: 5,
      discard: { sectors: 100, segments: 256, alignment: 64 },
      writeZeroes: { sectors: 0xffffffff, segments: 2 },
      secureErase: { segments: 3 },
    });
    expect(valuesOf(device)).toMatchObject({
      capacity: 8192,
      sizeMax: 0x20000,
      segmentMax: 5,
      blockSize: 4096,
      physicalBlockExponent: 3,
      alignmentOffset: 7,
      minimumIoSize: 16,
      optimalIoSize: 0x12345,
      numQueues: 3,
      maxDiscardSectors: 100,
      maxDiscardSegments: 256,
      discardSectorAlignment: 64,
      maxWriteZeroesSectors: 0xffffffff,
      maxWriteZeroesSegments: 2,
      maxSecureEraseSectors: 0x3fffff,
      maxSecureEraseSegments: 3,
      secureEraseSectorAlignment: 8,
    });
    expect(device.queueSizes).toEqual([8, 8, 8]);
    for (const bit of [blockFeature.sizeMax, blockFeature.multiQueue, blockFeature.secureErase])
      expect(device.features).toContain(bit);
  });

  // The structure as the specification draws it, byte by byte, in the order of a modern driver.
  it('puts each field where the specification has it', () => {
    const device = new BlockDevice({
      storage: new MemoryStorage(new Uint8Array(0x1234 * 512)),
      sizeMax: 0x01020304,
      segmentMax: 0x05060708,
      queues: 2,
      topology: {
        physicalBlockExponent: 0x11,
        alignmentOffset: 0x12,
        minimumIoSize: 0x1314,
        optimalIoSize: 0x15161718,
      },
      discard: { sectors: 0x21222324, segments: 0x25, alignment: 0x29303132 },
      writeZeroes: { sectors: 0x33343536, segments: 0x37 },
      secureErase: { sectors: 0x41424344, segments: 0x45, alignment: 0x49505152 },
    });
    const bytes = Array.from({ length: device.config.length }, (_, at) => device.config.little.read(at, 1));
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '3412000000000000' +
        '04030201' +
        '08070605' +
        '0400' +
        '10' +
        '3f' +
        '00020000' +
        '11121413' +
        '18171615' +
        '01' +
        '00' +
        '0200' +
        '24232221' +
        '25000000' +
        '32313029' +
        '36353433' +
        '37000000' +
        '00' +
        '000000' +
        '44434241' +
        '45000000' +
        '52515049',
    );
  });

  test.each([
    ['blockSize', { blockSize: 1000 }],
    ['blockSize', { blockSize: 256 }],
    ['queues', { queues: 0 }],
    ['queues', { queues: 70000 }],
    ['sizeMax', { sizeMax: 0 }],
    ['segmentMax', { segmentMax: -1 }],
    ['topology.alignmentOffset', { topology: { alignmentOffset: 256 } }],
    ['topology.minimumIoSize', { topology: { minimumIoSize: 1.5 } }],
    ['discard.segments', { discard: { segments: 257 } }],
    ['discard.alignment', { discard: { alignment: 0 } }],
    ['writeZeroes.sectors', { writeZeroes: { sectors: 0 } }],
  ])('refuses %s of %j', (option, options) => {
    const make = () => new BlockDevice({ storage: new MemoryStorage(image()), ...options });
    expect(make).toThrow(BlockOptionError);
    expect(make).toThrow(expect.objectContaining({ option }));
  });

  it('refuses storage of half a logical block, and secure erase on a storage that cannot', () => {
    const storage = new MemoryStorage(new Uint8Array(4096 + 512));
    expect(() => new BlockDevice({ storage, blockSize: 4096 })).toThrow(StorageSizeError);
    const { length, readOnly } = storage;
    const plain = { length, readOnly, read: () => {}, write: () => {}, flush: () => {} };
    expect(() => new BlockDevice({ storage: plain, secureErase: {} })).toThrow(BlockOptionError);
  });

  it('offers what the storage can, and only as long a structure', () => {
    const { length } = image();
    const plain = { length, readOnly: false, read: () => {}, write: () => {}, flush: () => {} };
    const lengths = [
      plain,
      { ...plain, discard: () => {} },
      { ...plain, writeZeroes: () => {}, mayUnmap: true },
      new MemoryStorage(image(), true),
    ].map((storage) => {
      const { features, config } = new BlockDevice({ storage });
      const bits = [blockFeature.discard, blockFeature.writeZeroes, blockFeature.secureErase];
      return [config.length, bits.filter((bit) => features.includes(bit))];
    });
    expect(lengths).toEqual([
      [36, []],
      [48, [13]],
      [60, [14]],
      [36, []],
    ]);
    const unmapping = new BlockDevice({ storage: { ...plain, writeZeroes: () => {}, mayUnmap: true } });
    expect([unmapping.config.get('writeZeroesMayUnmap'), unmapping.config.get('maxDiscardSectors')]).toEqual([
      1, 0,
    ]);
  });

  it('BLK-INIT-08, BLK-INIT-09: offers FLUSH with CONFIG_WCE, and read-only where it is', () => {
    const features = (readOnly: boolean) =>
      new BlockDevice({ storage: new MemoryStorage(image(), readOnly) }).features;
    for (const each of [features(false), features(true)]) {
      expect(each).toEqual(expect.arrayContaining([blockFeature.flush, blockFeature.configWriteCache]));
    }
    expect([features(false).includes(5), features(true).includes(5)]).toEqual([false, true]);
  });

  it('BLK-INIT-12, BLK-INIT-13, BLK-OP-24, LEG-BLK-01: offers neither zones nor lifetime nor SCSI, to nobody', () => {
    const device = new BlockDevice({
      storage: new MemoryStorage(image()),
      queues: 2,
      sizeMax: 4096,
      secureErase: {},
      barriers: true,
    });
    const { features, legacyFeatures } = device;
    for (const bit of [blockFeature.zoned, blockFeature.lifetime, blockFeature.scsi])
      expect([...features, ...legacyFeatures]).not.toContain(bit);
    expect([features, legacyFeatures]).toEqual([[1, 2, 4, 6, 9, 10, 11, 12, 13, 14, 16], [0]]);
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
