import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { functionAddress, type Width } from '../../src/core/index.ts';
import { runFirmware } from '../../src/driver/index.ts';
import {
  BlockParent,
  diskSlices,
  GuestPageTable,
  MESSAGE_SLOT_BYTES,
  PARENT_QUEUE_BYTES,
  PARENT_TABLES_AT,
  WorkQueueDriver,
  workQueueSlices,
} from '../../src/mmr/index.ts';
import type { Machine } from '../../src/pci/index.ts';
import { driverOf } from '../mmr/mediated/support.ts';
import { PATIENCE, runs } from './support/runs.ts';

const [DISK, WORK] = [BlockParent.SLICE, functionAddress(0, 6)];
const RAM = 1 << 20;
const [HOSTILE_DISK, HOSTILE_WORK, VICTIM_DISK, VICTIM_WORK] = [1, 2, 3, 4].map(BlockParent.uuid) as [
  string,
  string,
  string,
  string,
];

const sum = ({ bytes }: { readonly bytes: Uint8Array }) => createHash('sha1').update(bytes).digest('hex');

/** What a guest may write, anywhere it reaches. */
type Write =
  | {
      readonly to: 'config' | 'bar';
      readonly fn: 0 | 1;
      readonly bar: number;
      readonly at: number;
      readonly width: Width;
      readonly value: number;
    }
  | { readonly to: 'ram'; readonly at: number; readonly value: number }
  | {
      readonly to: 'work';
      readonly pasid: number;
      readonly from: number;
      readonly into: number;
      readonly length: number;
    }
  | { readonly to: 'tables'; readonly pasid: number; readonly page: number; readonly target: number };

const value = fc.oneof(
  fc.nat(0xffffffff),
  fc.nat(16),
  fc.constantFrom(0xfee00000, 0xfee00001, 0x10000, 0x20000, 0xffffffff),
);
const address = fc.oneof(fc.nat(RAM), fc.nat(0xffffffff), fc.constantFrom(2 ** 32, 2 ** 40, 2 ** 52));
const pasid = fc.oneof(fc.nat(12), fc.nat(0xfffff));
const offset = fc.oneof(fc.nat(0x80), fc.nat(0x3fff));
const register = {
  fn: fc.constantFrom(0 as const, 1 as const),
  bar: fc.nat(5),
  at: offset,
  width: fc.constantFrom<Width>(1, 2, 4),
  value,
};
const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ to: fc.constant('bar' as const), ...register }) },
  { weight: 2, arbitrary: fc.record({ to: fc.constant('config' as const), ...register, at: fc.nat(255) }) },
  { weight: 2, arbitrary: fc.record({ to: fc.constant('ram' as const), at: fc.nat(RAM / 4 - 1), value }) },
  {
    weight: 2,
    arbitrary: fc.record({
      to: fc.constant('work' as const),
      pasid,
      from: address,
      into: address,
      length: fc.nat(8192),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ to: fc.constant('tables' as const), pasid, page: fc.nat(15), target: address }),
  },
);

/** Two guests of one parent, with a disk and a work queue each, all set up; the one is hostile, the other does nothing. */
class TwoGuests {
  readonly lab: BlockParent;
  readonly hostile: Machine;
  readonly victim: Machine;
  readonly #work: WorkQueueDriver;
  readonly #table: GuestPageTable;

  constructor(posted: boolean) {
    this.lab = new BlockParent({ queues: 16, pasids: 8 });
    const { parent } = this.lab;
    const guest = (disk: string, work: string) => {
      parent.create(diskSlices(1).name, disk);
      parent.create(workQueueSlices.name, work);
      const machine = this.lab.guestOf(disk, { posted });
      parent.attach(work, machine, WORK, { posted });
      runFirmware(machine);
      return machine;
    };
    this.hostile = guest(HOSTILE_DISK, HOSTILE_WORK);
    this.victim = guest(VICTIM_DISK, VICTIM_WORK);
    [this.#work, this.#table] = [this.hostile, this.victim].map((machine) => {
      const driver = new WorkQueueDriver(machine, WORK);
      const table = new GuestPageTable(machine.ram, 0x4000, 16);
      for (let page = 0; page < 16; page++) table.map(page, 0x80000 + 4096 * page);
      driver.bind(5, table);
      driver.enable('shared');
      return [driver, table] as const;
    })[0]!;
  }

  do(write: Write): void {
    const { hostile } = this;
    if (write.to === 'ram') hostile.memoryWrite(write.at * 4, 4, write.value);
    else if (write.to === 'work') {
      const { from: source, into: destination, length } = write;
      this.#work.submit({ operation: 'move', source, destination, length, completion: 0 }, write.pasid);
      this.#work.submit({ operation: 'fill', destination, length, pattern: 0xee }, 5);
    } else if (write.to === 'tables') {
      this.#table.map(write.page, write.target);
      for (const [name, number] of [
        ['subject', write.pasid],
        ['tableLow', 0x4000],
        ['tablePages', 16],
      ] as const)
        this.#work.write(name, number);
      this.#work.write('command', 4);
      this.#work.write('response', 0x8000_0001);
    } else {
      const fn = write.fn === 0 ? DISK : WORK;
      const aligned = write.at - (write.at % write.width);
      if (write.to === 'config') hostile.configWrite(fn, aligned, write.width, write.value);
      else {
        const own = this.lab.parent.slice(write.fn === 0 ? HOSTILE_DISK : HOSTILE_WORK).fn.pci;
        const bar = own.bars[write.bar % own.bars.length]!;
        if (bar.mappedAt !== null && bar.kind !== 'io')
          hostile.memoryWrite(bar.mappedAt + (aligned % bar.lengthBytes), write.width, write.value);
      }
    }
  }

  /** All that is the other guest's, and the host's. */
  look() {
    const { host, device, parent } = this.lab;
    const slices = [VICTIM_DISK, VICTIM_WORK].map((uuid) => parent.slice(uuid));
    const bar = device.pci.bars.find(({ index }) => index === 2)!.address;
    const words = (at: number, bytes: number) =>
      Array.from({ length: bytes / 4 }, (_, i) => host.memoryRead(bar + at + 4 * i, 4));
    return {
      ram: this.victim.ram.ranges.map(sum),
      hostRam: host.ram.ranges.map(sum),
      functions: slices.map(({ fn }) => fn.pci.save()),
      counts: slices.map(({ counts }) => ({ ...counts })),
      pending: this.victim.interrupts.pendingVectors,
      queues: slices.flatMap(({ attached }) =>
        attached!.queues.map((queue) =>
          words(PARENT_TABLES_AT + queue * PARENT_QUEUE_BYTES, PARENT_QUEUE_BYTES),
        ),
      ),
      slots: slices.flatMap(({ attached }) =>
        attached!.messages.map(({ slot }) =>
          words(device.slotTable + slot * MESSAGE_SLOT_BYTES, MESSAGE_SLOT_BYTES),
        ),
      ),
      pasids: slices.map(
        ({ attached }) => device.pasids.find(attached!.context.pasid)?.domain === attached!.domain,
      ),
    };
  }
}

it(
  'whatever the guest of one slice writes, no message, memory or register of another is touched',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(write, { minLength: 1, maxLength: 60 }),
        async (posted, writes) => {
          const lab = new TwoGuests(posted);
          const own = driverOf(lab.hostile);
          await own.read(0, 1);
          const victim = driverOf(lab.victim);
          await victim.read(0, 1);
          let told = 0;
          lab.victim.events = (event) => {
            if (event.kind === 'interrupt') told++;
          };
          const before = lab.look();
          for (const each of writes) lab.do(each);
          expect(lab.look()).toEqual(before);
          expect(told).toBe(0);
          expect(await victim.read(0, 1)).toEqual(new Uint8Array(512));
        },
      ),
      { numRuns: runs(25) },
    );
  },
  PATIENCE,
);

it('is a property that sees one slice in the memory, the messages and the registers of another', () => {
  const steps: ((lab: TwoGuests) => void)[] = [
    (lab) => lab.victim.memoryWrite(0x9000, 4, 1),
    (lab) => lab.lab.parent.slice(VICTIM_DISK).fn.inject(0),
    (lab) => lab.victim.configWrite(DISK, 4, 2, 0),
    (lab) => lab.lab.parent.slice(VICTIM_DISK).attached!.port.mask(0, true),
    (lab) => lab.lab.parent.slice(VICTIM_DISK).attached!.port.enable(false),
  ];
  for (const step of steps) {
    const lab = new TwoGuests(false);
    driverOf(lab.victim);
    const before = lab.look();
    step(lab);
    expect(lab.look()).not.toEqual(before);
  }
});
