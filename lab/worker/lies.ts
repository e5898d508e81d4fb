import { deviceMutants, type Lies, lyingDevices } from 'virtiolab/lab';
import type { Choice } from '../protocol.ts';

/** What can be wrong with a device of a type: lies that a driver has to survive, and mutants that break a clause. */
export function liesOf(type: string): readonly Choice[] {
  const mutants = deviceMutants.filter((mutant) => mutant.type === undefined || mutant.type === type);
  return [
    ...lyingDevices.map(({ name, says }) => ({ name, says })),
    ...mutants
      .filter(({ name }) => lyingDevices.every((lie) => lie.name !== name))
      .map(({ name, says, breaks }) => ({ name, says: `${says} (${breaks.join(', ')})` })),
  ];
}

/** Null for a name that there is not. */
export const lieNamed = (name: string): Lies | null =>
  lyingDevices.find((each) => each.name === name)?.make() ??
  deviceMutants.find((each) => each.name === name) ??
  null;
