import { describe, expect, it, test } from 'vitest';
import { StateMismatchError, VirtiolabError } from '../../../src/core/index.ts';
import { DiskUnit, MemoryStorage, ScsiAddressError, ScsiDevice } from '../../../src/virtio/index.ts';
import { BUFFERS, type GuestOptions, LegacyGuest, ModernGuest } from '../support/guests.ts';
import { hex, image, RawScsi, SlowStorage, start } from './scsi/support.ts';

const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];
const READ_ONE = [0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0];
const [OK, OVERRUN, BAD_TARGET, FAILURE] = [0, 1, 3, 9];

const disk = () => new DiskUnit({ storage: new MemoryStorage(image(64)) });
const configOf = (guest: LegacyGuest | ModernGuest, length: number) =>
  Uint8Array.from({ length }, (_, i) => guest.device.config.little.read(i, 1));

describe('a SCSI host', () => {
  it('shows the configuration that the observed QEMU shows (SCSI-CFG-02, SCSI-CFG-03)', () => {
    const { guest } = start();
    const observed = '01000000fe000000ffff0000800000001000000060000000200000000000ff00ff3f0000';
    expect(hex(configOf(guest, 36)).replaceAll(' ', '')).toBe(observed);
    expect([guest.device.queueCount, ...[0, 1, 2].map((i) => guest.device.queue(i)!.maxSize)]).toEqual([
      3, 256, 256, 256,
    ]);
    expect((guest as LegacyGuest).block.get('deviceFeatures')).toBe(0x79000006);
  });

  it('offers INOUT, more queues and shorter ones when it is told to', () => {
    const { guest } = start({ inOut: true, requestQueues: 3, queueSize: 64 });
    expect((guest as LegacyGuest).block.get('deviceFeatures')).toBe(0x79000007);
    expect([guest.device.queueCount, guest.device.config.little.read(0, 4)]).toEqual([5, 3]);
    expect([guest.device.config.little.read(4, 4), guest.device.queue(4)!.maxSize]).toEqual([62, 64]);
  });

  test('SCSI-CFG-06: a reset restores the sizes that the driver wrote', () => {
    const { guest } = start();
    const { little } = guest.device.config;
    little.write(20, 4, 18);
    little.write(24, 4, 16);
    expect([little.read(20, 4), little.read(24, 4), guest.clauses()]).toEqual([18, 16, []]);
    (guest as LegacyGuest).block.set('deviceStatus', 0);
    expect([little.read(20, 4), little.read(24, 4)]).toEqual([96, 32]);
  });

  test('SCSI-CFG-04: other fields are not to be written', () => {
    const { guest } = start();
    guest.device.config.little.write(0, 4, 9);
    guest.device.config.little.write(30, 2, 9);
    expect([guest.device.config.little.read(0, 4), guest.device.config.little.read(30, 2)]).toEqual([1, 255]);
    expect(guest.clauses()).toEqual(['SCSI-CFG-04', 'SCSI-CFG-04']);
  });

  it('refuses what cannot be: addresses, two units at one, no request queue', () => {
    for (const [target, lun] of [
      [256, 0],
      [-1, 0],
      [0, 16384],
      [0.5, 0],
    ] as const)
      expect(() => new ScsiDevice({ units: [{ target, lun, unit: disk() }] })).toThrow(ScsiAddressError);
    const { device } = start();
    expect(() => device.attachLun(0, 0, disk())).toThrow(/there is one already/);
    expect(() => device.detachLun(0, 1)).toThrow(/there is none/);
    expect(() => device.resetLun(3, 0)).toThrow(ScsiAddressError);
    expect(() => new ScsiDevice({ requestQueues: 0 })).toThrow(VirtiolabError);
  });
});

describe('an address (SCSI-OP-02)', () => {
  const units = () => [
    { target: 0, lun: 0, unit: disk() },
    { target: 3, lun: 5, unit: disk() },
    { target: 3, lun: 0x1234, unit: disk() },
  ];
  const ABSENT = '05/25/00';

  test.each([
    ['a unit, peripheral method', [1, 3, 0, 5], 'good'],
    ['the same unit, flat method', [1, 3, 0x40, 5], 'good'],
    ['a large LUN', [1, 3, 0x52, 0x34], 'good'],
    ['a large LUN with the peripheral method', [1, 3, 0x12, 0x34], 'response 3'],
    ['a LUN of a target that has others', [1, 3, 0, 0], ABSENT],
    ['a target that has none', [1, 4, 0, 0], 'response 3'],
    ['another bus', [0, 0, 0, 0], 'response 3'],
    ['another bus, higher', [2, 0, 0, 0], 'response 3'],
    ['a second level', [1, 3, 0, 5, 0, 1], 'response 3'],
    ['a byte at the very end', [1, 3, 0, 5, 0, 0, 0, 1], 'response 3'],
    ['logical unit addressing', [1, 3, 0x80, 5], 'response 3'],
    ['an extended method', [1, 3, 0xd2, 5], 'response 3'],
    ['REPORT LUNS of the host', [0xc1, 1], 'good'],
    ['another well-known unit', [0xc1, 2], 'response 3'],
    ['REPORT LUNS and something behind it', [0xc1, 1, 0, 1], 'response 3'],
    ['REPORT LUNS of a target', [1, 3, 0xc1, 1], 'good'],
    ['REPORT LUNS of a target that is not there', [1, 9, 0xc1, 1], 'response 3'],
  ])('of %s', (_, lun, expected) => {
    const { scsi } = start({ units: units() });
    scsi.settle([1, 3, 0, 5], [1, 3, 0x52, 0x34]);
    expect(scsi.outcome({ lun, cdb: TEST_UNIT_READY })).toBe(expected);
  });
});

describe.each([
  ['legacy', {}],
  ['big-endian legacy', { guestEndian: 'big' }],
  ['modern', { modern: true }],
] as const)('a request of a %s driver', (kind, options) => {
  it('reads a block, and nothing is left over', () => {
    const { scsi, guest } = start(options);
    scsi.settle();
    const answer = scsi.do({ cdb: READ_ONE, inBytes: 512 });
    expect(answer).toMatchObject({ response: OK, status: 0, senseLength: 0, residual: 0, qualifier: 0 });
    expect(hex(answer.data)).toBe(hex(image(64).subarray(5 * 512, 6 * 512)));
    expect([answer.used, guest.clauses()]).toEqual([12 + 96 + 512, []]);
  });

  it('is told how much of its buffers was not used', () => {
    const { scsi } = start(options);
    scsi.settle();
    const answer = scsi.do({ cdb: READ_ONE, inBytes: 1536 });
    expect([answer.residual, answer.used]).toEqual([1024, 12 + 96 + 512]);
    expect(answer.data[511]).toBe(image(64)[6 * 512 - 1]);
    expect(answer.data[512]).toBe(0xee);
    const write = [0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0];
    expect(scsi.do({ cdb: write, out: new Uint8Array(513) }).residual).toBe(1);
    // Nothing is transferred where nothing was carried out.
    expect(scsi.do({ cdb: [0x28, 0, 0, 0, 0, 64, 0, 0, 1, 0], inBytes: 512 })).toMatchObject({
      status: 2,
      residual: 512,
      used: 12 + 96,
    });
  });

  test.each([
    ['READ', READ_ONE, 0, 511],
    ['READ with its data the wrong way', READ_ONE, 512, 0],
    ['WRITE', [0x2a, 0, 0, 0, 0, 5, 0, 0, 2, 0], 1023, 0],
    ['INQUIRY', [0x12, 0, 0, 0, 96, 0], 0, 95],
    ['READ CAPACITY 10', [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 7],
    ['WRITE SAME', [0x41, 0, 0, 0, 0, 0, 0, 0, 9, 0], 511, 0],
    ['UNMAP', [0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], 8, 0],
    ['READ 6 of 256 blocks', [0x08, 0, 0, 0, 0, 0], 0, 255 * 16],
  ])('that wants more than there is room for is an overrun: %s', (_, cdb, outBytes, inBytes) => {
    const { scsi, storage } = start(options);
    scsi.settle();
    const answer = scsi.do({ cdb, out: new Uint8Array(outBytes), inBytes });
    expect(answer).toMatchObject({ response: OVERRUN, residual: outBytes + inBytes, senseLength: 0 });
    expect(answer.data.every((byte) => byte === 0xee)).toBe(true);
    expect(hex(storage.bytes.subarray(0, 4096))).toBe(hex(image(8)));
  });

  it('with data in both directions fails, unless that was negotiated', () => {
    const both = { cdb: READ_ONE, out: new Uint8Array(10), inBytes: 512 };
    const without = start(options);
    without.scsi.settle();
    expect(without.scsi.do(both)).toMatchObject({ response: FAILURE, residual: 522 });
    expect(without.guest.clauses()).toEqual(['BF-FEAT-03']);
    const offered = start({ ...options, inOut: true, features: [1, 2] });
    expect(offered.scsi.do(both).response).toBe(FAILURE);
    const accepted = start({ ...options, inOut: true, features: [0, 1, 2] });
    accepted.scsi.settle();
    // Only one of the two buffers is used: the other one is the residual.
    expect(accepted.scsi.do(both)).toMatchObject({ response: OK, status: 0, residual: 10 });
    expect(accepted.guest.clauses()).toEqual([]);
  });

  it('is served in any framing', () => {
    const { scsi, guest } = start(options);
    scsi.settle();
    const expected = hex(image(64).subarray(5 * 512, 6 * 512));
    for (const [readableCuts, writableCuts] of [
      [[51], [620]],
      [
        [1, 7, 11, 32],
        [3, 100, 5, 512],
      ],
      [
        [19, 32],
        [12, 96, 511, 1],
      ],
    ] as const)
      expect(hex(scsi.do({ cdb: READ_ONE, inBytes: 512, readableCuts, writableCuts }).data)).toBe(expected);
    expect(guest.clauses()).toEqual([]);
  });

  it('that is too short is answered as far as there is room', () => {
    const { scsi, guest } = start(options);
    scsi.settle();
    // No CDB to speak of.
    expect(scsi.do({ cdb: READ_ONE, readableCuts: [50] }).response).toBe(FAILURE);
    expect(scsi.do({ cdb: READ_ONE, readableCuts: [1] }).response).toBe(FAILURE);
    // The response's own fields fit, the sense data do not.
    expect(scsi.do({ cdb: TEST_UNIT_READY, writableCuts: [107] })).toMatchObject({
      response: FAILURE,
      used: 107,
    });
    expect(scsi.do({ cdb: TEST_UNIT_READY, writableCuts: [12] })).toMatchObject({
      response: FAILURE,
      used: 12,
    });
    // Nothing can be said at all.
    expect(scsi.do({ cdb: TEST_UNIT_READY, writableCuts: [11] })).toMatchObject({ response: 0xee, used: 0 });
    expect(scsi.do({ cdb: TEST_UNIT_READY, writableCuts: [] }).used).toBe(0);
    const ring = scsi.rings[2]!;
    expect(ring.usedIndex).toBe(7);
    expect(new Set(guest.clauses())).toEqual(new Set([guest.shapeClause]));
    expect(scsi.outcome({ cdb: TEST_UNIT_READY })).toBe('good');
    expect(guest.device.status & 64).toBe(0);
  });

  it('follows the sizes that the driver chose', () => {
    const { scsi, guest } = start(options);
    scsi.settle();
    const { config } = guest.device;
    const target = scsi.little ? config.little : config.big;
    const value = (size: number) => (scsi.little ? size : size * 2 ** 24);
    target.write(20, 4, value(8));
    target.write(24, 4, value(16));
    const sizes = { senseSize: 8, cdbSize: 16 };
    expect(hex(scsi.do({ cdb: READ_ONE, inBytes: 512, ...sizes }).data)).toBe(
      hex(image(64).subarray(5 * 512, 6 * 512)),
    );
    // Sense data are cut to the room for them.
    const bad = scsi.do({ cdb: [0x28, 0, 0, 0, 0, 64, 0, 0, 1, 0], inBytes: 512, ...sizes });
    expect([bad.senseLength, hex(bad.sense), bad.used]).toEqual([8, '70 00 05 00 00 00 00 0a', 20]);
    expect(hex(bad.data.subarray(0, 3))).toBe('ee ee ee');
    // A CDB that does not fit is no command, and no sense data are no sense data.
    target.write(24, 4, value(9));
    expect(scsi.do({ cdb: READ_ONE, inBytes: 512, senseSize: 8, cdbSize: 9 })).toMatchObject({
      response: OK,
      status: 2,
      senseLength: 8,
    });
    target.write(20, 4, 0);
    target.write(24, 4, 0);
    expect(scsi.do({ cdb: [], inBytes: 512, senseSize: 0, cdbSize: 0 })).toMatchObject({
      response: OK,
      status: 2,
      senseLength: 0,
    });
  });

  it('is not held against a driver that wants sizes beyond all measure', () => {
    const { scsi, guest } = start(options);
    for (const field of [20, 24]) {
      guest.device.config.little.write(field, 4, 0xffffffff);
      expect(scsi.do({ cdb: READ_ONE, inBytes: 512 }).response).toBe(FAILURE);
    }
    // More sense data than there can be: the answer ends where ours do.
    (guest as LegacyGuest).device.config.little.write(24, 4, scsi.little ? 32 : 32);
    guest.device.config.little.write(20, 4, 1000);
    const answer = scsi.do({ cdb: READ_ONE, inBytes: 512, senseSize: 1000 });
    expect([answer.status, answer.senseLength, answer.used]).toEqual([2, 18, 12 + 252]);
  });

  test(`its headers are ${kind === 'modern' ? 'anywhere' : 'descriptors of their own without ANY_LAYOUT'}`, () => {
    const device = new ScsiDevice({ units: [{ target: 0, lun: 0, unit: disk() }] });
    const modern = kind === 'modern';
    const guestOptions: GuestOptions = 'guestEndian' in options ? options : {};
    const guest = modern ? new ModernGuest(device) : new LegacyGuest(device, guestOptions);
    const rings = modern
      ? (guest as ModernGuest).start([], [0, 1, 2])
      : (guest as LegacyGuest).start(0, [0, 1, 2]);
    const scsi = new RawScsi(guest, rings).settle();
    expect(scsi.outcome({ cdb: READ_ONE, inBytes: 512 })).toBe('good');
    expect(guest.clauses()).toEqual([]);
    for (const cuts of [{ readableCuts: [19, 32] }, { writableCuts: [12, 96, 512] }, { writableCuts: [620] }])
      expect(scsi.outcome({ cdb: READ_ONE, inBytes: 512, ...cuts })).toBe('good');
    expect(guest.clauses()).toEqual(modern ? [] : ['LEG-SCSI-06', 'LEG-SCSI-06', 'LEG-SCSI-06']);
  });

  test('SCSI-OP-06: attribute, priority and CRN are to be zero, and make no difference', () => {
    const { scsi, guest } = start(options);
    scsi.settle();
    for (const task of [
      [1, 0, 0],
      [0, 9, 0],
      [0, 0, 1],
    ] as const)
      expect(scsi.outcome({ cdb: TEST_UNIT_READY, task })).toBe('good');
    expect(guest.clauses()).toEqual(['SCSI-OP-06', 'SCSI-OP-06', 'SCSI-OP-06']);
  });

  it('whose data cannot be reached fails, and the next one does not', () => {
    const { scsi, guest } = start({ ...options, windows: [{ start: 0, length: 0xf0000, write: true }] });
    scsi.settle();
    const ring = scsi.rings[2]!;
    for (const [cdb, flags] of [
      [READ_ONE, 2],
      [[0x2a, 0, 0, 0, 0, 5, 0, 0, 1, 0], 0],
      [[0x12, 0, 0, 0, 36, 0], 2],
    ] as const) {
      scsi.send({ cdb: TEST_UNIT_READY });
      guest.machine.ram.write(0x80000, scsi.request({ cdb }));
      const data = { address: 0xf0000, length: 512, flags };
      const head = { address: 0x80000, length: 51 };
      const answer = { address: 0x84000, length: 108, flags: 2 };
      ring.chain(0, flags === 2 ? [head, answer, data] : [head, data, answer]);
      ring.offer(0);
      guest.kick(2);
      expect(scsi.answer({}).response).toBe(FAILURE);
      expect(guest.clauses()).toEqual(['RF-05']);
    }
    expect(scsi.outcome({ cdb: READ_ONE, inBytes: 512 })).toBe('good');
  });

  test('a target that is not there', () => {
    const { scsi } = start(options);
    expect(scsi.do({ lun: [1, 1], cdb: READ_ONE, inBytes: 512 })).toMatchObject({
      response: BAD_TARGET,
      residual: 512,
      used: 108,
    });
  });
});

describe('commands for one unit', () => {
  test('SCSI-CFG-05: are at most as many as the device said', () => {
    const storage = new SlowStorage();
    const { scsi, guest } = start({ storage, queueSize: 512 });
    scsi.settle();
    // Every command has the same buffers: only their number matters here.
    scsi.send({ cdb: READ_ONE, inBytes: 512 });
    const ring = scsi.rings[2]!;
    const again = (i: number) => {
      ring.chain(3 * i, [
        { address: BUFFERS, length: 51 },
        { address: BUFFERS + 0x4000, length: 108, flags: 2 },
        { address: BUFFERS + 0x4000 + 108, length: 512, flags: 2 },
      ]);
      ring.offer(3 * i);
    };
    for (let i = 1; i < 128; i++) again(i);
    guest.kick(2);
    expect([storage.waiting.length, guest.clauses()]).toEqual([128, []]);
    again(128);
    guest.kick(2);
    expect([storage.waiting.length, guest.clauses()]).toEqual([129, ['SCSI-CFG-05']]);
    while (storage.waiting.length > 0) storage.end();
    expect(ring.usedIndex).toBe(1 + 129);
  });
});

describe('a host that was saved', () => {
  it('goes on with the conditions that were not told, lost events, and commands that were in flight', () => {
    const before = start({ storage: new SlowStorage() });
    before.scsi.settle();
    before.scsi.send({ cdb: READ_ONE, inBytes: 512 });
    before.device.attachLun(0, 1, disk());
    const storage = new SlowStorage();
    const after = start({
      units: [
        { target: 0, lun: 0, unit: new DiskUnit({ storage }) },
        { target: 0, lun: 1, unit: disk() },
      ],
    });
    after.guest.machine.load(before.guest.machine.save());
    expect(storage.log).toEqual(['read 2560+512']);
    storage.end();
    expect(after.scsi.answer({ inBytes: 512 })).toMatchObject({ response: OK, status: 0 });
    const ring = after.scsi.rings[2]!;
    ring.availableIndex = before.scsi.rings[2]!.availableIndex;
    // REPORTED LUNS DATA HAS CHANGED for the old one, POWER ON for the new one.
    expect(after.scsi.outcome({ cdb: TEST_UNIT_READY })).toBe('06/3f/0e');
    expect(after.scsi.outcome({ cdb: TEST_UNIT_READY })).toBe('good');
    expect(after.scsi.outcome({ lun: [1, 0, 0, 1], cdb: TEST_UNIT_READY })).toBe('06/29/00');
    after.scsi.offerEvent(3);
    expect(hex(after.scsi.written(3, 4))).toBe('00 00 00 80');
  });

  it('is not loaded into one with other units', () => {
    const saved = start().device.save();
    const other = new ScsiDevice({ units: [{ target: 0, lun: 1, unit: disk() }] });
    expect(() => start({ units: [] }).device.load(saved)).toThrow(StateMismatchError);
    new LegacyGuest(other);
    expect(() => other.load(saved)).toThrow(StateMismatchError);
  });
});
