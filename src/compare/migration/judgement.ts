import { isStateMap, type State } from '../../core/index.ts';

/** Why a state may not move. `source` and `target` are what either side has, in a line. */
export interface Reason {
  readonly what: string;
  readonly source: string;
  readonly target: string;
}

/** What a strategy says before anything moves. */
export interface Judgement {
  readonly compatible: boolean;
  /** Empty where it is compatible. */
  readonly reasons: readonly Reason[];
}

export const judgement = (reasons: readonly Reason[]): Judgement => ({
  compatible: reasons.length === 0,
  reasons,
});

const MOST_TEXT = 60;

/** Anything in a line. */
export function brief(value: State | undefined): string {
  if (value === undefined || value === null) return 'none';
  const text =
    value instanceof Uint8Array
      ? [...value].join(' ')
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT - 3)}...`;
}

const isList = (value: State | undefined): value is readonly State[] => Array.isArray(value);

/** Every place where two values differ; of lists with different lengths the whole. */
export function differences(what: string, source: State | undefined, target: State | undefined): Reason[] {
  if (isStateMap(source) && isStateMap(target))
    return [...new Set([...Object.keys(source), ...Object.keys(target)])].flatMap((name) =>
      differences(`${what}.${name}`, source[name], target[name]),
    );
  if (isList(source) && isList(target) && source.length === target.length)
    return source.flatMap((each, i) => differences(`${what}[${i}]`, each, target[i]));
  const same =
    source instanceof Uint8Array && target instanceof Uint8Array
      ? source.length === target.length && source.every((byte, i) => byte === target[i])
      : source === target;
  return same ? [] : [{ what, source: brief(source), target: brief(target) }];
}
