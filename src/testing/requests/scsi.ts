import type { Arbitrary } from 'fast-check';
import { type ScsiAddress, scsiAddressBytes } from '../../driver/index.ts';
import {
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  SCSI_NOTIFICATION_BYTES,
  SCSI_NOTIFICATION_RESPONSE_BYTES,
  SCSI_TASK_MANAGEMENT_BYTES,
  type ScsiCommandName,
  scsiCommandHeader,
  scsiCommands,
  scsiConfig,
  scsiControlType,
  scsiNotification,
  scsiQueue,
  scsiTaskManagement,
  taskAttribute,
  taskManagement,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { atLeast, oneAtLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { ChainWriter, type RequestChain, type RequestOccasion } from './chain.ts';
import { rooms } from './entropy.ts';
import { type CdbFields, cdbBytes, cdbFields, dataBytesOf, dataOutOf } from './scsi-cdb.ts';

export type TaskManagementName = keyof typeof taskManagement;

/** What a driver asks of a SCSI host. */
export type ScsiRequest = { readonly type: 'scsi' } & (
  | {
      readonly kind: 'command';
      readonly to: ScsiAddress;
      readonly id: number;
      readonly attribute: keyof typeof taskAttribute;
      readonly command: ScsiCommandName;
      readonly fields: CdbFields;
    }
  | {
      readonly kind: 'task-management';
      readonly to: ScsiAddress;
      readonly id: number;
      readonly function: TaskManagementName;
    }
  | {
      readonly kind: 'notification';
      readonly to: ScsiAddress;
      readonly asks: 'query' | 'subscribe';
      /** A bit for each event. */
      readonly events: number;
    }
  /** Room for events; lengths in bytes. */
  | { readonly kind: 'event'; readonly buffers: readonly number[] }
);

export interface ScsiRequestOptions {
  /** Blocks of 512 bytes of the disks; by default 64. */
  readonly capacity?: number;
  /** Blocks of one transfer at most; by default 8. */
  readonly most?: number;
  /** Logical units that are asked; by default target 0, LUN 0. */
  readonly units?: readonly ScsiAddress[];
  /** Sizes that the configuration names; by default those after a reset (SCSI-CFG-02). */
  readonly cdbSize?: number;
  readonly senseSize?: number;
}

const CAPACITY = 64;
const MOST = 8;
/** Identifiers that commands and task management have in common. */
const IDS = 4;

const unit = ({ target, lun }: ScsiAddress) => `target ${target} LUN ${lun}`;
const fieldTexts = (fields: CdbFields) =>
  Object.entries(fields).map(
    ([name, value]) => ` ${name} ${name === 'page' ? `0x${value.toString(16)}` : value}`,
  );

/** `read10 lba 3 blocks 2; target 0 LUN 0, id 1`, `abortTask of id 1; target 0 LUN 0`, `room for an event: 16 bytes`. */
export function formatScsiRequest(request: ScsiRequest): string {
  switch (request.kind) {
    case 'command': {
      const { command, fields, to, id, attribute } = request;
      const order = attribute === 'simple' ? '' : `, ${attribute}`;
      return `${command}${fieldTexts(fields).join('')}; ${unit(to)}, id ${id}${order}`;
    }
    case 'task-management':
      return `${request.function} of id ${request.id}; ${unit(request.to)}`;
    case 'notification':
      return `${request.asks} events 0x${request.events.toString(16)}; ${unit(request.to)}`;
    default:
      return `room for an event: ${request.buffers.join('+')} bytes`;
  }
}

const withText = (request: ScsiRequest): ScsiRequest => printed({ ...request }, formatScsiRequest);
const unitsOf = ({ units = [{ target: 0, lun: 0 }] }: ScsiRequestOptions) =>
  fc.constantFrom(...oneAtLeast('units', units));
const ids = fc.integer({ min: 1, max: IDS });

/** Commands of every kind that the disk's table has, with fields that mean something, within the disk. */
export function scsiCommandRequests(options: ScsiRequestOptions = {}): Arbitrary<ScsiRequest> {
  const { capacity = CAPACITY, most = MOST } = options;
  const to = unitsOf(options);
  atLeast('capacity', capacity, 1);
  atLeast('most', most, 1);
  const names = fc.constantFrom(...(Object.keys(scsiCommands) as ScsiCommandName[]));
  return names
    .chain((command) =>
      fc.record({
        type: fc.constant('scsi' as const),
        kind: fc.constant('command' as const),
        to,
        id: ids,
        attribute: fc.constantFrom(...(Object.keys(taskAttribute) as (keyof typeof taskAttribute)[])),
        command: fc.constant(command),
        fields: cdbFields(command, capacity, most),
      }),
    )
    .map(withText);
}

/** Task management functions, each of some command or of a unit. */
export const scsiTaskManagementRequests = (options: ScsiRequestOptions = {}): Arbitrary<ScsiRequest> =>
  fc
    .record({
      type: fc.constant('scsi' as const),
      kind: fc.constant('task-management' as const),
      to: unitsOf(options),
      id: ids,
      function: fc.constantFrom(...(Object.keys(taskManagement) as TaskManagementName[])),
    })
    .map(withText);

/** Asynchronous notifications, queried and subscribed to. */
export const scsiNotificationRequests = (options: ScsiRequestOptions = {}): Arbitrary<ScsiRequest> =>
  fc
    .record({
      type: fc.constant('scsi' as const),
      kind: fc.constant('notification' as const),
      to: unitsOf(options),
      asks: fc.constantFrom('query' as const, 'subscribe' as const),
      events: fc.nat(0x3f).map((bits) => bits << 1),
    })
    .map(withText);

/** All of these, and room for events. */
export const scsiRequests = (options: ScsiRequestOptions = {}): Arbitrary<ScsiRequest> =>
  fc.oneof(
    { weight: 8, arbitrary: scsiCommandRequests(options) },
    { weight: 2, arbitrary: scsiTaskManagementRequests(options) },
    { weight: 1, arbitrary: scsiNotificationRequests(options) },
    {
      weight: 2,
      arbitrary: rooms(32).map((buffers) => withText({ type: 'scsi', kind: 'event', buffers })),
    },
  );

export function scsiChain(
  request: ScsiRequest,
  occasion: RequestOccasion = {},
  { cdbSize = scsiConfig.cdbSize.reset, senseSize = scsiConfig.senseSize.reset }: ScsiRequestOptions = {},
): RequestChain {
  const writer = new ChainWriter(occasion);
  switch (request.kind) {
    case 'command': {
      const { command, fields, to, id } = request;
      const row = scsiCommands[command];
      const header = { lun: scsiAddressBytes(to), id, taskAttribute: taskAttribute[request.attribute] };
      writer.structure(scsiCommandHeader, header, SCSI_COMMAND_HEADER_BYTES);
      writer.structure(row.fields, cdbBytes(command, fields), cdbSize).cut();
      const bytes = dataBytesOf(command, fields);
      if (row.data === 'out') writer.bytes(dataOutOf(command, fields, bytes));
      const answer = SCSI_COMMAND_RESPONSE_BYTES + senseSize;
      return writer.chain(scsiQueue.request, [answer, row.data === 'in' ? bytes : 0]);
    }
    case 'task-management': {
      const { to, id } = request;
      const { taskManagement: type } = scsiControlType;
      const values = { type, subtype: taskManagement[request.function], lun: scsiAddressBytes(to), id };
      writer.structure(scsiTaskManagement, values, SCSI_TASK_MANAGEMENT_BYTES);
      return writer.chain(scsiQueue.control, [1]);
    }
    case 'notification': {
      const { notificationQuery, notificationSubscribe } = scsiControlType;
      const type = request.asks === 'query' ? notificationQuery : notificationSubscribe;
      const values = { type, lun: scsiAddressBytes(request.to), eventRequested: request.events };
      writer.structure(scsiNotification, values, SCSI_NOTIFICATION_BYTES);
      return writer.chain(scsiQueue.control, [SCSI_NOTIFICATION_RESPONSE_BYTES]);
    }
    default:
      return writer.chain(scsiQueue.event, request.buffers);
  }
}
