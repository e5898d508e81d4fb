import { command } from '../../pci/layout/index.ts';
import { NO_VECTOR } from '../../virtio/layout/index.ts';
import type { SeenMsix, SeenVector } from './observed.ts';
import { ofFunction, ofQueues, type ReasonRow, type Situation } from './reason.ts';
import type { ExplainedQueue } from './situation.ts';
import { counted } from './words.ts';

/** Something was handed back that the driver may not know of. */
const used = ({ ring }: ExplainedQueue) => ring?.used === true;
const anyUsed = ({ queues }: Situation) => queues.some(used);

/** The entry by which a queue interrupts; null where it has none that can be seen, or where MSI-X is off. */
function entryOf({ vector }: ExplainedQueue, msix: SeenMsix | null): SeenVector | null {
  if (msix === null || !msix.enabled || vector === null) return null;
  return msix.vectors?.[vector] ?? null;
}

const pendingCount = (msix: SeenMsix) => msix.vectors?.filter(({ pending }) => pending).length ?? 0;

/** How the driver is told, and why it may not have been: what was used is there, and nobody looks. */
export const interruptReasons: readonly ReasonRow[] = [
  ofFunction({ id: 'function-masked', kind: 'may', clause: null }, ({ msix }, situation) => {
    if (msix === null || !msix.enabled || !msix.functionMask) return null;
    const waiting = pendingCount(msix);
    if (waiting === 0 && !anyUsed(situation)) return null;
    const says = 'the function mask of MSI-X is set';
    return waiting === 0
      ? `${says}: no message is sent`
      : { kind: 'stops', says: `${says}, and ${counted(waiting, 'message')} wait behind it` };
  }),
  ofQueues({ id: 'vector-masked', kind: 'may', clause: null }, (queue, { seen: { msix } }) => {
    const entry = entryOf(queue, msix);
    if (entry === null || !entry.masked || (!used(queue) && !entry.pending)) return null;
    const says = `MSI-X vector ${queue.vector} is masked`;
    return entry.pending ? { kind: 'stops', says: `${says}, and its message waits` } : says;
  }),
  ofQueues({ id: 'vector-unaimed', kind: 'stops', clause: null }, (queue, { seen: { msix } }) => {
    const entry = entryOf(queue, msix);
    return entry !== null && entry.address === 0 && used(queue)
      ? `MSI-X vector ${queue.vector} has no message address: nobody has aimed it`
      : null;
  }),
  ofQueues({ id: 'no-vector', kind: 'may', clause: 'PCI-MSIX-06' }, (queue, { seen: { msix } }) =>
    msix?.enabled === true && queue.vector === NO_VECTOR && used(queue)
      ? 'MSI-X is on and it has no vector: the driver is never told of what was used, and has to look'
      : null,
  ),
  ofFunction({ id: 'line-disabled', kind: 'may', clause: null }, (seen, situation) => {
    const { msix, command: value, lineAsserted } = seen;
    if (msix?.enabled === true || value === null || (value & command.interruptDisable) === 0) return null;
    if (lineAsserted !== true && !anyUsed(situation)) return null;
    const says = 'MSI-X is off, and so is the interrupt line (Interrupt Disable)';
    return lineAsserted === true ? { kind: 'stops', says: `${says}, while an interrupt is pending` } : says;
  }),
  ofFunction({ id: 'line-unserved', kind: 'stops', clause: null }, (seen) => {
    const { msix, command: value, lineAsserted } = seen;
    if (msix?.enabled === true || value === null || (value & command.interruptDisable) !== 0) return null;
    return lineAsserted === true
      ? 'the interrupt line is asserted and nobody has read ISR: the interrupt does not reach the driver, or is not served'
      : null;
  }),
  ofQueues({ id: 'interrupt-unwanted', kind: 'idle', clause: null }, ({ ring }) =>
    ring?.used === true && ring.interruptWanted === false
      ? `the driver wants no interrupt for what was used (${ring.events})`
      : null,
  ),
];
