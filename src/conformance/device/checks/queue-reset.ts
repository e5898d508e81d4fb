import { commonConfig, feature } from '../../../virtio/layout/index.ts';
import type { Bench, Running } from '../bench.ts';
import type { Check } from '../check.ts';
import { queueSize, selectQueue } from '../probe.ts';

const modern = ['modern', 'packed'] as const;
const { queueReset, queueEnable } = commonConfig;

/** Looks at queue_reset after it has read 0, to see that it stays so. */
const LOOKS = 8;
/** Entries of a queue that is set up anew, smaller than it was. */
const SMALL = 4;

/** A device at work that resets single queues. */
function start(bench: Bench): Running {
  bench.needs(feature.ringReset, 'RING_RESET');
  return bench.start();
}

/** Resets the queue of the small request, and waits until the register says that it is done. @throws Silence */
async function resetQueue(bench: Bench, { request }: Running): Promise<void> {
  selectQueue(bench, request.queue);
  bench.put(queueReset, 1);
  await bench.until('PCI-COM-13', 'queue_reset 0', () => bench.get(queueReset) === 0);
}

/** Exposes a request on the ring that the queue had, and kicks. @returns whether it was served. */
async function servesStill(bench: Bench, { driver, request }: Running): Promise<boolean> {
  const { queue } = request;
  driver.add(queue, bench.buffers(request.out, request.inBytes));
  const ring = driver.rings.get(queue)!;
  ring.publish();
  bench.transport.notify(queue, ring.position);
  await bench.lull();
  return driver.take(queue) !== null;
}

/** Resets of single queues. */
export const queueResetChecks: readonly Check[] = [
  {
    id: 'queue-reset-register',
    clauses: ['PCI-COM-09', 'PCI-COM-10', 'PCI-COM-12', 'PCI-COM-13'],
    settings: modern,
    says: 'queue_reset reads 1 while a queue is being reset, and else 0, and the queue is disabled then',
    async run(bench) {
      bench.needs(feature.ringReset, 'RING_RESET');
      selectQueue(bench, bench.small().queue);
      bench.equal('PCI-COM-09', 'queue_reset after a reset', bench.get(queueReset), 0);
      const running = bench.start();
      selectQueue(bench, running.request.queue);
      bench.equal('PCI-COM-10', 'queue_reset of an enabled queue', bench.get(queueReset), 0);
      await resetQueue(bench, running);
      bench.equal('PCI-COM-13', 'queue_enable after the queue was reset', bench.get(queueEnable), 0);
      for (let look = 0; look < LOOKS; look++) {
        bench.bus.pause();
        bench.equal('PCI-COM-12', 'queue_reset, after it read 0', bench.get(queueReset), 0);
      }
    },
  },
  {
    id: 'queue-reset-stops',
    clauses: ['PCI-COM-11', 'BF-VQR-01'],
    settings: modern,
    says: 'a queue that was reset is not served, and nothing is told of it',
    async run(bench) {
      const running = start(bench);
      await bench.ask(running, 'BF-VQR-01');
      await resetQueue(bench, running);
      // What was sent before is on its way still where a device is another process.
      await bench.lull();
      const enabled = bench.get(queueEnable) !== 0;
      const before = running.signals.queue;
      const served = await servesStill(bench, running);
      bench.check(
        enabled ? 'PCI-COM-11' : 'BF-VQR-01',
        !served,
        'the chain left alone, as the queue was reset',
        enabled ? 'it was used, and the queue is enabled' : 'it was used',
      );
      bench.equal('BF-VQR-01', 'interrupts of queues', running.signals.queue - before, 0);
    },
  },
  {
    id: 'queue-reset-starts-anew',
    clauses: ['BF-VQR-02'],
    settings: modern,
    says: 'a queue that is enabled again begins at the beginning of its ring',
    async run(bench) {
      const running = start(bench);
      const { driver, request } = running;
      for (let i = 0; i < 3; i++) await bench.ask(running, 'BF-VQR-02');
      driver.resetQueue(request.queue);
      driver.setUpQueue(request.queue, 256);
      for (let i = 0; i < 3; i++) await bench.ask(running, 'BF-VQR-02');
    },
  },
  {
    id: 'queue-reset-takes-size',
    clauses: ['BF-VQR-05'],
    settings: modern,
    says: 'a queue that is enabled again has the size that it is given then',
    async run(bench) {
      const running = start(bench);
      const { driver, request } = running;
      const { size } = driver.rings.get(request.queue)!;
      if (size <= SMALL) bench.skip(`the queue has no more than ${SMALL} entries`);
      await bench.ask(running, 'BF-VQR-05');
      driver.resetQueue(request.queue);
      driver.setUpQueue(request.queue, SMALL);
      bench.equal('BF-VQR-05', 'queue_size', queueSize(bench, request.queue), SMALL);
      for (let i = 0; i < 2 * SMALL + 1; i++) await bench.ask(running, 'BF-VQR-05');
    },
  },
];
