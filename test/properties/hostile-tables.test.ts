import fc from 'fast-check';
import { describe, it } from 'vitest';
import { VirtioDriver } from '../../src/driver/index.ts';
import {
  applyHostileTable,
  hostileConfigWrites,
  hostileTables,
  kindsOf,
  type Lab,
  lab,
  labProperty,
  ringWriter,
  sampleNames,
} from '../../src/testing/index.ts';
import { feature } from '../../src/virtio/index.ts';
import { PATIENCE, shared } from './support/runs.ts';

/*
 * Rings and configurations that no driver may make: whatever they are, the device ends, writes nothing that it was not given,
 * and answers its type's small request after a reset.
 */

const BUFFERS = [0x2f0000, 0x2f1000, 0x2f2000];
const TABLE = 0x2f8000;
const SIZE = 8;

const bringUp = (world: Lab): VirtioDriver => {
  const driver = new VirtioDriver(world.transport(), world.memory());
  driver.bringUp(
    {
      features: [...world.behaviour.features],
      queues: () => [0, 1].filter((index) => driver.transport.queueSize(index) > 0),
      maxQueueSize: SIZE,
      ringFeatures: [
        feature.ringIndirectDescriptors,
        feature.ringEventIndex,
        ...(world.setting === 'packed' ? [feature.ringPacked] : []),
      ],
    },
    { queue: () => {}, config: () => {} },
  );
  return driver;
};

/** The device, reset, answers the least that it can be asked. */
async function answers(world: Lab): Promise<void> {
  world.memory().clear();
  const running = world.bench.start();
  // A console whose output nobody takes is full at last: after the reset, since a chain that waits fills it again.
  world.hands.sentText?.();
  await world.bench.ask(running, 'CONF-02');
}

const types = sampleNames.filter((name) => kindsOf(name).includes('transitional'));

describe.each(types)('hostile rings and configurations of our device %s', (type) => {
  it.each(['legacy', 'modern', 'packed'] as const)(
    'end, and leave a device that a reset mends: %s',
    (setting) => {
      const ring = setting === 'packed' ? 'packed' : 'split';
      const world = lab({ type, setting });
      // A legacy device says how large its queue is.
      const size = setting === 'legacy' ? world.transport().queueSize(0) : SIZE;
      const table = hostileTables({ size, ring, buffers: BUFFERS, table: TABLE });
      const queue = fc.nat(1);
      return fc.assert(
        labProperty(
          { type, setting },
          [fc.array(fc.tuple(table, queue), { minLength: 1, maxLength: 4 })],
          async (world, list) => {
            const driver = bringUp(world);
            const guard = world.memory().allocate(4096);
            for (const [each, wanted] of list) {
              const at = driver.rings.has(wanted) ? wanted : 0;
              if (driver.rings.get(at)!.size !== size) return;
              applyHostileTable(ringWriter(driver, at), each);
              driver.transport.notify(at, 0);
              for (let i = 0; i < 10; i++) world.subject.target.bus.pause();
            }
            const touched = world
              .memory()
              .ram.read(guard, 4096)
              .some((byte) => byte !== 0);
            if (touched) throw new Error('the device wrote what it was not given');
            await answers(world);
          },
        ),
        { numRuns: shared(600, 3 * types.length) },
      );
    },
    PATIENCE,
  );

  it.each(['legacy', 'modern'] as const)(
    'end where configuration is written, and leave a device that works: %s',
    (setting) =>
      fc.assert(
        labProperty(
          { type, setting },
          [fc.array(hostileConfigWrites(type.replace('-readonly', '')), { maxLength: 12 })],
          async (world, list) => {
            const { transport } = bringUp(world);
            for (const { offset, width, value } of list) transport.writeConfig(offset, width, value);
            await answers(world);
          },
        ),
        { numRuns: shared(600, 2 * types.length) },
      ),
    PATIENCE,
  );
});
