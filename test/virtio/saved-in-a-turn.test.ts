import { describe, expect, it } from 'vitest';
import type { State } from '../../src/core/index.ts';
import { feature, NetworkDevice, type NetworkLink } from '../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './support/guests.ts';
import { RawRing } from './support/ring.ts';

/** The queue on which a driver sends. */
const TRANSMIT = 1;
const FRAMES = 4;
const FRAME_BYTES = 12 + 60;

/** Calls back with the number of each frame. */
class TellingLink implements NetworkLink {
  readonly offloads = false;
  readonly frames: number[] = [];
  onFrame: (nth: number) => void = () => {};
  attach(): void {}

  transmit(bytes: Uint8Array, offset: number): void {
    this.frames.push(bytes[offset + 20]!);
    this.onFrame(this.frames.length - 1);
  }
}

const kinds = {
  legacy: (link: NetworkLink) => {
    const guest = new LegacyGuest(new NetworkDevice({ link }));
    return { guest, start: () => guest.start(0, [0, TRANSMIT])[1]! };
  },
  modern: (link: NetworkLink) => {
    const guest = new ModernGuest(new NetworkDevice({ link }), { transportFeatures: [feature.inOrder] });
    return { guest, start: () => guest.start([], [0, TRANSMIT])[1]! };
  },
};

describe.each(Object.entries(kinds))(
  'a machine that is saved while a %s device hands out a frame',
  (_, make) => {
    it.each([0, 1, 2, 3])('has lost none of the frames where it is loaded, saved in frame %i', (nth) => {
      const [before, after] = [new TellingLink(), new TellingLink()];
      const [old, fresh] = [make(before), make(after)];
      const ring = old.start();
      let state: State = null;
      before.onFrame = (at) => {
        if (at === nth) state = old.guest.machine.save();
      };
      const header = FRAME_BYTES - 60;
      for (let i = 0; i < FRAMES; i++) {
        const address = BUFFERS + 256 * i;
        old.guest.machine.ram.write(address, new Uint8Array(FRAME_BYTES).fill(i, header));
        ring.describe(i, { address, length: FRAME_BYTES, flags: 0 });
      }
      ring.offer(...Array(FRAMES).keys());
      old.guest.kick(TRANSMIT);
      expect(ring.usedIndex).toBe(FRAMES);
      fresh.guest.machine.load(state);
      const its = new RawRing(fresh.guest.machine.ram, ring.size, ring.parts);
      expect(its.used()).toEqual(Array.from({ length: FRAMES }, (_, i) => [i, 0]));
      // Each was handed out once, by the one device or by the other.
      expect([...before.frames.slice(0, nth + 1), ...after.frames]).toEqual([...Array(FRAMES).keys()]);
    });
  },
);
