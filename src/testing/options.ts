import { OptionError } from '../core/index.ts';

/** A whole number that an option may be. @throws OptionError */
export function atLeast(option: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least)
    throw new OptionError(option, value, `a whole number of ${least} at least`);
  return value;
}

/** A list that an arbitrary draws from, all of it known. @throws OptionError */
export function oneAtLeast<T>(option: string, list: readonly T[], known?: readonly T[]): readonly T[] {
  const wants = known === undefined ? 'one at least' : `one at least of ${known.join(', ')}`;
  if (list.length === 0) throw new OptionError(option, 'none', wants);
  const stray = known === undefined ? undefined : list.find((each) => !known.includes(each));
  if (stray !== undefined) throw new OptionError(option, stray, wants);
  return list;
}
