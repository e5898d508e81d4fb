import { describe, expect, it, test } from 'vitest';
import { VirtiolabError } from '../../../../src/core/index.ts';
import { DiskUnit, MemoryStorage, type Storage, StorageSizeError } from '../../../../src/virtio/index.ts';
import { hex, image, start } from './support.ts';

/* What a disk says of itself. Expected bytes are written by hand from SPC-4 and SBC-3. */

/** A storage that can do no more than it must. */
const plain = (bytes: Uint8Array, readOnly = false): Storage => {
  const memory = new MemoryStorage(bytes, readOnly);
  return {
    length: bytes.length,
    readOnly,
    read: (transfer) => memory.read(transfer),
    write: (transfer) => memory.write(transfer),
    flush: (transfer) => memory.flush(transfer),
  };
};

const text = (value: string) => hex(new TextEncoder().encode(value));
const zeros = (count: number) => Array(count).fill('00').join(' ');

/** Asks a settled disk for data: what came, without what was not transferred. */
function ask(cdb: readonly number[], options: Parameters<typeof start>[0] = {}, inBytes = 300) {
  const { scsi } = start(options);
  scsi.settle();
  const { data, residual, status, response } = scsi.do({ cdb, inBytes });
  expect([status, response]).toEqual([0, 0]);
  return hex(data.subarray(0, inBytes - residual));
}

describe('INQUIRY', () => {
  it('names a disk of SPC-4 with command queuing', () => {
    const expected = `00 00 06 12 1f 00 00 02 ${text('VIRTLAB virtiolab disk  1   ')}`;
    expect(ask([0x12, 0, 0, 0, 96, 0])).toBe(expected);
    expect(ask([0x12, 0, 0, 1, 0, 0])).toBe(expected);
  });

  test.each([0, 1, 5, 36])('gives no more than %d bytes where that many were allocated', (allocation) => {
    const all = `00 00 06 12 1f 00 00 02 ${text('VIRTLAB virtiolab disk  1   ')}`.split(' ');
    expect(ask([0x12, 0, 0, 0, allocation, 0])).toBe(all.slice(0, allocation).join(' '));
  });

  it('lists its pages of vital product data', () => {
    expect(ask([0x12, 1, 0, 0, 255, 0])).toBe('00 00 00 06 00 80 83 b0 b1 b2');
  });

  it('gives its serial number', () => {
    expect(ask([0x12, 1, 0x80, 0, 255, 0])).toBe(`00 80 00 08 ${text('number 7')}`);
  });

  it('identifies itself by its vendor, its product and its serial number', () => {
    // Code set 2 (ASCII), association 0 (the unit), type 1 (T10 vendor id), 32 bytes.
    expect(ask([0x12, 1, 0x83, 0, 255, 0])).toBe(
      `00 83 00 24 02 01 00 20 ${text('VIRTLAB virtiolab disk  number 7')}`,
    );
  });

  it('tells the limits of its commands', () => {
    const unmap = '00 40 00 00 00 00 00 ff 00 00 00 01 00 00 00 00';
    const writeSame = '00 00 00 00 00 00 ff ff';
    expect(ask([0x12, 1, 0xb0, 0, 255, 0])).toBe(
      `00 b0 00 3c 01 00 00 00 ${zeros(12)} ${unmap} ${writeSame} ${zeros(20)}`.replace(
        `${zeros(12)} 00 40`,
        `${zeros(12)} 00 40`,
      ),
    );
    expect(ask([0x12, 1, 0xb0, 0, 255, 0], { storage: plain(image(64)) })).toBe(
      `00 b0 00 3c 01 00 00 00 ${zeros(12)} ${zeros(16)} ${writeSame} ${zeros(20)}`,
    );
  });

  it('does not turn', () => {
    expect(ask([0x12, 1, 0xb1, 0, 255, 0])).toBe(`00 b1 00 3c 00 01 ${zeros(58)}`);
  });

  it('is provisioned thinly where its storage discards', () => {
    expect(ask([0x12, 1, 0xb2, 0, 255, 0])).toBe('00 b2 00 04 00 e4 02 00');
    expect(ask([0x12, 1, 0xb2, 0, 255, 0], { storage: plain(image(64)) })).toBe('00 b2 00 04 00 00 00 00');
  });

  test.each([
    ['a page that there is not', [0x12, 1, 0x84, 0, 255, 0]],
    ['a page without asking for pages', [0x12, 0, 0x80, 0, 255, 0]],
  ])('refuses %s', (_, cdb) => {
    const { scsi } = start();
    const answer = scsi.do({ cdb, inBytes: 255 });
    // Fixed format, ILLEGAL REQUEST, INVALID FIELD IN CDB, and byte 2 of it was wrong.
    expect([answer.status, answer.senseLength, answer.residual]).toEqual([2, 18, 255]);
    expect(hex(answer.sense.subarray(0, 18))).toBe('70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 c0 00 02');
    expect(answer.sense.subarray(18).every((byte) => byte === 0)).toBe(true);
  });
});

describe('READ CAPACITY', () => {
  test.each([
    ['512 bytes', 512, '00 00 00 3f 00 00 02 00', '00 00 00 00 00 00 00 3f 00 00 02 00'],
    ['4096 bytes', 4096, '00 00 00 07 00 00 10 00', '00 00 00 00 00 00 00 07 00 00 10 00'],
  ] as const)('of blocks of %s', (_, blockBytes, ten, sixteen) => {
    const units = () => [
      { target: 0, lun: 0, unit: new DiskUnit({ storage: new MemoryStorage(image(64)), blockBytes }) },
    ];
    expect(ask([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], { units: units() })).toBe(ten);
    // LBPME and LBPRZ: blocks can be given back, and read as zeros then.
    const service = [0x9e, 0x10, ...Array(8).fill(0), 0, 0, 0, 32, 0, 0];
    expect(ask(service, { units: units() })).toBe(`${sixteen} 00 00 c0 00 ${zeros(16)}`);
  });

  it('of a disk that cannot give back', () => {
    const service = [0x9e, 0x10, ...Array(8).fill(0), 0, 0, 0, 16, 0, 0];
    expect(ask(service, { storage: plain(image(64)) })).toBe(
      '00 00 00 00 00 00 00 3f 00 00 02 00 00 00 00 00',
    );
  });

  it('of a disk that 32 bits cannot count', () => {
    const storage: Storage = { ...plain(image(1)), length: 2 ** 42 };
    expect(ask([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], { storage })).toBe('ff ff ff ff 00 00 02 00');
    const service = [0x9e, 0x10, ...Array(8).fill(0), 0, 0, 0, 12, 0, 0];
    expect(ask(service, { storage })).toBe('00 00 00 01 ff ff ff ff 00 00 02 00');
  });
});

describe('MODE SENSE', () => {
  const caching = `08 12 04 ${zeros(17)}`;
  const control = `0a 0a 00 10 ${zeros(8)}`;
  const blocks = '00 00 00 40 00 00 02 00';

  test.each([
    ['6: the caching page, now', [0x1a, 0x08, 0x08, 0, 255, 0], `17 00 10 00 ${caching}`],
    ['6: with a block descriptor', [0x1a, 0, 0x08, 0, 255, 0], `1f 00 10 08 ${blocks} ${caching}`],
    ['6: what can be changed of it', [0x1a, 0x08, 0x48, 0, 255, 0], `17 00 10 00 ${caching}`],
    ['6: its defaults', [0x1a, 0x08, 0x88, 0, 255, 0], `17 00 10 00 ${caching}`],
    [
      '6: what can be changed of the control page',
      [0x1a, 0x08, 0x4a, 0, 255, 0],
      `0f 00 10 00 0a 0a ${zeros(10)}`,
    ],
    ['6: all pages', [0x1a, 0x08, 0x3f, 0, 255, 0], `23 00 10 00 ${caching} ${control}`],
    ['6: all pages and subpages', [0x1a, 0x08, 0x3f, 0xff, 255, 0], `23 00 10 00 ${caching} ${control}`],
    ['6: in four bytes', [0x1a, 0x08, 0x3f, 0, 4, 0], '23 00 10 00'],
    ['10: the control page', [0x5a, 0x08, 0x0a, 0, 0, 0, 0, 0, 255, 0], `00 12 00 10 00 00 00 00 ${control}`],
    [
      '10: with a block descriptor',
      [0x5a, 0, 0x0a, 0, 0, 0, 0, 0, 255, 0],
      `00 1a 00 10 00 00 00 08 ${blocks} ${control}`,
    ],
  ])('%s', (_, cdb, expected) => {
    expect(ask(cdb)).toBe(expected);
  });

  it('tells that a disk is protected', () => {
    const storage = new MemoryStorage(image(64), true);
    expect(ask([0x1a, 0x08, 0x08, 0, 4, 0], { storage })).toBe('17 00 90 00');
  });

  test.each([
    ['saved values', [0x1a, 0x08, 0xc8, 0, 255, 0], '05/39/00', 2],
    ['a page that there is not', [0x1a, 0x08, 0x1c, 0, 255, 0], '05/24/00', 2],
    ['a subpage that there is not', [0x1a, 0x08, 0x08, 1, 255, 0], '05/24/00', 3],
  ])('refuses %s', (_, cdb, expected, field) => {
    const { scsi } = start();
    scsi.settle();
    expect(scsi.outcome({ cdb, inBytes: 255 })).toBe(expected);
    expect(hex(scsi.answer({}).sense.subarray(15, 18))).toBe(`c0 00 0${field}`);
  });
});

describe('MODE SELECT', () => {
  const page = (flags: number, rest = 0) => [0x08, 0x12, flags, ...Array(16).fill(0), rest];
  const select6 = (bytes: number[], flags = 0x10) => ({
    cdb: [0x15, flags, 0, 0, bytes.length, 0],
    out: Uint8Array.from(bytes),
  });
  const cached = [0x1a, 0x08, 0x08, 0, 7, 0];
  const blocks = [0, 0, 0, 64, 0, 0, 2, 0];

  it('switches the write cache, in either length of command', () => {
    const { scsi, disk } = start();
    scsi.settle();
    expect(scsi.outcome(select6([0, 0, 0, 0, ...page(0)]))).toBe('good');
    expect([disk.writeCache, hex(scsi.do({ cdb: cached, inBytes: 7 }).data)]).toEqual([
      false,
      '17 00 10 00 08 12 00',
    ]);
    // The default is what it was.
    expect(hex(scsi.do({ cdb: [0x1a, 0x08, 0x88, 0, 7, 0], inBytes: 7 }).data)).toBe('17 00 10 00 08 12 04');
    const list = [0, 0, 0, 0, 0, 0, 0, 8, ...blocks, ...page(4)];
    const select10 = [0x55, 0x10, 0, 0, 0, 0, 0, 0, list.length, 0];
    expect(scsi.outcome({ cdb: select10, out: Uint8Array.from(list) })).toBe('good');
    expect(disk.writeCache).toBe(true);
    expect(scsi.outcome(select6([]))).toBe('good');
    expect(scsi.outcome(select6([0, 0, 0, 0]))).toBe('good');
    // A control page that is what it is changes nothing.
    expect(scsi.outcome(select6([0, 0, 0, 0, 0x0a, 0x0a, 0, 0x10, ...Array(8).fill(0), ...page(0)]))).toBe(
      'good',
    );
    expect(disk.writeCache).toBe(false);
  });

  test.each([
    ['pages of no standard format', select6([0, 0, 0, 0, ...page(0)], 0), '05/24/00'],
    ['values to be saved', select6([0, 0, 0, 0, ...page(0)], 0x11), '05/24/00'],
    ['half a header', select6([0, 0, 0]), '05/1a/00'],
    ['half a page', select6([0, 0, 0, 0, ...page(0).slice(0, 19)]), '05/1a/00'],
    ['a page that there is not', select6([0, 0, 0, 0, 0x1c, 0]), '05/26/00'],
    ['a page of another length', select6([0, 0, 0, 0, 0x08, 0x0a, ...Array(18).fill(0)]), '05/26/00'],
    ['a page of a much shorter length', select6([0, 0, 0, 0, 0x08, 0x02, ...Array(18).fill(0)]), '05/26/00'],
    ['something that cannot be changed', select6([0, 0, 0, 0, ...page(5)]), '05/26/00'],
    ['something at the very end', select6([0, 0, 0, 0, ...page(0, 1)]), '05/26/00'],
    ['half a block descriptor', select6([0, 0, 0, 8, 0, 0]), '05/1a/00'],
    ['a long block descriptor', select6([0, 0, 0, 16, ...Array(16).fill(0)]), '05/26/00'],
    ['another size of blocks', select6([0, 0, 0, 8, 0, 0, 0, 64, 0, 0, 4, 0, ...page(0)]), '05/26/00'],
    ['another number of blocks', select6([0, 0, 0, 8, 0, 0, 0, 63, 0, 0, 2, 0, ...page(0)]), '05/26/00'],
  ])('refuses %s, and changes nothing', (_, command, expected) => {
    const { scsi, disk } = start();
    scsi.settle();
    expect([scsi.outcome(command), disk.writeCache]).toEqual([expected, true]);
  });

  it('looks at no list of megabytes', () => {
    const { scsi } = start();
    scsi.settle();
    const cdb = [0x55, 0x10, 0, 0, 0, 0, 0, 1, 0, 0];
    expect(scsi.outcome({ cdb, out: new Uint8Array(256) })).toBe('05/1a/00');
  });
});

describe('REPORT LUNS', () => {
  const disk = () => new DiskUnit({ storage: new MemoryStorage(image(1)) });
  const units = () =>
    [
      [2, 0x1234],
      [2, 255],
      [0, 0],
      [2, 256],
      [2, 0],
    ].map(([target, lun]) => ({ target: target!, lun: lun!, unit: disk() }));
  const entry = (...bytes: number[]) => hex([...bytes, ...Array(8 - bytes.length).fill(0)]);
  const second = [entry(), entry(0, 255), entry(0x41, 0), entry(0x52, 0x34)].join(' ');

  test.each([
    ['of a unit: its target has', [1, 2], 0, `00 00 00 20 00 00 00 00 ${second}`],
    ['of a LUN that is not there', [1, 2, 0, 9], 0, `00 00 00 20 00 00 00 00 ${second}`],
    ['of the well-known unit of a target', [1, 2, 0xc1, 1], 0, `00 00 00 20 00 00 00 00 ${second}`],
    ['of the well-known ones alone', [1, 2], 1, `00 00 00 08 00 00 00 00 ${entry(0xc1, 1)}`],
    ['of all', [1, 0], 2, `00 00 00 10 00 00 00 00 ${entry()} ${entry(0xc1, 1)}`],
    [
      'of the whole host, by their addresses',
      [0xc1, 1],
      0,
      [
        '00 00 00 28 00 00 00 00',
        entry(1, 0),
        entry(1, 2),
        entry(1, 2, 0, 255),
        entry(1, 2, 0x41, 0),
        entry(1, 2, 0x52, 0x34),
      ].join(' '),
    ],
  ])('%s', (_, lun, select, expected) => {
    const { scsi } = start({ units: units() });
    const { data, residual } = scsi.do({
      lun,
      cdb: [0xa0, 0, select, 0, 0, 0, 0, 0, 1, 0, 0, 0],
      inBytes: 256,
    });
    expect(hex(data.subarray(0, 256 - residual))).toBe(expected);
  });

  it('tells how long the list is even where there is no room for it', () => {
    const { scsi } = start({ units: units() });
    const { data } = scsi.do({ lun: [1, 2], cdb: [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0], inBytes: 16 });
    expect(hex(data)).toBe(`00 00 00 20 00 00 00 00 ${entry()}`);
  });

  test.each([
    ['room for none', [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0], 6],
    ['another report', [0xa0, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0], 2],
  ])('refuses %s', (_, cdb, field) => {
    const { scsi } = start();
    expect(scsi.outcome({ cdb, inBytes: 256 })).toBe('05/24/00');
    expect(scsi.answer({}).sense[17]).toBe(field);
  });
});

describe('REPORT SUPPORTED OPERATION CODES', () => {
  const query = (options: number, opcode: number, action = 0) => [
    ...[0xa3, 0x0c, options, opcode, 0, action, 0, 0, 1, 0, 0, 0],
  ];

  it('lists every command with its length, in the order of the opcodes', () => {
    const rows = ask(query(0, 0), {}, 256).split(' ');
    expect(rows.slice(0, 4).join(' ')).toBe('00 00 00 e0');
    const descriptors = Array.from({ length: 28 }, (_, i) => rows.slice(4 + 8 * i, 12 + 8 * i).join(' '));
    expect(descriptors.slice(0, 3)).toEqual([
      '00 00 00 00 00 00 00 06',
      '03 00 00 00 00 00 00 06',
      '08 00 00 00 00 00 00 06',
    ]);
    expect(descriptors).toContain('9e 00 00 10 00 01 00 10');
    expect(descriptors).toContain('a3 00 00 0c 00 01 00 0c');
    const opcodes = descriptors.map((each) => Number.parseInt(each, 16));
    expect(opcodes).toEqual([...opcodes].sort((a, b) => a - b));
  });

  test.each([
    ['READ 10', query(1, 0x28), '00 03 00 0a 28 f8 ff ff ff ff 1f ff ff 04'],
    ['READ 10, whichever it is', query(3, 0x28), '00 03 00 0a 28 f8 ff ff ff ff 1f ff ff 04'],
    ['INQUIRY', query(1, 0x12), '00 03 00 06 12 01 ff ff ff 04'],
    ['READ CAPACITY 16', query(2, 0x9e, 0x10), `00 03 00 10 9e 10 ${Array(12).fill('ff').join(' ')} 01 04`],
    ['another service action', query(2, 0x9e, 0x11), '00 01 00 00'],
    ['PERSISTENT RESERVE IN', query(1, 0x5e), '00 01 00 00'],
  ])('looks up %s', (_, cdb, expected) => {
    expect(ask(cdb)).toBe(expected);
  });

  it('has no UNMAP where there is none', () => {
    const storage = plain(image(64));
    expect(ask(query(1, 0x42), { storage })).toBe('00 01 00 00');
    expect(ask(query(1, 0x42))).toBe('00 03 00 0a 42 01 00 00 00 00 1f ff ff 04');
    expect(ask(query(0, 0), { storage }, 256).slice(0, 11)).toBe('00 00 00 d8');
  });

  test.each([
    ['timeouts', query(0x81, 0x28)],
    ['an option that there is not', query(4, 0x28)],
    ['a shared opcode alone', query(1, 0x9e)],
    ['a service action of an opcode that has none', query(2, 0x28)],
  ])('refuses %s', (_, cdb) => {
    const { scsi } = start();
    scsi.settle();
    expect([scsi.outcome({ cdb, inBytes: 256 }), scsi.answer({}).sense[17]]).toEqual(['05/24/00', 2]);
  });
});

describe('a unit that is none', () => {
  test.each([
    ['an absent LUN', [1, 0, 0, 9], '7f 00 06 12 1f 00 00 02'],
    ['the well-known unit', [0xc1, 1], '1e 00 06 12 1f 00 00 02'],
  ])('says so: %s', (_, lun, expected) => {
    const { scsi } = start();
    const { data } = scsi.do({ lun, cdb: [0x12, 0, 0, 0, 36, 0], inBytes: 36 });
    expect(hex(data)).toBe(`${expected} ${text(' '.repeat(28))}`);
  });

  it('has sense data that say so', () => {
    const { scsi } = start();
    const cdb = [3, 0, 0, 0, 18, 0];
    const absent = scsi.do({ lun: [1, 0, 0, 9], cdb, inBytes: 18 });
    expect([absent.status, hex(absent.data)]).toEqual([
      0,
      '70 00 05 00 00 00 00 0a 00 00 00 00 25 00 00 00 00 00',
    ]);
    expect(hex(scsi.do({ lun: [0xc1, 1], cdb, inBytes: 18 }).data)).toBe(
      `70 00 00 00 00 00 00 0a ${zeros(10)}`,
    );
    const pages = scsi.do({ lun: [0xc1, 1], cdb: [0x12, 1, 0, 0, 255, 0], inBytes: 255 });
    expect(hex(pages.data.subarray(0, 255 - pages.residual))).toBe('1e 00 00 01 00');
    expect(scsi.outcome({ lun: [0xc1, 1], cdb: [0x28, ...Array(9).fill(0)], inBytes: 0 })).toBe('05/20/00');
    expect(scsi.outcome({ lun: [1, 0, 0, 9], cdb: [0x12, 1, 0, 0, 255, 0], inBytes: 255 })).toBe('05/24/00');
  });
});

describe('a disk', () => {
  test.each([
    ['no bytes', { storage: new MemoryStorage(new Uint8Array()) }, StorageSizeError],
    ['half a block', { storage: new MemoryStorage(new Uint8Array(256)) }, StorageSizeError],
    [
      'less than one block',
      { storage: new MemoryStorage(image(7)), blockBytes: 4096 as const },
      StorageSizeError,
    ],
    ['odd blocks', { storage: new MemoryStorage(image(8)), blockBytes: 1024 as never }, VirtiolabError],
    ['too long a vendor', { storage: new MemoryStorage(image(8)), vendor: 'virtiolab' }, VirtiolabError],
    ['too long a product', { storage: new MemoryStorage(image(8)), product: 'x'.repeat(17) }, VirtiolabError],
    [
      'too long a serial number',
      { storage: new MemoryStorage(image(8)), serial: 'x'.repeat(33) },
      VirtiolabError,
    ],
    ['a name that nobody can print', { storage: new MemoryStorage(image(8)), revision: 'ä' }, VirtiolabError],
  ])('is not made of %s', (_, options, error) => {
    expect(() => new DiskUnit(options)).toThrow(error);
  });
});
