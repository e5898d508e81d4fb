import type { State } from '../../../src/core/index.ts';
import { feature } from '../../../src/virtio/index.ts';
import { changed, type Place } from '../../properties/support/state-leaves.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './guests.ts';
import { RawPackedRing } from './packed-ring.ts';
import { Probe } from './probe.ts';

const SIZE = 8;
const PARTS = { descriptor: 0x10000, driver: 0x12000, device: 0x12800 };
/** The second queue is absent. */
const probe = () => new Probe({ queueSizes: [SIZE, 0] });
const options = { transportFeatures: [feature.ringPacked, feature.inOrder, feature.suspend] };

const readable = { address: BUFFERS, length: 16 };
const writable = { address: BUFFERS + 16, length: 4, flags: 2 };

function modern(features: readonly number[]) {
  const guest = new ModernGuest(probe(), options);
  guest.negotiate(features);
  const ring = guest.setUp(0, SIZE, PARTS);
  guest.block.set('deviceStatus', 0x0f);
  return { guest, ring };
}

/** Two chains in flight: heads 1 and 3, of two descriptors each. */
function split(features: readonly number[] = []) {
  const { guest, ring } = modern(features);
  for (const head of [1, 3]) {
    ring.chain(head, [readable, writable]);
    ring.offer(head);
  }
  guest.kick();
  return guest;
}

/** Two chains in flight: one of two descriptors, and one of one. */
function packed() {
  const { guest } = modern([feature.ringPacked]);
  const ring = new RawPackedRing(guest.machine.ram, SIZE, PARTS);
  ring.offer(0, readable, writable);
  ring.offer(1, writable);
  guest.kick();
  return guest;
}

function legacy() {
  const guest = new LegacyGuest(probe(), options);
  guest.start();
  return guest;
}

/** Devices, each made anew, as their drivers have brought them up: their first queue has 8 descriptors, the second is absent. */
export const busy = {
  split: () => split().device,
  inOrder: () => split([feature.inOrder]).device,
  packed: () => packed().device,
  legacy: () => legacy().device,
  idle: () => new ModernGuest(probe(), options).device,
} as const;
export type Busy = keyof typeof busy;

export type Values = Readonly<Record<string, State>>;
/** A record in a state, and what is to be in it instead. */
export type Change = readonly [place: Place, values: Values];

/** The state of one of them, changed. */
export const savedWith = (of: Busy, ...changes: readonly Change[]): State =>
  changes.reduce<State>(
    (state, [place, values]) =>
      Object.entries(values).reduce((at, [name, value]) => changed(at, [...place, name], value), state),
    busy[of]().save(),
  );
