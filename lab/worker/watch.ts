import { DriverWatch } from 'virtiolab/conformance';
import type { World } from './world.ts';

/** A watch of a world's driver. */
export function watchOf(
  { stages: [{ machine }], sample, draft }: World,
  start: 'power-on' | 'unknown',
): DriverWatch {
  const types = [sample.behaviour.type];
  return new DriverWatch({ ram: machine.ram, config: machine, types, draft, start });
}
