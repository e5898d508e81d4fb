import type { Arbitrary, IAsyncProperty } from 'fast-check';
import { fc } from './fast-check.ts';
import { inLab } from './in-lab.ts';
import type { Lab, LabOptions } from './lab.ts';

/**
 * A property of fast-check, each case in a lab of its own: `fc.assert(labProperty({ type: 'block' }, [requests], body))`. What
 * fails throws a LabCaseError, so that the case that is left after shrinking tells what happened on its bus.
 */
export function labProperty<Ts extends unknown[]>(
  options: LabOptions,
  arbitraries: { readonly [K in keyof Ts]: Arbitrary<Ts[K]> },
  body: (world: Lab, ...values: Ts) => unknown,
): IAsyncProperty<[Ts]> {
  const values = fc.tuple(...(arbitraries as readonly Arbitrary<unknown>[])) as unknown as Arbitrary<Ts>;
  return fc.asyncProperty(values, async (drawn) => {
    await inLab(options, (world) => body(world, ...drawn));
  });
}
