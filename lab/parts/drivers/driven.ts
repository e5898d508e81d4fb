import type { BringUpOptions, DmaMemory, Transport, VirtioDriver } from 'virtiolab/driver';
import type { SampleDevice } from 'virtiolab/lab';
import type { MoveField, MoveSpec } from '../../protocol.ts';

/** A driver that has brought its device up, whatever its type. */
export interface OpenDriver {
  close(): void;
}

export interface DriverChoices {
  readonly ringFeatures: NonNullable<BringUpOptions['ringFeatures']>;
}

/** What a button of a type does. @returns what came of it, in words. */
export interface DrivenMove<D> extends Omit<MoveSpec, 'name'> {
  run(driver: D, values: readonly (string | number)[], sample: SampleDevice): Promise<string> | string;
}

/** A device type's driver, and what can be done with it. */
export interface Driven<D extends OpenDriver> {
  open(transport: Transport, memory: DmaMemory, choices: DriverChoices, sample: SampleDevice): D | Promise<D>;
  readonly moves: Readonly<Record<string, DrivenMove<D>>>;
  /** What has the rings of a driver that keeps nothing else; left out where one does, and cannot be put into a state. */
  readonly rings?: (driver: D) => VirtioDriver;
}

/** A field for a whole number. */
export const whole = (label: string, value: number, least: number, most: number): MoveField => ({
  label,
  value,
  least,
  most,
});

/** A field for text. */
export const words = (label: string, value: string): MoveField => ({ label, value });

const SHOWN_BYTES = 16;

/** The first bytes in hexadecimal, and how many there are. */
export function bytesText(bytes: Uint8Array): string {
  const first = [...bytes.subarray(0, SHOWN_BYTES)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${bytes.length} bytes: ${first.join(' ')}${bytes.length > SHOWN_BYTES ? ' ...' : ''}`;
}
