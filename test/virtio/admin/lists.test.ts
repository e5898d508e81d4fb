import { describe, expect, it, test } from 'vitest';
import {
  type AdminReadings,
  adminAnswer,
  adminCommand,
  adminGroup,
  adminOpcode,
  adminQualifier,
  adminStatus,
} from '../../../src/virtio/index.ts';
import {
  AdminGuest,
  type Command,
  EINVAL,
  HandMadeGroup,
  little,
  OK,
  outcome,
  SELF,
  SRIOV,
} from './support.ts';

const QUERY = 0;
const USE = 1;

const withGroup = (readings: Partial<AdminReadings> = {}) => {
  const group = new HandMadeGroup();
  group.numVfs = 3;
  return { group, guest: new AdminGuest({ admin: { members: group, readings } }) };
};

describe('numbers, as the specification has them', () => {
  it('stand in the tables', () => {
    expect([
      adminCommand.opcode,
      adminCommand.groupType,
      adminCommand.reserved,
      adminCommand.memberId,
    ]).toMatchObject([
      { offset: 0, width: 2 },
      { offset: 2, width: 2 },
      { offset: 4, width: 1, count: 12 },
      { offset: 16, width: 8 },
    ]);
    expect([adminAnswer.status, adminAnswer.qualifier]).toMatchObject([
      { offset: 0, width: 2 },
      { offset: 2, width: 2 },
    ]);
    expect([adminGroup, adminStatus, adminQualifier]).toEqual([
      { self: 0, singleRootIov: 1 },
      { ok: 0, noSuchDevice: 6, tryAgain: 11, noMemory: 12, busy: 16, exists: 17, invalid: 22, noSpace: 28 },
      {
        ...{ ok: 0, invalidCommand: 1, invalidOpcode: 2, invalidField: 3, invalidGroup: 4 },
        ...{ invalidMember: 5, noResource: 6, tryAgain: 7 },
      },
    ]);
    expect([adminOpcode.listQuery, adminOpcode.listUse]).toEqual([QUERY, USE]);
  });
});

describe('LIST_QUERY', () => {
  test.each([SELF, SRIOV])('has bits 0 and 1 for group type %i (ADM-03)', (group) => {
    const { guest } = withGroup();
    const answer = guest.send({ opcode: QUERY, group, room: 8 });
    expect([outcome(answer), answer.result, answer.used]).toEqual([OK, little(3, 8), 16]);
  });

  it('does not shrink, whatever was used and reset (ADM-18)', () => {
    const { guest } = withGroup();
    guest.send({ opcode: USE, data: little(1, 8) });
    expect(guest.list(SRIOV)).toBe(3);
  });
});

describe('LIST_USE', () => {
  const use = (bits: readonly number[], more: Partial<Command> = {}): Command => ({
    opcode: USE,
    data: bits,
    ...more,
  });

  it('replaces the list, for its group type alone (ADM-13, ADM-16)', () => {
    const { guest } = withGroup();
    expect(outcome(guest.send(use(little(1, 8))))).toEqual(OK);
    expect(outcome(guest.send(use(little(3, 8))))).toEqual(EINVAL.opcode);
    expect(outcome(guest.send(use(little(3, 8), { group: SELF })))).toEqual(OK);
    expect(outcome(guest.send({ opcode: QUERY, room: 8 }))).toEqual(OK);
  });

  it('can leave out both list commands, until a reset (ADM-15, ADM-20, ADM-32)', () => {
    const { guest } = withGroup();
    guest.send(use(little(0, 8)));
    expect(outcome(guest.send({ opcode: QUERY }))).toEqual(EINVAL.opcode);
    guest.restart();
    expect(outcome(guest.send({ opcode: QUERY }))).toEqual(OK);
    expect(outcome(guest.send(use(little(0, 8))))).toEqual(OK);
  });

  test.each([
    ['an opcode that there is not', little(7, 8)],
    ['the last opcode of the first word', [...little(3, 7), 0x80]],
    ['an opcode of the second word', [...little(3, 8), ...little(1, 8)]],
    ['the highest opcode of all', [...little(3, 8), ...new Array(8183).fill(0), 0x80]],
  ])('is refused with %s, and changes nothing (ADM-10, ADM-30)', (_, data) => {
    const { guest } = withGroup();
    guest.send(use(little(1, 8), { group: SELF }));
    guest.clauses();
    expect(outcome(guest.send(use(data)))).toEqual(EINVAL.field);
    expect(guest.clauses()).toEqual(['ADM-30']);
    expect(outcome(guest.send(use(little(3, 8))))).toEqual(OK);
  });

  test.each([
    ['all zeros beyond', [...little(3, 8), ...new Array(504).fill(0)]],
    ['one byte', [3]],
    ['more than all opcodes have bits', [...little(3, 8), ...new Array(8184).fill(0), 0xff]],
  ])('takes a list of %s (AVQ-02, AVQ-03, AVQ-05)', (_, data) => {
    const { guest } = withGroup();
    expect(outcome(guest.send(use(data)))).toEqual(OK);
    expect(outcome(guest.send({ opcode: QUERY }))).toEqual(OK);
  });

  it('reads no data as an empty list', () => {
    const { guest } = withGroup();
    expect(outcome(guest.send({ opcode: USE }))).toEqual(OK);
    expect(outcome(guest.send({ opcode: QUERY }))).toEqual(EINVAL.opcode);
  });
});

describe('the order of checks (ADM-05, ADM-06, ADM-07)', () => {
  test.each([
    ['group, opcode and member', { group: 2, opcode: 0x7fff, member: 9 }, EINVAL.group],
    ['opcode and member', { opcode: 0x7fff, member: 9 }, EINVAL.opcode],
    ['an opcode beyond 32', { opcode: 33 }, EINVAL.opcode],
    ['an opcode of another structure', { opcode: 0x8000 }, EINVAL.opcode],
    ['the highest group type', { group: 0xffff, opcode: 0 }, EINVAL.group],
  ] as const)('%s', (_, command, expected) => {
    expect(outcome(withGroup().guest.send(command))).toEqual(expected);
  });

  it('has no group of virtual functions where there are none', () => {
    const guest = new AdminGuest();
    expect(outcome(guest.send({ opcode: QUERY }))).toEqual(EINVAL.group);
    expect(outcome(guest.send({ opcode: QUERY, group: SELF }))).toEqual(OK);
  });
});

describe('readings of the text', () => {
  test.each([
    ['lenient', OK],
    ['strict', EINVAL.group],
  ] as const)('lists before VF Enable: %s', (listBeforeVfEnable, expected) => {
    const { guest, group } = withGroup({ listBeforeVfEnable });
    group.enabled = false;
    expect(outcome(guest.send({ opcode: QUERY, room: 8 }))).toEqual(expected);
    expect(outcome(guest.send({ opcode: USE, data: little(3, 8) }))).toEqual(expected);
    expect(guest.clauses()).toEqual(['GRP-01', 'GRP-01']);
    // Whatever else there is, there is no member.
    expect(outcome(guest.send({ opcode: 3 }))).toEqual(EINVAL.group);
  });

  test.each([
    ['ignored', 0, OK, []],
    ['ignored', 4, OK, []],
    ['checked', 0, EINVAL.member, ['ADM-35']],
    ['checked', 1, OK, []],
    ['checked', 3, OK, []],
    ['checked', 4, EINVAL.member, ['ADM-35']],
  ] as const)('the member of a list: %s, %i', (memberOfList, member, expected, clauses) => {
    const { guest } = withGroup({ memberOfList });
    expect(outcome(guest.send({ opcode: QUERY, room: 8, member }))).toEqual(expected);
    expect(guest.clauses()).toEqual(clauses);
  });

  it('looks at all 64 bits of a member', () => {
    const { guest } = withGroup({ memberOfList: 'checked' });
    expect(outcome(guest.send({ opcode: QUERY, member: 1, memberHigh: 1 }))).toEqual(EINVAL.member);
    expect(outcome(guest.send({ opcode: QUERY, member: 1, memberHigh: 0xffffffff }))).toEqual(EINVAL.member);
  });
});

describe('parts of any length (AVQ-01..07)', () => {
  const query = { opcode: QUERY, group: SELF } as const;

  test.each([0, 1, 2, 3, 4, 7, 8, 9, 15])('a writable part of %i bytes gets that many', (writable) => {
    const { guest } = withGroup();
    const answer = guest.send({ ...query, writable });
    const whole = [...little(0, 8), ...little(3, 8)];
    expect([answer.used, answer.raw.slice(0, writable)]).toEqual([writable, whole.slice(0, writable)]);
  });

  it('a longer one is not written beyond the answer', () => {
    const answer = withGroup().guest.send({ ...query, writable: 40 });
    expect([answer.used, answer.raw.slice(16)]).toEqual([16, new Array(24).fill(0xee)]);
  });

  test.each([0, 1, 2, 3, 16, 23])('a readable part of %i bytes is as if zeros followed', (readable) => {
    const { guest } = withGroup();
    const answer = guest.send({ ...query, readable, writable: 16 });
    expect([outcome(answer), answer.used]).toEqual([OK, 16]);
    expect(guest.clauses()).toContain(readable === 0 ? 'AVQ-14' : 'AVQ-12');
  });

  it('bytes behind the data are ignored', () => {
    const { guest } = withGroup();
    expect(outcome(guest.send({ ...query, room: 8, data: new Array(64).fill(0xff) }))).toEqual(OK);
    expect(guest.clauses()).toEqual([]);
  });

  it('reserved bytes are ignored, and said to be set (ADM-01)', () => {
    const { guest } = withGroup();
    expect(outcome(guest.send({ ...query, room: 8, reserved: new Array(12).fill(0xff) }))).toEqual(OK);
    expect(guest.clauses()).toEqual(['ADM-01']);
    expect(outcome(guest.send({ ...query, room: 8, reserved: [...new Array(11).fill(0), 1] }))).toEqual(OK);
    expect(guest.clauses()).toEqual(['ADM-01']);
  });

  it('a failure has no result, and zeros in its reserved bytes', () => {
    const answer = withGroup().guest.send({ opcode: 0x7fff, writable: 24 });
    expect([answer.used, answer.raw.slice(0, 9)]).toEqual([8, [22, 0, 2, 0, 0, 0, 0, 0, 0xee]]);
  });
});

describe('memory out of reach', () => {
  const FAR = 0x8000_0000;
  const at = (readable: number, writable: number) => {
    const { guest } = withGroup();
    const ring = guest.rings.get(1)!;
    guest.put({ opcode: QUERY, group: SELF, room: 8 });
    ring.describe(0, { address: readable, length: 24, flags: 1, next: 1 });
    ring.describe(1, { address: writable, length: 16, flags: 2 });
    guest.kick(1);
    return { guest, used: ring.used(1)[0] };
  };

  it('of the command refuses it', () => {
    const { guest, used } = at(FAR, 0x90000);
    expect([used, guest.clauses()]).toEqual([[0, 8], ['RF-05']]);
    expect(outcome(guest.answer(8))).toEqual(EINVAL.command);
  });

  it('of the answer gives the chain back empty', () => {
    const { guest, used } = at(0x80000, FAR);
    expect([used, guest.clauses()]).toEqual([[0, 0], ['RF-05']]);
  });
});

describe('a saved state', () => {
  it('has the lists in use', () => {
    const { guest } = withGroup();
    guest.send({ opcode: USE, data: little(1, 8) });
    const { guest: other } = withGroup();
    other.machine.load(guest.machine.save());
    other.rings.set(1, guest.rings.get(1)!);
    expect(other.administration.save()).toMatchObject({
      version: 1,
      lists: [
        { version: 1, groupType: 0, used: null },
        { version: 1, groupType: 1, used: 1 },
      ],
    });
  });

  test.each([
    [{ lists: [] }, 'lists.length'],
    [
      {
        lists: [
          { version: 1, groupType: 1, used: null },
          { version: 1, groupType: 1, used: null },
        ],
      },
      'lists[0].groupType',
    ],
    [
      {
        lists: [
          { version: 1, groupType: 0, used: 4 },
          { version: 1, groupType: 1, used: null },
        ],
      },
      'lists[0].used',
    ],
  ])('%j is refused', (state, part) => {
    const { guest } = withGroup();
    const { parts } = guest.administration.save();
    expect(() => guest.administration.check({ version: 1, parts, ...state })).toThrow(part);
  });
});
