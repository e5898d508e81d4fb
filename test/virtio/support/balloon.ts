import {
  BalloonDevice,
  type BalloonEvent,
  type BalloonOptions,
  balloonFeature,
} from '../../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './guests.ts';
import type { Descriptor, RawRing } from './ring.ts';

export const PAGE = 4096;
export const WRITE = 2;
export const F = balloonFeature;
export const ALL: BalloonOptions = { freePageHints: true, freePageReports: true, mustTellHost: 'offered' };
export const QUEUES = [0, 1, 2, 3, 4];

/** A balloon that says what happens to it, and a driver of raw rings in front of it. */
export function modern(
  options: BalloonOptions = ALL,
  accept: readonly number[] = Object.values(F),
  queues = QUEUES,
) {
  const events: BalloonEvent[] = [];
  const device = new BalloonDevice({ ...options, onEvent: (event) => events.push(event) });
  const guest = new ModernGuest(device);
  const offered = accept.filter((bit) => device.features.includes(bit));
  const rings = guest.start(offered, queues);
  guest.clauses();
  return { device, events, guest, rings };
}

export function legacy(big: boolean, features = 0x3f, options: BalloonOptions = ALL) {
  const events: BalloonEvent[] = [];
  const device = new BalloonDevice({ ...options, onEvent: (event) => events.push(event) });
  const guest = new LegacyGuest(device, { guestEndian: big ? 'big' : 'little' });
  const rings = guest.start(features, QUEUES);
  guest.clauses();
  return { device, events, guest, rings };
}

export type Setup = ReturnType<typeof modern> | ReturnType<typeof legacy>;

export const offer = (
  { guest }: Setup,
  ring: RawRing,
  queue: number,
  descriptors: Descriptor[],
  head = 0,
) => {
  ring.chain(head, descriptors);
  ring.offer(head);
  guest.kick(queue);
};

export const words = (values: readonly number[], little = true) => {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, little);
  return new Uint8Array(view.buffer);
};

/** Puts page numbers into one of the first two queues. @returns the clauses that were broken. */
export function move(setup: Setup, queue: 0 | 1, pages: readonly number[], little = true): string[] {
  setup.guest.machine.ram.write(BUFFERS, words(pages, little));
  offer(setup, setup.rings[queue]!, queue, [{ address: BUFFERS, length: 4 * pages.length }]);
  return setup.guest.clauses();
}

export const entries = (found: readonly (readonly [tag: number, value: bigint])[], little = true) => {
  const view = new DataView(new ArrayBuffer(10 * found.length));
  for (const [i, [tag, value]] of found.entries()) {
    view.setUint16(10 * i, tag, little);
    view.setBigUint64(10 * i + 2, value, little);
  }
  return new Uint8Array(view.buffer);
};

/** Puts a statistics buffer into its queue. */
export function tell(
  setup: Setup,
  found: readonly (readonly [number, bigint])[],
  little = true,
  head = 0,
): string[] {
  const bytes = entries(found, little);
  setup.guest.machine.ram.write(BUFFERS + PAGE * head, bytes);
  const where = { address: BUFFERS + PAGE * head, length: bytes.length };
  offer(setup, setup.rings[2]!, 2, [where], head);
  return setup.guest.clauses();
}
