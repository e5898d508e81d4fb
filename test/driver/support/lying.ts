import type { Chain, VirtioDevice } from '../../../src/virtio/index.ts';

/**
 * Hands a chain back with a used length of the test's choice. What no chain has room for the device would cut, and say so:
 * such a lie is told by its ring.
 */
export function completeWith(device: VirtioDevice, chain: Chain, length: number): void {
  const ring = device.queue(chain.queue)!;
  const push = ring.push.bind(ring);
  ring.push = (head, _, ...rest) => push(head, length, ...rest);
  try {
    device.complete(chain, Math.min(length, chain.writableBytes));
  } finally {
    ring.push = push;
  }
}
