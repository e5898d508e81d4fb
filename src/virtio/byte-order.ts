import type { ByteOrder } from './config.ts';

/** Byte order of a legacy driver that is told when the device is made already: of requests, and of each ring. */
export interface ToldOrder {
  readonly requests: ByteOrder;
  readonly rings: readonly ByteOrder[];
}

/** Of a device, what decides in which order its driver sees things. */
interface Ordered {
  readonly legacyDriver: boolean;
  /** Null for what the options say. */
  readonly told: ToldOrder | null;
  readonly options: { readonly guestEndian: ByteOrder };
}

/** Requests are little-endian; with VERSION_1 always. */
export const requestsAreLittle = (device: Ordered): boolean =>
  !device.legacyDriver || (device.told?.requests ?? device.options.guestEndian) === 'little';

/** The same of a queue's ring. */
export const ringIsLittle = (device: Ordered, queue: number): boolean =>
  !device.legacyDriver || (device.told?.rings[queue] ?? device.options.guestEndian) === 'little';
