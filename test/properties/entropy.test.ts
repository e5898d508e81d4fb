import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import { EntropyDriver } from '../../src/driver/index.ts';
import { chooser, picks } from '../../src/testing/index.ts';
import { EntropyDevice, type EntropySource, feature } from '../../src/virtio/index.ts';
import { microtasks, settle } from './support/quiet.ts';
import { anyWay, buildRig, type RigOptions } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours. What pins them down is the source: it counts, so that each byte says which one it is,
 * and a byte that is lost, doubled or in another's place shows.
 */
interface Case extends RigOptions {
  readonly queueSize: number;
  readonly ringFeatures: readonly number[];
  readonly order: readonly number[];
  /** Bytes of each read, one after the other. */
  readonly reads: readonly number[];
}

class CountingSource implements EntropySource {
  next = 0;

  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = byteOf(this.next++);
  }

  save = () => this.next;
  load = () => {};
}

const byteOf = (index: number) => (index * 7 + (index >> 8) * 3) & 0xff;

const { ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder, notifyOnEmpty } = feature;
const cases: fc.Arbitrary<Case> = fc
  .record({
    way: anyWay,
    bigEndian: fc.boolean(),
    intx: fc.boolean(),
    lateInterrupts: fc.boolean(),
    lateWrites: fc.boolean(),
    transportFeatures: fc.constant([ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder]),
    queueSize: fc.constantFrom(8, 1, 2, 64),
    ringFeatures: fc.subarray([ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder, notifyOnEmpty]),
    order: picks,
    reads: fc.array(fc.oneof(fc.nat(64), fc.constantFrom(0, 4095, 4096, 4097, 9000)), { maxLength: 12 }),
  })
  .map((each) => {
    const modern = each.way.by.startsWith('modern');
    const fits = (bit: number) => (modern ? bit !== notifyOnEmpty : bit < 32);
    return { ...each, ringFeatures: each.ringFeatures.filter(fits) };
  });

async function run(each: Case): Promise<void> {
  const tasks = new HeldScheduler();
  const source = new CountingSource();
  const device = new EntropyDevice({ source, queueSize: each.queueSize });
  const rig = buildRig(device, each, tasks);
  const choose = chooser(each.order);
  const driver = new EntropyDriver(rig.transport(), rig.memory, { ringFeatures: each.ringFeatures });
  let at = 0;
  for (const length of each.reads) {
    const read: Uint8Array[] = [];
    driver.read(length).then((bytes) => read.push(bytes));
    await settle(rig, tasks, choose);
    if (read.length === 0) throw new Error(`a read of ${length} bytes never ended`);
    const expected = Uint8Array.from({ length }, (_, i) => byteOf(at + i));
    if (Buffer.compare(read[0]!, expected) !== 0) throw new Error(`wrong bytes from number ${at} on`);
    at += length;
  }
  // After a reset nothing is written any more (BF-RST-02).
  driver.read(4096).catch(() => 'the driver was closed');
  await microtasks();
  driver.close();
  const before = rig.memory.ram.ranges[0]!.bytes.slice();
  await settle(rig, tasks, choose);
  if (Buffer.compare(before, rig.memory.ram.ranges[0]!.bytes) !== 0)
    throw new Error('a buffer was filled after the reset');
}

describe('entropy driver and device against a source that counts', () => {
  it(
    'any reads, over any transport and ring, under any order of release',
    () => fc.assert(fc.asyncProperty(cases, run), { numRuns: runs(300) }),
    PATIENCE,
  );
});
