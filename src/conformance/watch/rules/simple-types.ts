import {
  p9Header,
  REPORT_LUNS_UNIT,
  SCSI_BUS,
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  SCSI_EVENT_BYTES,
  SCSI_NOTIFICATION_BYTES,
  SCSI_NOTIFICATION_RESPONSE_BYTES,
  SCSI_TASK_MANAGEMENT_BYTES,
  scsiCommandHeader,
  scsiConfig,
  scsiControlType,
  scsiFeature,
  scsiQueue,
} from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { cites, seen, type WatchRule } from '../rule.ts';
import { commandsOf } from '../types/scsi.ts';
import { bytes, isStrict, ofChain, requestRules, SHAPE, swap32 } from './requests.ts';

const entropy = requestRules('entropy');
const p9 = requestRules('p9');
const scsi = requestRules('scsi');

/** The entropy device. */
export const entropyChapter: readonly WatchRule[] = [
  entropy('entropy-readable', 'RNG-01', 'must', 'a buffer that the device cannot write', (now) =>
    now.chain.readable > 0 || now.chain.readables > 0 ? bytes(now, now.chain.readable) : null,
  ),
];

const sizeOf = ({ chain }: Moment) => chain.u32(p9Header.size, true);

/** The 9P transport: the specification has its number only, so what binds is the protocol's own frame. */
export const p9Chapter: readonly WatchRule[] = [
  p9(
    'p9-message-short',
    'CONF-01',
    'must',
    'less than the header of a message',
    (now) => (now.chain.readable < p9Header.bytes ? bytes(now, now.chain.readable) : null),
    SHAPE,
  ),
  p9(
    'p9-message-longer',
    'CONF-01',
    'must',
    'a message longer than its buffers',
    (now) =>
      now.chain.readable >= p9Header.bytes && sizeOf(now) > now.chain.readable
        ? bytes(now, sizeOf(now))
        : null,
    SHAPE,
  ),
  p9(
    'p9-reply-sent',
    'CONF-01',
    'must',
    'a message of a type that only servers send',
    (now) =>
      now.chain.readable >= p9Header.bytes && now.chain.u8(p9Header.type) % 2 === 1
        ? ofChain(now, 'message type', now.chain.u8(p9Header.type))
        : null,
    SHAPE,
  ),
  p9(
    'p9-no-room',
    'CONF-01',
    'must',
    'no room for the reply',
    (now) => (now.chain.writable < p9Header.bytes ? bytes(now, now.chain.writable) : null),
    SHAPE,
  ),
];

const cdbBytes = ({ fn }: Moment) => fn.configValue(scsiConfig.cdbSize) ?? scsiConfig.cdbSize.reset;
const senseBytes = ({ fn }: Moment) => fn.configValue(scsiConfig.senseSize) ?? scsiConfig.senseSize.reset;
const headerBytes = (now: Moment) => SCSI_COMMAND_HEADER_BYTES + cdbBytes(now);
const responseBytes = (now: Moment) => SCSI_COMMAND_RESPONSE_BYTES + senseBytes(now);
const isRequest = ({ queue }: Moment) => queue!.index >= scsiQueue.request;
const isEvent = ({ queue }: Moment) => queue!.index === scsiQueue.event;
const isControl = ({ queue }: Moment) => queue!.index === scsiQueue.control;
const controlType = ({ chain }: Moment) => chain.u32(0);

const controlBytes: Readonly<Record<number, { readonly out: number; readonly in: number }>> = {
  [scsiControlType.taskManagement]: { out: SCSI_TASK_MANAGEMENT_BYTES, in: 1 },
  [scsiControlType.notificationQuery]: { out: SCSI_NOTIFICATION_BYTES, in: SCSI_NOTIFICATION_RESPONSE_BYTES },
  [scsiControlType.notificationSubscribe]: {
    out: SCSI_NOTIFICATION_BYTES,
    in: SCSI_NOTIFICATION_RESPONSE_BYTES,
  },
};

/** The SCSI host. */
export const scsiChapter: readonly WatchRule[] = [
  scsi(
    'scsi-header-short',
    'CONF-01',
    'must',
    'a request without a whole header',
    (now) =>
      isRequest(now) && now.chain.readable < headerBytes(now) ? bytes(now, now.chain.readable) : null,
    SHAPE,
  ),
  scsi(
    'scsi-response-short',
    'CONF-01',
    'must',
    'a request without room for a whole response',
    (now) =>
      isRequest(now) && now.chain.writable < responseBytes(now) ? bytes(now, now.chain.writable) : null,
    SHAPE,
  ),
  scsi('scsi-both-directions', 'BF-FEAT-03', 'must', 'data in both directions without INOUT', (now) =>
    isRequest(now) &&
    now.fn.lacks(scsiFeature.inOut) &&
    now.chain.readable > headerBytes(now) &&
    now.chain.writable > responseBytes(now)
      ? bytes(now, now.chain.readable)
      : null,
  ),
  scsi(
    'scsi-task-attribute',
    'SCSI-OP-06 SCSI-OP-02',
    'should',
    'a task attribute, priority or CRN that is not 0',
    (now) => {
      if (!isRequest(now)) return null;
      const { taskAttribute, priority, commandReference } = scsiCommandHeader;
      const value = [taskAttribute, priority, commandReference]
        .map(({ offset }) => now.chain.u8(offset))
        .find((byte) => byte > 0);
      return value === undefined ? null : ofChain(now, 'task attribute, priority or CRN', value);
    },
  ),
  scsi(
    'scsi-address',
    'SCSI-OP-02',
    'should',
    'an address that names no target: it does not begin with 1',
    (now) => {
      const first = isRequest(now) ? now.chain.u8(0) : -1;
      return first >= 0 && first !== SCSI_BUS && first !== REPORT_LUNS_UNIT.method
        ? ofChain(now, 'first byte of lun', first)
        : null;
    },
  ),
  scsi(
    'scsi-event-buffer',
    'SCSI-OP-12',
    'must',
    'an event buffer that is no writable one of an event at least',
    (now) =>
      isEvent(now) && (now.chain.writable < SCSI_EVENT_BYTES || now.chain.readable > 0)
        ? bytes(now, now.chain.writable)
        : null,
  ),
  scsi(
    'scsi-event-info',
    'SCSI-OP-12',
    'note',
    'an event buffer that is shorter than event_info_size',
    (now) => {
      const wanted = isEvent(now) ? now.fn.configValue(scsiConfig.eventInfoSize) : null;
      return wanted !== null && now.chain.writable >= SCSI_EVENT_BYTES && now.chain.writable < wanted
        ? bytes(now, now.chain.writable)
        : null;
    },
  ),
  scsi(
    'scsi-control-type',
    'CONF-01',
    'must',
    'a control request of no known type',
    (now) =>
      isControl(now) &&
      now.chain.readable >= 4 &&
      controlBytes[controlType(now)] === undefined &&
      controlBytes[swap32(controlType(now))] === undefined
        ? ofChain(now, 'request type', controlType(now))
        : null,
    SHAPE,
  ),
  scsi(
    'scsi-control-short',
    'CONF-01',
    'must',
    'a control request, or the room for its answer, that is not whole',
    (now) => {
      if (!isControl(now)) return null;
      const wanted = now.chain.readable < 4 ? { out: 4, in: 1 } : controlBytes[controlType(now)];
      return wanted !== undefined && (now.chain.readable < wanted.out || now.chain.writable < wanted.in)
        ? bytes(now, now.chain.readable)
        : null;
    },
    SHAPE,
  ),
  scsi(
    'scsi-control-byte-order',
    'LEG-SCSI-04 LEG-SCSI-03 LEG-SCSI-01',
    'must',
    "a control request's numbers are not in the guest's byte order",
    (now) =>
      isControl(now) &&
      controlType(now) > 0xff &&
      controlBytes[controlType(now)] === undefined &&
      controlBytes[swap32(controlType(now))] !== undefined
        ? ofChain(now, 'request type', controlType(now))
        : null,
    { speaks: 'legacy' },
  ),
  scsi(
    'scsi-framing',
    'LEG-SCSI-06 LEG-FRM-01',
    'must',
    'header or response are no descriptors of their own, and ANY_LAYOUT was not accepted',
    (now) => {
      const { chain } = now;
      if (!isRequest(now) || !isStrict(now)) return null;
      if (chain.lengths[0] !== headerBytes(now)) return bytes(now, chain.lengths[0]!);
      const response = chain.firstWritable < chain.count ? chain.lengths[chain.firstWritable]! : 0;
      return response === responseBytes(now) ? null : bytes(now, response);
    },
    { speaks: 'legacy' },
  ),
  scsi('scsi-commands-per-unit', 'SCSI-CFG-05', 'must', 'more commands for one unit than it takes', (now) => {
    const most = isRequest(now) ? now.fn.configValue(scsiConfig.cmdPerLun) : null;
    if (most === null || most === 0) return null;
    const commands = commandsOf(now);
    return commands >= most ? ofChain(now, 'commands in flight', commands + 1) : null;
  }),
  {
    id: 'scsi-events-not-primed',
    clauses: cites('SCSI-OP-01'),
    level: 'note',
    type: 'scsi',
    says: 'commands were sent although the event queue has no buffer',
    on: ['kick'],
    when: ({ fn, queue }) =>
      queue!.index >= scsiQueue.request &&
      queue!.kicks === 1 &&
      fn.followed &&
      (fn.queues.get(scsiQueue.event)?.kicks ?? 0) === 0
        ? seen('queue number', queue!.index)
        : null,
  },
];
