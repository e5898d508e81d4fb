import { OptionError } from 'virtiolab/core';
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

/** What is wrong with one device of a type, made anew. @throws OptionError for a name that there is not for the type */
export function liesNamed(names: readonly string[], type: string): readonly Lies[] {
  return names.map((name) => {
    const mutant = deviceMutants.find((each) => each.name === name);
    const fits = mutant?.type === undefined || mutant.type === type;
    const found = lyingDevices.find((each) => each.name === name)?.make() ?? (fits ? mutant : undefined);
    if (found === undefined)
      throw new OptionError('lie', name, `the name of a lie or of a mutant of ${type} devices`);
    return found;
  });
}
