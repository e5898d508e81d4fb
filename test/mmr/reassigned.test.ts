import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deviceDemos } from '../../src/cli/demos/index.ts';
import { HeldScheduler } from '../../src/core/index.ts';
import { findFunction, runFirmware } from '../../src/driver/index.ts';
import { draft2023, hasMmrId } from '../../src/mmr/index.ts';
import { accesses, type RegisterAccess } from '../../src/testing/index.ts';
import { legacyHeaderWithVectors } from '../../src/virtio/index.ts';
import { shared } from '../properties/support/runs.ts';
import { legacyParts, RawRing } from '../virtio/support/ring.ts';
import { GUEST_SLOT } from './support.ts';
import { guestMachine, VirtualHost, type VirtualHostOptions } from './virtual-support.ts';

const INDEX = 2;
const [QUEUES, BLOCK_BYTES] = [3, 64];

const able = deviceDemos.filter(({ type }) => hasMmrId(type, draft2023) && type.transitionalId !== null);

/** What a guest may do to its function. */
type Deed =
  | { readonly do: 'access'; readonly access: RegisterAccess }
  | { readonly do: 'queue'; readonly queue: number; readonly kicks: number }
  | { readonly do: 'command' | 'messages'; readonly value: number }
  | { readonly do: 'mask'; readonly vector: number; readonly value: number }
  | { readonly do: 'time' };

const deeds: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 4,
    arbitrary: accesses(legacyHeaderWithVectors, BLOCK_BYTES).map(
      (access) => ({ do: 'access', access }) as const,
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('queue' as const), queue: fc.nat(QUEUES - 1), kicks: fc.nat(2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('command' as const), value: fc.constantFrom(7, 7, 3, 0, 0x407) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('messages' as const), value: fc.constantFrom(0x8000, 0xc000, 0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('mask' as const), vector: fc.nat(2), value: fc.nat(1) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'time' } as const) },
);

/** A guest that has the function. */
class Guest {
  readonly machine = guestMachine(1 << 18);
  readonly #lab: VirtualHost;

  constructor(lab: VirtualHost) {
    this.#lab = lab;
    lab.hypervisor.attach(INDEX, this.machine, GUEST_SLOT);
    runFirmware(this.machine);
    this.machine.configWrite(GUEST_SLOT, 4, 2, 7);
  }

  get #bars() {
    return findFunction(this.machine, GUEST_SLOT)!.bars;
  }

  get #ports() {
    return this.#bars[0]!.address;
  }

  get #table() {
    return this.#bars[1]!.address;
  }

  get #msix() {
    return findFunction(this.machine, GUEST_SLOT)!.capabilities.find(({ id }) => id === 0x11)!.offset;
  }

  do(deed: Deed): void {
    const { machine } = this;
    switch (deed.do) {
      case 'access': {
        const { offset, width, value } = deed.access;
        if (value === null) machine.ioRead(this.#ports + offset, width);
        else machine.ioWrite(this.#ports + offset, width, value);
        return;
      }
      case 'queue':
        this.#use(deed.queue, deed.kicks);
        return;
      case 'command':
        machine.configWrite(GUEST_SLOT, 4, 2, deed.value);
        return;
      case 'messages':
        machine.configWrite(GUEST_SLOT, this.#msix + 2, 2, deed.value);
        return;
      case 'mask':
        machine.memoryWrite(this.#table + 16 * deed.vector, 4, 0xfee00000);
        machine.memoryWrite(this.#table + 16 * deed.vector + 8, 4, deed.vector);
        machine.memoryWrite(this.#table + 16 * deed.vector + 12, 4, deed.value);
        return;
      case 'time':
        this.#lab.host.pause();
        machine.pause();
    }
  }

  /** Sets a queue up, and offers chains that a disk answers. */
  #use(queue: number, kicks: number): void {
    const { machine } = this;
    const page = 0x10 + 8 * queue;
    machine.ioWrite(this.#ports + 14, 2, queue);
    const size = machine.ioRead(this.#ports + 12, 2);
    if (size === 0 || size > 256) return;
    machine.ioWrite(this.#ports + 8, 4, page);
    machine.ioWrite(this.#ports + 18, 1, 7);
    const ring = new RawRing(machine.ram, size, legacyParts(page, size));
    ring.describe(0, { address: 0x8000, length: 16, flags: 1, next: 1 });
    ring.describe(1, { address: 0x9000, length: 512, flags: 3, next: 2 });
    ring.describe(2, { address: 0xa000, length: 1, flags: 2 });
    for (let i = 0; i < kicks; i++) ring.offer(0);
    machine.ioWrite(this.#ports + 16, 2, queue);
  }

  /** All that it can read of its function, and of what that left in its memory. */
  seen(): string {
    const { machine } = this;
    const [ports, table, { size }] = [this.#ports, this.#table, this.#bars[1]!];
    const config = words(64, (at) => machine.configRead(GUEST_SLOT, at, 4));
    const block = () => words(BLOCK_BYTES / 4, (at) => machine.ioRead(ports + at, 4));
    const queues = Array.from({ length: QUEUES }, (_, queue) => {
      const before = block();
      machine.ioWrite(ports + 14, 2, queue);
      return [before, block()];
    });
    const messages = words(size / 4, (at) => machine.memoryRead(table + at, 4));
    const touched = machine.ram.ranges[0]!.bytes.some((byte) => byte !== 0);
    return JSON.stringify({ config, queues, messages, touched });
  }
}

const words = (count: number, read: (at: number) => number) =>
  Array.from({ length: count }, (_, i) => read(4 * i)).join(' ');

/** What the host can read of the virtual function while nobody has it. */
function ofHost({ host, functions }: VirtualHost): string {
  const { address, bars } = functions.find(INDEX)!;
  const config = words(1024, (at) => host.configRead(address, at, 4));
  // What stands in a page stands at its start.
  const memory = bars.flatMap((bar) =>
    Array.from({ length: bar.size / 0x800 }, (_, half) =>
      words(32, (at) => host.memoryRead(bar.address + 0x800 * half + at, 4)),
    ),
  );
  return JSON.stringify({ config, memory });
}

const held = (options: VirtualHostOptions = {}) => {
  const scheduler = new HeldScheduler();
  return { scheduler, options: { ...options, host: { scheduler } } };
};

describe.each([
  ['in other memory', {}],
  // Nothing but the reset stands between the one guest and the other.
  ['in the same memory', { remapping: { assign: () => {} } }],
] as const)('a virtual function that another guest had, %s', (_where, options) => {
  test.each(able.map((demo) => [demo.type.name, demo.sample] as const))(
    'is one that nobody had: %s',
    (_name, make) => {
      const lab = new VirtualHost(make, held(options).options);
      const asNew = ofHost(lab);
      const first = new Guest(lab).seen();
      fc.assert(
        fc.property(fc.array(deeds, { maxLength: 30 }), fc.boolean(), (done, atOnce) => {
          const { scheduler, options: its } = held(options);
          const used = new VirtualHost(make, its);
          const before = new Guest(used);
          for (const deed of done) before.do(deed);
          if (!atOnce) scheduler.releaseAll();
          used.hypervisor.detach(INDEX);
          const ram = before.machine.ram.ranges[0]!.bytes.slice();
          expect(ofHost(used)).toBe(asNew);
          const next = new Guest(used);
          scheduler.releaseAll();
          expect(next.seen()).toBe(first);
          // What was under way for the one before is nobody's.
          expect(Buffer.compare(before.machine.ram.ranges[0]!.bytes, ram)).toBe(0);
        }),
        { numRuns: shared(400, 2 * able.length) },
      );
    },
  );
});
