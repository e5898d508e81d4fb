import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DriverWatch } from '../../../src/conformance/watch/index.ts';
import type { AccessEvent, Width } from '../../../src/core/index.ts';
import { GuestMemory } from '../../../src/core/index.ts';
import { deviceTypes, TRANSITIONAL_ID_RANGE } from '../../../src/virtio/index.ts';
import { runs } from '../../properties/support/runs.ts';

const PLACES = ['legacy', 'common', 'notify', 'isr', 'device', 'msix-table', 'msix-pba'].map(
  (name) => `00:04.0 BAR0 ${name}`,
);

/** Small numbers, registers' and rings' own, and any. */
const value = fc.oneof(
  fc.nat(20),
  fc.constantFrom(0, 1, 3, 7, 11, 15, 0x40, 0x80, 0xffff, 0xffffffff),
  fc.nat(0x7fffffff),
);

const access: fc.Arbitrary<AccessEvent> = fc
  .record({
    inBar: fc.boolean(),
    place: fc.constantFrom(...PLACES),
    operation: fc.constantFrom('read' as const, 'write' as const),
    offset: fc.oneof(fc.nat(0x40), fc.nat(0xfff)),
    width: fc.constantFrom<Width>(1, 2, 4),
    value,
  })
  .map(({ inBar, place, offset, ...rest }) => ({
    kind: 'access',
    space: inBar ? 'io' : 'config',
    target: inBar ? place : '00:04.0 configuration',
    address: offset,
    offset,
    posted: false,
    ...rest,
  }));

/** Bytes of configuration space: of a function of some type, and noise where capabilities are. */
const configuration = fc
  .tuple(fc.constantFrom(...deviceTypes), fc.uint8Array({ minLength: 4096, maxLength: 4096 }))
  .map(([type, bytes]) => {
    const id = type.transitionalId ?? TRANSITIONAL_ID_RANGE.last;
    bytes.set([0xf4, 0x1a, id & 0xff, id >>> 8, 4, 0, 0x10, 0]);
    return (offset: number, width: Width) => {
      let result = 0;
      for (let i = width - 1; i >= 0; i--) result = result * 256 + (bytes[(offset + i) & 0xfff] ?? 0);
      return result;
    };
  });

describe('a watch', () => {
  it('bears whatever happens on a bus, over whatever memory', () => {
    const memory = fc.uint8Array({ minLength: 0x4000, maxLength: 0x4000 });
    fc.assert(
      fc.property(
        fc.array(access, { maxLength: 80 }),
        configuration,
        memory,
        fc.boolean(),
        (events, read, bytes, bigEndian) => {
          const ram = new GuestMemory([{ start: 0, bytes: Uint8Array.from(bytes) }]);
          const config = { configRead: (_: number, offset: number, width: Width) => read(offset, width) };
          const watch = new DriverWatch({ ram, config, bigEndian });
          for (const event of events) {
            watch.sink({ kind: 'enter' });
            watch.sink(event);
            if (event.value % 5 === 0)
              watch.sink({ kind: 'interrupt', signal: 'line', vector: 11, asserted: true, source: null });
            watch.sink({ kind: 'leave' });
          }
          const { findings, accesses } = watch.finish();
          expect(accesses).toBe(events.length);
          for (const { count, first, last } of findings) expect(count >= 1 && first <= last).toBe(true);
        },
      ),
      { numRuns: runs(300) },
    );
  });
});
