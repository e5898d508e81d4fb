import { registers, ro } from '../../core/index.ts';
import { defineDeviceType } from './device-type.ts';

/** Feature bits of the socket device. Without the last, streams are understood where nothing is said of them. */
export const vsockFeature = { stream: 0, seqpacket: 1, noImpliedStream: 2 } as const;

/** Device configuration: the driver's own address. */
export const vsockConfig = registers({ guestCid: ro(0, 8, 'VSOCK-RT-03') });

/** The device type. No function of it is transitional. */
export const vsockDeviceType = defineDeviceType({
  name: 'vsock',
  functionName: 'virtio-vsock',
  typeNumber: 19,
  classCode: 0x078000,
  features: vsockFeature,
  config: vsockConfig,
});

export const vsockQueue = { receive: 0, transmit: 1, event: 2 } as const;

/** The host's address, and what a driver's may be: 0, 1 and all ones are nobody's. */
export const VSOCK_HOST_CID = 2;
export const VSOCK_GUEST_CIDS = { first: 3, last: 0xfffffffe } as const;
/** Ports are those below: this one stands for any. */
export const VSOCK_ANY_PORT = 0xffffffff;

/** `virtio_vsock_hdr`, before every payload. */
export const vsockHeader = registers({
  sourceCid: ro(0, 8, 'VSOCK-RT-01'),
  destinationCid: ro(8, 8),
  sourcePort: ro(16, 4),
  destinationPort: ro(20, 4),
  length: ro(24, 4),
  type: ro(28, 2, 'VSOCK-RT-02 VSOCK-RT-04'),
  operation: ro(30, 2),
  flags: ro(32, 4),
  bufferAllocation: ro(36, 4, 'VSOCK-BUF-02 VSOCK-BUF-04'),
  forwardCount: ro(40, 4, 'VSOCK-BUF-02 VSOCK-BUF-04'),
});
export const VSOCK_HEADER_BYTES = 44;

/** Types of sockets. */
export const vsockType = { stream: 1, seqpacket: 2 } as const;

/** What a packet is for. */
export const vsockOperation = {
  invalid: 0,
  request: 1,
  response: 2,
  reset: 3,
  shutdown: 4,
  payload: 5,
  creditUpdate: 6,
  creditRequest: 7,
} as const;

/** Flags of a shutdown: the sender will receive no more, or send no more. */
export const vsockShutdown = { receive: 1, send: 2 } as const;

/** Flags of a payload between the ends of a seqpacket socket: it ends a message, and with it a record. */
export const vsockBoundary = { message: 1, record: 2 } as const;

/** What the event queue tells: the driver's connections are gone, and its address may be another. */
export const vsockEvent = { transportReset: 0 } as const;
export const vsockEventBuffer = registers({ id: ro(0, 4, 'VSOCK-EVT-02 VSOCK-EVT-03') });
export const VSOCK_EVENT_BYTES = 4;
