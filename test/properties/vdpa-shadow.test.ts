import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockDriver, NetworkDriver, networkDriverFeatures } from '../../src/driver/index.ts';
import { fullMediation, type Mediation } from '../../src/mmr/index.ts';
import { BlockDevice, feature, MemoryStorage, NetworkDevice } from '../../src/virtio/index.ts';
import { legacyRingLayout, networkFeature, SECTOR_BYTES } from '../../src/virtio/layout/index.ts';
import { listeningLink, mediate } from '../mmr/mediation/support.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * A mediator stands between guests and parents of any byte order, interface and kind of ring. What pins it down is a third thing: an
 * array of bytes, which no driver and no device has touched. And a guest that writes nonsense harms nobody but itself.
 */
const SECTORS = 16;

const worlds = fc.record({
  guest: fc.constantFrom('legacy' as const, 'modern' as const),
  guestOrder: fc.constantFrom('little' as const, 'big' as const),
  packed: fc.boolean(),
  rings: fc.constantFrom<Mediation['rings']>("the mediator's", "the mediator's for legacy guests"),
  features: fc.subarray([feature.ringIndirectDescriptors, feature.ringEventIndex]),
});
type World = typeof worlds extends fc.Arbitrary<infer W> ? W : never;

const optionsOf = ({ guestOrder, packed, rings, features }: World) => ({
  guestOrder,
  packed,
  mediation: { ...fullMediation, rings },
  transportFeatures: packed ? [...features, feature.ringPacked] : features,
});

const requests = fc.array(
  fc.record({
    write: fc.boolean(),
    sector: fc.integer({ min: 0, max: SECTORS - 1 }),
    sectors: fc.integer({ min: 1, max: 3 }),
    seed: fc.integer({ min: 1, max: 255 }),
  }),
  { minLength: 1, maxLength: 12 },
);

describe('a mediated disk', () => {
  it('holds what an array holds, whoever drives it', { timeout: PATIENCE }, async () => {
    await fc.assert(
      fc.asyncProperty(worlds, requests, async (world, sequence) => {
        const disk = new Uint8Array(SECTORS * SECTOR_BYTES);
        const model = new Uint8Array(disk.length);
        const under = mediate(new BlockDevice({ storage: new MemoryStorage(disk) }), optionsOf(world));
        const driver = new BlockDriver(under[world.guest](), under.memory(), {
          depth: 4,
          requestBytes: 4096,
        });
        const answers: Promise<unknown>[] = [];
        for (const { write, sector, sectors, seed } of sequence) {
          const count = Math.min(sectors, SECTORS - sector);
          const [from, to] = [sector * SECTOR_BYTES, (sector + count) * SECTOR_BYTES];
          if (write) {
            const data = Uint8Array.from({ length: to - from }, (_, i) => i + seed);
            model.set(data, from);
            answers.push(driver.write(sector, data));
          } else {
            const wanted = model.slice(from, to);
            answers.push(driver.read(sector, count).then((got) => expect(got).toEqual(wanted)));
          }
        }
        await Promise.all(answers);
        expect(disk).toEqual(model);
        expect(under.mediated.refusal).toBe(null);
      }),
      { numRuns: runs(50) },
    );
  });
});

describe('frames through a mediator', () => {
  it('arrive as they were sent, both ways', { timeout: PATIENCE }, async () => {
    const frames = fc.array(fc.uint8Array({ minLength: 14, maxLength: 400, size: 'max' }), {
      minLength: 1,
      maxLength: 6,
    });
    const merges = fc.boolean();
    await fc.assert(
      fc.asyncProperty(
        worlds,
        frames,
        merges,
        fc.integer({ min: 64, max: 128 }),
        async (world, drawn, merge, room) => {
          const { link, sent } = listeningLink();
          const device = new NetworkDevice({ link });
          const under = mediate(device, optionsOf(world));
          const arrived: Uint8Array[] = [];
          const driver = new NetworkDriver(under[world.guest](), under.memory(), {
            features: networkDriverFeatures.filter((bit) => merge || bit !== networkFeature.mergeableBuffers),
            frameBytes: 512,
            bufferBytes: merge ? room : 512,
            onFrame: (frame) => arrived.push(frame),
          });
          const broadcasts = drawn.map((frame) => {
            const whole = frame.slice();
            whole.fill(0xff, 0, 6);
            return whole;
          });
          for (const frame of broadcasts) {
            await driver.send(frame);
            expect(device.receive(frame, 0, frame.length, null)).toBe(true);
          }
          expect(sent).toEqual(broadcasts);
          expect(arrived).toEqual(broadcasts);
        },
      ),
      { numRuns: runs(30) },
    );
  });
});

describe('a guest that writes nonsense into its rings', () => {
  const addresses = fc.constantFrom(0, 0x1000, 0x10_0000, 0xff_f000, 0xffff_f000, 2 ** 40, 2 ** 46, 2 ** 53);
  const descriptors = fc.record({
    address: addresses,
    length: fc.constantFrom(0, 1, 9, 16, 4096, 0xffff_ffff),
    flags: fc.integer({ min: 0, max: 7 }),
    next: fc.integer({ min: 0, max: 300 }),
  });

  it('breaks its own device at most, and a reset mends that', { timeout: PATIENCE }, async () => {
    await fc.assert(
      fc.asyncProperty(
        worlds,
        fc.array(descriptors, { minLength: 1, maxLength: 8 }),
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 8 }),
        fc.integer({ min: 0, max: 0xffff }),
        async (world, table, heads, index) => {
          const disk = new Uint8Array(SECTORS * SECTOR_BYTES);
          const under = mediate(new BlockDevice({ storage: new MemoryStorage(disk) }), optionsOf(world));
          const { ram, fn } = under;
          const transport = under.legacy();
          const little = world.guestOrder === 'little';
          transport.reset();
          transport.setStatus(3);
          const features = new Uint32Array(4);
          features[0] = transport.readFeatures()[0]! & ~(2 ** feature.unused);
          transport.writeFeatures(features);
          const base = 0x20_0000;
          const size = transport.queueSize(0);
          const layout = legacyRingLayout(size);
          const { view } = ram.ranges[0]!;
          for (const [i, { address, length, flags, next }] of table.entries()) {
            const at = base + 16 * i;
            const halves = [address % 2 ** 32, Math.floor(address / 2 ** 32)];
            view.setUint32(at, halves[little ? 0 : 1]!, little);
            view.setUint32(at + 4, halves[little ? 1 : 0]!, little);
            view.setUint32(at + 8, length, little);
            view.setUint16(at + 12, flags, little);
            view.setUint16(at + 14, next, little);
          }
          for (const [i, head] of heads.entries())
            view.setUint16(base + layout.available + 4 + 2 * i, head, little);
          view.setUint16(base + layout.available + 2, index, little);
          transport.setUpQueue(0, size, { descriptor: base, driver: 0, device: 0 });
          transport.setStatus(7);
          for (let kick = 0; kick < 3; kick++) transport.notify(0);
          transport.notify(60_000);
          expect(fn.device.idle).toBe(true);
          // Nobody wrote beyond the machine's RAM: there is none. The device works again once it is reset.
          ram.fill(base, layout.total, 0);
          const driver = new BlockDriver(under[world.guest](), under.memory(), {
            depth: 2,
            requestBytes: 4096,
          });
          const data = new Uint8Array(SECTOR_BYTES).fill(7);
          await driver.write(1, data);
          expect(await driver.read(1, 1)).toEqual(data);
        },
      ),
      { numRuns: runs(60) },
    );
  });
});
