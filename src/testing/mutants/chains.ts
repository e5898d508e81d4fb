import {
  availableRingBytes,
  type Chain,
  descriptor,
  descriptorFlag,
  feature,
  USED_ELEMENT_BYTES,
  usedRing,
} from '../../virtio/index.ts';
import type { DeviceMutant } from './mutant.ts';
import { mutateHandling, mutateRings } from './ring-parts.ts';

const { next: NEXT, write: WRITE, indirect: INDIRECT } = descriptorFlag;

/** Address of the first byte that a chain lets the device write; null where it lets none. */
const firstWritable = (chain: Chain) =>
  chain.readableCount < chain.count ? chain.segment(chain.readableCount) : null;

/** A device that leaves some chains alone. */
const leavesAlone =
  (
    which: (...args: Parameters<Parameters<typeof mutateHandling>[1]>) => boolean,
  ): NonNullable<DeviceMutant['device']> =>
  (fn) =>
    mutateHandling(fn, (chain, honest, at) => {
      if (!which(chain, honest, at)) honest();
    });

/** Devices that get descriptors and buffers wrong. */
export const chainMutants: readonly DeviceMutant[] = [
  {
    name: 'writes-readable-buffer',
    breaks: ['SPL-DESC-01', 'PKD-DESC-01'],
    says: 'the last byte of the first readable buffer is written when the chain is handed back',
    type: 'block',
    device: (fn) =>
      mutateRings(fn, () => {
        let last = 0;
        return {
          popped(chain) {
            const { address, length } = chain.segment(0);
            last = address + length - 1;
          },
          push:
            (honest, at) =>
            (head, ...rest) => {
              at.put(last, 1, 0xee);
              return honest(head, ...rest);
            },
        };
      }),
  },
  {
    name: 'writes-descriptor-table',
    breaks: ['SPL-DESC-04'],
    says: 'the length of a split ring’s descriptor is cleared when its chain is handed back',
    device: (fn) =>
      mutateRings(fn, () => ({
        push:
          (honest, at) =>
          (head, ...rest) => {
            if (!at.packed) at.put(at.descriptor(head) + descriptor.length.offset, 4, 0);
            return honest(head, ...rest);
          },
      })),
  },
  {
    name: 'reads-writable-buffer',
    breaks: ['SPL-DESC-02', 'PKD-DESC-02'],
    says: 'what stood in the first writable byte is mixed into the answer',
    type: 'block',
    device: (fn) =>
      mutateRings(fn, () => {
        let address = 0;
        let before = 0;
        return {
          popped(chain, at) {
            address = firstWritable(chain)!.address;
            before = at.get(address, 1);
          },
          push:
            (honest, at) =>
            (head, ...rest) => {
              at.put(address, 1, (at.get(address, 1) + 3 * before) & 0xff);
              return honest(head, ...rest);
            },
        };
      }),
  },
  {
    name: 'index-before-element',
    breaks: ['SPL-USED-01'],
    says: 'the used element is written when the next chain is taken, after the index has moved',
    setting: 'modern',
    device: (fn) =>
      mutateRings(fn, () => {
        let write = () => {};
        let used = 0;
        return {
          popped: () => write(),
          push:
            (honest, at) =>
            (head, length, ...rest) => {
              const element =
                at.ring.addresses.get('device') +
                usedRing.ring.offset +
                USED_ELEMENT_BYTES * (used++ % at.ring.size);
              const [id, bytes] = [at.get(element, 4), at.get(element + 4, 4)];
              const done = honest(head, length, ...rest);
              at.put(element, 4, id);
              at.put(element + 4, 4, bytes);
              write = () => {
                at.put(element, 4, head);
                at.put(element + 4, 4, length);
              };
              return done;
            },
        };
      }),
  },
  {
    name: 'last-byte-not-written',
    breaks: ['SPL-USED-02'],
    says: 'the used length counts a byte that was not written',
    device: (fn) =>
      mutateRings(fn, () => {
        let address = 0;
        let before = 0;
        return {
          popped(chain, at) {
            const first = firstWritable(chain)!;
            address = first.address + first.length - 1;
            before = at.get(address, 1);
          },
          push:
            (honest, at) =>
            (head, ...rest) => {
              at.put(address, 1, before);
              return honest(head, ...rest);
            },
        };
      }),
  },
  {
    name: 'wants-few-descriptors',
    breaks: ['SPL-FRM-01'],
    says: 'requests of more descriptors than their parts are left alone',
    type: 'block',
    device: leavesAlone((chain) => chain.count > 2),
  },
  {
    name: 'reads-lists-backwards',
    breaks: ['PKD-SG-07'],
    says: 'the readable descriptors of a list are read last to first',
    type: 'p9',
    setting: 'packed',
    device: (fn) =>
      mutateHandling(fn, (chain, honest) => {
        for (const words of [chain.lows, chain.highs, chain.lengths])
          words.subarray(0, chain.readableCount).reverse();
        honest();
      }),
  },
  {
    name: 'insists-on-any-layout',
    breaks: ['LEG-FRM-01'],
    says: 'without ANY_LAYOUT legacy requests are left alone',
    setting: 'legacy',
    device: leavesAlone((_, __, { device }) => !device.has(feature.anyLayout)),
  },
  {
    name: 'used-ring-unaligned',
    breaks: ['LEG-VRING-03'],
    says: "a legacy ring's used part follows the available one without a gap",
    setting: 'legacy',
    device({ device }) {
      for (const { ring } of device.queues.services) {
        const get = ring.addresses.get.bind(ring.addresses);
        ring.addresses.get = (area) =>
          area === 'device' ? get('driver') + 4 * Math.ceil(availableRingBytes(ring.size) / 4) : get(area);
      }
    },
  },
  {
    name: 'used-index-swapped',
    breaks: ['LEG-VEND-01'],
    says: "a legacy ring's used index is big-endian on a little-endian guest",
    setting: 'legacy',
    device: (fn) =>
      mutateRings(fn, () => {
        let used = 0;
        return {
          publish(honest, at) {
            const wanted = honest();
            used++;
            at.put(at.ring.addresses.get('device') + usedRing.index.offset, 2, (used << 8) | (used >> 8));
            return wanted;
          },
        };
      }),
  },
  {
    name: 'write-on-indirect-refused',
    breaks: ['SPL-IND-06', 'PKD-IND-05'],
    says: 'a descriptor with INDIRECT and WRITE is not followed',
    device: leavesAlone(({ first }, _, at) => (at.flags(first) & (INDIRECT | WRITE)) === (INDIRECT | WRITE)),
  },
  {
    name: 'indirect-first-or-never',
    breaks: ['SPL-IND-07'],
    says: 'a table is followed from the first descriptor of a chain only',
    type: 'block',
    setting: 'modern',
    device: leavesAlone(
      ({ first }, _, at) => (at.flags(first) & NEXT) !== 0 && (at.flags(first + 1) & INDIRECT) !== 0,
    ),
  },
  {
    name: 'table-ids-matter',
    breaks: ['PKD-IND-05'],
    says: 'chains by way of a table are left alone where the id in it is not 0',
    setting: 'packed',
    device: leavesAlone(({ first }, _, at) => {
      if ((at.flags(first) & INDIRECT) === 0) return false;
      const table = at.get(at.descriptor(first), 4);
      return at.get(table + 12, 2) !== 0;
    }),
  },
];
