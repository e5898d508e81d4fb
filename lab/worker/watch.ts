import { DriverWatch } from 'virtiolab/conformance';
import type { World } from './world.ts';

/** A watch of a world's driver, from its first access on. */
export function watchOf({ stages: [{ machine }], sample, draft }: World): DriverWatch {
  const types = [sample.behaviour.type];
  return new DriverWatch({ ram: machine.ram, config: machine, types, draft, start: 'power-on' });
}
