import type { Party } from '../core/index.ts';
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

/** What is broken where no clause is about that alone: what binds driver and device to all of their chapters. */
export const umbrellaClause = (device: Pick<Speaker, 'legacyDriver'>, party: Party): string =>
  device.legacyDriver ? 'LEG-FEAT-04' : party === 'device' ? 'CONF-02' : 'CONF-01';

/** What a driver breaks by a request of another shape than its type has, where no clause is about that alone. */
export const shapeClause = (device: Speaker): string => umbrellaClause(device, 'driver');

/** On a queue's name in a kick: without features, with NOTIFICATION_DATA, NOTIF_CONFIG_DATA, both. */
const namingClauses = ['PCI-KICK-03', 'PCI-KICK-04', 'PCI-KICK-05', 'PCI-KICK-06'] as const;

/** What a driver breaks by a kick that names the wrong queue. */
export const namingClause = (device: Speaker): string =>
  namingClauses[
    (device.has(feature.notificationConfigData) ? 2 : 0) + (device.has(feature.notificationData) ? 1 : 0)
  ]!;

/** What a driver breaks by a part of a request that is not there: `legacy` is the framing rule, where one binds it. */
export const framingClause = (device: Speaker, legacy: string): string =>
  strictFraming(device) ? legacy : shapeClause(device);
