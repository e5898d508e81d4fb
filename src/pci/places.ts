import { type FunctionAddress, formatFunctionAddress, VirtiolabError } from '../core/index.ts';
import { type PciFunction, SlotError } from './function.ts';

/** A place on the bus where no function can be put, or whose function cannot be taken away. */
export class PlaceError extends VirtiolabError {
  readonly address: FunctionAddress;
  readonly reason: string;

  constructor(address: FunctionAddress, reason: string) {
    super(`slot ${Number.isInteger(address) ? formatFunctionAddress(address) : address}: ${reason}`);
    this.address = address;
    this.reason = reason;
  }
}

/** Places of one bus: 32 devices of 8 functions. */
const PLACES = 256;
const FUNCTIONS = 8;

/** Function 0 of the device that a place belongs to. */
export const functionZero = (address: FunctionAddress): FunctionAddress => address - (address % FUNCTIONS);

/**
 * Why software could not find a function at a place of bus 0, or undefined: it looks at function 0 of each device, and at
 * the others only where function 0 says that there are any (PCI Local Bus 3.0, section 6.2.1).
 * @param has tells whether a place is occupied
 */
export function whyUnfindable(
  place: FunctionAddress,
  has: (place: FunctionAddress) => boolean,
): string | undefined {
  if (!Number.isInteger(place) || place < 0 || place >= PLACES)
    return 'wants devices 0..31, functions 0..7 of bus 0: there is no bridge to another';
  if (place % FUNCTIONS !== 0 && !has(functionZero(place)))
    return 'the device has no function 0, without which software looks for no other: plug that one first';
  return undefined;
}

/** Why function 0 cannot be taken away, or undefined: the others would stay where nobody finds them. */
export function whyNeeded(
  place: FunctionAddress,
  has: (place: FunctionAddress) => boolean,
): string | undefined {
  if (place % FUNCTIONS !== 0) return undefined;
  for (let fn = 1; fn < FUNCTIONS; fn++)
    if (has(place + fn)) return `function ${fn} of the device would be lost: unplug that one first`;
  return undefined;
}

/** The functions of a bus by place. Says to each whether it shares its device with others. */
export class Places {
  readonly functions = new Map<FunctionAddress, PciFunction>();

  /** @throws PlaceError where none can be put; SlotError where the function sits somewhere already. */
  checkFree(fn: PciFunction, address: FunctionAddress): void {
    const reason = whyUnfindable(address, (place) => this.functions.has(place));
    if (reason !== undefined) throw new PlaceError(address, reason);
    const other = this.functions.get(address);
    if (other !== undefined) throw new PlaceError(address, `is taken by ${other.name}`);
    this.checkUnplugged(fn);
  }

  /** @throws SlotError */
  checkUnplugged(fn: PciFunction): void {
    if (fn.plugged)
      throw new SlotError(`${fn.name} sits in slot ${formatFunctionAddress(fn.slot.address)} already`);
  }

  /** @throws PlaceError */
  checkRemovable(address: FunctionAddress): void {
    const reason = whyNeeded(address, (place) => this.functions.has(place));
    if (reason !== undefined) throw new PlaceError(address, reason);
  }

  add(address: FunctionAddress, fn: PciFunction): void {
    this.functions.set(address, fn);
    this.#mark(address);
  }

  remove(address: FunctionAddress): void {
    const fn = this.functions.get(address);
    if (fn !== undefined) fn.multiFunction = false;
    this.functions.delete(address);
    this.#mark(address);
  }

  /** Every function of the device is told: the bit is recommended to be set in each (PCI Express 5.0, 7.5.1.1.9). */
  #mark(address: FunctionAddress): void {
    const zero = functionZero(address);
    const present: PciFunction[] = [];
    for (let fn = 0; fn < FUNCTIONS; fn++) {
      const found = this.functions.get(zero + fn);
      if (found !== undefined) present.push(found);
    }
    for (const fn of present) fn.multiFunction = present.length > 1;
  }
}
