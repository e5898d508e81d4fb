/**
 * Runs of one property: `usual`, or what VIRTIOLAB_RUNS says. fast-check prints seed, path and the shrunk case of a
 * failure; put them into `fc.assert(property, { seed, path })` to see it again.
 */
export function runs(usual: number): number {
  const wanted = Number(process.env.VIRTIOLAB_RUNS ?? '');
  return Number.isInteger(wanted) && wanted > 0 ? wanted : usual;
}

/** Fewer would shrink nothing, and draw no two alike. */
const FEWEST = 30;

/** Runs of each of `cases` properties that say the same of other types or windows, and have `usual` runs together. */
export function shared(usual: number, cases: number): number {
  return runs(Math.max(FEWEST, Math.ceil(usual / cases)));
}

/**
 * Milliseconds that vitest gives to one property: against hanging only, since a busy machine takes as long as it takes, and
 * more where many runs were asked for.
 */
export const PATIENCE = process.env.VIRTIOLAB_RUNS === undefined ? 900_000 : 24 * 3_600_000;
