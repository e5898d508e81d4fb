/** Every place of a document, as the keys on the way. */
export function places(
  value: unknown,
  way: readonly (string | number)[] = [],
): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [way];
  const inner = Object.entries(value).map(([key, each]) =>
    places(each, [...way, Array.isArray(value) ? Number(key) : key]),
  );
  return [way, ...inner.flat()];
}

/** The document with something else at a place; undefined takes it away. */
export function put(
  document: unknown,
  [key, ...rest]: readonly (string | number)[],
  value: unknown,
): unknown {
  if (key === undefined) return value;
  const copy = (Array.isArray(document) ? [...document] : { ...(document as object) }) as Record<
    string | number,
    unknown
  >;
  if (rest.length === 0 && value === undefined) delete copy[key];
  else copy[key] = put(copy[key], rest, value);
  return copy;
}

export const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
