import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtiolabError } from '../../../src/core/index.ts';
import { FaultyStorage, MemoryStorage, OverlayStorage } from '../../../src/virtio/index.ts';
import { sameBytes } from '../../core/bytes.ts';
import { runs } from '../../properties/support/runs.ts';
import { carryOut } from './transfers.ts';

const SECTORS = 24;
const CLUSTER = 4 * 512;
const image = () => new Uint8Array(SECTORS * 512).map((_, i) => 1 + ((i >> 9) % 250));
const pattern = (sectors: number, seed: number) => new Uint8Array(sectors * 512).map((_, i) => seed + i);

function make() {
  const base = new MemoryStorage(image(), true);
  return { base, overlay: new OverlayStorage(base, { clusterBytes: CLUSTER }) };
}

const readAll = (overlay: OverlayStorage) => carryOut(overlay, 'read', 0, overlay.length).data;

type Step =
  | { readonly do: 'write'; readonly sector: number; readonly sectors: number; readonly seed: number }
  | { readonly do: 'discard' | 'zero' | 'unmap'; readonly sector: number; readonly sectors: number }
  | { readonly do: 'resize'; readonly sectors: number }
  | { readonly do: 'reset' }
  | { readonly do: 'reload' };

const place = { sector: fc.nat(SECTORS - 1), sectors: fc.integer({ min: 0, max: 9 }) };
const steps = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write'), ...place, seed: fc.nat(255) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('discard', 'zero', 'unmap'), ...place }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('resize'), sectors: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'reset' }, { do: 'reload' }) },
);

describe('an overlay', () => {
  // Against an array that is simply written to.
  it('holds what was written, wherever that was, and its base what it always held', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 20, size: 'max' }), (all) => {
        const base = new MemoryStorage(image(), true);
        let overlay = new OverlayStorage(base, { clusterBytes: CLUSTER });
        let model = image();
        let touched = new Set<number>();
        for (const step of all) {
          if (step.do === 'reset') {
            overlay.reset();
            model = image();
            touched = new Set();
          } else if (step.do === 'reload') {
            const next = new OverlayStorage(base, { clusterBytes: CLUSTER });
            next.load(structuredClone(overlay.save()));
            overlay = next;
          } else if (step.do === 'resize') {
            overlay.resize(step.sectors * 512);
            const longer = new Uint8Array(step.sectors * 512);
            longer.set(model.subarray(0, longer.length));
            model = longer;
            touched = new Set([...touched].filter((sector) => sector < step.sectors));
          } else {
            const sectors = Math.max(0, Math.min(step.sectors, model.length / 512 - step.sector));
            if (sectors === 0 && step.sectors > 0) continue;
            const data = step.do === 'write' ? pattern(sectors, step.seed) : new Uint8Array(sectors * 512);
            const operation = step.do === 'write' || step.do === 'discard' ? step.do : 'writeZeroes';
            const { ends } = carryOut(overlay, operation, step.sector * 512, data, step.do === 'unmap');
            if (ends.join() !== 'true') throw new Error(`ended ${ends}`);
            if (sectors > 0) model.set(data, step.sector * 512);
            for (let i = 0; i < sectors; i++) touched.add(step.sector + i);
          }
          if (!sameBytes(readAll(overlay), model)) throw new Error(`wrong after ${JSON.stringify(step)}`);
          const changed = overlay.changed.flatMap(({ start, end }) =>
            Array.from({ length: (end - start) / 512 }, (_, i) => start / 512 + i),
          );
          const expected = [...touched].sort((a, b) => a - b);
          if (changed.join() !== expected.join()) throw new Error(`changed ${changed}, not ${expected}`);
        }
        if (!sameBytes(base.bytes, image())) throw new Error('the base was written to');
      }),
      { numRuns: runs(400) },
    );
  });

  it('uses memory for what was written, and gives it back', () => {
    const { overlay } = make();
    expect(overlay.allocatedBytes).toBe(0);
    carryOut(overlay, 'write', 3 * 512, pattern(2, 7));
    expect([overlay.allocatedBytes, overlay.changed]).toEqual([2 * CLUSTER, [{ start: 1536, end: 2560 }]]);
    carryOut(overlay, 'discard', 3 * 512, 512);
    expect(overlay.allocatedBytes).toBe(CLUSTER);
    carryOut(overlay, 'writeZeroes', 4 * 512, 512, true);
    expect(overlay.allocatedBytes).toBe(0);
    carryOut(overlay, 'writeZeroes', 4 * 512, 512, false);
    expect(overlay.allocatedBytes).toBe(CLUSTER);
    expect([overlay.mayUnmap, overlay.readOnly]).toEqual([true, false]);
  });

  it('waits for a base that takes its time, and fails with it', () => {
    const base = new FaultyStorage(new MemoryStorage(image()));
    const overlay = new OverlayStorage(base, { clusterBytes: CLUSTER });
    carryOut(overlay, 'write', 5 * 512, pattern(1, 7));
    base.inject({ does: 'keep', times: 2 });
    const read = carryOut(overlay, 'read', 4 * 512, 3 * 512);
    expect([base.kept, read.ends]).toEqual([2, []]);
    base.release();
    const expected = image();
    expected.set(pattern(1, 7), 5 * 512);
    expect([read.ends, sameBytes(read.data, expected.subarray(4 * 512, 7 * 512))]).toEqual([[true], true]);
    base.inject({ does: 'fail', range: { start: 6 * 512, end: 7 * 512 } });
    expect(carryOut(overlay, 'read', 4 * 512, 3 * 512).ends).toEqual([false]);
    expect(carryOut(overlay, 'read', 4 * 512, 2 * 512).ends).toEqual([true]);
  });

  it('keeps what it had where the guest’s bytes cannot be had', () => {
    const { overlay } = make();
    const write = carryOut(overlay, 'flush', 0, 0);
    expect(write.ends).toEqual([true]);
    const dead = Object.assign(carryOut(overlay, 'flush', 512, pattern(1, 9)), { live: false });
    overlay.write(dead);
    expect([dead.ends, sameBytes(readAll(overlay), image())]).toEqual([[true, false], true]);
  });

  it.each([0, 100, -512])('refuses clusters of %d bytes', (clusterBytes) => {
    expect(() => new OverlayStorage(make().base, { clusterBytes })).toThrow(VirtiolabError);
  });
});
