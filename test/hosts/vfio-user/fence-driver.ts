import { workerData } from 'node:worker_threads';
import { GuestMemory } from '../../../src/core/index.ts';
import { DriverSplitRing } from '../../../src/driver/split-ring.ts';
import { type FenceWork, place, SIZE } from './fence-ring.ts';

const { ram, control, requests, fenced } = workerData as FenceWork;
const memory = new GuestMemory([{ start: 0, bytes: new Uint8Array(ram) }]);
memory.shared = fenced;
const flags = new Int32Array(control);
const ring = new DriverSplitRing(memory, SIZE, place, {
  littleEndian: true,
  eventIndex: true,
  indirect: false,
  inOrder: false,
});

/** A driver on a thread of its own: it offers one chain, kicks if it has to, and waits until it has the chain back. */
for (let i = 0; i < requests; i++) {
  ring.add([{ address: 0x8000, length: 16, writable: true }]);
  if (ring.publish()) Atomics.add(flags, 0, 1);
  while (ring.take() === null) {
    // A kick was lost: the other side gave up.
    if (Atomics.load(flags, 1) !== 0) process.exit();
  }
  // Not always at the same time as the other side's last look.
  for (let wait = i % 40; wait > 0; wait--) Atomics.load(flags, 1);
}
Atomics.store(flags, 1, 1);
