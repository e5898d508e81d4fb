import { describe, expect, it, test } from 'vitest';
import { HeldScheduler, StateMismatchError } from '../../../src/core/index.ts';
import {
  BlockDevice,
  type BlockOptions,
  blockFeature,
  FaultyStorage,
  MemoryStorage,
  type Storage,
  StorageSizeError,
  type Transfer,
} from '../../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { RawRequests } from '../support/requests.ts';

const SECTORS = 16;
const [IN, OUT, FLUSH] = [0, 1, 4];
const [OK, IOERR] = [0, 1];
const BARRIER = 2 ** 31;
const ANY_LAYOUT = 2 ** 27;

const image = () => new Uint8Array(SECTORS * 512).map((_, i) => (i >> 9) + 1);

/** Storage that keeps transfers, by sector, until the test ends them. */
class SlowStorage implements Storage {
  readonly length = SECTORS * 512;
  readonly readOnly = false;
  readonly waiting = new Map<number, Transfer>();

  #keep = (transfer: Transfer) => {
    this.waiting.set(transfer.offset / 512, transfer);
  };

  read = this.#keep;
  write = this.#keep;
  flush = this.#keep;

  get sectors(): number[] {
    return [...this.waiting.keys()];
  }

  end(sector: number): void {
    const transfer = this.waiting.get(sector)!;
    this.waiting.delete(sector);
    transfer.done(true);
  }
}

describe('several queues', () => {
  const start = (features: readonly number[]) => {
    const storage = new SlowStorage();
    const guest = new ModernGuest(new BlockDevice({ storage, queues: 3, queueSize: 64 }));
    const rings = guest.start(features, [0, 1, 2]);
    guest.clauses();
    const at = (queue: number, slot = 0) => new RawRequests(guest, rings[queue]!, { queue, slot });
    return { guest, storage, rings, at };
  };

  it('take requests, and end them in any order', () => {
    const { guest, storage, rings, at } = start([blockFeature.multiQueue]);
    expect(guest.block.get('numQueues')).toBe(3);
    for (const queue of [2, 0, 1]) at(queue, queue).send({ type: IN, sector: 4 + queue, inBytes: 512 });
    expect(storage.sectors).toEqual([6, 4, 5]);
    storage.end(5);
    expect(rings.map(({ usedIndex }) => usedIndex)).toEqual([0, 1, 0]);
    storage.end(6);
    storage.end(4);
    expect(rings.map((ring) => ring.used())).toEqual([[[0, 513]], [[8, 513]], [[16, 513]]]);
    expect(guest.clauses()).toEqual([]);
  });

  it('BF-FEAT-03: without MQ there is one, and a request elsewhere is told of', () => {
    const { guest, storage, at } = start([]);
    at(1).send({ type: IN, inBytes: 512 });
    expect([guest.clauses(), storage.sectors]).toEqual([['BF-FEAT-03'], [0]]);
  });
});

describe('limits of buffers', () => {
  const start = (options: Partial<BlockOptions>, features: readonly number[]) => {
    const guest = new ModernGuest(new BlockDevice({ storage: new MemoryStorage(image()), ...options }));
    const requests = new RawRequests(guest, guest.start(features)[0]!);
    guest.clauses();
    return { guest, requests };
  };

  test.each([
    ['SEG_MAX', { segmentMax: 2 }, [blockFeature.segmentMax], [512, 256, 256]],
    ['SIZE_MAX', { sizeMax: 512 }, [blockFeature.sizeMax], [1024]],
  ] as const)('BLK-OP-09: more than %s is served, and told of', (_, options, features, cuts) => {
    const request = { type: IN, inBytes: 1024, writableCuts: [...cuts, 1] };
    const taken = start(options, features);
    expect([taken.requests.do(request).status, taken.guest.clauses()]).toEqual([OK, ['BLK-OP-09']]);
    const good = { type: IN, inBytes: 1024, writableCuts: [512, 512, 1] };
    expect([taken.requests.do(good).status, taken.guest.clauses()]).toEqual([OK, []]);
    const unaware = start(options, []);
    expect([unaware.requests.do(request).status, unaware.guest.clauses()]).toEqual([OK, []]);
  });
});

describe('BLK-OP-15: a storage that changes its length', () => {
  const start = (bytes = image()) => {
    const storage = new MemoryStorage(bytes);
    const device = new BlockDevice({ storage });
    const guest = new ModernGuest(device);
    const ring = guest.start()[0]!;
    guest.interrupts();
    const capacity = () => guest.machine.memoryRead(guest.structure(4), 4);
    return { storage, device, guest, capacity, requests: new RawRequests(guest, ring) };
  };

  it('is shown, with an interrupt and another generation', () => {
    const { storage, device, guest, capacity, requests } = start();
    const before = guest.block.get('configGeneration');
    expect(guest.block.get('configGeneration')).toBe(before);
    storage.resize(40 * 512);
    device.resize();
    expect([capacity(), guest.interrupts(), guest.isr()]).toEqual([40, ['line 11 up'], 2]);
    expect(guest.block.get('configGeneration')).not.toBe(before);
    expect(requests.do({ type: OUT, sector: 39, out: new Uint8Array(512).fill(9) }).status).toBe(OK);
    expect([storage.bytes[0], storage.bytes[39 * 512], storage.bytes[20 * 512]]).toEqual([1, 9, 0]);
    storage.resize(8 * 512);
    device.resize();
    expect([capacity(), device.capacity, requests.do({ type: IN, sector: 8, inBytes: 512 }).status]).toEqual([
      8,
      8,
      IOERR,
    ]);
  });

  it('is nothing that a driver may use before it was told', () => {
    const { storage, requests, device } = start();
    storage.resize(40 * 512);
    expect(requests.do({ type: IN, sector: 20, inBytes: 512 }).status).toBe(IOERR);
    device.resize();
    expect(requests.do({ type: IN, sector: 20, inBytes: 512 }).status).toBe(OK);
  });

  it('fails what lies beyond the new end, also of what was taken before', () => {
    const storage = new MemoryStorage(image());
    const faulty = new FaultyStorage(storage);
    const device = new BlockDevice({ storage: faulty });
    const guest = new ModernGuest(device);
    const ring = guest.start()[0]!;
    faulty.inject({ does: 'keep' });
    const within = new RawRequests(guest, ring);
    const beyond = new RawRequests(guest, ring, { slot: 1 });
    within.send({ type: IN, sector: 3, inBytes: 512 });
    beyond.send({ type: OUT, sector: 8, out: new Uint8Array(512) });
    storage.resize(8 * 512);
    device.resize();
    faulty.release();
    expect([within.answer(512).status, beyond.answer().status, storage.length]).toEqual([OK, IOERR, 8 * 512]);
  });

  it('has to be a whole number of blocks', () => {
    const { storage, device, capacity } = start();
    storage.resize(100);
    expect(() => device.resize()).toThrow(StorageSizeError);
    expect(capacity()).toBe(SECTORS);
  });

  it('is no part of the state: another length does not go with it', () => {
    const { guest } = start();
    expect(() => start(new Uint8Array(512)).guest.machine.load(guest.machine.save())).toThrow(
      StateMismatchError,
    );
  });
});

describe('LEG-BLK-11: barriers', () => {
  const start = (features = 2 ** blockFeature.barrier) => {
    const storage = new SlowStorage();
    const guest = new LegacyGuest(new BlockDevice({ storage, barriers: true }));
    const ring = guest.start(features + ANY_LAYOUT)[0]!;
    const send = (sector: number, barrier = false) =>
      new RawRequests(guest, ring, { slot: sector }).send({
        type: barrier ? IN + BARRIER : IN,
        sector,
        inBytes: 512,
      });
    return { storage, guest, ring, send };
  };

  it('wait for what came before, and what comes after waits for them', () => {
    const { storage, send, ring } = start();
    send(1);
    send(2);
    send(3, true);
    send(4);
    send(5, true);
    send(6);
    expect(storage.sectors).toEqual([1, 2]);
    storage.end(2);
    expect(storage.sectors).toEqual([1]);
    storage.end(1);
    expect(storage.sectors).toEqual([3]);
    send(7);
    storage.end(3);
    expect(storage.sectors).toEqual([4]);
    storage.end(4);
    expect(storage.sectors).toEqual([5]);
    storage.end(5);
    expect(storage.sectors).toEqual([6, 7]);
    storage.end(7);
    storage.end(6);
    expect(ring.usedIndex).toBe(7);
  });

  it('are forgotten with a reset, also where the storage never ends what was before', () => {
    const { storage, guest, send } = start();
    send(1);
    send(2, true);
    guest.block.set('deviceStatus', 0);
    guest.machine.ram.fill(0x10000, 0x10000, 0);
    const ring = guest.start(2 ** blockFeature.barrier + ANY_LAYOUT)[0]!;
    const next = (sector: number, type: number) =>
      new RawRequests(guest, ring, { slot: sector }).send({ type, sector, inBytes: 512 });
    next(9, IN + BARRIER);
    next(3, IN);
    expect(storage.sectors).toEqual([1, 9]);
    storage.end(1);
    expect(storage.sectors).toEqual([9]);
    storage.end(9);
    expect([storage.sectors, ring.usedIndex]).toEqual([[3], 1]);
  });

  it('leave it to the scheduler when a request runs', () => {
    const scheduler = new HeldScheduler();
    const storage = new SlowStorage();
    const guest = new LegacyGuest(new BlockDevice({ storage, barriers: true }), { machine: { scheduler } });
    const ring = guest.start(2 ** blockFeature.barrier + ANY_LAYOUT)[0]!;
    scheduler.releaseAll();
    new RawRequests(guest, ring).send({ type: IN, sector: 5, inBytes: 512 });
    scheduler.release();
    expect([scheduler.pending.map(({ label }) => label), storage.sectors]).toEqual([['block request'], []]);
    scheduler.releaseAll();
    expect(storage.sectors).toEqual([5]);
  });

  it('order nothing where they were not accepted', () => {
    const { storage, send } = start(0);
    send(1);
    send(2, true);
    send(3);
    expect(storage.sectors).toEqual([1, 2, 3]);
  });

  it('LEG-BLK-01: are offered to legacy drivers only, and only where they are wanted', () => {
    const offer = (barriers: boolean) => {
      const device = new BlockDevice({ storage: new MemoryStorage(image()), barriers });
      const guest = new ModernGuest(device);
      return [guest.machine.ioRead(guest.bar(0), 4) & 1, guest.block.get('deviceFeature') & 1];
    };
    expect([offer(false), offer(true)]).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });

  it('end with many that wait, all at once', () => {
    const storage = new MemoryStorage(image());
    const faulty = new FaultyStorage(storage);
    const guest = new LegacyGuest(new BlockDevice({ storage: faulty, barriers: true }));
    const ring = guest.start(2 ** blockFeature.barrier + ANY_LAYOUT)[0]!;
    faulty.inject({ does: 'keep', times: 1 });
    for (let slot = 0; slot < 15; slot++)
      new RawRequests(guest, ring, { slot }).send({ type: FLUSH + (slot % 2) * BARRIER });
    expect(ring.usedIndex).toBe(0);
    faulty.release();
    expect(ring.usedIndex).toBe(15);
  });
});
