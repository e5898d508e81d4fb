/** What somebody who reads, or writes, configuration before features were set is taken for. */
export type EarlyAccess = 'nobody in particular' | 'a legacy driver';

/** How a parent comes to know the byte order of a legacy driver. */
export type OrderSource =
  | "the host's"
  | 'little, always'
  | 'big, always'
  | 'format bits'
  | 'a call'
  | 'a call for each ring';

/** What a vDPA parent asks of whoever uses it: each field is one question of the debate. */
export interface ParentPolicy {
  /** Features without VERSION_1 are refused. */
  readonly version1: 'required' | 'optional';
  /** Features without ACCESS_PLATFORM are refused, as the parents that exist do. */
  readonly accessPlatform: 'required' | 'optional';
  /** Features of 0 are taken for no driver at all, whatever is required. */
  readonly resetsToZero: boolean;
  /** Configuration is read before features are set: they become 0, and a failure of that is not told. */
  readonly earlyRead: EarlyAccess;
  /** The same of a write. */
  readonly earlyWrite: EarlyAccess;
  readonly order: OrderSource;
  /** Byte order of configuration at these operations: little-endian, or that of the driver that features tell of. */
  readonly config: 'little' | 'driver';
}

/** Byte orders that a device can serve a legacy driver in; a modern one has no choice. */
export type DeviceOrders = 'little only' | 'both';

/** Linux as it is: parents ask for ACCESS_PLATFORM, nobody for VERSION_1, and who reads early is taken for a legacy driver. */
export const linuxParentPolicy: ParentPolicy = {
  version1: 'optional',
  accessPlatform: 'required',
  resetsToZero: false,
  earlyRead: 'a legacy driver',
  earlyWrite: 'nobody in particular',
  order: 'little, always',
  config: 'little',
};

/** Formats of rings, requests and configuration that a device has, as bits of a set: what is offered, and what is asked for. */
export const vdpaFormat = { legacyLittle: 1, legacyBig: 2, modern: 4 } as const;
