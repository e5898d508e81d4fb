import fc from 'fast-check';
import { lengthOf, type State } from '../../../src/core/index.ts';
import {
  RTC_NOTIFICATION_BYTES,
  RtcDevice,
  rtcClockType,
  rtcCounter,
  rtcDeviceType,
  rtcFeature,
  rtcQueue,
  rtcRequests,
  SteppedClock,
} from '../../../src/virtio/index.ts';
import type { KitChain, KitDevice, TypeKit } from './kit.ts';

/** Time passes, or a clock is set; the last clock is monotonic, and only runs. */
type Stimulus =
  | { readonly do: 'advance'; readonly clock: number; readonly by: number }
  | { readonly do: 'set'; readonly clock: number; readonly to: number };

const MONOTONIC = 2;

class World implements KitDevice<Stimulus> {
  readonly behaviour: RtcDevice;
  readonly #clocks = [
    new SteppedClock({ time: 100n, counters: { [rtcCounter.x86TimeStamp]: 3_000_000_000n } }),
    new SteppedClock({ type: rtcClockType.tai }),
    new SteppedClock({ type: rtcClockType.monotonic }),
  ];

  constructor(queueSize: number) {
    this.behaviour = new RtcDevice({ clocks: this.#clocks, queueSize, alarmQueueSize: queueSize });
  }

  stimulate(stimulus: Stimulus): void {
    const clock = this.#clocks[stimulus.clock]!;
    if (stimulus.do === 'advance') clock.advance(BigInt(stimulus.by));
    else if (stimulus.clock !== MONOTONIC) clock.set(BigInt(stimulus.to));
  }

  outside(): unknown {
    return this.saveOutside();
  }

  saveOutside(): State {
    return this.#clocks.map((clock) => clock.save());
  }

  loadOutside(state: State): void {
    for (const [i, clock] of this.#clocks.entries()) clock.load((state as State[])[i]!);
  }
}

const rarely = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: rare });

/** A request of any type, as a rule in order, with room for its answer; its integers are little-endian for everybody. */
const requests: fc.Arbitrary<KitChain> = fc
  .record({
    row: fc.constantFrom(...Object.values(rtcRequests)),
    message: rarely(fc.constant<number | null>(null), fc.nat(0xffff)),
    clock: rarely(fc.nat(2), fc.nat(0xffff)),
    /** Counter or flags. */
    byte: rarely(fc.constantFrom(0, 1), fc.nat(255)),
    alarm: fc.oneof(fc.nat(400), fc.constantFrom(0, 2 ** 31)),
    stray: rarely(fc.constant(0), fc.constantFrom(2, 14, 23)),
    cut: rarely(fc.constant(0), fc.integer({ min: -8, max: 9 })),
    room: rarely(fc.constant(0), fc.integer({ min: -24, max: 9 })),
    pieces: fc.constantFrom(1, 1, 2),
  })
  .map(({ row, message, clock, byte, alarm, stray, cut, room, pieces }) => {
    const view = new DataView(new ArrayBuffer(40));
    const { request, response } = row as (typeof rtcRequests)['setAlarm'];
    view.setUint16(0, message ?? row.message, true);
    if (request.clockId !== undefined) view.setUint16(request.clockId.offset, clock, true);
    if (request.alarmTime !== undefined) view.setBigUint64(request.alarmTime.offset, BigInt(alarm), true);
    const field = 'hardwareCounter' in row.request ? row.request.hardwareCounter : request.flags;
    if (field !== undefined) view.setUint8(field.offset, byte);
    if (stray > 0) view.setUint8(stray, 1);
    const bytes = [...new Uint8Array(view.buffer, 0, lengthOf(request) + cut)];
    const first = pieces === 1 ? bytes.length : 3;
    return {
      queue: rtcQueue.request,
      readable: [bytes.slice(0, first), bytes.slice(first)].filter(({ length }) => length > 0),
      writable: [Math.max(0, lengthOf(response) + room)].filter((length) => length > 0),
    };
  });

const buffers: fc.Arbitrary<KitChain> = fc
  .tuple(rarely(fc.constant(RTC_NOTIFICATION_BYTES), fc.nat(40)), rarely(fc.constant(0), fc.nat(4)))
  .map(([length, readable]) => ({
    queue: rtcQueue.alarm,
    readable: readable > 0 ? [new Array<number>(readable).fill(7)] : [],
    writable: [length],
  }));

const stimuli: fc.Arbitrary<Stimulus> = fc.oneof(
  fc.record({ do: fc.constant('advance'), clock: fc.nat(2), by: fc.nat(150) }),
  fc.record({ do: fc.constant('set'), clock: fc.nat(1), to: fc.nat(300) }),
) as fc.Arbitrary<Stimulus>;

export const rtcKit: TypeKit<Stimulus> = {
  type: rtcDeviceType,
  features: Object.values(rtcFeature),
  queues: Object.values(rtcQueue),
  make: (queueSize) => new World(queueSize),
  chains: () => fc.oneof({ weight: 5, arbitrary: requests }, { weight: 2, arbitrary: buffers }),
  stimuli,
};
