import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DmaDomain,
  FOUR_GIB,
  functionAddress,
  GuestMemory,
  HeldScheduler,
  type State,
  StateMismatchError,
  stateFromText,
  stateToText,
} from '../../src/core/index.ts';
import { runFirmware, setCommand } from '../../src/driver/index.ts';
import {
  type DeviceMessage,
  DevMsi,
  type DevMsiCare,
  MEDIATED_BAR,
  messageSlot,
  ParentDevice,
  parentHeader,
  parentQueue,
  SlotsInDevice,
  SlotsInMemory,
} from '../../src/mmr/index.ts';
import { command, Machine } from '../../src/pci/index.ts';
import { bareFunction } from '../pci/support.ts';
import { PATIENCE, runs } from './support/runs.ts';

const PLACE = functionAddress(0, 4);
const SLOTS = 3;
const MEMORY = 0x8000;
const QUEUES_AT = 0x1000;
const QUEUE_BYTES = 16;

type Store = 'device' | 'memory';

/** A device with slots, its software, and all that is on its way between them: nothing moves but what the test lets go. */
class Slots {
  readonly work = new HeldScheduler();
  readonly handlers = new HeldScheduler();
  readonly host: Machine;
  readonly device: ParentDevice;
  readonly messages: DeviceMessage[];
  /** By slot: what has occurred, how much of it the handler has seen, and messages that came under the mask. */
  readonly occurred = new Array<number>(SLOTS).fill(0);
  readonly seen = new Array<number>(SLOTS).fill(0);
  leaked = 0;
  /** Messages for vectors of nobody's. */
  stray = 0;
  readonly #msi: DevMsi;

  constructor(store: Store, care: Partial<DevMsiCare>) {
    this.host = new Machine({
      ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }),
      scheduler: this.work,
      interruptScheduler: this.handlers,
      holdPostedWrites: true,
    });
    const { host } = this;
    const pci = bareFunction();
    this.device = new ParentDevice(pci, { queues: SLOTS });
    host.plug(pci, PLACE);
    runFirmware(host);
    setCommand(host, PLACE, command.memory | command.busMaster);
    const bar = pci.bars.find(({ index }) => index === MEDIATED_BAR)!.address;
    const place =
      store === 'device'
        ? new SlotsInDevice(host, bar + this.device.slotTable, SLOTS)
        : new SlotsInMemory(host, MEMORY, SLOTS, bar);
    if (store === 'memory') {
      for (let slot = 0; slot < SLOTS; slot++) place.write(slot, messageSlot.control, 1);
      host.memoryWrite(bar + parentHeader.slotMemoryLow.offset, 4, MEMORY);
    }
    this.#msi = new DevMsi(place, host.interrupts, care);
    this.messages = Array.from({ length: SLOTS }, () => this.#msi.allocate());
    for (const { slot } of this.messages) {
      const row = bar + QUEUES_AT + slot * QUEUE_BYTES;
      host.memoryWrite(row + parentQueue.slot.offset, 4, slot);
      host.memoryWrite(row + parentQueue.control.offset, 4, 1);
    }
    host.events = (event) => {
      if (event.kind === 'interrupt' && event.signal === 'message') this.#arrived(event.vector);
    };
  }

  /** Vectors by slot, as a vector is given out: the machine gives the lowest that is free. */
  readonly #vectors = new Map<number, number>();

  handle(slot: number): void {
    const before = this.#vectors.get(slot);
    const taken = new Set(this.#vectors.values());
    let vector = 0;
    while (taken.has(vector)) vector++;
    this.messages[slot]!.handle(() => {
      this.seen[slot] = this.occurred[slot]!;
    });
    // From here on the vector of before is nobody's, unless another slot takes it.
    this.#vectors.set(slot, vector);
    if (before !== undefined) this.#old.add(before);
    this.#old.delete(vector);
  }

  readonly #old = new Set<number>();

  #arrived(vector: number): void {
    if (this.#old.has(vector)) this.stray++;
    for (const [slot, its] of this.#vectors)
      if (its === vector && this.#isMasked[slot] === true) this.leaked++;
  }

  readonly #isMasked: boolean[] = new Array(SLOTS).fill(true);

  mask(slot: number): void {
    this.messages[slot]!.mask();
    this.#isMasked[slot] = true;
  }

  unmask(slot: number): void {
    this.#isMasked[slot] = false;
    this.messages[slot]!.unmask();
  }

  occur(slot: number): void {
    this.occurred[slot]!++;
    this.device.signal(slot);
  }

  /** Everything that is on its way arrives. */
  settle(): void {
    for (let round = 0; round < 50; round++) {
      this.host.posted!.flushAll();
      this.work.releaseAll();
      this.handlers.releaseAll();
    }
  }

  /** Events of which no handler has heard, once nothing is masked and nothing on its way. */
  lost(): number {
    for (let slot = 0; slot < SLOTS; slot++) this.unmask(slot);
    this.settle();
    return this.occurred.filter((count, slot) => count !== this.seen[slot]).length;
  }
}

type Step = {
  readonly do: 'occur' | 'mask' | 'unmask' | 'move' | 'write' | 'message' | 'handler';
  readonly n: number;
};

const stepOf = (...what: Step['do'][]) =>
  fc.record({ do: fc.constantFrom(...what), n: fc.nat(SLOTS - 1) }) as fc.Arbitrary<Step>;

function play(store: Store, care: Partial<DevMsiCare>, steps: readonly Step[]): Slots {
  const slots = new Slots(store, care);
  for (let slot = 0; slot < SLOTS; slot++) {
    slots.handle(slot);
    slots.unmask(slot);
  }
  slots.settle();
  // A device with a cache has the slots in it from now on.
  for (let slot = 0; slot < SLOTS; slot++) slots.occur(slot);
  slots.settle();
  slots.leaked = slots.stray = 0;
  for (const { do: what, n } of steps) {
    const { posted } = slots.host;
    if (what === 'occur') slots.occur(n);
    else if (what === 'mask') slots.mask(n);
    else if (what === 'unmask') slots.unmask(n);
    else if (what === 'move') slots.handle(n);
    else if (what === 'write' && posted!.count > 0) posted!.releaseOne(posted!.owners[0]!);
    else if (what === 'message') slots.work.release(n);
    else if (what === 'handler') slots.handlers.release(n);
  }
  return slots;
}

const all = fc.array(stepOf('occur', 'mask', 'unmask', 'move', 'write', 'message', 'handler'), {
  maxLength: 40,
});

describe.each(['device', 'memory'] as const)('message slots in the %s', (store) => {
  it(
    'let nothing through their masks, and lose nothing, where each mask is followed by a read',
    () => {
      fc.assert(
        fc.property(all, (steps) => {
          const slots = play(store, {}, steps);
          expect([slots.lost(), slots.leaked, slots.stray]).toEqual([0, 0, 0]);
        }),
        { numRuns: runs(150) },
      );
    },
    PATIENCE,
  );

  it('let messages through a mask that nobody has read back', () => {
    const found = fc.check(
      fc.property(fc.array(stepOf('occur', 'mask', 'write', 'message')), (steps) => {
        expect(play(store, { flush: false }, steps).leaked).toBe(0);
      }),
      { numRuns: 2000, seed: 3 },
    );
    expect(found.failed).toBe(true);
    // The mask is on its way, and the device knows nothing of it; or the message has left, and nothing has pushed it.
    const least = found.counterexample![0].map(({ do: what }) => what);
    expect(least).toContain('mask');
    expect(play(store, {}, found.counterexample![0]).leaked).toBe(0);
  });

  it('lose messages that are moved under a mask that nobody has read back', () => {
    const steps = fc.array(stepOf('occur', 'move', 'write', 'message', 'handler'));
    const found = fc.check(
      fc.property(steps, (each) => {
        expect(play(store, { flush: false }, each).lost()).toBe(0);
      }),
      { numRuns: 2000, seed: 5 },
    );
    expect(found.failed).toBe(true);
    const [least] = found.counterexample!;
    expect(play(store, {}, least).lost()).toBe(0);
  });
});

/** Two messages that are writes to memory, so that each of their halves can be told. */
const MESSAGES = [
  { addressLow: 0x2000, addressHigh: 0, data: 0xaaaa, pasid: null },
  { addressLow: 0x3000, addressHigh: 0, data: 0xbbbb, pasid: null },
] as const;

/** What comes of moving one slot between the two, at all times. */
function torn(store: Store, care: Partial<DevMsiCare>, steps: readonly Step[]): number {
  const slots = new Slots(store, care);
  const [message] = slots.messages;
  let next = 0;
  let mixed = 0;
  const aim = () => message!.aim(MESSAGES[next++ % 2]!);
  const before = slots.device.pci.slot.dma.observer;
  slots.device.pci.slot.dma.observer = (address, length) => {
    before?.(address, length);
    writes.push(address);
  };
  const writes: number[] = [];
  const look = () => {
    for (const address of writes.splice(0)) {
      const bytes = new Uint8Array(4);
      new DmaDomain(slots.host.ram).read(address, bytes, 0, 4);
      const data = new DataView(bytes.buffer).getUint32(0, true);
      if (
        !MESSAGES.some(
          (each) => each.addressLow + FOUR_GIB * each.addressHigh === address && each.data === data,
        )
      )
        mixed++;
    }
  };
  aim();
  message!.unmask();
  slots.settle();
  for (const { do: what, n } of steps) {
    const { posted } = slots.host;
    if (what === 'occur') slots.device.signal(message!.slot);
    else if (what === 'move') aim();
    else if (what === 'write' && posted!.count > 0) posted!.releaseOne(posted!.owners[0]!);
    else if (what === 'message') slots.work.release(n);
    look();
  }
  slots.settle();
  look();
  return mixed;
}

describe.each(['device', 'memory'] as const)(
  'a slot in the %s that is aimed elsewhere while it is used',
  (store) => {
    const steps = fc.array(stepOf('occur', 'move', 'write', 'message'), { maxLength: 30 });

    it('sends a message of two halves where it is not masked', () => {
      const found = fc.check(
        fc.property(steps, (each) => {
          expect(torn(store, { maskToAim: false }, each)).toBe(0);
        }),
        { numRuns: 3000, seed: 7 },
      );
      expect(found.failed).toBe(true);
    });

    it(
      'sends the one or the other where it is masked first',
      () => {
        fc.assert(
          fc.property(steps, (each) => {
            expect(torn(store, {}, each)).toBe(0);
          }),
          { numRuns: runs(150) },
        );
      },
      PATIENCE,
    );
  },
);

describe('a host that is saved and loaded', () => {
  it.each(['device', 'memory'] as const)(
    'has what its parent had, with slots in the %s and messages on their way',
    (store) => {
      const [slots, other] = [play(store, {}, []), play(store, {}, [])];
      slots.mask(0);
      for (const n of [0, 1, 1]) slots.occur(n);
      const state = stateFromText(stateToText(slots.host.save()));
      other.host.load(state as State);
      expect(other.host.save()).toEqual(slots.host.save());
      other.settle();
      expect(other.device.slots.isPending(0)).toBe(true);
      // The software of this machine has not masked it itself.
      other.mask(0);
      other.unmask(0);
      other.settle();
      expect(other.device.slots.isPending(0)).toBe(false);
    },
  );

  it('of another shape, or with slots that there are not, is refused', () => {
    const { device } = play('device', {}, []);
    const saved = device.save();
    for (const change of [
      { shape: { queues: 1, slots: SLOTS } },
      { queues: new Uint8Array(4) },
      { slots: { ...saved.slots, pending: [SLOTS] } },
    ])
      expect(() => device.load({ ...saved, ...change })).toThrow(StateMismatchError);
  });
});
