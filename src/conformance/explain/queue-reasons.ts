import { deviceStatus } from '../../virtio/layout/index.ts';
import { formatBuffers } from './chain.ts';
import type { Seen } from './observed.ts';
import { ofQueues, type ReasonRow } from './reason.ts';
import type { ExplainedQueue } from './situation.ts';
import { counted } from './words.ts';

const ringFaults = ['ring-misaligned', 'ring-outside-ram', 'index-too-far'] as const;
const chainFaults = ['out-of-table', 'loop', 'misordered', 'outside-ram', 'indirect', 'too-long'] as const;

const addressless = ({ descriptors, driver, device }: ExplainedQueue) =>
  descriptors === 0 || driver === 0 || device === 0;
const running = ({ status }: Seen) => status !== null && (status & deviceStatus.driverOk) !== 0;

/** What waits, in words; null where nothing does. */
function waits({ ring }: ExplainedQueue): string | null {
  if (ring === null || ring.waitingCount === 0) return null;
  const { waitingCount, waiting, certain } = ring;
  const [first] = waiting;
  const chains = `${counted(waitingCount, 'chain')} ${waitingCount === 1 ? 'waits' : 'wait'}`;
  const sure = certain ? chains : `${chains}, or ${waitingCount === 1 ? 'is' : 'are'} left of used ones,`;
  const what = first!.request === '' ? formatBuffers(first!.buffers) : first!.request;
  return `${sure} (the next: ${what})`;
}

/** A queue that has something to do, and should be answered without anything from outside. */
function owed(queue: ExplainedQueue): string | null {
  if (queue.waitsFor !== null || queue.ring?.waiting.some(({ fault }) => fault !== null)) return null;
  return waits(queue);
}

/** Each queue: from where it stands to what is in it. */
export const queueReasons: readonly ReasonRow[] = [
  ofQueues({ id: 'queue-resetting', kind: 'stops', clause: 'PCI-COM-24' }, ({ resetting }) =>
    resetting === true ? 'it is being reset: queue_reset still reads 1' : null,
  ),
  ofQueues({ id: 'queue-without-address', kind: 'stops', clause: 'PCI-COM-21' }, (queue) =>
    queue.enabled === true && addressless(queue) ? 'it is enabled, and has no address' : null,
  ),
  ofQueues({ id: 'queue-not-enabled', kind: 'stops', clause: 'INIT-01' }, (queue, { seen }) =>
    queue.enabled === false && queue.resetting !== true && queue.descriptors !== null && !addressless(queue)
      ? `it has addresses, and queue_enable is 0${running(seen) ? '' : ' so far'}`
      : null,
  ),
  ...ringFaults.map((id) =>
    ofQueues({ id, kind: 'stops', clause: null }, ({ fault }) =>
      fault?.id === id ? { clause: fault.clause, says: fault.says } : null,
    ),
  ),
  ...chainFaults.map((id) =>
    ofQueues({ id: `chain-${id}`, kind: 'stops', clause: null }, ({ ring }) => {
      const bad = ring?.waiting.find(({ fault }) => fault?.id === id);
      if (bad === undefined) return null;
      const { clause, says } = bad.fault!;
      return { clause, says: `the chain of descriptor ${bad.head}: ${says} (${formatBuffers(bad.buffers)})` };
    }),
  ),
  ofQueues({ id: 'never-kicked', kind: 'stops', clause: 'SPL-ANS-04' }, (queue) => {
    if (queue.kicks !== 0 || queue.enabled !== true || queue.waitsFor !== null) return null;
    if (queue.ring === null) return { kind: 'may', says: 'it was never kicked' };
    const what = owed(queue);
    return what === null || queue.ring.kickWanted === false ? null : `${what}, and it was never kicked`;
  }),
  ofQueues({ id: 'kick-missing', kind: 'may', clause: 'SPL-ANS-04' }, (queue, { seen }) => {
    const what = owed(queue);
    if (what === null || queue.kicks === 0 || queue.ring!.kickWanted === false || !running(seen)) return null;
    const seenKicks =
      queue.kicks === null
        ? 'a kick leaves no trace, so nobody can see here whether there was one'
        : `it was kicked ${counted(queue.kicks, 'time')}`;
    return `${what}. The device wants a kick for it, or has had one and is still at work: ${seenKicks}`;
  }),
  ofQueues({ id: 'device-owes', kind: 'may', clause: null }, (queue, { seen }) => {
    const what = owed(queue);
    return what !== null && queue.ring!.kickWanted === false && running(seen)
      ? `${what}. The device asked for no kick, so it is the device's turn`
      : null;
  }),
  ofQueues({ id: 'waits-for-outside', kind: 'idle', clause: null }, (queue) =>
    queue.waitsFor !== null && queue.ring !== null && queue.ring.waitingCount > 0
      ? `${counted(queue.ring.waitingCount, 'chain')} at hand; the device waits for ${queue.waitsFor}`
      : null,
  ),
  ofQueues({ id: 'nothing-exposed', kind: 'idle', clause: null }, ({ ring, waitsFor }, { seen }) => {
    if (ring === null || ring.waitingCount > 0 || !running(seen)) return null;
    if (!ring.used) return `the driver has exposed nothing (${ring.position})`;
    const empty = waitsFor === null ? '' : ': there is no buffer for what comes';
    return `everything that was exposed was used (${ring.position})${empty}`;
  }),
  ofQueues({ id: 'queue-not-set-up', kind: 'idle', clause: null }, (queue, { seen, queues }) =>
    running(seen) &&
    queue.enabled === false &&
    queue.descriptors === 0 &&
    queues.some(({ enabled }) => enabled === true)
      ? 'it is not set up'
      : null,
  ),
];
