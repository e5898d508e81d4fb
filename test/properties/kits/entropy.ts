import fc from 'fast-check';
import { EntropyDevice, entropyDeviceType, entropyQueue, SeededEntropy } from '../../../src/virtio/index.ts';
import type { KitChain, TypeKit } from './kit.ts';

const chain = (readable: readonly number[][], writable: readonly number[]): KitChain => ({
  queue: entropyQueue.request,
  readable,
  writable,
});

/** Buffers to be filled, of any lengths; now and then one that the device can only read. */
const chains: fc.Arbitrary<KitChain> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .array(fc.oneof(fc.constantFrom(1, 64, 512), fc.nat(600)), { minLength: 1, maxLength: 4 })
      .map((writable) => chain([], writable)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(fc.nat(255), { minLength: 1, maxLength: 20 }), fc.array(fc.nat(64), { maxLength: 2 }))
      .map(([readable, writable]) => chain([readable], writable)),
  },
);

export const entropyKit: TypeKit<never> = {
  type: entropyDeviceType,
  features: [],
  queues: [entropyQueue.request],
  make(queueSize) {
    const source = new SeededEntropy(7);
    return {
      behaviour: new EntropyDevice({ source, queueSize }),
      stimulate: () => {},
      // How far the source has come: as many bytes as were asked for, wherever they went.
      outside: () => source.save(),
      saveOutside: () => source.save(),
      loadOutside: (state) => source.load(state),
    };
  },
  chains: () => chains,
  stimuli: null,
};
