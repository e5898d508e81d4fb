import { PackedRingScribe, RingScribe, type RingWriter } from '../conformance/rings/index.ts';
import { ArgumentError, type VirtioDriver } from '../driver/index.ts';
import { feature } from '../virtio/layout/index.ts';

/**
 * Who writes anything whatsoever into a ring that a driver has set up, past the driver. The kick is
 * `driver.transport.notify(queue, 0)`.
 * @throws ArgumentError for a queue that was not set up
 */
export function ringWriter(driver: VirtioDriver, queue: number): RingWriter {
  const ring = driver.rings.get(queue);
  if (ring === undefined)
    throw new ArgumentError(
      'queue',
      queue,
      `one that is set up: ${[...driver.rings.keys()].join(', ') || 'none is'}`,
    );
  const { memory, transport } = driver;
  return driver.has(feature.ringPacked)
    ? new PackedRingScribe(memory.ram, ring.place, ring.size)
    : new RingScribe(memory.ram, ring.place, ring.size, transport.littleEndian);
}
