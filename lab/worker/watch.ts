import { DriverWatch } from 'virtiolab/conformance';
import type { DeviceType } from 'virtiolab/layout';
import type { Machine } from 'virtiolab/pci';

/** A watch of the driver in a machine, from its first access on. */
export const watchOf = (machine: Machine, type: DeviceType): DriverWatch =>
  new DriverWatch({ ram: machine.ram, config: machine, types: [type], start: 'power-on' });
