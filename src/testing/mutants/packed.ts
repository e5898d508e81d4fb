import { feature, packedDescriptor, packedDescriptorFlag } from '../../virtio/index.ts';
import type { DeviceMutant } from './mutant.ts';
import { mutateHandling, mutateRings, RingParts } from './ring-parts.ts';

const USED = packedDescriptorFlag.available | packedDescriptorFlag.used;

/** Marks the first descriptor of a packed ring used at each kick for which that is so. */
const usesFirst =
  (when: (first: number, second: number) => boolean): NonNullable<DeviceMutant['device']> =>
  ({ device }) => {
    const notify = device.notify.bind(device);
    device.notify = (queue) => {
      const { ring } = device.queues.services[queue]!;
      const at = new RingParts(ring, device);
      if (at.packed && ring.ready && when(at.flags(0), at.flags(1)))
        at.put(at.descriptor(0) + packedDescriptor.flags.offset, 2, USED);
      notify(queue);
    };
  };

/** Devices that lose their way in a packed ring, or among chains in order. */
export const packedMutants: readonly DeviceMutant[] = [
  {
    name: 'uses-unavailable-descriptor',
    breaks: ['PKD-DESC-03'],
    says: 'a kick of an empty ring makes the first descriptor a used one',
    setting: 'packed',
    device: usesFirst((first, second) => first === 0 && second === 0),
  },
  {
    name: 'starts-behind-unavailable',
    breaks: ['PKD-LAY-04'],
    says: 'a descriptor is used while the one before it is not available',
    setting: 'packed',
    device: usesFirst((first, second) => first === 0 && second !== 0),
  },
  {
    name: 'leaves-gaps',
    breaks: ['PKD-LAY-05'],
    says: 'a used descriptor stands one further on than it should',
    setting: 'packed',
    device: (fn) =>
      mutateRings(fn, () => ({
        push: (honest, { packed }) =>
          packed
            ? (head, length, chains, span, touched) => honest(head, length, chains, span + 1, touched)
            : honest,
      })),
  },
  {
    name: 'rewrites-used-descriptor',
    breaks: ['PKD-DESC-04'],
    says: 'the length of the first used descriptor grows with each chain that is handed back',
    setting: 'packed',
    device: (fn) =>
      mutateRings(fn, () => ({
        publish(honest, at) {
          const wanted = honest();
          const length = at.descriptor(0) + packedDescriptor.length.offset;
          if (at.packed) at.put(length, 4, at.get(length, 4) + 1);
          return wanted;
        },
      })),
  },
  {
    name: 'wrap-counter-stays',
    breaks: ['PKD-EVT-04'],
    says: 'used descriptors bear the wrap counter of the first round in all rounds',
    setting: 'packed',
    device: (fn) =>
      mutateRings(fn, () => {
        let place = 0;
        let pushed = 0;
        return {
          push:
            (honest, { ring }) =>
            (head, length, chains, span, touched) => {
              pushed = place % ring.size;
              place += span;
              return honest(head, length, chains, span, touched);
            },
          publish(honest, at) {
            const wanted = honest();
            const flags = at.descriptor(pushed) + packedDescriptor.flags.offset;
            if (at.packed) at.put(flags, 2, at.get(flags, 2) | USED);
            return wanted;
          },
        };
      }),
  },
  {
    name: 'batch-by-another-name',
    breaks: ['SPL-INO-01', 'PKD-EVT-03'],
    says: 'in order, the used entry of a batch names a chain that was never given',
    device: (fn) =>
      mutateRings(fn, () => ({
        push:
          (honest, { device }) =>
          (head, ...rest) =>
            honest(device.has(feature.inOrder) ? head + 5 : head, ...rest),
      })),
  },
  {
    name: 'out-of-order',
    breaks: ['RF-18'],
    says: 'in order, the first chain is never used',
    setting: 'modern',
    device(fn) {
      let waiting: (() => void) | null = null;
      mutateHandling(fn, (_chain, honest, { device }) => {
        if (!device.has(feature.inOrder)) honest();
        else if (waiting === null) waiting = honest;
        else honest();
      });
    },
  },
];
