import type { Shape } from '../core/index.ts';
import type { VirtioDevice } from './device.ts';

/** What a device has to have in common with the one that a state was saved of: whatever a driver can have built on. */
export function shapeOf({ behaviour, options, features, config }: VirtioDevice): Shape {
  const { type, queueSizes } = behaviour;
  const { guestEndian, legacy } = options;
  const { offered, offeredLegacy } = features;
  return {
    ...{ type: type.name, guestEndian, legacy },
    'offered features': [...offered],
    'features offered to legacy drivers': offeredLegacy,
    'number of queues': queueSizes.length,
    'queue sizes': [...queueSizes],
    'configuration bytes': config.length,
  };
}
