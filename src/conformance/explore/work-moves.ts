import type { ChainBuffer } from '../../driver/index.ts';
import { feature } from '../../virtio/layout/index.ts';
import type { Bench, Running } from '../device/index.ts';
import { choicesIn, type Model, type Move } from './model.ts';

/** Sizes of the ring, in descriptors: small ones, so that it is gone around many times. */
const ringSizes = [2, 4, 8, 16] as const;
const MOST_REQUESTS = 24;
const MOST_AT_ONCE = 3;

/** Event index, indirect, INTx, cut in two, a queue reset in between; how many at once and in all, less one. */
const choices = [2, 2, 2, 2, 2, MOST_AT_ONCE, MOST_REQUESTS] as const;

/** How the device is started and asked, by two numbers. */
function planOf(a: number, b: number) {
  const [eventIndex, indirect, intx, cuts, resetsQueue, atOnce, requests] = choicesIn(b, choices) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    size: ringSizes[a % ringSizes.length]!,
    indirect: indirect === 1,
    eventIndex: eventIndex === 1,
    intx: intx === 1,
    atOnce: 1 + atOnce,
    cuts: 1 + cuts,
    resetsQueue: resetsQueue === 1,
    requests: 1 + requests,
  };
}
type Plan = ReturnType<typeof planOf>;

/** Cuts each buffer into two, where it is long enough: how it is cut says nothing (SPL-FRM-01). */
function cut(buffers: readonly ChainBuffer[], modern: boolean, pieces: number): ChainBuffer[] {
  if (pieces === 1 || !modern) return [...buffers];
  return buffers.flatMap((buffer) => {
    const first = buffer.length >> 1;
    if (first === 0) return [buffer];
    return [
      { ...buffer, length: first },
      { ...buffer, address: buffer.address + first, length: buffer.length - first },
    ];
  });
}

const HANDED_BACK = { legacy: 'LEG-FEAT-04', modern: 'CONF-02' } as const;

/** Asks as often as the plan says, some requests at once. */
async function askAll(bench: Bench, { driver, request }: Running, plan: Plan): Promise<void> {
  const clause = bench.modern ? HANDED_BACK.modern : HANDED_BACK.legacy;
  // Of packed rings no clause says it alone.
  const lengths = bench.setting === 'packed' ? 'CONF-02' : 'SPL-USED-02';
  const { queue } = request;
  const ring = driver.rings.get(queue)!;
  for (let asked = 0; asked < plan.requests; ) {
    const heads = new Set<number>();
    while (heads.size < plan.atOnce && asked < plan.requests) {
      const chain = cut(bench.buffers(request.out, request.inBytes), bench.modern, plan.cuts);
      const head = driver.add(queue, chain);
      if (head < 0) break;
      heads.add(head);
      asked++;
    }
    // A ring that no chain fits into tells nothing.
    if (heads.size === 0 && ring.outstanding === 0) return;
    driver.kick(queue);
    while (heads.size > 0) {
      const used = await bench.taken(driver, queue, clause);
      const known = heads.delete(used.head);
      bench.check(lengths, known, 'the name of a chain that is out', `${used.head}`);
      const [least, most] = request.used;
      if (bench.modern)
        bench.check(
          lengths,
          used.length >= least && used.length <= most,
          `a used length of ${least === most ? least : `${least} to ${most}`}`,
          `${used.length}`,
        );
    }
    bench.check(
      'CONF-02',
      driver.failure === null,
      'a ring as it should be',
      String(driver.failure?.message),
    );
  }
}

/** Starting the device, asking it for something, and ending its use. */
export const workMoves: readonly Move[] = [
  {
    name: 'work',
    modernOnly: false,
    choices,
    clauses: ['CONF-02', 'LEG-FEAT-04', 'SPL-USED-02', 'BF-VQR-05', 'BF-RST-01'],
    text(a, b) {
      const { size, indirect, eventIndex, intx, atOnce, cuts, resetsQueue, requests } = planOf(a, b);
      const how = [
        `ring of ${size}`,
        ...(indirect ? ['indirect'] : []),
        ...(eventIndex ? ['event index'] : []),
        intx ? 'INTx' : 'MSI-X',
        `${atOnce} at once`,
        ...(cuts > 1 ? ['cut in two'] : []),
        ...(resetsQueue ? ['queue reset in between'] : []),
      ];
      return `bring up, ${requests} requests (${how.join(', ')}), reset`;
    },
    possible: () => true,
    async make(model: Model, a: number, b: number) {
      const { bench } = model;
      const plan = planOf(a, b);
      const running = bench.start({
        intx: plan.intx,
        maxQueueSize: plan.size,
        ringFeatures: [
          ...(plan.indirect ? [feature.ringIndirectDescriptors] : []),
          ...(plan.eventIndex ? [feature.ringEventIndex] : []),
        ],
      });
      await askAll(bench, running, plan);
      if (plan.resetsQueue && running.driver.has(feature.ringReset)) {
        running.driver.resetQueue(running.request.queue);
        running.driver.setUpQueue(running.request.queue, plan.size);
        await askAll(bench, running, plan);
      }
      bench.transport.disconnect();
      bench.transport.reset();
      bench.memory.clear();
      model.reset();
    },
  },
];
