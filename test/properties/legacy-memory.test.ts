import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accesses, type RegisterAccess } from '../../src/testing/index.ts';
import { legacyHeaderWithVectors } from '../../src/virtio/index.ts';
import { Guest } from '../virtio/support/guests.ts';
import { kits } from './kits/index.ts';
import { runs } from './support/runs.ts';

/*
 * The legacy block in a memory BAR is the one of the I/O BAR: the same accesses bring the same answers, the same interrupts
 * and the same status.
 */

const LONGEST = 128;

function answers(guest: Guest, asked: readonly RegisterAccess[]): unknown[] {
  const { machine, found } = guest;
  const { kind, address } = found.bars[0]!;
  const io = kind === 'io';
  return asked.map(({ offset, width, value }) => {
    const at = address + offset;
    if (value === null) return io ? machine.ioRead(at, width) : machine.memoryRead(at, width);
    if (io) machine.ioWrite(at, width, value);
    else machine.memoryWrite(at, width, value);
    return null;
  });
}

const older = kits.filter(({ type }) => type.transitionalId !== null);

describe.each(older.map((kit) => [kit.type.name, kit] as const))('of a %s function', (_, kit) => {
  test('the legacy block answers in memory as it does in I/O space', () => {
    const asked = fc.array(accesses(legacyHeaderWithVectors, LONGEST), { maxLength: 60 });
    fc.assert(
      fc.property(asked, fc.boolean(), fc.boolean(), (list, messages, beside) => {
        const seen = [false, true].map((memory) => {
          const kind = `${beside ? 'transitional' : 'legacy'}${memory ? '-memory' : ''}` as const;
          const guest = new Guest(kit.make(8).behaviour, { kind });
          if (messages) guest.enableMsix();
          guest.events.length = 0;
          const read = answers(
            guest,
            list.filter(({ offset, width }) => offset + width <= guest.function.legacyBytes),
          );
          return { read, interrupts: guest.interrupts(), status: guest.device.status };
        });
        expect(seen[1]).toEqual(seen[0]);
      }),
      { numRuns: runs(100) },
    );
  });
});
