import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Register, Width } from '../../src/core/index.ts';
import { commonConfig } from '../../src/virtio/index.ts';
import { AdminGuest, HandMadeGroup, little, MemberUnderTest, SELF, SRIOV } from '../virtio/admin/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Whatever a driver has done to a member's registers, its parts make another member one whose registers read the same, in
 * every queue, and whose own parts are the same.
 */

const OBJECTS = { get: 1, set: 1 } as const;
const DATA = (id: number, ...more: number[]) => [...little(0, 4), ...little(id, 4), ...more];

function make() {
  const group = new HandMadeGroup();
  const guest = new AdminGuest({ admin: { members: group, parts: OBJECTS } });
  const members = [0x28, 0x30].map((slot) => {
    const member = new MemberUnderTest(guest, new Probe({ queueSizes: [8, 0, 16], features: [0, 3] }), slot);
    // Its rings lie anywhere: it is not to touch them.
    guest.machine.configWrite(slot, 4, 2, 2);
    return member;
  });
  group.members = members.map(({ fn }) => fn);
  for (const type of [SELF, SRIOV]) guest.useAll(type);
  guest.send({ opcode: 9, group: SELF, data: [...little(0, 8), 1, 1] });
  const ok = (...command: Parameters<AdminGuest['send']>) => {
    const answer = guest.send(...command);
    expect([answer.status, answer.qualifier]).toEqual([0, 0]);
    return answer;
  };
  ok({ opcode: 0xa, member: 1, data: DATA(0, ...little(0, 8), ...little(0, 8)) });
  ok({ opcode: 0xa, member: 2, data: DATA(1, ...little(0, 8), ...little(1, 8)) });
  return { guest, members, ok };
}

type Name = keyof typeof commonConfig;
const access = (guest: AdminGuest, member: MemberUnderTest, name: Name) => {
  const { offset, width }: Register = commonConfig[name];
  const at = member.bar(4) + offset;
  return {
    read: () => guest.machine.memoryRead(at, width as Width),
    write: (value: number) => guest.machine.memoryWrite(at, width as Width, value),
  };
};

const names = Object.keys(commonConfig) as Name[];

/** All registers, those of queues in every queue. */
function registersOf(guest: AdminGuest, member: MemberUnderTest): (string | number)[][] {
  const select = access(guest, member, 'queueSelect');
  const selected = select.read();
  const seen = [0, 1, 2, 3].flatMap((queue) => {
    const values = names.map((name) => [name, access(guest, member, name).read()]);
    select.write(queue);
    return [...values, ...names.map((name) => [`${queue} ${name}`, access(guest, member, name).read()])];
  });
  select.write(selected);
  return seen;
}

const write = fc.oneof(
  fc.record({ name: fc.constant<Name>('queueSelect'), value: fc.nat(3) }),
  fc.record({ name: fc.constant<Name>('driverFeatureSelect'), value: fc.nat(4) }),
  fc.record({ name: fc.constant<Name>('deviceFeatureSelect'), value: fc.constantFrom(0, 1, 0xffffffff) }),
  // Only what is offered: bits 0, 3 and 32.
  fc.record({ name: fc.constant<Name>('driverFeature'), value: fc.constantFrom(0, 1, 8, 9) }),
  fc.record({ name: fc.constant<Name>('deviceStatus'), value: fc.constantFrom(1, 3, 11, 15, 0x8b, 0) }),
  fc.record({ name: fc.constantFrom<Name>('queueSize'), value: fc.constantFrom(1, 2, 3, 4, 8, 16) }),
  fc.record({ name: fc.constantFrom<Name>('queueMsixVector', 'configMsixVector'), value: fc.nat(6) }),
  fc.record({ name: fc.constant<Name>('queueEnable'), value: fc.constant(1) }),
  fc.record({
    name: fc.constantFrom<Name>(
      ...(['queueDescriptorLow', 'queueDescriptorHigh', 'queueDriverLow'] as const),
      ...(['queueDriverHigh', 'queueDeviceLow', 'queueDeviceHigh'] as const),
    ),
    value: fc.constantFrom(0, 0x1000, 0x2010, 0xffffffff),
  }),
);

/** What makes a device one that works: features, and its status step by step. */
const BEGIN: readonly (readonly [Name, number])[] = [
  ['deviceStatus', 3],
  ['driverFeatureSelect', 1],
  ['driverFeature', 1],
  ['deviceStatus', 11],
];

describe('the parts of a member', () => {
  it(
    'make another one whose registers are the same',
    () => {
      fc.assert(
        fc.property(fc.boolean(), fc.array(write, { maxLength: 30 }), (begin, writes) => {
          const { guest, members, ok } = make();
          const [one, two] = members as [MemberUnderTest, MemberUnderTest];
          const set = (name: Name, value: number) => {
            // Bits of the second word are other features.
            const second = access(guest, one, 'driverFeatureSelect').read();
            const bits = second === 0 ? value : second === 1 ? value & 1 : 0;
            access(guest, one, name).write(name === 'driverFeature' ? bits : value);
          };
          if (begin) for (const [name, value] of BEGIN) set(name, value);
          for (const { name, value } of writes) set(name, value);
          for (const member of [1, 2]) ok({ opcode: 0x11, member, data: [1] });
          const { result } = ok({ opcode: 0xf, member: 1, data: DATA(0, ...little(1, 8)), room: 600 });
          ok({ opcode: 0x10, member: 2, data: DATA(1, ...result) });
          ok({ opcode: 0x11, member: 2, data: [0] });
          expect(registersOf(guest, two)).toEqual(registersOf(guest, one));
        }),
        { numRuns: runs(300) },
      );
    },
    PATIENCE,
  );
});
