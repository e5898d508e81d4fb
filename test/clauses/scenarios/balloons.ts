import { BalloonDevice } from '../../../src/virtio/index.ts';
import { entries, modern, offer, PAGE, type Setup, WRITE } from '../../virtio/support/balloon.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from '../../virtio/support/guests.ts';
import { during, type Scenario, scenario } from './scenario.ts';

const OUTSIDE = 0x8000_0000;
const HEAD = 3;

const balloon = (
  name: string,
  wrong: (setup: ReturnType<typeof modern>) => void,
  accept?: readonly number[],
) =>
  scenario(`balloon, modern: ${name}`, () => {
    const setup = modern(undefined, accept);
    return during(setup.guest, () => wrong(setup));
  });

const give = (setup: Setup, queue: number, ...chain: { address: number; length: number; flags?: number }[]) =>
  offer(setup, setup.rings[queue]!, queue, chain, HEAD);

const page = (number: number) => ({ address: number * PAGE, length: PAGE, flags: WRITE });
const id = (setup: Setup, value: number, length = 4) => {
  setup.guest.machine.ram.write(BUFFERS, Uint8Array.of(value, 0, 0, 0));
  give(setup, 3, { address: BUFFERS, length });
};
/** Clauses are taken off the events by the helpers of the tests: whatever they send, it is sent here by hand. */
const numbers = (setup: Setup, queue: 0 | 1, ...pages: number[]) => {
  const bytes = new Uint8Array(new Uint32Array(pages).buffer);
  setup.guest.machine.ram.write(BUFFERS, bytes);
  give(setup, queue, { address: BUFFERS, length: bytes.length });
};
const statistics = (setup: Setup, tags: readonly number[]) => {
  const bytes = entries(tags.map((tag) => [tag, 5n] as const));
  setup.guest.machine.ram.write(BUFFERS, bytes);
  give(setup, 2, { address: BUFFERS, length: bytes.length });
};

export const balloons: readonly Scenario[] = [
  balloon('page numbers that are not whole', (setup) => give(setup, 0, { address: BUFFERS, length: 7 })),
  balloon('page numbers that are not whole, deflated', (setup) =>
    give(setup, 1, { address: BUFFERS, length: 3 }),
  ),
  balloon('more page numbers than pages', (setup) => give(setup, 0, { address: 0, length: 0x80000 })),
  balloon('page numbers out of reach', (setup) => give(setup, 0, { address: OUTSIDE, length: 4 })),
  balloon('page numbers to be written', (setup) =>
    give(setup, 0, { address: BUFFERS, length: 4, flags: WRITE }),
  ),
  balloon('pages outside the memory', (setup) => numbers(setup, 0, 0x7fffffff, 0x7ffffffe)),
  balloon('a page that is in the balloon', (setup) => numbers(setup, 0, 0x20, 0x20)),
  balloon('a page that is not in the balloon', (setup) => numbers(setup, 1, 0x21)),
  balloon('statistics that are no entries', (setup) => give(setup, 2, { address: BUFFERS, length: 11 })),
  balloon('statistics out of reach', (setup) => give(setup, 2, { address: OUTSIDE, length: 10 })),
  balloon('statistics to be written', (setup) =>
    give(setup, 2, { address: BUFFERS, length: 10, flags: WRITE }),
  ),
  balloon('a second buffer of statistics', (setup) => {
    statistics(setup, [1]);
    statistics(setup, [1]);
  }),
  balloon('another subset of statistics', (setup) => {
    for (const tags of [[1], [1, 2], [1]]) {
      statistics(setup, tags);
      setup.device.requestStatistics();
    }
  }),
  balloon('a command id of three bytes', (setup) => id(setup, 0, 3)),
  balloon('a command id out of reach', (setup) => give(setup, 3, { address: OUTSIDE, length: 4 })),
  balloon('a round twice', (setup) => {
    id(setup, 2);
    id(setup, 2);
  }),
  balloon('a hint of half a page', (setup) =>
    give(setup, 3, { address: 0x20 * PAGE, length: 100, flags: WRITE }),
  ),
  balloon('a report of half a page', (setup) =>
    give(setup, 4, { address: 0x20 * PAGE, length: 100, flags: WRITE }),
  ),
  balloon('a report of a page outside the memory', (setup) => give(setup, 4, page(0x90000))),
  balloon('a report of more pages than there are', (setup) =>
    offer(
      setup,
      setup.rings[4]!,
      4,
      Array.from({ length: 5 }, () => ({ ...page(0x10), length: 64 * PAGE })),
      HEAD,
    ),
  ),
  balloon('a report to be read', (setup) => give(setup, 4, { address: BUFFERS, length: 4 })),
  ...[2, 3, 4].map((queue) =>
    balloon(`a buffer in queue ${queue} without its feature`, (setup) => give(setup, queue, page(0x20)), []),
  ),
  balloon('poison_val after DRIVER_OK', ({ guest }) =>
    guest.machine.memoryWrite(guest.structure(4) + 12, 4, 0xaa),
  ),
  scenario('balloon, modern: MUST_TELL_HOST left out', () => {
    const guest = new ModernGuest(new BalloonDevice({ mustTellHost: 'required' }));
    return during(guest, () => void guest.negotiate());
  }),
  scenario('balloon, legacy: actual is not written whole', () => {
    const guest = new LegacyGuest(new BalloonDevice());
    guest.start();
    return during(guest, () => guest.block.writeAt(20 + 4 + 3, 1, 1));
  }),
];
