import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { Setting } from '../../src/conformance/device/index.ts';
import { type UsedChain, VirtioDriver } from '../../src/driver/index.ts';
import {
  type DeviceRequest,
  deviceRequests,
  type HostileRequest,
  hostileRequests,
  type Lab,
  labProperty,
  postRequest,
  type RequestType,
  requestChain,
  requestTypes,
} from '../../src/testing/index.ts';
import { balloonQueue, feature, scsiQueue } from '../../src/virtio/index.ts';
import { PATIENCE, shared } from './support/runs.ts';

/*
 * Requests that are drawn, good and bad, given to our own devices by a driver that knows nothing of them: none is lost, none
 * comes back twice or longer than it was, and the device works on, after a reset at the latest.
 */

/** Queues whose chains wait until something happens outside, whatever is in them. */
const waitingQueues: Readonly<Partial<Record<RequestType, readonly number[]>>> = {
  network: [0, 2],
  console: [0, 2, 4, 6, 8],
  balloon: [balloonQueue.statistics],
  scsi: [scsiQueue.event],
};

/** What the terminals of our console hold. */
const CONSOLE_BYTES = 0x10000;

interface Given {
  readonly request: DeviceRequest | HostileRequest;
  readonly writableBytes: number;
}

/** Every queue that the device has with all that it offers, and what is in it. */
class Session {
  readonly driver: VirtioDriver;
  readonly #world: Lab;
  #readableBytes = 0;
  readonly #given = new Map<number, Map<number, Given>>();

  constructor(world: Lab) {
    this.#world = world;
    const { behaviour } = world;
    this.driver = new VirtioDriver(world.transport(), world.memory());
    this.driver.bringUp(
      {
        features: [...behaviour.features],
        queues: () => this.#queues(),
        maxQueueSize: 16,
        ringFeatures: [
          feature.ringIndirectDescriptors,
          feature.ringEventIndex,
          ...(world.setting === 'packed' ? [feature.ringPacked] : []),
        ],
      },
      { queue: () => {}, config: () => {} },
    );
  }

  #queues(): number[] {
    const { transport } = this.driver;
    return Array.from({ length: 64 }, (_, index) => index).filter((index) => transport.queueSize(index) > 0);
  }

  give(request: DeviceRequest | HostileRequest): void {
    const { transport } = this.driver;
    const { modern, littleEndian } = {
      modern: this.#world.setting !== 'legacy',
      littleEndian: transport.littleEndian,
    };
    const posted = postRequest(this.driver, requestChain(request, { modern, littleEndian }));
    if (posted.head < 0) return;
    const given = this.#given.get(posted.queue) ?? new Map<number, Given>();
    const writableBytes = posted.buffers.reduce((sum, each) => sum + (each.writable ? each.length : 0), 0);
    this.#readableBytes += posted.buffers.reduce((sum, each) => sum + (each.writable ? 0 : each.length), 0);
    given.set(posted.head, { request, writableBytes });
    this.#given.set(posted.queue, given);
    this.take();
  }

  take(): void {
    for (const [queue, given] of this.#given) {
      let used: UsedChain | null = this.driver.take(queue);
      while (used !== null) {
        const found = given.get(used.head);
        if (found === undefined) throw new Error(`queue ${queue}: chain ${used.head} is none that is out`);
        if (used.length > found.writableBytes)
          throw new Error(`queue ${queue}: ${used.length} bytes in room for ${found.writableBytes}`);
        given.delete(used.head);
        used = this.driver.take(queue);
      }
    }
  }

  /** Lets the device finish what it can. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      this.#world.subject.target.bus.pause();
      if (i % 5 === 0) await Promise.resolve();
      this.take();
    }
  }

  /** Output beyond what a terminal holds waits until somebody reads it, and so does what comes after a reset. */
  get full(): boolean {
    return this.#readableBytes > CONSOLE_BYTES;
  }

  /** What was neither handed back nor waits for something. */
  missing(type: RequestType): (DeviceRequest | HostileRequest)[] {
    if (type === 'console' && this.full) return [];
    return [...this.#given]
      .filter(([queue]) => !waitingQueues[type]?.includes(queue))
      .flatMap(([, given]) => [...given.values()].map(({ request }) => request));
  }
}

const typed = requestTypes.flatMap((type) =>
  (['legacy', 'modern', 'packed'] as const).map((setting): [RequestType, Setting] => [type, setting]),
);

describe.each(typed)('any requests to our device of type %s, %s', (type, setting) => {
  it(
    'come back',
    () =>
      fc.assert(
        labProperty(
          { type, setting },
          [fc.array(deviceRequests(type), { maxLength: 20 })],
          async (world, list) => {
            const session = new Session(world);
            for (const request of list) session.give(request);
            await session.settle();
            const lost = session.missing(type);
            if (lost.length > 0)
              throw new Error(`not handed back: ${lost.map((each) => fc.stringify(each)).join(' / ')}`);
            if (session.driver.failure !== null) throw session.driver.failure;
          },
        ),
        { numRuns: shared(600, typed.length) },
      ),
    PATIENCE,
  );

  it(
    'may be hostile, and the device works again after a reset',
    () => {
      const either = fc.oneof<fc.Arbitrary<DeviceRequest | HostileRequest>[]>(
        hostileRequests(type),
        hostileRequests(type),
        deviceRequests(type),
      );
      return fc.assert(
        labProperty(
          { type, setting },
          [fc.array(either, { maxLength: 20 }), deviceRequests(type)],
          async (world, list, last) => {
            let reported = 0;
            world.machine.events = (event) => {
              if (event.kind === 'finding') reported++;
            };
            const session = new Session(world);
            for (const request of list) session.give(request);
            await session.settle();
            const lost = session.missing(type);
            if (lost.length > 0 && reported === 0)
              throw new Error(
                `neither handed back nor reported: ${lost.map((each) => fc.stringify(each)).join(' / ')}`,
              );
            world.transport().reset();
            world.memory().clear();
            const again = new Session(world);
            again.give(last);
            await again.settle();
            const lostAgain = again.missing(type);
            if (lostAgain.length > 0 && !(type === 'console' && session.full))
              throw new Error(`after the reset not handed back: ${fc.stringify(last)}`);
            if (again.driver.failure !== null) throw again.driver.failure;
          },
        ),
        { numRuns: shared(600, typed.length) },
      );
    },
    PATIENCE,
  );
});
