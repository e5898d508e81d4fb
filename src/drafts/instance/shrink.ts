/**
 * The shortest list that still fails, as far as taking away finds it: halves first, then ever smaller pieces, until no single
 * item can go; then simpler items in their place.
 * @param fails tells whether a list fails.
 * @param simpler of an item, the simplest first.
 * @param budget of calls of `fails`.
 */
export function shrink<T>(
  list: readonly T[],
  fails: (list: readonly T[]) => boolean,
  simpler: (item: T) => readonly T[],
  budget = 600,
): readonly T[] {
  let best = list;
  let calls = 0;
  const attempt = (candidate: readonly T[]): boolean => {
    if (calls >= budget) return false;
    calls++;
    if (!fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let before = -1; before !== best.length; ) {
    before = best.length;
    for (let piece = Math.ceil(best.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2))
      for (let at = best.length - piece; at >= 0; at -= piece)
        attempt([...best.slice(0, at), ...best.slice(at + piece)]);
  }
  for (let at = 0; at < best.length; at++)
    for (const item of simpler(best[at]!))
      if (attempt(best.map((each, i) => (i === at ? item : each)))) break;
  return best;
}
