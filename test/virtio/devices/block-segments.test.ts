import { describe, expect, it, test } from 'vitest';
import {
  BlockDevice,
  type BlockOptions,
  blockFeature,
  MemoryStorage,
  type Storage,
  type Transfer,
} from '../../../src/virtio/index.ts';
import { sameBytes } from '../../core/bytes.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { RawRequests } from '../support/requests.ts';

const SECTORS = 64;
const [DISCARD, WRITE_ZEROES, SECURE_ERASE] = [11, 13, 14];
const [OK, IOERR, UNSUPP] = [0, 1, 2];
const FEATURES = [
  blockFeature.flush,
  blockFeature.configWriteCache,
  blockFeature.discard,
  blockFeature.writeZeroes,
  blockFeature.secureErase,
];
const LIMITS = { sectors: 16, segments: 4 };

const image = () => new Uint8Array(SECTORS * 512).map((_, i) => 1 + ((i >> 9) % 200));

type Segment = readonly [sector: number | bigint, sectors: number, flags?: number];

/** Written out by hand, so that the layout of neither side is taken on trust. */
function segments(...list: readonly Segment[]): Uint8Array {
  const bytes = new Uint8Array(16 * list.length);
  const view = new DataView(bytes.buffer);
  for (const [i, [sector, sectors, flags = 0]] of list.entries()) {
    view.setBigUint64(16 * i, BigInt(sector), true);
    view.setUint32(16 * i + 8, sectors, true);
    view.setUint32(16 * i + 12, flags, true);
  }
  return bytes;
}

const options = { discard: LIMITS, writeZeroes: LIMITS, secureErase: LIMITS };

function legacy(more: Partial<BlockOptions> = {}, guestEndian: 'little' | 'big' = 'little') {
  const storage = new MemoryStorage(image());
  const guest = new LegacyGuest(new BlockDevice({ storage, ...options, ...more }), { guestEndian });
  const ring = guest.start(FEATURES.reduce((word, bit) => word + 2 ** bit, 2 ** 27))[0]!;
  guest.clauses();
  return { guest, storage, requests: new RawRequests(guest, ring) };
}

function modern(more: Partial<BlockOptions> = {}) {
  const storage = new MemoryStorage(image());
  const guest = new ModernGuest(new BlockDevice({ storage, ...options, ...more }));
  const ring = guest.start(FEATURES)[0]!;
  guest.clauses();
  return { guest, storage, requests: new RawRequests(guest, ring) };
}

/** The image with zeros in those sectors. */
function zeroed(...ranges: readonly (readonly [from: number, count: number])[]): Uint8Array {
  const bytes = image();
  for (const [from, count] of ranges) bytes.fill(0, from * 512, (from + count) * 512);
  return bytes;
}

describe.each([
  ['legacy', () => legacy()],
  ['big-endian legacy', () => legacy({}, 'big')],
  ['modern', () => modern()],
] as const)('requests of segments by a %s driver', (_, start) => {
  // An array keeps its length: a discarded range reads as zeros as well.
  it.each([
    ['DISCARD', DISCARD],
    ['WRITE_ZEROES', WRITE_ZEROES],
    ['SECURE_ERASE', SECURE_ERASE],
  ])('%s clears every range, and nothing else', (_name, type) => {
    const { requests, storage, guest } = start();
    const out = segments([3, 2], [10, 16], [63, 1], [40, 0]);
    expect(requests.do({ type, out })).toEqual({ status: OK, data: new Uint8Array(), used: 1 });
    expect(sameBytes(storage.bytes, zeroed([3, 2], [10, 16], [63, 1]))).toBe(true);
    expect(guest.clauses()).toEqual([]);
  });

  it('leave nothing of themselves to the next request', () => {
    const { requests, storage } = start();
    expect(requests.do({ type: DISCARD, out: segments([3, 2]) }).status).toBe(OK);
    expect(requests.do({ type: 0, sector: 9, inBytes: 512 })).toMatchObject({
      status: OK,
      data: image().slice(9 * 512, 10 * 512),
    });
    const out = new Uint8Array(512).fill(0x77);
    expect(requests.do({ type: 1, sector: 4, out }).status).toBe(OK);
    expect([storage.bytes[3 * 512], storage.bytes[4 * 512]]).toEqual([0, 0x77]);
  });

  it('BLK-OP-20: WRITE_ZEROES clears with unmap, too, and however it is cut', () => {
    const { requests, storage } = start();
    const out = segments([5, 1, 1], [7, 1]);
    const request = { type: WRITE_ZEROES, out, readableCuts: [10, 13, 1, 24] };
    expect(requests.do(request).status).toBe(OK);
    expect(sameBytes(storage.bytes, zeroed([5, 1], [7, 1]))).toBe(true);
  });

  it.each([
    ['BLK-OP-18: unmap in a discard', DISCARD, segments([0, 1, 1]), UNSUPP, 'BLK-OP-12'],
    ['unmap in a secure erase', SECURE_ERASE, segments([0, 1, 1]), UNSUPP, 'BLK-OP-12'],
    ['BLK-OP-17: an unknown flag in a discard', DISCARD, segments([0, 1, 2]), UNSUPP, 'shape'],
    [
      'BLK-OP-17: an unknown flag beside unmap',
      WRITE_ZEROES,
      segments([0, 1], [2, 1, 0x80000001]),
      UNSUPP,
      'shape',
    ],
    [
      'an unknown flag in the last segment, behind one that is out of range',
      SECURE_ERASE,
      segments([99, 1], [0, 1, 4]),
      UNSUPP,
      'shape',
    ],
    ['no segment', DISCARD, segments(), IOERR, 'BLK-OP-07'],
    [
      'BLK-OP-07: half a segment more',
      WRITE_ZEROES,
      segments([0, 1], [0, 1]).subarray(0, 24),
      IOERR,
      'BLK-OP-07',
    ],
    [
      'BLK-OP-09: a segment too many',
      WRITE_ZEROES,
      segments([0, 1], [1, 1], [2, 1], [3, 1], [4, 1]),
      IOERR,
      'BLK-OP-09',
    ],
    ['too long a segment', DISCARD, segments([0, 17]), IOERR, 'BLK-OP-09'],
    ['a segment across the end', WRITE_ZEROES, segments([0, 1], [63, 2]), IOERR, 'BLK-OP-03'],
    ['a segment from the end on', DISCARD, segments([64, 1]), IOERR, 'BLK-OP-03'],
    ['a sector beyond 2^32', DISCARD, segments([2 ** 32, 1]), IOERR, 'BLK-OP-03'],
    [
      'the last sector that 64 bits name',
      WRITE_ZEROES,
      segments([0xffffffffffffffffn, 1]),
      IOERR,
      'BLK-OP-03',
    ],
  ] as const)('%s is refused, and nothing changes', (_name, type, out, status, clause) => {
    const { requests, storage, guest } = start();
    expect([requests.do({ type, out }).status, guest.clauses()]).toEqual([
      status,
      [clause === 'shape' ? guest.shapeClause : clause],
    ]);
    expect(sameBytes(storage.bytes, image())).toBe(true);
  });
});

/** Storage that logs, and keeps what it is told to. */
class LoggingStorage implements Storage {
  length = SECTORS * 512;
  readonly readOnly = false;
  readonly mayUnmap = true;
  readonly log: string[] = [];
  readonly waiting: Transfer[] = [];

  #keep(what: string, transfer: Transfer): void {
    this.log.push(`${what} ${transfer.offset / 512}+${transfer.length / 512}`);
    this.waiting.push(transfer);
  }

  read = (transfer: Transfer) => this.#keep('read', transfer);
  write = (transfer: Transfer) => this.#keep('write', transfer);
  flush = (transfer: Transfer) => this.#keep('flush', transfer);
  discard = (transfer: Transfer) => this.#keep('discard', transfer);
  secureErase = (transfer: Transfer) => this.#keep('erase', transfer);
  writeZeroes = (transfer: Transfer, unmap: boolean) => this.#keep(`zero${unmap ? ' unmap' : ''}`, transfer);
}

function logged(writeback = 1) {
  const storage = new LoggingStorage();
  const guest = new ModernGuest(new BlockDevice({ storage, ...options }));
  const ring = guest.start(FEATURES)[0]!;
  guest.machine.memoryWrite(guest.structure(4) + 32, 1, writeback);
  return { storage, guest, ring, requests: new RawRequests(guest, ring) };
}

describe('what reaches the storage', () => {
  it('is one segment after the other, each with its own flag', () => {
    const { storage, ring, requests } = logged();
    requests.send({ type: WRITE_ZEROES, out: segments([1, 2, 1], [8, 4], [5, 1, 1]) });
    for (const expected of ['zero unmap 1+2', 'zero 8+4', 'zero unmap 5+1']) {
      expect([storage.log.at(-1), ring.usedIndex]).toEqual([expected, 0]);
      storage.waiting.pop()!.done(true);
    }
    expect([storage.log.length, ring.used(), requests.answer().status]).toEqual([3, [[0, 1]], OK]);
  });

  it('BLK-OP-13: is nothing more after a segment that failed', () => {
    const { storage, ring, requests } = logged();
    requests.send({ type: DISCARD, out: segments([1, 1], [2, 1], [3, 1]) });
    storage.waiting.pop()!.done(true);
    storage.waiting.pop()!.done(false);
    expect([storage.log, ring.usedIndex, requests.answer().status]).toEqual([
      ['discard 1+1', 'discard 2+1'],
      1,
      IOERR,
    ]);
  });

  test.each([
    ['zeros are made stable', WRITE_ZEROES, ['zero 1+1', 'zero 2+1', 'flush 2+1']],
    ['so is what was erased', SECURE_ERASE, ['erase 1+1', 'erase 2+1', 'flush 2+1']],
    ['a discard need not be', DISCARD, ['discard 1+1', 'discard 2+1']],
  ])('BLK-OP-22: in writethrough mode %s', (_, type, log) => {
    const { storage, ring, requests } = logged(0);
    requests.send({ type, out: segments([1, 1], [2, 1]) });
    for (let i = 0; i < 9 && storage.waiting.length > 0; i++) storage.waiting.pop()!.done(true);
    expect([storage.log, ring.usedIndex, requests.answer().status]).toEqual([log, 1, OK]);
  });

  it('is nothing more after a reset', () => {
    const { storage, guest, requests } = logged();
    requests.send({ type: DISCARD, out: segments([1, 1], [2, 1]) });
    const [transfer] = storage.waiting;
    expect(transfer!.live).toBe(true);
    guest.block.set('deviceStatus', 0);
    expect(transfer!.live).toBe(false);
    transfer!.done(true);
    expect([storage.log, requests.answer().status]).toEqual([['discard 1+1'], 0xee]);
  });

  it('is what the segments were when the request came', () => {
    const { storage, guest, requests } = logged();
    requests.send({ type: DISCARD, out: segments([1, 1], [2, 1]) });
    guest.machine.ram.fill(0x80010, 32, 0xff);
    storage.waiting.pop()!.done(true);
    expect(storage.log).toEqual(['discard 1+1', 'discard 2+1']);
  });

  it('is no segment that lies beyond the end by now', () => {
    const { storage, requests } = logged();
    requests.send({ type: WRITE_ZEROES, out: segments([1, 1], [60, 1], [2, 1]) });
    storage.length = 60 * 512;
    storage.waiting.pop()!.done(true);
    expect([storage.log, requests.answer().status]).toEqual([['zero 1+1'], IOERR]);
  });
});
