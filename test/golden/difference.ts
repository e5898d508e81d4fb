/** What JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One leaf where two records are not the same; `undefined` where one of them has nothing. */
export interface Difference {
  readonly path: string;
  readonly observed: Json | undefined;
  readonly ours: Json | undefined;
}

const isTree = (value: Json | undefined): value is readonly Json[] | { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null;

/** The value at `path`, as `a.b[0].c`. */
export function at(record: Json, path: string): Json | undefined {
  let value: Json | undefined = record;
  for (const key of path.split(/[.[\]]+/).filter((part) => part !== ''))
    value = isTree(value) ? (value as { readonly [key: string]: Json })[key] : undefined;
  return value;
}

/** Every leaf in which `ours` is not `observed`, in the order of the keys. */
export function differences(observed: Json | undefined, ours: Json | undefined, path: string): Difference[] {
  if (isTree(observed) && isTree(ours) && Array.isArray(observed) === Array.isArray(ours)) {
    const keys = [...new Set([...Object.keys(observed), ...Object.keys(ours)])];
    return keys.flatMap((key) =>
      differences(
        (observed as { readonly [key: string]: Json })[key],
        (ours as { readonly [key: string]: Json })[key],
        Array.isArray(observed) ? `${path}[${key}]` : `${path}.${key}`,
      ),
    );
  }
  return Object.is(observed, ours) ? [] : [{ path, observed, ours }];
}
