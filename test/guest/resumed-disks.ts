import { functionAddress } from '../../src/core/index.ts';
import { type GuestWindow, presentDevice } from '../../src/hosts/present/present.ts';
import type { V86Board } from '../../src/hosts/v86/board.ts';
import { BlockDevice, MemoryStorage, SeededEntropy } from '../../src/virtio/index.ts';

export const DISK_BYTES = 1 << 20;
/** What the guest copies from the first disk to the second. */
const COPIED_BYTES = 4 * 65536;

export interface ResumedDisks {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
}

/** Two disks in the same slots and with the same contents in whatever process. */
export function presentDisks(board: V86Board, window: GuestWindow): ResumedDisks {
  const source = new Uint8Array(DISK_BYTES);
  new SeededEntropy(21).fill(source);
  const target = new Uint8Array(DISK_BYTES);
  for (const [index, bytes] of [source, target].entries())
    presentDevice(
      board,
      new BlockDevice({ storage: new MemoryStorage(bytes) }),
      functionAddress(0, 5 + index),
      {
        window,
      },
    );
  return { source, target };
}

/** Contents of the second disk after the copy. */
export function copiedDisks({ source }: ResumedDisks): Uint8Array {
  const expected = new Uint8Array(DISK_BYTES);
  expected.set(source.subarray(0, COPIED_BYTES));
  return expected;
}
