import {
  balloonFeature,
  balloonQueueNumbers,
  consoleFeature,
  consolePortOf,
  consoleQueue,
  feature,
  hasFeature,
  networkFeature,
  rtcQueue,
  scsiQueue,
  vsockQueue,
} from '../../virtio/layout/index.ts';
import type { Seen } from './observed.ts';

/** What a queue is for. */
export interface QueueRole {
  /** As in `receive 0`. */
  readonly name: string;
  /** What its requests begin with; null where it may be either. */
  readonly opens: 'readable' | 'writable' | null;
  /** What a device waits for that keeps a chain here; null for a queue whose requests it answers by itself. */
  readonly waitsFor: string | null;
}

const asks = (name: string): QueueRole => ({ name, opens: 'readable', waitsFor: null });
const fills = (name: string, waitsFor: string): QueueRole => ({ name, opens: 'writable', waitsFor });

type Facts = Pick<Seen, 'accepted' | 'queues'>;
const accepts = ({ accepted }: Facts, bit: number) => accepted !== null && hasFeature(accepted, bit);

function network(index: number, seen: Facts): QueueRole {
  const last = Math.max(...seen.queues.map((queue) => queue.index));
  if (accepts(seen, networkFeature.controlQueue) && index === last && index % 2 === 0) return asks('control');
  return index % 2 === 0
    ? fills(`receive ${index >> 1}`, 'a frame from outside')
    : asks(`transmit ${index >> 1}`);
}

function console(index: number, seen: Facts): QueueRole {
  if (!accepts(seen, consoleFeature.multiport) && index > consoleQueue.transmit0)
    return asks('none of a port');
  if (index === consoleQueue.controlReceive) return fills('control receive', 'something to tell of a port');
  if (index === consoleQueue.controlTransmit) return asks('control transmit');
  const port = consolePortOf(index);
  return index % 2 === 0 ? fills(`receive ${port}`, `input of port ${port}`) : asks(`transmit ${port}`);
}

const balloonRoles: Readonly<Record<string, QueueRole>> = {
  inflate: asks('inflate'),
  deflate: asks('deflate'),
  statistics: {
    name: 'statistics',
    opens: 'readable',
    waitsFor: 'somebody who wants statistics: the device keeps the buffer until then',
  },
  freePages: { name: 'free pages', opens: null, waitsFor: null },
  reporting: { name: 'reporting', opens: 'writable', waitsFor: null },
};

function balloon(index: number, seen: Facts): QueueRole | undefined {
  const numbers = balloonQueueNumbers((bit) => accepts(seen, bit) || bit === balloonFeature.statisticsQueue);
  const name = [...numbers].find(([, number]) => number === index)?.[0];
  return name === undefined ? undefined : balloonRoles[name];
}

const scsi = (index: number): QueueRole =>
  index === scsiQueue.control
    ? asks('control')
    : index === scsiQueue.event
      ? fills('event', 'an event of a target')
      : asks(`request ${index - scsiQueue.request}`);

const byNumber =
  (...rows: readonly (readonly [number: number, role: QueueRole])[]) =>
  (index: number) =>
    rows.find(([number]) => number === index)?.[1];

const roles: Readonly<Record<string, (index: number, seen: Facts) => QueueRole | undefined>> = {
  network,
  block: (index) => asks(`requests ${index}`),
  console,
  entropy: byNumber([0, { name: 'requests', opens: 'writable', waitsFor: null }]),
  balloon,
  scsi,
  p9: byNumber([0, asks('requests')]),
  rtc: byNumber([rtcQueue.request, asks('requests')], [rtcQueue.alarm, fills('alarms', 'an alarm')]),
  vsock: byNumber(
    [vsockQueue.receive, fills('receive', 'a packet for the driver')],
    [vsockQueue.transmit, asks('transmit')],
    [vsockQueue.event, fills('event', 'an event')],
  ),
};

/** What a queue of a device is for. */
export function roleOf(index: number, seen: Seen): QueueRole {
  const { type, adminQueues } = seen;
  const admin = accepts(seen, feature.adminQueue) ? adminQueues : null;
  if (admin !== null && index >= admin.first && index < admin.first + admin.count)
    return asks('administration');
  return roles[type?.name ?? '']?.(index, seen) ?? { name: '', opens: null, waitsFor: null };
}
