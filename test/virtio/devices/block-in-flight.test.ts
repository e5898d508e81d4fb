import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../../src/core/index.ts';
import {
  BlockDevice,
  blockFeature,
  MemoryStorage,
  type Storage,
  type Transfer,
} from '../../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { RawRequests } from '../support/requests.ts';

const [IN, OUT, FLUSH] = [0, 1, 4];
const [OK, IOERR] = [0, 1];
const WCE = 2 ** blockFeature.configWriteCache;
const CAN_FLUSH = 2 ** blockFeature.flush;
const WRITEBACK = 32;

/** Storage that keeps transfers until the test ends them. */
class SlowStorage implements Storage {
  readonly length = 16 * 512;
  readonly readOnly = false;
  readonly log: string[] = [];
  readonly waiting: Transfer[] = [];

  #keep(what: string, transfer: Transfer): void {
    this.log.push(what);
    this.waiting.push(transfer);
  }

  read = (transfer: Transfer) => this.#keep(`read ${transfer.offset}+${transfer.length}`, transfer);
  write = (transfer: Transfer) => this.#keep(`write ${transfer.offset}+${transfer.length}`, transfer);
  flush = (transfer: Transfer) => this.#keep('flush', transfer);
}

function slow(options: ConstructorParameters<typeof LegacyGuest>[1] = {}) {
  const storage = new SlowStorage();
  const guest = new LegacyGuest(new BlockDevice({ storage }), options);
  const ring = guest.start(WCE + CAN_FLUSH + 2 ** 27)[0]!;
  return { storage, guest, ring, requests: new RawRequests(guest, ring) };
}

describe('a request that takes its time', () => {
  test.each([
    [true, OK],
    [false, IOERR],
  ])('ends when the storage is done with it (ok: %s)', (ok, status) => {
    const { storage, guest, ring, requests } = slow();
    requests.send({ type: FLUSH });
    expect([ring.usedIndex, guest.interrupts()]).toEqual([0, []]);
    storage.waiting.pop()!.done(ok);
    expect([ring.used(), requests.answer().status, guest.interrupts()]).toEqual([
      [[0, 1]],
      status,
      ['line 11 up'],
    ]);
  });

  it('that failed counts no bytes, even if some were copied', () => {
    const { storage, ring, requests } = slow();
    requests.send({ type: IN, inBytes: 1024 });
    const transfer = storage.waiting.pop()!;
    expect(transfer.give(0, new Uint8Array(512), 0, 512)).toBe(true);
    transfer.done(false);
    expect([ring.used(), requests.answer(1024).status]).toEqual([[[0, 0]], IOERR]);
  });

  it('that has no room for what it is given says so', () => {
    const { storage, requests } = slow();
    requests.send({ type: IN, inBytes: 512 });
    const transfer = storage.waiting.pop()!;
    expect(transfer.give(512, new Uint8Array(512), 0, 512)).toBe(false);
    expect(transfer.take(0, new Uint8Array(512), 0, 512)).toBe(false);
  });

  it('ends without a trace after a reset, and the next request is as good as any', () => {
    const { storage, guest, requests } = slow();
    requests.send({ type: IN, inBytes: 512 });
    guest.block.set('deviceStatus', 0);
    guest.interrupts();
    const transfer = storage.waiting.pop()!;
    expect(transfer.give(0, new Uint8Array(512).fill(1), 0, 512)).toBe(false);
    transfer.done(true);
    expect([requests.answer(512), guest.interrupts()]).toEqual([
      { status: 0xee, data: new Uint8Array(512).fill(0xee) },
      [],
    ]);
    guest.machine.ram.fill(0x10000, 0x10000, 0);
    const ring = guest.start(CAN_FLUSH)[0]!;
    new RawRequests(guest, ring).send({ type: FLUSH });
    storage.waiting.pop()!.done(true);
    expect(ring.used()).toEqual([[0, 1]]);
  });

  it('that ends while bus mastering is off reaches memory only when it is on again, data and all', () => {
    const { storage, guest, ring, requests } = slow();
    requests.send({ type: IN, inBytes: 512 });
    guest.config.command(0x3);
    const transfer = storage.waiting.pop()!;
    const buffer = new Uint8Array(512).fill(0x77);
    expect(transfer.give(0, buffer, 0, 512)).toBe(false);
    transfer.whenReady(() => transfer.done(transfer.give(0, buffer, 0, 512)));
    const seen = () => [ring.used(), requests.answer(512).status, new Set(requests.answer(512).data)];
    expect(seen()).toEqual([[], 0xee, new Set([0xee])]);
    guest.config.command(0x7);
    expect(seen()).toEqual([[[0, 513]], OK, new Set([0x77])]);
  });

  it('that was taken but had not begun when bus mastering went off begins when it is on again', () => {
    const scheduler = new HeldScheduler();
    const { storage, guest, ring, requests } = slow({ machine: { scheduler } });
    scheduler.releaseAll();
    requests.send({ type: IN, inBytes: 512 });
    scheduler.release();
    guest.config.command(0x3);
    scheduler.releaseAll();
    expect(storage.log).toEqual([]);
    guest.config.command(0x7);
    scheduler.releaseAll();
    expect([storage.log, ring.usedIndex]).toEqual([['read 0+512'], 0]);
  });

  it('is sent again to the storage of a machine that it was loaded into', () => {
    const before = slow();
    before.requests.send({ type: IN, sector: 3, inBytes: 512 });
    const after = slow();
    after.guest.block.set('deviceStatus', 0);
    after.guest.machine.load(before.guest.machine.save());
    expect(after.storage.log).toEqual(['read 1536+512']);
    after.storage.waiting.pop()!.done(true);
    expect(after.guest.interrupts()).toContain('line 11 up');
  });

  it('BLK-OP-22: and is made stable there as it would have been, whatever the driver has switched to since', () => {
    for (const through of [true, false]) {
      const before = slow();
      before.guest.block.writeAt(20 + WRITEBACK, 1, through ? 0 : 1);
      before.requests.send({ type: OUT, out: new Uint8Array(512) });
      before.guest.block.writeAt(20 + WRITEBACK, 1, through ? 1 : 0);
      const after = slow();
      after.guest.machine.load(before.guest.machine.save());
      after.storage.waiting.pop()!.done(true);
      expect(after.storage.log).toEqual(['write 0+512', ...(through ? ['flush'] : [])]);
    }
  });
});

describe('the cache mode', () => {
  const memory = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512 * 16)) });
  const writeback = (guest: LegacyGuest | ModernGuest) => guest.device.config.little.read(WRITEBACK, 1);

  test.each([
    ['writeback by default', WCE + CAN_FLUSH, null, ['write 0+512']],
    ['writethrough when the driver says so', WCE + CAN_FLUSH, 0, ['write 0+512', 'flush']],
    ['writethrough for a driver that cannot flush', 0, null, ['write 0+512', 'flush']],
  ] as const)('BLK-OP-22: %s', (_, features, mode, log) => {
    const storage = new SlowStorage();
    const guest = new LegacyGuest(new BlockDevice({ storage }));
    const ring = guest.start(features)[0]!;
    if (mode !== null) guest.block.writeAt(20 + WRITEBACK, 1, mode);
    const requests = new RawRequests(guest, ring);
    requests.send({ type: OUT, out: new Uint8Array(512) });
    expect(ring.usedIndex).toBe(0);
    storage.waiting.pop()!.done(true);
    if (log.length > 1) {
      expect([storage.log, ring.usedIndex]).toEqual([log, 0]);
      storage.waiting.pop()!.done(true);
    }
    expect([storage.log, ring.usedIndex, requests.answer().status]).toEqual([log, 1, OK]);
  });

  it('BLK-OP-22: a write that failed is not flushed, and neither is the read after it', () => {
    const storage = new SlowStorage();
    const guest = new LegacyGuest(new BlockDevice({ storage }));
    const ring = guest.start(0)[0]!;
    const requests = new RawRequests(guest, ring);
    requests.send({ type: OUT, out: new Uint8Array(512) });
    storage.waiting.pop()!.done(false);
    expect([storage.log, requests.answer().status]).toEqual([['write 0+512'], IOERR]);
    requests.send({ type: IN, inBytes: 512 });
    storage.waiting.pop()!.done(true);
    expect([storage.log, requests.answer(512).status]).toEqual([['write 0+512', 'read 0+512'], OK]);
  });

  it('LEG-BLK-04: may be read and written before any status', () => {
    const guest = new LegacyGuest(memory());
    expect(writeback(guest)).toBe(1);
    guest.block.writeAt(20 + WRITEBACK, 1, 0);
    expect([writeback(guest), guest.block.readAt(20 + WRITEBACK, 1)]).toEqual([0, 0]);
    guest.block.writeAt(20 + WRITEBACK, 1, 0xff);
    expect(writeback(guest)).toBe(1);
  });

  // LEG-BLK-05: only DRIVER_OK without CONFIG_WCE settles it, by whether the driver can flush; LEG-BLK-06: features never do.
  test.each([
    [0, 0, [0, 0, 0, 0]],
    [0, CAN_FLUSH, [0, 0, 0, 1]],
    [0, WCE, [0, 0, 0, 0]],
    [0, WCE + CAN_FLUSH, [0, 0, 0, 0]],
    [1, 0, [1, 1, 1, 0]],
    [1, CAN_FLUSH, [1, 1, 1, 1]],
    [1, WCE, [1, 1, 1, 1]],
    [1, WCE + CAN_FLUSH, [1, 1, 1, 1]],
  ])('LEG-BLK-05, LEG-BLK-06: set to %d, features 0x%s', (mode, features, expected) => {
    const guest = new LegacyGuest(memory());
    guest.block.writeAt(20 + WRITEBACK, 1, mode);
    const seen: number[] = [];
    for (const step of [
      () => guest.block.set('deviceStatus', 3),
      () => guest.block.set('driverFeatures', features),
      () => guest.block.set('deviceStatus', 3 | 8),
      () => guest.block.set('deviceStatus', 7 | 8),
    ]) {
      step();
      seen.push(writeback(guest));
    }
    expect(seen).toEqual(expected);
  });

  test.each([
    ['BLK-INIT-10: CONFIG_WCE without FLUSH starts as writethrough', [11], 0],
    ['CONFIG_WCE with FLUSH stays as it is', [9, 11], 1],
  ] as const)('%s, as soon as FEATURES_OK stands', (_, features, mode) => {
    const guest = new ModernGuest(memory());
    expect(guest.negotiate(features) & 8).toBe(8);
    expect(writeback(guest)).toBe(mode);
  });

  it('BLK-OP-10: what a driver with CONFIG_WCE wrote before DRIVER_OK stays', () => {
    const guest = new ModernGuest(memory());
    guest.negotiate([11]);
    guest.machine.memoryWrite(guest.structure(4) + WRITEBACK, 1, 1);
    guest.block.set('deviceStatus', 0x0f);
    expect(writeback(guest)).toBe(1);
  });

  test.each([
    ['FLUSH alone: writeback', [9], 1],
    ['neither: writethrough', [], 0],
  ] as const)('BLK-INIT-02: without CONFIG_WCE, %s', (_, features, mode) => {
    const guest = new ModernGuest(memory());
    guest.start(features);
    expect(writeback(guest)).toBe(mode);
  });

  it('is writeback again after a reset', () => {
    const guest = new LegacyGuest(memory());
    guest.start(0);
    expect(writeback(guest)).toBe(0);
    guest.block.set('deviceStatus', 0);
    expect(writeback(guest)).toBe(1);
  });
});
