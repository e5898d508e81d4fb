import fc from 'fast-check';
import { LampDevice, lampType } from '../../../docs/examples/lamp.ts';
import type { KitChain, TypeKit } from './kit.ts';

const bytesOf = (brightness: number, littleEndian: boolean): number[] => {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, brightness, littleEndian);
  return [...new Uint8Array(view.buffer)];
};

const requests = (littleEndian: boolean): fc.Arbitrary<KitChain> =>
  fc.constantFrom(0, 1, 30, 99, 100, 101, 0xffffffff).map((brightness) => ({
    queue: 0,
    readable: [bytesOf(brightness, littleEndian)],
    writable: [1],
  }));

const malformed: fc.Arbitrary<KitChain> = fc.record({
  queue: fc.constant(0),
  readable: fc.array(fc.array(fc.nat(255), { minLength: 1, maxLength: 5 }), { maxLength: 3 }),
  writable: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 2 }),
});

/** The type of docs/your-own-device.md: one from outside is held to what this project's are. */
export const lampKit: TypeKit<never> = {
  type: lampType,
  features: Object.values(lampType.features),
  queues: [0],
  make(queueSize) {
    const lamp = new LampDevice(queueSize);
    return {
      behaviour: lamp,
      stimulate: () => {},
      outside: () => lamp.brightness,
      saveOutside: () => null,
      loadOutside: () => {},
    };
  },
  chains: (littleEndian) =>
    fc.oneof({ weight: 6, arbitrary: requests(littleEndian) }, { weight: 1, arbitrary: malformed }),
  stimuli: null,
};
