import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { DmaDomain, GuestMemory } from '../../../src/core/index.ts';
import { Chain } from '../../../src/virtio/queue/chain.ts';
import { SplitQueue } from '../../../src/virtio/queue/split.ts';
import { PLAIN_MODE, pop } from '../../../src/virtio/queue/virtqueue.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { type FenceWork, place, RAM_BYTES, SIZE } from './fence-ring.ts';

/** A chain that is there for so long, and no kick, is one whose kick was lost. */
const LOST_MILLISECONDS = 3000;
const LOOKS = 1_000_000;

interface Ending {
  readonly served: number;
  readonly lost: boolean;
}

/** Serves a driver on another thread, when it kicks, until all is served or a kick was lost. */
async function serve(requests: number, fenced: boolean): Promise<Ending> {
  const ram = new SharedArrayBuffer(RAM_BYTES);
  const control = new SharedArrayBuffer(8);
  const flags = new Int32Array(control);
  const memory = new GuestMemory([{ start: 0, bytes: new Uint8Array(ram) }]);
  memory.shared = fenced;
  const ring = new SplitQueue(SIZE);
  ring.attach(new DmaDomain(memory));
  ring.addresses.set('descriptor', place.descriptor);
  ring.addresses.set('driver', place.driver);
  ring.addresses.set('device', place.device);
  ring.setMode({ ...PLAIN_MODE, eventIndex: true });
  ring.ready = true;
  const work: FenceWork = { ram, control, requests, fenced };
  const worker = new Worker(new URL('./fence-driver.mjs', import.meta.url), {
    workerData: work,
  });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => resolve());
    worker.once('error', reject);
  });
  const started = new Promise<void>((resolve) => {
    const look = () => (Atomics.load(flags, 0) > 0 ? resolve() : void setTimeout(look, 5));
    look();
  });
  await Promise.race([started, ended]);
  const chain = new Chain();
  const available = new Uint16Array(ram, place.driver, 2);
  let [kicks, served, looks, waited] = [0, 0, 0, 0];
  let lost = false;
  while (Atomics.load(flags, 1) === 0 && !lost) {
    const now = Atomics.load(flags, 0);
    if (now === kicks) {
      if (++looks % LOOKS !== 0) continue;
      // A driver that has not had its turn has offered nothing.
      if (Atomics.load(available, 1) === (served & 0xffff)) waited = 0;
      else if (waited === 0) waited = performance.now();
      else lost = performance.now() - waited > LOST_MILLISECONDS;
      continue;
    }
    [kicks, waited] = [now, 0];
    // As the queue's service does: until the ring is empty after it was said where the next kick is wanted.
    do {
      while (ring.pop(chain) === pop.chain) {
        served++;
        ring.push(chain.head, 0, 1, 1);
        ring.publish();
      }
    } while (ring.rearm());
  }
  Atomics.store(flags, 1, 1);
  await ended;
  return { served, lost };
}

// Without the fence one kick in some hundred thousands is lost here: make `fenced` false to see it.
describe('a driver on another thread, with EVENT_IDX', () => {
  it(
    'loses no kick',
    async () => {
      const requests = runs(40) * 1000;
      expect(await serve(requests, true)).toEqual({ served: requests, lost: false });
    },
    PATIENCE,
  );
});
