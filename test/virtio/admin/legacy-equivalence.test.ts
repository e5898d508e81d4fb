import fc from 'fast-check';
import { describe, it } from 'vitest';
import { registers, rw } from '../../../src/core/index.ts';
import { DeviceConfig } from '../../../src/virtio/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { LegacyGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';
import { AdminGuest, HandMadeGroup, little, MemberUnderTest, SRIOV } from './support.ts';

/*
 * Commands have the effect of accesses to the legacy block (ADL-07..10): whatever a driver does by accesses that stay inside
 * one field, it reads the same in an I/O BAR as by commands.
 */

const fields = registers({
  word: rw(0, 4),
  half: rw(4, 2),
  bytes: rw(6, 1, '', { count: 6 }),
  wide: rw(16, 8),
});
/** [offset, width] of fields that software accesses whole or in part, from the specification's table. */
const HEADER = [
  [0, 4],
  [4, 4],
  [8, 4],
  [12, 2],
  [14, 2],
  [18, 1],
  [19, 1],
] as const;
const VECTORS = [
  [20, 2],
  [22, 2],
] as const;
const CONFIG = [
  [0, 4],
  [4, 2],
  [6, 2],
  [8, 4],
  [8, 1],
  [16, 4],
  [20, 4],
  [22, 1],
] as const;

const probe = () =>
  new Probe({ config: new DeviceConfig(fields), queueSizes: [8, 0, 16], features: [0, 5], complete: 0 });

function make() {
  const group = new HandMadeGroup();
  const guest = new AdminGuest({ admin: { members: group, legacy: {} } });
  const member = new MemberUnderTest(guest, probe(), 0x28);
  group.members = [member.fn];
  guest.useAll(SRIOV);
  return { guest, member, plain: new LegacyGuest(probe()) };
}

const small = fc.constantFrom(0, 1, 2, 3, 7, 0x10, 0xffff, 0xffffffff);
const step = fc.oneof(
  fc.record({ do: fc.constant('header' as const), at: fc.constantFrom(...HEADER), value: fc.option(small) }),
  fc.record({
    do: fc.constant('vectors' as const),
    at: fc.constantFrom(...VECTORS),
    value: fc.option(small),
  }),
  fc.record({ do: fc.constant('config' as const), at: fc.constantFrom(...CONFIG), value: fc.option(small) }),
  fc.record({ do: fc.constant('kick' as const), value: fc.nat(3) }),
  fc.record({ do: fc.constant('msix' as const), on: fc.boolean() }),
);

describe('legacy commands and the legacy block in an I/O BAR', () => {
  it(
    'read the same, whatever was written',
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const { guest, member, plain } = make();
          let msix = false;
          for (const each of steps) {
            if (each.do === 'msix') {
              msix = each.on;
              member.msix = msix;
              if (msix) plain.enableMsix();
              else plain.disableMsix();
              continue;
            }
            if (each.do === 'kick') {
              plain.block.writeAt(16, 2, each.value);
              guest.send({ opcode: 2, member: 1, data: [16, 0, 0, 0, 0, 0, 0, 0, each.value, 0] });
              continue;
            }
            if (each.do === 'vectors' && !msix) continue;
            const [offset, width] = each.at;
            const inConfig = each.do === 'config';
            const place = inConfig ? offset + (msix ? 24 : 20) : offset;
            if (each.value !== null) {
              const value = each.value % 2 ** (8 * width);
              plain.block.writeAt(place, width, value);
              const data = [offset, 0, 0, 0, 0, 0, 0, 0, ...little(value, width)];
              const { status } = guest.send({ opcode: inConfig ? 4 : 2, member: 1, data });
              if (status !== 0) throw new Error(`a write of ${width} bytes at ${offset}: status ${status}`);
            }
            const { status, result } = guest.send({
              opcode: inConfig ? 5 : 3,
              member: 1,
              data: [offset],
              room: width,
            });
            const read = result.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
            const expected = plain.block.readAt(place, width);
            if (status !== 0 || read !== expected)
              throw new Error(`${each.do} ${offset}: ${read}, status ${status}; in the BAR ${expected}`);
          }
        }),
        { numRuns: runs(200) },
      );
    },
    PATIENCE,
  );
});
