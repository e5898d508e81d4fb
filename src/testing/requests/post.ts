import type { ChainBuffer, VirtioDriver } from '../../driver/index.ts';
import type { RequestChain } from './chain.ts';

/** A request that a device was given. */
export interface PostedRequest {
  /** The name of the chain; -1 where the queue had no room for it, or does not exist. */
  readonly head: number;
  readonly queue: number;
  readonly buffers: readonly ChainBuffer[];
}

/** Memory behind a buffer that claims more than there is. */
const MOST_BYTES = 0x10000;

/**
 * Gives a request to a device by a driver that has brought it up: puts its bytes into the driver's memory, makes the chain
 * available, and kicks. `requestChain` says what the bytes are.
 * @throws ResourceError when the driver's memory is used up
 */
export function postRequest(driver: VirtioDriver, { queue, buffers }: RequestChain): PostedRequest {
  const { memory } = driver;
  const placed = buffers.map(({ content, length, writable }) => {
    const address = memory.allocate(Math.max(1, content.length, Math.min(length, MOST_BYTES)));
    memory.ram.write(address, content);
    return { address, length, writable };
  });
  const head = driver.add(queue, placed);
  driver.kick(queue);
  return { head, queue, buffers: placed };
}
