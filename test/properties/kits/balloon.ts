import fc from 'fast-check';
import {
  BalloonDevice,
  type BalloonEvent,
  balloonDeviceType,
  balloonFeature,
  balloonQueue,
  balloonStatistic,
} from '../../../src/virtio/index.ts';
import type { KitChain, TypeKit } from './kit.ts';

/** What a host asks of its balloon. */
export type BalloonStimulus =
  | { readonly do: 'target'; readonly pages: number }
  | { readonly do: 'statistics' | 'start' | 'stop' | 'done' };

const stimuli: fc.Arbitrary<BalloonStimulus> = fc.oneof(
  fc.constantFrom(0, 1, 7, 0xffff_ffff).map((pages) => ({ do: 'target' as const, pages })),
  fc.constantFrom({ do: 'statistics' as const }, { do: 'statistics' as const }),
  fc.constantFrom({ do: 'start' as const }, { do: 'stop' as const }, { do: 'done' as const }),
);

/** Integers as the guest has them. */
function words(values: readonly number[], littleEndian: boolean): number[] {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, littleEndian);
  return [...new Uint8Array(view.buffer)];
}

function entries(found: readonly (readonly [tag: number, value: bigint])[], littleEndian: boolean): number[] {
  const view = new DataView(new ArrayBuffer(10 * found.length));
  for (const [i, [tag, value]] of found.entries()) {
    view.setUint16(10 * i, tag, littleEndian);
    view.setBigUint64(10 * i + 2, value, littleEndian);
  }
  return [...new Uint8Array(view.buffer)];
}

/** Numbers of pages that are memory, again and again the same, and of some that are not. */
const pages = fc.oneof(
  { weight: 10, arbitrary: fc.nat(0x40) },
  { weight: 1, arbitrary: fc.constantFrom(0x64, 0xfffff, 0x100000, 0xffffffff) },
);
const arrays = fc.array(pages, { minLength: 1, maxLength: 12 });
const statistics = fc.array(
  fc.tuple(fc.constantFrom(...Object.values(balloonStatistic), 0x1234), fc.bigInt(0n, 2n ** 64n - 1n)),
  { maxLength: 6 },
);
const commands = fc.oneof(fc.nat(5), fc.constant(0xffffffff));
const buffers = fc.array(fc.constantFrom(1, 64, 1024), { minLength: 1, maxLength: 3 });

function honest(littleEndian: boolean): fc.Arbitrary<KitChain> {
  const chain = (queue: number, readable: readonly number[][], writable: readonly number[] = []) => ({
    queue,
    readable,
    writable,
  });
  const moves = (queue: number) => arrays.map((numbers) => chain(queue, [words(numbers, littleEndian)]));
  return fc.oneof(
    { weight: 4, arbitrary: moves(balloonQueue.inflate) },
    { weight: 3, arbitrary: moves(balloonQueue.deflate) },
    {
      weight: 3,
      arbitrary: statistics.map((found) => chain(balloonQueue.statistics, [entries(found, littleEndian)])),
    },
    {
      weight: 2,
      arbitrary: commands.map((id) => chain(balloonQueue.freePages, [words([id], littleEndian)])),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(balloonQueue.freePages, balloonQueue.reporting), buffers)
        .map(([queue, writable]) => chain(queue, [], writable)),
    },
  );
}

/** Bytes of any length, in pieces, in any queue. */
const odd: fc.Arbitrary<KitChain> = fc.record({
  queue: fc.constantFrom(...Object.values(balloonQueue)),
  readable: fc.array(fc.array(fc.nat(255), { minLength: 1, maxLength: 23 }), { maxLength: 3 }),
  writable: fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 2 }),
});

const plain = (event: BalloonEvent) =>
  JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? value.toString() : value));

export const balloonKit: TypeKit<BalloonStimulus> = {
  type: balloonDeviceType,
  features: Object.values(balloonFeature),
  queues: Object.values(balloonQueue),
  make(queueSize) {
    let log: string[] = [];
    const device = new BalloonDevice({
      deflateOnOutOfMemory: true,
      freePageHints: true,
      freePageReports: true,
      mustTellHost: 'offered',
      queueSize,
      onEvent: (event) => log.push(plain(event)),
    });
    const acts = {
      statistics: () => device.requestStatistics(),
      start: () => device.hints.start(),
      stop: () => device.hints.stop(),
      done: () => device.hints.done(),
    };
    return {
      behaviour: device,
      stimulate: (stimulus) =>
        void (stimulus.do === 'target' ? device.setTarget(stimulus.pages) : acts[stimulus.do]()),
      outside: () => ({
        log: [...log],
        inflated: device.inflated.ranges(),
        reported: device.reported.ranges(),
        hinted: device.hints.pages.ranges(),
        round: [device.hints.commandId, device.hints.running, device.hints.complete],
        numbers: [device.target, device.actual, device.poison],
        statistics: Object.entries(device.statistics).map(([name, value]) => `${name} ${value}`),
      }),
      saveOutside: () => [...log],
      loadOutside: (state) => {
        log = [...(state as string[])];
      },
    };
  },
  chains: (littleEndian) =>
    fc.oneof({ weight: 8, arbitrary: honest(littleEndian) }, { weight: 1, arbitrary: odd }),
  stimuli,
};
