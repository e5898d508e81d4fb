import { type FunctionAddress, formatFunctionAddress, VirtiolabError } from '../core/index.ts';
import type { BusKind } from './slot.ts';

/** A place on a bus where no function can be put, or whose function cannot be taken away. */
export class PlaceError extends VirtiolabError {
  readonly address: FunctionAddress;
  readonly reason: string;

  /** @param name of the place, where its address does not tell. */
  constructor(
    address: FunctionAddress,
    reason: string,
    name = Number.isInteger(address) ? formatFunctionAddress(address) : `${address}`,
  ) {
    super(`slot ${name}: ${reason}`);
    this.address = address;
    this.reason = reason;
  }
}

/** Places of one bus: 32 devices of 8 functions. */
export const DEVICES = 32;
export const FUNCTIONS = 8;
export const BUS_PLACES = DEVICES * FUNCTIONS;

/** Function 0 of the device that a place belongs to. */
export const functionZero = (address: FunctionAddress): FunctionAddress => address - (address % FUNCTIONS);

/**
 * Why software could not find a function at a place of a bus, device << 3 | function, or undefined: it looks at function 0
 * of each device, and at the others only where function 0 says that there are any (PCI Local Bus 3.0, section 6.2.1).
 * @param has tells whether a place is occupied
 */
export function whyUnfindable(place: number, has: (place: number) => boolean): string | undefined {
  if (!Number.isInteger(place) || place < 0 || place >= BUS_PLACES)
    return 'wants devices 0..31, functions 0..7 of a bus';
  if (place % FUNCTIONS !== 0 && !has(functionZero(place)))
    return 'the device has no function 0, without which software looks for no other: plug that one first';
  return undefined;
}

/** Why function 0 cannot be taken away, or undefined: the others would stay where nobody finds them. */
export function whyNeeded(place: number, has: (place: number) => boolean): string | undefined {
  if (place % FUNCTIONS !== 0) return undefined;
  for (let fn = 1; fn < FUNCTIONS; fn++)
    if (has(place + fn)) return `function ${fn} of the device would be lost: unplug that one first`;
  return undefined;
}

/** Ports of root complexes and switches, and the buses that they belong on. */
const belongsOn = { 'root-port': 'root', 'upstream-port': 'link', 'downstream-port': 'switch' } as const;
const busNames: Readonly<Record<BusKind, string>> = {
  root: 'on a root bus',
  link: 'behind a root port or a downstream port',
  switch: 'behind an upstream port',
  conventional: 'behind a bridge to conventional PCI',
};

/** Why what is a port, or null for what is none, cannot stand on a bus of that kind, or undefined. */
export function whyMisplaced(kind: string | null, on: BusKind): string | undefined {
  const wanted = (belongsOn as Readonly<Record<string, BusKind>>)[kind ?? ''];
  if (wanted !== undefined) return wanted === on ? undefined : `${kind}: belongs ${busNames[wanted]}`;
  return on === 'switch' ? 'inside a switch there are downstream ports only' : undefined;
}

/** Why a place does not exist on a bus of that kind, or undefined. */
export const whyNoPlace = (place: number, on: BusKind): string | undefined =>
  on === 'link' && place >= FUNCTIONS ? 'on a link there is device 0 only' : undefined;
