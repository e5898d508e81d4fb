import type { Width } from '../../core/index.ts';
import { swapBytes } from '../../driver/index.ts';
import {
  availableRingBytes,
  descriptorTableBytes,
  feature,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  type LegacyWindow,
  legacyHeader,
  type VirtioFunction,
} from '../../virtio/index.ts';
import { type DeviceMutant, touches } from './mutant.ts';

const setting = 'legacy' as const;

/** The alignment of used rings elsewhere than on PCI. */
const OTHER_ALIGNMENT = 64;

/** The legacy window of a function. */
const windowOf = ({ pci }: VirtioFunction): LegacyWindow => pci.parts.get('legacy') as LegacyWindow;

/** Accesses to the legacy block arrive elsewhere, or with other bytes. */
function bend(
  fn: VirtioFunction,
  place: (offset: number, width: Width) => number,
  bytes: (value: number, offset: number, width: Width) => number = (value) => value,
): void {
  const window = windowOf(fn);
  const [read, write] = [window.read.bind(window), window.write.bind(window)];
  window.read = (offset, width) => bytes(read(place(offset, width), width), offset, width);
  window.write = (offset, width, value) => write(place(offset, width), width, bytes(value, offset, width));
}

/** Devices whose legacy block is not the one that legacy drivers know. */
export const legacyBlockMutants: readonly DeviceMutant[] = [
  {
    name: 'size-and-select-exchanged',
    breaks: ['LEG-LAY-06'],
    says: 'queue size and queue select stand in each other’s place',
    setting,
    device(fn) {
      const { queueSize, queueSelect } = legacyHeader;
      bend(fn, (offset) => {
        if (offset === queueSize.offset) return queueSelect.offset;
        return offset === queueSelect.offset ? queueSize.offset : offset;
      });
    },
  },
  {
    name: 'legacy-header-big-endian',
    breaks: ['LEG-LAY-05'],
    says: 'the legacy header is big-endian',
    setting,
    device: (fn) =>
      bend(
        fn,
        (offset) => offset,
        (value, offset, width) => (offset < LEGACY_CONFIG_OFFSET ? swapBytes(value, width) : value),
      ),
  },
  {
    name: 'no-legacy-vectors',
    breaks: ['LEG-LAY-07'],
    says: 'MSI-X adds no registers to the legacy block',
    setting,
    device(fn) {
      windowOf(fn).vectorsShown = () => false;
    },
  },
  {
    name: 'legacy-configuration-behind-a-gap',
    breaks: ['LEG-LAY-09'],
    says: 'with MSI-X configuration stands 4 bytes too early',
    setting,
    type: 'block',
    device: (fn) =>
      bend(fn, (offset) => (offset >= LEGACY_CONFIG_OFFSET_MSIX && fn.pci.msixEnabled ? offset + 4 : offset)),
  },
  {
    name: 'legacy-ring-aligned-to-64',
    breaks: ['LEG-VQ-01'],
    says: 'the used ring of a legacy queue begins at the next 64 bytes',
    setting,
    device({ device }) {
      for (const { ring } of device.queues.services) {
        const relocate = ring.relocate.bind(ring);
        ring.relocate = () => {
          const end = descriptorTableBytes(ring.size) + availableRingBytes(ring.size);
          const used = Math.ceil(end / OTHER_ALIGNMENT) * OTHER_ALIGNMENT;
          ring.addresses.set('device', ring.addresses.get('descriptor') + used);
          relocate();
        };
      }
    },
  },
  {
    name: 'legacy-size-writable',
    breaks: ['LEG-VQ-03'],
    says: 'the size of a legacy queue can be written',
    setting,
    bus() {
      let size: number | null = null;
      return {
        write(access, value) {
          if (touches(access, 'legacy', legacyHeader.queueSize)) size = value;
          return value;
        },
        read: (access, value) =>
          touches(access, 'legacy', legacyHeader.queueSize) ? (size ?? value) : value,
      };
    },
  },
  {
    name: 'empty-untold',
    breaks: ['LEG-RF-02'],
    says: 'NOTIFY_ON_EMPTY is offered, and means nothing',
    setting,
    device({ device: { features } }) {
      const has = features.has.bind(features);
      features.has = (bit) => bit !== feature.notifyOnEmpty && has(bit);
    },
  },
];
