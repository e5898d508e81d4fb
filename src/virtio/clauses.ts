import { feature } from './layout/index.ts';

/** Of a device, what decides which clauses bind its driver. */
export interface Speaker {
  readonly legacyDriver: boolean;
  has(bit: number): boolean;
}

/** A legacy driver without ANY_LAYOUT has to cut its requests in one way (LEG-FRM-01). */
export const strictFraming = (device: Speaker): boolean =>
  device.legacyDriver && !device.has(feature.anyLayout);

/** What a driver breaks by an address that the function does not reach: no physical one, or one that is not mapped. */
export const reachClause = (device: Speaker): string =>
  device.has(feature.accessPlatform) ? 'RF-04' : 'RF-05';

/**
 * What a driver breaks by a request of another shape than its type has, where no clause is about that alone: what
 * binds it to its device's chapter.
 */
export const shapeClause = (device: Speaker): string => (device.legacyDriver ? 'LEG-FEAT-04' : 'CONF-01');

/** What a driver breaks by a part of a request that is not there: `legacy` is the framing rule, where one binds it. */
export const framingClause = (device: Speaker, legacy: string): string =>
  strictFraming(device) ? legacy : shapeClause(device);
