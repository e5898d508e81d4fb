import { registers, ro, rw } from '../../core/index.ts';
import { defineDeviceType } from './device-type.ts';

/** Feature bits of the console device. */
export const consoleFeature = {
  size: 0,
  multiport: 1,
  emergencyWrite: 2,
} as const;

/** Device configuration. `columns` and `rows` are port 0's, in characters. */
export const consoleConfig = registers({
  columns: ro(0, 2, 'LEG-CON-01'),
  rows: ro(2, 2, 'LEG-CON-01'),
  maxPorts: ro(4, 4, 'CON-06 LEG-CON-01'),
  emergencyWrite: rw(8, 4, 'CON-02 CON-03 LEG-CON-01'),
});

/** The device type. */
export const consoleDeviceType = defineDeviceType({
  name: 'console',
  functionName: 'virtio-console',
  typeNumber: 3,
  transitionalId: 0x1003,
  classCode: 0x078000,
  features: consoleFeature,
  config: consoleConfig,
});

/** Queues with a number of their own. Those of the ports but 0 follow in pairs, and exist with MULTIPORT only. */
export const consoleQueue = {
  receive0: 0,
  transmit0: 1,
  controlReceive: 2,
  controlTransmit: 3,
} as const;

/** Number of the queue with a port's input; that of its output is one more. */
export const consoleReceiveQueue = (port: number) => (port === 0 ? consoleQueue.receive0 : 2 * port + 2);
export const consoleTransmitQueue = (port: number) => consoleReceiveQueue(port) + 1;

/** The port to which a queue belongs; -1 for the control queues. */
export function consolePortOf(queue: number): number {
  if (queue < consoleQueue.controlReceive) return 0;
  return queue <= consoleQueue.controlTransmit ? -1 : (queue >> 1) - 1;
}

/** Queues of a console with MULTIPORT and so many ports. */
export const consoleQueueCount = (maxPorts: number) => 2 * (maxPorts + 1);

/** `virtio_console_control`: a message, in either direction. */
export const consoleControl = registers({
  port: ro(0, 4, 'LEG-CON-02'),
  event: ro(4, 2, 'LEG-CON-02'),
  value: ro(6, 2, 'LEG-CON-02'),
});
export const CONSOLE_CONTROL_BYTES = 8;

/** Events of a control message. The driver sends `deviceReady` and `portReady`, both sides `portOpen`, the device the others. */
export const consoleEvent = {
  deviceReady: 0,
  deviceAdd: 1,
  deviceRemove: 2,
  portReady: 3,
  consolePort: 4,
  resize: 5,
  portOpen: 6,
  portName: 7,
} as const;

/** What follows a `resize` message, as the specification orders it, */
export const consoleResize = registers({ columns: ro(0, 2, 'LEG-CON-02'), rows: ro(2, 2, 'LEG-CON-02') });
/** and as older Linux drivers read it: they take the first field for the rows. Debian's 6.1.0-50 does not (observed). */
export const consoleResizeRowsFirst = registers({ rows: ro(0, 2), columns: ro(2, 2) });
export const CONSOLE_RESIZE_BYTES = 4;

/** Order of the two fields of a `resize` message. */
export const consoleResizeOrders = {
  'columns-first': consoleResize,
  'rows-first': consoleResizeRowsFirst,
} as const;
export type ConsoleResizeOrder = keyof typeof consoleResizeOrders;
