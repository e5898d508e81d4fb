import type { FindingAbout } from '../core/index.ts';
import { namingClause, type Speaker } from './clauses.ts';
import { idleCause, type QueueService } from './queue/service.ts';

/** The device whose driver kicks. */
interface KickedDevice extends Speaker {
  readonly dmaEnabled: boolean;
  readonly statusRegister: { readonly broken: boolean };
  report(party: 'driver', clause: string, message: string, about: FindingAbout): void;
}

/**
 * Says why a kick of a queue leads to nothing, if it does: each cause once for a queue until it is set up anew, however
 * often the driver kicks.
 */
export function explainKick(device: KickedDevice, queue: QueueService): void {
  // The order of bringing up has the queues and the bus set up before they are used.
  const order = device.legacyDriver ? 'LEG-INIT-01' : 'INIT-01';
  if (device.statusRegister.broken)
    say(device, queue, idleCause.broken, 'BF-STAT-04', 'a kick for a device that needs a reset');
  else if (!queue.ring.ready)
    say(device, queue, idleCause.notSetUp, order, 'a kick for a queue that is not set up');
  else if (!device.dmaEnabled)
    say(device, queue, idleCause.noDma, order, 'a kick while bus mastering is off');
}

/** Says that a kick was for a queue that is not there: each time, as there is no queue that could remember it. */
export function explainAbsent(device: KickedDevice, index: number): void {
  device.report('driver', namingClause(device), 'a kick for a queue that does not exist', {
    what: 'queue number',
    value: index,
    queue: index,
  });
}

function say(
  device: KickedDevice,
  queue: QueueService,
  cause: number,
  clause: string,
  message: string,
): void {
  if ((queue.said & cause) !== 0) return;
  queue.said |= cause;
  device.report('driver', clause, message, {
    what: 'queue number',
    value: queue.index,
    queue: queue.index,
  });
}
