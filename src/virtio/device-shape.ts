import type { Shape } from '../core/index.ts';
import type { AnyConfig, DeviceBehaviour, VirtioDeviceOptions } from './behaviour.ts';
import { defaultTransportFeatures, type FeatureNegotiation } from './negotiation.ts';

/** What a device is made with where nothing is said. */
const usualOptions = {
  guestEndian: 'little',
  transportFeatures: defaultTransportFeatures,
  resetReads: 0,
} as const satisfies Partial<VirtioDeviceOptions>;

/** All options, field by field: a spread makes an object of a form of its own, each time. */
export const completed = (options: VirtioDeviceOptions): Required<VirtioDeviceOptions> => ({
  legacy: options.legacy,
  guestEndian: options.guestEndian ?? usualOptions.guestEndian,
  transportFeatures: options.transportFeatures ?? usualOptions.transportFeatures,
  resetReads: options.resetReads ?? usualOptions.resetReads,
  administration: options.administration ?? null,
});

/** The device whose shape it is. */
export interface Shaped {
  readonly behaviour: DeviceBehaviour;
  readonly options: Required<VirtioDeviceOptions>;
  readonly features: FeatureNegotiation;
  readonly config: AnyConfig;
}

/** What a device has to have in common with the one that a state was saved of: whatever a driver can have built on. */
export function shapeOf({ behaviour, options, features, config }: Shaped): Shape {
  const { type, queueSizes } = behaviour;
  const { guestEndian, legacy, administration } = options;
  const { offered, offeredLegacy } = features;
  return {
    ...{ type: type.name, guestEndian, legacy },
    'offered features': [...offered],
    'features offered to legacy drivers': offeredLegacy,
    'number of queues': queueSizes.length,
    'queue sizes': [...queueSizes],
    'configuration bytes': config.length,
    ...(administration === null ? {} : { 'administration queue sizes': [...administration.queueSizes] }),
  };
}
