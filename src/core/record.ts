import { StateMismatchError, StateVersionError } from './errors.ts';
import {
  type Expect,
  expectAt,
  type Fields,
  isStateMap,
  type Kind,
  parseFields,
  type StateMap,
  shapesOf,
  type ValuesOf,
  within,
} from './kinds.ts';
import { expectEqual, type Manifest, type Shape, type State } from './state.ts';

/** How a state of an older version becomes one of the next, by the older one's version. */
export type Upgrades = { readonly [version: number]: (state: StateMap) => StateMap };

export interface RecordRules<F extends Fields> {
  readonly upgrades?: Upgrades;
  /** What holds between fields, each of which is right by itself. */
  readonly relate?: (values: ValuesOf<F>, expect: Expect) => void;
}

type Versioned<F extends Fields> = ValuesOf<F> & { readonly version: number };

/** The saved state of one kind of thing, as a table. */
export interface RecordType<F extends Fields> extends Kind<Versioned<F>> {
  readonly name: string;
  readonly version: number;
  readonly fields: F;
  /** The values as a state, with the record's version. */
  save(values: ValuesOf<F>): Versioned<F>;
  /**
   * Looks at a state, an older one once it was upgraded; nothing is copied that is bytes.
   * @param made what the instance was made with: the state's field `shape` has to say the same.
   * @throws StateVersionError for a newer version, and for an older one that nothing upgrades.
   * @throws StateMismatchError naming the place, the value and what would be right.
   */
  parse(state: State | undefined, path?: string, made?: Shape): Versioned<F>;
  manifest(): Manifest;
}

/** `fields` name no `version`: that is the record's. */
export function record<const F extends Fields & { readonly version?: never }>(
  name: string,
  version: number,
  fields: F,
  rules: RecordRules<F> = {},
): RecordType<F> {
  const since = oldest(version, rules.upgrades);
  const manifest = (): Manifest => ({
    ...{ record: name, version, ...(since === version ? {} : { since }) },
    fields: shapesOf(fields),
  });
  return {
    name,
    version,
    fields,
    get shape() {
      return manifest();
    },
    save: (values) => ({ version, ...values }),
    parse(state, path = name, made) {
      const current = upgraded(state, path, version, rules.upgrades);
      if (made !== undefined) expectEqual(within(path, 'shape'), current.shape, made);
      const values = parseFields(fields, current, path, ['version']);
      rules.relate?.(values, expectAt(path));
      return { version, ...values };
    },
    manifest,
  };
}

/** The oldest version of which there is a way to this one. */
function oldest(version: number, upgrades: Upgrades = {}): number {
  let from = version;
  while (upgrades[from - 1] !== undefined) from--;
  return from;
}

function upgraded(
  state: State | undefined,
  path: string,
  version: number,
  upgrades: Upgrades = {},
): StateMap {
  if (!isStateMap(state)) throw new StateMismatchError(path, state, 'a record');
  const found = state.version;
  const at = within(path, 'version');
  if (typeof found !== 'number' || !Number.isInteger(found) || found < 1)
    throw new StateMismatchError(at, found, `a version of 1..${version}`);
  if (found > version) throw new StateVersionError(at, found, version);
  let current = state;
  for (let from = found; from < version; from++) {
    const upgrade = upgrades[from];
    if (upgrade === undefined) throw new StateVersionError(at, found, version);
    current = { ...upgrade(current), version: from + 1 };
  }
  return current;
}
