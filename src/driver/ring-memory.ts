import {
  availableRingBytes,
  descriptorTableBytes,
  LEGACY_ALIGNMENT,
  legacyRingLayout,
  PACKED_EVENT_BYTES,
  packedAlignment,
  packedRingBytes,
  splitAlignment,
  usedRingBytes,
} from '../virtio/layout/index.ts';
import type { DmaPieces } from './memory.ts';
import type { RingPlace } from './ring.ts';
import type { Transport } from './transport/transport.ts';

/** Takes memory for a ring of `size` descriptors, laid out as the transport wants it. @throws ResourceError */
export function allocateRing(
  transport: Pick<Transport, 'ringLayout'>,
  memory: DmaPieces,
  size: number,
  packed: boolean,
): RingPlace {
  if (packed) {
    const event = () => memory.allocate(PACKED_EVENT_BYTES, packedAlignment.event);
    const descriptor = memory.allocate(packedRingBytes(size), packedAlignment.descriptors);
    return { descriptor, driver: event(), device: event() };
  }
  if (transport.ringLayout === 'legacy') {
    const layout = legacyRingLayout(size);
    const base = memory.allocate(layout.total, LEGACY_ALIGNMENT);
    return { descriptor: base, driver: base + layout.available, device: base + layout.used };
  }
  return {
    descriptor: memory.allocate(descriptorTableBytes(size), splitAlignment.descriptors),
    driver: memory.allocate(availableRingBytes(size), splitAlignment.available),
    device: memory.allocate(usedRingBytes(size), splitAlignment.used),
  };
}
