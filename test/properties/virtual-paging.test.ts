import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stateToText, type Width } from '../../src/core/index.ts';
import { interruptsIn } from '../pci/support.ts';
import { VirtualGuest } from '../virtio/support/virtual.ts';
import { PATIENCE, shared } from './support/runs.ts';
import { ofType, type SleepingType, sleepingTypes } from './support/sleeping.ts';

/*
 * Whether a virtual function exists as an object, or its state was kept and it came back, makes no difference to anybody:
 * two machines, one in which all exist and one in which only one does, answer the same, save the same and do the same.
 */

const TOTAL = 3;
const STRUCTURES = 4;
const PIECE = 0x4000;
const NOTIFY = 0x3000;
const TABLE = 1;

type Operation =
  | {
      readonly do: 'common';
      readonly vf: number;
      readonly at: number;
      readonly width: Width;
      readonly value: number;
    }
  | { readonly do: 'start' | 'offer' | 'kick' | 'reset' | 'isr'; readonly vf: number }
  | { readonly do: 'command' | 'msix'; readonly vf: number; readonly value: number };

const vf = fc.integer({ min: 1, max: TOTAL });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('start' as const), vf }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('offer' as const, 'kick' as const), vf }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('reset' as const, 'isr' as const), vf }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('command' as const, 'msix' as const),
      vf,
      value: fc.constantFrom(0, 1, 4),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('common' as const),
      vf,
      at: fc.integer({ min: 0, max: 15 }).map((n) => 4 * n),
      width: fc.constantFrom<Width>(1, 2, 4),
      value: fc.oneof(fc.constantFrom(0, 1, 2, 3, 8, 11, 15, 0xffff), fc.nat(0xffff)),
    }),
  },
);

class System {
  readonly guest: VirtualGuest;

  constructor(type: SleepingType, live: number) {
    this.guest = new VirtualGuest(type.functions(TOTAL, live));
    this.guest.agree();
    this.guest.software.enable(TOTAL);
  }

  #put(index: number, bar: number, offset: number, width: Width, value: number): void {
    const piece = bar === TABLE ? 0x1000 : PIECE;
    this.guest.machine.memoryWrite(this.guest.bases.get(bar)! + piece * (index - 1) + offset, width, value);
  }

  #word(address: number, value: number): void {
    for (let i = 0; i < 4; i++) this.guest.machine.ram.write(address + i, Uint8Array.of(value >>> (8 * i)));
  }

  /** A ring of eight, in a page of the function's own. */
  #start(index: number): void {
    const put = (at: number, width: Width, value: number) => this.#put(index, STRUCTURES, at, width, value);
    const ring = 0x1000 * index;
    put(0x14, 1, 0);
    put(0x14, 1, 3);
    put(0x08, 4, 1);
    put(0x0c, 4, 1);
    put(0x14, 1, 11);
    put(0x16, 2, 0);
    put(0x18, 2, 8);
    put(0x1a, 2, 1);
    for (let i = 0; i < 3; i++) put(0x20 + 8 * i, 4, ring + 0x100 * i);
    put(0x1c, 2, 1);
    put(0x14, 1, 15);
    this.guest.machine.ram.fill(ring, 0x300, 0);
  }

  /** One more buffer of the type's, as the only chain that there is. */
  #offer(type: SleepingType, index: number): void {
    const { ram } = this.guest.machine;
    const ring = 0x1000 * index;
    for (const [i, { address, length, flags, next, bytes }] of type.chain(ring + 0x400).entries()) {
      this.#word(ring + 16 * i, address);
      this.#word(ring + 16 * i + 4, 0);
      this.#word(ring + 16 * i + 8, length);
      this.#word(ring + 16 * i + 12, flags | (next << 16));
      if (bytes !== undefined) ram.write(address, bytes);
    }
    const [low, high] = ram.read(ring + 0x102, 2);
    const position = low! | (high! << 8);
    ram.write(ring + 0x104 + 2 * (position % 8), Uint8Array.of(0, 0));
    ram.write(ring + 0x102, Uint8Array.of((position + 1) & 0xff, ((position + 1) >> 8) & 0xff));
    this.#put(index, STRUCTURES, NOTIFY, 2, 0);
  }

  perform(type: SleepingType, each: Operation): void {
    const { software } = this.guest;
    const config = software.vf(each.vf);
    if (each.do === 'start') this.#start(each.vf);
    else if (each.do === 'offer') this.#offer(type, each.vf);
    else if (each.do === 'kick') this.#put(each.vf, STRUCTURES, NOTIFY, 2, 0);
    else if (each.do === 'command') config.write(4, 2, each.value);
    else if (each.do === 'reset') config.write(config.read(0x34, 1) + 8, 2, 0x8000);
    else if (each.do === 'isr')
      this.guest.machine.memoryRead(this.guest.bases.get(STRUCTURES)! + PIECE * (each.vf - 1) + 0x1000, 1);
    else if (each.do === 'msix') {
      const at = config.read(config.read(0x34, 1) + 1, 1);
      config.write(at + 2, 2, each.value === 0 ? 0 : 0x8000);
      this.#put(each.vf, TABLE, 0x10, 4, 0xfee00000);
      this.#put(each.vf, TABLE, 0x18, 4, each.vf);
      this.#put(each.vf, TABLE, 0x1c, 4, each.value === 1 ? 1 : 0);
    } else if (each.do === 'common') this.#put(each.vf, STRUCTURES, each.at, each.width, each.value);
  }

  /** What software sees, function by function. */
  seen(): number[] {
    const { machine, bases, software } = this.guest;
    const all: number[] = [];
    for (let index = 1; index <= TOTAL; index++) {
      for (let at = 0; at < 0x40; at += 4)
        all.push(machine.memoryRead(bases.get(STRUCTURES)! + PIECE * (index - 1) + at, 4));
      all.push(
        software.vf(index).read(4, 4),
        machine.memoryRead(bases.get(TABLE)! + 0x1000 * (index - 1) + 0x800, 4),
      );
    }
    return all;
  }
}

describe('virtual functions do the same, whether or not they exist as objects', () => {
  it.each(sleepingTypes)(
    '%s',
    (name) => {
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
          const type = ofType(name);
          const [few, all] = [new System(type, 1), new System(type, TOTAL)];
          for (const each of operations) {
            few.perform(type, each);
            all.perform(type, each);
            expect(few.seen().join()).toBe(all.seen().join());
          }
          expect(interruptsIn(few.guest.events)).toEqual(interruptsIn(all.guest.events));
          expect(stateToText(few.guest.machine.save()) === stateToText(all.guest.machine.save())).toBe(true);
        }),
        { numRuns: shared(100, sleepingTypes.length) },
      );
    },
    PATIENCE,
  );
});
