import { registers, ro, rw } from '../../core/index.ts';
import { defineDeviceType } from './device-type.ts';

/** Feature bits of the SCSI host device. */
export const scsiFeature = { inOut: 0, hotplug: 1, change: 2, t10Pi: 3 } as const;

/** Queues by number; request queues follow each other from `request` on. */
export const scsiQueue = { control: 0, event: 1, request: 2 } as const;

/** Device configuration. */
export const scsiConfig = registers({
  numQueues: ro(0, 4, 'SCSI-CFG-01'),
  segMax: ro(4, 4),
  maxSectors: ro(8, 4),
  cmdPerLun: ro(12, 4, 'SCSI-CFG-05'),
  eventInfoSize: ro(16, 4, 'SCSI-OP-12'),
  senseSize: rw(20, 4, 'SCSI-CFG-02 SCSI-CFG-04 SCSI-CFG-06', { reset: 96 }),
  cdbSize: rw(24, 4, 'SCSI-CFG-02 SCSI-CFG-04 SCSI-CFG-06', { reset: 32 }),
  maxChannel: ro(28, 2, 'SCSI-CFG-03'),
  maxTarget: ro(30, 2, 'SCSI-CFG-03'),
  maxLun: ro(32, 4, 'SCSI-CFG-03'),
});

/** The device type. */
export const scsiDeviceType = defineDeviceType({
  name: 'scsi',
  functionName: 'virtio-scsi',
  typeNumber: 8,
  transitionalId: 0x1004,
  classCode: 0x010000,
  features: scsiFeature,
  config: scsiConfig,
});

/** Targets that two bytes of an address can name, and logical units of each. */
export const SCSI_TARGETS = 256;
export const SCSI_LUNS = 16384;

/**
 * How the eight bytes of `lun` name a logical unit: `bus` first, then the target, then a single level LUN of two bytes
 * whose high one tells its method. The well-known logical unit for REPORT LUNS has bytes of its own.
 */
export const scsiAddress = registers({
  bus: ro(0, 1, 'SCSI-OP-02'),
  target: ro(1, 1, 'SCSI-OP-02'),
  lunHigh: ro(2, 1, 'SCSI-OP-02'),
  lunLow: ro(3, 1, 'SCSI-OP-02'),
  rest: ro(4, 1, 'SCSI-OP-02', { count: 4 }),
});
export const SCSI_ADDRESS_BYTES = 8;
export const SCSI_BUS = 1;

/** High bits of the first LUN byte: how the rest is to be read. */
export const lunMethod = { mask: 0xc0, peripheral: 0x00, flat: 0x40, extended: 0xc0 } as const;
/** LUNs below this one are written with the peripheral method (REPORT LUNS and events alike). */
export const FLAT_LUN = 256;

/** First two bytes of the REPORT LUNS well-known logical unit, and its number. */
export const REPORT_LUNS_UNIT = { method: 0xc1, number: 0x01 } as const;

/** Readable part of a request; a CDB of `cdbSize` bytes and the data out follow. */
export const scsiCommandHeader = registers({
  lun: ro(0, 1, 'SCSI-OP-02', { count: SCSI_ADDRESS_BYTES }),
  id: ro(8, 8, 'LEG-SCSI-03'),
  taskAttribute: ro(16, 1, 'SCSI-OP-02 SCSI-OP-06'),
  priority: ro(17, 1, 'SCSI-OP-06'),
  commandReference: ro(18, 1, 'SCSI-OP-06'),
});
export const SCSI_COMMAND_HEADER_BYTES = 19;

/** Writable part of a request; `senseSize` bytes of sense data and the data in follow. */
export const scsiCommandResponse = registers({
  senseLength: ro(0, 4, 'LEG-SCSI-03'),
  residual: ro(4, 4, 'LEG-SCSI-03'),
  statusQualifier: ro(8, 2, 'LEG-SCSI-03'),
  status: ro(10, 1, 'SCSI-OP-03'),
  response: ro(11, 1, 'SCSI-OP-04'),
});
export const SCSI_COMMAND_RESPONSE_BYTES = 12;

/** What became of a request: command responses and those of the control queue share one space. */
export const scsiResponse = {
  ok: 0,
  overrun: 1,
  aborted: 2,
  badTarget: 3,
  reset: 4,
  busy: 5,
  transportFailure: 6,
  targetFailure: 7,
  nexusFailure: 8,
  failure: 9,
  functionSucceeded: 10,
  functionRejected: 11,
  incorrectLun: 12,
} as const;

export const taskAttribute = { simple: 0, ordered: 1, head: 2, aca: 3 } as const;

/** Types of control requests. */
export const scsiControlType = { taskManagement: 0, notificationQuery: 1, notificationSubscribe: 2 } as const;

/** First word of every control request. */
export const scsiControl = registers({ type: ro(0, 4, 'LEG-SCSI-04') });
export const SCSI_CONTROL_BYTES = 4;

/** Task management functions. */
export const taskManagement = {
  abortTask: 0,
  abortTaskSet: 1,
  clearAca: 2,
  clearTaskSet: 3,
  nexusReset: 4,
  logicalUnitReset: 5,
  queryTask: 6,
  queryTaskSet: 7,
} as const;

/** Readable part of a task management request; the answer is one byte, the response. */
export const scsiTaskManagement = registers({
  type: ro(0, 4, 'LEG-SCSI-04'),
  subtype: ro(4, 4, 'LEG-SCSI-04'),
  lun: ro(8, 1, 'SCSI-OP-02', { count: SCSI_ADDRESS_BYTES }),
  id: ro(16, 8, 'LEG-SCSI-04'),
});
export const SCSI_TASK_MANAGEMENT_BYTES = 24;

/** Readable part of an asynchronous notification request. */
export const scsiNotification = registers({
  type: ro(0, 4, 'LEG-SCSI-04'),
  lun: ro(4, 1, 'SCSI-OP-02', { count: SCSI_ADDRESS_BYTES }),
  eventRequested: ro(12, 4, 'LEG-SCSI-04'),
});
export const SCSI_NOTIFICATION_BYTES = 16;

/** Writable part of one. */
export const scsiNotificationResponse = registers({
  eventActual: ro(0, 4, 'LEG-SCSI-04'),
  response: ro(4, 1),
});
export const SCSI_NOTIFICATION_RESPONSE_BYTES = 5;

/** What a buffer of the event queue holds once the device has used it. */
export const scsiEvent = registers({
  event: ro(0, 4, 'LEG-SCSI-05'),
  lun: ro(4, 1, 'SCSI-OP-02', { count: SCSI_ADDRESS_BYTES }),
  reason: ro(12, 4, 'LEG-SCSI-05'),
});
export const SCSI_EVENT_BYTES = 16;

export const scsiEventType = { none: 0, transportReset: 1, asyncNotify: 2, parameterChange: 3 } as const;

/** Set in `event` when events were lost (SCSI-OP-14). */
export const SCSI_EVENTS_MISSED = 0x80000000;

/** Reasons of a transport reset. */
export const transportReset = { hard: 0, rescan: 1, removed: 2 } as const;
