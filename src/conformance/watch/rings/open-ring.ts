import {
  availableRingBytes,
  descriptorTableBytes,
  feature,
  LEGACY_ALIGNMENT,
  legacyRingLayout,
  MAX_QUEUE_SIZE,
  PACKED_EVENT_BYTES,
  packedRingBytes,
  usedRingBytes,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { QueueModel } from '../model/queue-model.ts';
import type { WatchedMemory } from './memory.ts';
import { PackedView } from './packed.ts';
import { SplitView } from './split.ts';
import { isSwapped } from './stray.ts';

type Areas = readonly [number, number, number];

/** The ring of a queue that is kicked for the first time, or why it cannot be looked at. */
export function openRing(
  fn: FunctionModel,
  queue: QueueModel,
  memory: WatchedMemory,
  little: boolean,
): SplitView | PackedView | string {
  if (queue.live !== true) return 'it was not seen to be set up';
  const { size } = queue;
  if (size === null) return 'its size is not known';
  if (size === 0 || size > MAX_QUEUE_SIZE) return `no ring has ${size} descriptors`;
  if (fn.legacy) {
    const base = queue.page! * LEGACY_ALIGNMENT;
    const layout = legacyRingLayout(size);
    if (!memory.reaches(base, layout.total)) return 'its ring is not in memory';
    const areas: Areas = [base, base + layout.available, base + layout.used];
    const swapped = fn.whole && isSwapped(memory, base, size, little);
    const view = new SplitView(memory, size, areas, swapped !== little, fn.whole);
    view.swapped = swapped;
    return view;
  }
  const areas = [queue.area(0), queue.area(1), queue.area(2)];
  if (areas.some((area) => area === null)) return 'the addresses of its ring are not known';
  if (!fn.accepted.knows(feature.ringPacked >> 5)) return 'the features are not known';
  const packed = fn.has(feature.ringPacked);
  const bytes = packed
    ? [packedRingBytes(size), PACKED_EVENT_BYTES, PACKED_EVENT_BYTES]
    : [descriptorTableBytes(size), availableRingBytes(size), usedRingBytes(size)];
  if (!areas.every((area, i) => memory.reaches(area!, bytes[i]!))) return 'its ring is not in memory';
  if (!packed) {
    // A size that is no power of two has slots that nobody can tell.
    if ((size & (size - 1)) !== 0) return `its ${size} descriptors are no power of two`;
    return new SplitView(memory, size, areas as unknown as Areas, true, fn.whole);
  }
  const view = new PackedView(memory, size, areas as unknown as Areas, fn.whole);
  view.inOrder = fn.has(feature.inOrder);
  return view;
}
