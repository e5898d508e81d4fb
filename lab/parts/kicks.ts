import { type Explanation, formatBuffers } from 'virtiolab/conformance';
import type { Stream } from './stream.ts';

/** The queue that a write to a register kicks; null for no kick. */
export function kickedQueue(register: string, value: string): number | null {
  return register.startsWith('queueNotify') ? Number(value) & 0xffff : null;
}

/** Opens a kick: the chains that wait in its queue, and the request that each of them is. @param seq of the kick */
export function openKick(stream: Stream, { queues }: Explanation, queue: number, seq: number): void {
  const kicked = queues.find(({ index }) => index === queue);
  for (const { head, buffers, request, fault } of kicked?.ring?.waiting ?? [])
    stream.add('left', 'chain', 'chain', {
      place: `queue ${queue}`,
      name: `chain ${head}: ${formatBuffers(buffers)}`,
      meaning: fault === null ? request : `broken: ${fault.says}`,
      root: seq,
      clause: fault?.clause ?? null,
    });
}

/** What an address in the driver's memory is. */
export function areaAt({ queues }: Explanation, address: number): string {
  for (const { index, size, descriptors, driver, device } of queues) {
    const within = (start: number | null, bytes: number) =>
      start !== null && start !== 0 && address >= start && address < start + bytes;
    const count = size ?? 0;
    if (within(descriptors, 16 * count)) return `queue ${index} descriptors`;
    if (within(driver, 6 + 2 * count)) return `queue ${index} available ring`;
    if (within(device, 6 + 8 * count)) return `queue ${index} used ring`;
  }
  return 'buffer';
}
