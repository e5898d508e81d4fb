import { HeldScheduler } from '../../../src/core/index.ts';
import {
  AdminGuest,
  type AdminGuestOptions,
  type Command,
  HandMadeGroup,
  little,
  MemberUnderTest,
} from '../../virtio/admin/support.ts';
import { Probe } from '../../virtio/support/probe.ts';
import { during, type Scenario, scenario } from './scenario.ts';

const SELF = 0;
const OUTSIDE = 0x8000_0000;

/** A guest with three virtual functions of which nobody asks more than their number. */
function owner(options: AdminGuestOptions = {}) {
  const members = new HandMadeGroup();
  members.numVfs = 3;
  return { members, guest: new AdminGuest({ ...options, admin: { members, ...options.admin } }) };
}

const admin = (
  name: string,
  wrong: (on: ReturnType<typeof owner>) => void,
  options: AdminGuestOptions = {},
) =>
  scenario(`administration: ${name}`, () => {
    const on = owner(options);
    return during(on.guest, () => wrong(on));
  });

const command = (name: string, sent: Command, options: AdminGuestOptions = {}) =>
  admin(name, ({ guest }) => guest.send(sent), options);

const query: Command = { opcode: 0, group: SELF, room: 8 };

/** The parts of a query, elsewhere. */
const elsewhere = ({ guest }: ReturnType<typeof owner>, readable: number, writable: number) => {
  guest.put(query);
  const ring = guest.rings.get(1)!;
  ring.describe(0, { address: readable, length: 24, flags: 1, next: 1 });
  ring.describe(1, { address: writable, length: 16, flags: 2 });
  guest.kick(1);
};

const scheduler = new HeldScheduler();

/** An access to a member's legacy block by a command. */
const legacy = (name: string, sent: Command) =>
  scenario(`administration: ${name}`, () => {
    const members = new HandMadeGroup();
    const guest = new AdminGuest({ admin: { members, legacy: {} } });
    members.members = [new MemberUnderTest(guest, new Probe(), 0x28).fn];
    guest.useAll(1);
    return during(guest, () => guest.send(sent));
  });

/** A command of the self group or about a member with parts, within limits of one object of each kind. */
const parts = (name: string, ...sent: readonly Command[]) =>
  scenario(`administration: ${name}`, () => {
    const members = new HandMadeGroup();
    const guest = new AdminGuest({ admin: { members, parts: { get: 1, set: 1 } } });
    members.members = [new MemberUnderTest(guest, new Probe(), 0x28).fn];
    for (const group of [SELF, 1]) guest.useAll(group);
    guest.send({ opcode: 9, group: SELF, data: [...little(0, 8), 1, 1, ...little(0, 6)] });
    return during(guest, () => {
      for (const each of sent) guest.send(each);
    });
  });

const create = (id: number, kind: number, flags = 0): Command => ({
  opcode: 0xa,
  member: 1,
  data: [...little(0, 4), ...little(id, 4), ...little(flags, 8), ...little(kind, 8)],
});
const limits = (get: number, set: number): Command => ({
  opcode: 9,
  group: SELF,
  data: [...little(0, 8), get, set, ...little(0, 6)],
});

export const administrations: readonly Scenario[] = [
  command('a group type that there is not', { opcode: 1, group: 2 }),
  admin('virtual functions before there are any', ({ guest, members }) => {
    members.enabled = false;
    guest.send({ opcode: 0, room: 8 });
  }),
  command('before LIST_USE', { opcode: 2, data: little(0, 8) }),
  admin('not in the list', ({ guest }) => {
    guest.send({ opcode: 1, group: SELF, data: little(2, 8) });
    guest.send(query);
  }),
  command('a list with too much', { opcode: 1, data: little(1 << 30, 8) }),
  admin(
    'a list while another command is in flight',
    ({ guest }) => {
      guest.put(query, 1, 0);
      guest.put({ opcode: 1, group: SELF, data: little(3, 8) }, 1, 1);
      guest.kick(1);
      scheduler.releaseAll();
    },
    { machine: { scheduler }, admin: { lateAnswers: true } },
  ),
  admin(
    'virtual functions taken away under a command',
    ({ guest, members }) => {
      guest.put({ opcode: 0, room: 8 });
      guest.kick(1);
      scheduler.release();
      members.enabled = false;
      scheduler.releaseAll();
    },
    { machine: { scheduler }, admin: { lateAnswers: true } },
  ),
  command(
    'a list for a member beyond NumVFs',
    { opcode: 0, member: 4, room: 8 },
    { admin: { readings: { memberOfList: 'checked' } } },
  ),
  command('reserved bytes', { ...query, reserved: new Array(12).fill(1) }),
  command('no readable part', { ...query, readable: 0 }),
  command('no writable part', { opcode: 0, group: SELF, writable: 0 }),
  command('a short readable part', { ...query, readable: 16 }),
  command('a readable part of odd length', { ...query, readable: 27 }),
  command('a writable part of odd length', { ...query, writable: 9 }),
  admin('a command out of reach', (on) => elsewhere(on, OUTSIDE, 0x90000)),
  admin('an answer out of reach', (on) => elsewhere(on, 0x80000, OUTSIDE)),
  legacy('two fields of the header at once', { opcode: 3, member: 1, data: [12], room: 4 }),
  scenario('administration: members with a BAR0', () => {
    const members = new HandMadeGroup();
    const guest = new AdminGuest({ admin: { members, legacy: {} } });
    members.members = [new MemberUnderTest(guest, new Probe(), 0x28).fn];
    guest.useAll(1);
    members.bar0 = true;
    return during(guest, () => guest.send({ opcode: 6, member: 1, room: 64 }));
  }),
  parts('another member of the self group', { opcode: 7, group: SELF, member: 1, room: 8 }),
  parts('a limit beyond that of the device', limits(1, 2)),
  parts('limits while there are objects', create(0, 0), limits(1, 1)),
  parts('an object with flags', create(0, 0, 1)),
  parts('an object that there is', create(0, 0), create(0, 1)),
  parts('an object beyond the limits', create(2, 0)),
  parts('parts of a member that is not stopped', create(0, 1), {
    opcode: 0x10,
    member: 1,
    data: little(0, 8),
  }),
  legacy('beyond device configuration', { opcode: 4, member: 1, data: [8, 0, 0, 0, 0, 0, 0, 0, 1] }),
];
