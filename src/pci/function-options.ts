import { OptionError } from '../core/index.ts';

/** Ids and shape of a function. `classCode` is base class, subclass and interface, 24 bits. */
export interface PciFunctionOptions {
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId?: number;
  readonly classCode: number;
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  /** 0 for none, 1 for INTA#. */
  readonly interruptPin?: 0 | 1 | 2 | 3 | 4;
  /** PCI Express: extended configuration space, Express capability, function-level reset. */
  readonly express?: boolean;
}

/** Ids or a shape that no function has. */
export class FunctionOptionsError extends OptionError {}

/** What fits the header's fields. 0xffff is what software reads where there is no function. */
const limits = {
  vendorId: 0xfffe,
  deviceId: 0xffff,
  revisionId: 0xff,
  classCode: 0xffffff,
  subsystemVendorId: 0xffff,
  subsystemId: 0xffff,
  interruptPin: 4,
} as const;

/** @throws FunctionOptionsError */
export function checkFunctionOptions(options: PciFunctionOptions): void {
  for (const [option, most] of Object.entries(limits)) {
    const value = options[option as keyof typeof limits] ?? 0;
    if (!Number.isInteger(value) || value < 0 || value > most)
      throw new FunctionOptionsError(option, value, `a whole number of 0..0x${most.toString(16)}`);
  }
}

/** The fields of a header that a function is made with; ids of a subsystem where it has any. */
export const headerValues = (options: PciFunctionOptions): Readonly<Record<string, number>> => ({
  vendorId: options.vendorId,
  deviceId: options.deviceId,
  revisionId: options.revisionId ?? 0,
  programmingInterface: options.classCode & 0xff,
  subClass: (options.classCode >> 8) & 0xff,
  baseClass: options.classCode >> 16,
  subsystemVendorId: options.subsystemVendorId ?? 0,
  subsystemId: options.subsystemId ?? 0,
  interruptPin: options.interruptPin ?? 0,
});
