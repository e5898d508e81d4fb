import { type FunctionAddress, formatFunctionAddress, OptionError, VirtiolabError } from '../core/index.ts';
import { DeviceFailedError, NoDeviceError } from './errors.ts';
import type { VirtualRouting } from './sriov.ts';

/** A function without an SR-IOV capability: it has no virtual functions. */
export class NoVirtualFunctionsError extends NoDeviceError {
  constructor(physical: FunctionAddress) {
    super(`${formatFunctionAddress(physical)} has no SR-IOV capability: it is no physical function`);
  }
}

/** Virtual functions are there, or are not: their number changes only between the one and the other. */
export class VirtualFunctionsEnabledError extends VirtiolabError {
  /** How many are enabled. */
  readonly enabled: number;

  constructor(physical: FunctionAddress, enabled: number) {
    const name = formatFunctionAddress(physical);
    super(
      enabled === 0
        ? `${name} has no virtual functions enabled: enable them first`
        : `${name} has ${enabled} virtual functions enabled: disable them first`,
    );
    this.enabled = enabled;
  }
}

/** More virtual functions than there are, or none. */
export class VirtualFunctionCountError extends OptionError {
  constructor(count: number, available: number) {
    super('count', count, `a whole number from 1 to ${available}, which is what the function has`);
  }
}

/** A virtual function that is not among those that are enabled. */
export class VirtualFunctionIndexError extends OptionError {
  constructor(index: number, count: number) {
    super('index', index, `a whole number from 1 to ${count}, the virtual functions that are enabled`);
  }
}

/** A BAR of virtual functions without an address: nobody could reach what is in it. */
export class VirtualBarError extends VirtiolabError {
  readonly bar: number;

  constructor(physical: FunctionAddress, bar: number, size: number) {
    super(
      `BAR${bar} of the virtual functions of ${formatFunctionAddress(physical)} has no address, and takes ${size} bytes a function: run the firmware first`,
    );
    this.bar = bar;
  }
}

/** First VF Offset and VF Stride do not give each virtual function an address of its own that leads to it. */
export class VirtualRoutingError extends DeviceFailedError {
  readonly offset: number;
  readonly stride: number;

  constructor(physical: FunctionAddress, { offset, stride }: VirtualRouting, count: number, why: string) {
    super(
      `${count} virtual functions of ${formatFunctionAddress(physical)}, the first ${offset} after it and then every ${stride}: ${why}`,
    );
    this.offset = offset;
    this.stride = stride;
  }
}

/** The function does not keep what is written to its SR-IOV capability. */
export class SriovRegisterError extends DeviceFailedError {
  readonly register: string;
  readonly written: number;
  readonly read: number;

  constructor(physical: FunctionAddress, register: string, written: number, read: number) {
    super(
      `${register} of ${formatFunctionAddress(physical)} was written as ${written}, and reads ${read} instead`,
    );
    this.register = register;
    this.written = written;
    this.read = read;
  }
}
