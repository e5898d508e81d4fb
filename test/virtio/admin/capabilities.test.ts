import { describe, expect, it, test } from 'vitest';
import { Administration, type AdminReadings, adminOpcode } from '../../../src/virtio/index.ts';
import { Probe } from '../support/probe.ts';
import {
  AdminGuest,
  EINVAL,
  HandMadeGroup,
  little,
  MemberUnderTest,
  OK,
  outcome,
  SELF,
  SRIOV,
} from './support.ts';

const [ID_LIST, GET, SET] = [0x7, 0x8, 0x9];
const [CREATE, MODIFY, QUERY, DESTROY] = [0xa, 0xb, 0xc, 0xd];
const ENXIO = [6, 3];
const EBUSY = [16, 1];
const EEXIST = [17, 3];
const ENOSPC = [28, 6];
const [FOR_READING, FOR_WRITING] = [0, 1];

const setUp = (readings: Partial<AdminReadings> = {}, use = true) => {
  const group = new HandMadeGroup();
  const guest = new AdminGuest({ admin: { members: group, parts: { get: 2, set: 1 }, readings } });
  group.members = [0x28, 0x30].map((slot) => new MemberUnderTest(guest, new Probe(), slot).fn);
  if (use) for (const type of [SELF, SRIOV]) guest.useAll(type);
  guest.clauses();
  const self = (opcode: number, data: readonly number[] = [], room = 0, member = 0) =>
    guest.send({ opcode, group: SELF, data, room, member });
  const limits = (get: number, set: number) => self(SET, [...little(0, 8), get, set, ...little(0, 6)]);
  const object = (
    opcode: number,
    id: number,
    kind = 0,
    more: { type?: number; member?: number; flags?: number } = {},
  ) =>
    guest.send({
      opcode,
      member: more.member ?? 1,
      data: [
        ...little(more.type ?? 0, 2),
        ...[0, 0],
        ...little(id, 4),
        ...(opcode === DESTROY ? [] : little(more.flags ?? 0, 8)),
        ...(opcode === CREATE || opcode === MODIFY ? little(kind, 8) : []),
      ],
      room: opcode === QUERY ? 8 : 0,
    });
  return { group, guest, self, limits, object };
};

/** The same, with limits of the driver. */
const within = (get = 2, set = 1, readings: Partial<AdminReadings> = {}) => {
  const all = setUp(readings);
  all.limits(get, set);
  all.guest.clauses();
  return all;
};

describe('numbers, as the specification has them', () => {
  it('stand in the table of opcodes', () => {
    expect([
      ...[
        adminOpcode.capabilityIdListQuery,
        adminOpcode.deviceCapabilityGet,
        adminOpcode.driverCapabilitySet,
      ],
      ...[adminOpcode.resourceCreate, adminOpcode.resourceModify, adminOpcode.resourceQuery],
      adminOpcode.resourceDestroy,
    ]).toEqual([ID_LIST, GET, SET, CREATE, MODIFY, QUERY, DESTROY]);
  });

  it('are in the lists of their group types (ADC-01, ADP-01)', () => {
    const { guest } = setUp();
    expect([guest.list(SELF), guest.list(SRIOV)]).toEqual([0x383, 0x3fc03]);
  });
});

describe('capabilities', () => {
  it('are listed', () => {
    const answer = setUp().self(ID_LIST, [], 8);
    expect([outcome(answer), answer.result]).toEqual([OK, little(1, 8)]);
  });

  it('say what the device has', () => {
    const answer = setUp().self(GET, little(0, 8), 8);
    expect([outcome(answer), answer.result]).toEqual([OK, [2, 1, 0, 0, 0, 0, 0, 0]]);
  });

  it('give two bytes to a driver that knows two (AVQ-02)', () => {
    const answer = setUp().self(GET, little(0, 8), 2);
    expect([outcome(answer), answer.used, answer.result]).toEqual([OK, 10, [2, 1]]);
  });

  test.each([ID_LIST, GET, SET])('opcode %#x is for the self group, and its only member', (opcode) => {
    const { guest, self } = setUp();
    expect(outcome(guest.send({ opcode, member: 1 }))).toEqual(EINVAL.opcode);
    guest.clauses();
    expect(outcome(self(opcode, little(0, 16), 8, 1))).toEqual(EINVAL.member);
    expect(guest.clauses()).toEqual(['GRP-01']);
  });

  test.each([GET, SET])('opcode %#x: one that there is not', (opcode) => {
    for (const id of [1, 0x800, 0xffff])
      expect(outcome(setUp().self(opcode, little(id, 16), 8))).toEqual(ENXIO);
  });

  test.each([
    [3, 1],
    [2, 2],
    [255, 255],
  ])('limits beyond the device’s are refused: %i and %i', (get, set) => {
    const { guest, limits, object } = setUp();
    expect(outcome(limits(get, set))).toEqual(EINVAL.field);
    expect(guest.clauses()).toEqual(['CONF-01']);
    // ADM-10: nothing has changed.
    expect(outcome(object(CREATE, 0))).toEqual(EINVAL.field);
  });

  it('missing limits are 0', () => {
    const { self, limits, object } = setUp();
    limits(2, 1);
    expect(outcome(self(SET, little(0, 8)))).toEqual(OK);
    expect(outcome(object(CREATE, 0))).toEqual(EINVAL.field);
  });

  it('can be lowered as long as the objects stay within them', () => {
    const { guest, limits, object } = within();
    object(CREATE, 2, FOR_READING);
    expect(outcome(limits(2, 0))).toEqual(EBUSY);
    expect(guest.clauses()).toEqual(['CONF-01']);
    object(DESTROY, 2);
    object(CREATE, 1, FOR_READING);
    expect(outcome(limits(0, 1))).toEqual(EBUSY);
    expect(outcome(limits(1, 1))).toEqual(OK);
    expect(outcome(object(CREATE, 0, FOR_READING))).toEqual(ENOSPC);
    expect(outcome(object(CREATE, 2, FOR_WRITING))).toEqual(EINVAL.field);
    expect(outcome(object(CREATE, 0, FOR_WRITING))).toEqual(OK);
  });

  test.each([
    ['refused', EINVAL.opcode],
    ['taken', OK],
  ] as const)('before LIST_USE for the self group are %s', (capabilitiesBeforeUse, expected) => {
    const { guest, self } = setUp({ capabilitiesBeforeUse }, false);
    expect(outcome(self(ID_LIST, [], 8))).toEqual(expected);
    expect(guest.clauses()).toEqual(['ADM-26']);
    // A list that was given counts.
    guest.send({ opcode: 1, group: SELF, data: little(3, 8) });
    expect(outcome(self(ID_LIST, [], 8))).toEqual(EINVAL.opcode);
    expect(outcome(self(0x7fff))).toEqual(EINVAL.opcode);
  });
});

describe('objects', () => {
  it('are created, queried, modified and destroyed', () => {
    const { guest, object } = within();
    expect(outcome(object(CREATE, 2, FOR_WRITING))).toEqual(OK);
    const answer = object(QUERY, 2);
    expect([outcome(answer), answer.result]).toEqual([OK, little(FOR_WRITING, 8)]);
    expect(outcome(object(MODIFY, 2, FOR_READING))).toEqual(OK);
    expect(object(QUERY, 2).result).toEqual(little(FOR_READING, 8));
    expect(outcome(object(DESTROY, 2))).toEqual(OK);
    expect(outcome(object(QUERY, 2))).toEqual(ENXIO);
    expect(outcome(object(CREATE, 2, FOR_WRITING))).toEqual(OK);
    expect(guest.clauses()).toEqual([]);
  });

  it('do not exist before the driver says how many (ADC-02)', () => {
    const { guest, object } = setUp();
    expect(outcome(object(CREATE, 0))).toEqual(EINVAL.field);
    expect(guest.clauses()).toEqual(['CONF-01']);
  });

  test.each([
    ['a number beyond the limits', 3, 0, {}, EINVAL.field],
    ['the highest number', 0xffffffff, 0, {}, EINVAL.field],
    ['a kind that there is not', 0, 2, {}, EINVAL.field],
    ['another type', 0, 0, { type: 1 }, EINVAL.field],
    ['no member', 0, 0, { member: 3 }, EINVAL.member],
    ['the owner as member', 0, 0, { member: 0 }, EINVAL.member],
  ] as const)('are not created: %s', (_, id, kind, more, expected) => {
    const { object } = within();
    expect(outcome(object(CREATE, id, kind, more))).toEqual(expected);
    expect(outcome(object(QUERY, id))).toEqual(ENXIO);
  });

  it('have one number each, whichever member they are for', () => {
    const { guest, object } = within();
    object(CREATE, 0, FOR_READING, { member: 1 });
    expect(outcome(object(CREATE, 0, FOR_READING, { member: 1 }))).toEqual(EEXIST);
    expect(outcome(object(CREATE, 0, FOR_WRITING, { member: 2 }))).toEqual(EEXIST);
    expect(guest.clauses()).toEqual(['CONF-01', 'CONF-01']);
    for (const opcode of [MODIFY, QUERY, DESTROY])
      expect(outcome(object(opcode, 0, 0, { member: 2 }))).toEqual(ENXIO);
    expect(outcome(object(QUERY, 0, 0, { type: 1 }))).toEqual(ENXIO);
    expect(object(QUERY, 0).result).toEqual(little(FOR_READING, 8));
  });

  it('are as many of each kind as the driver said', () => {
    const { object } = within();
    expect([0, 1, 2].map((id) => outcome(object(CREATE, id, FOR_READING)))).toEqual([OK, OK, ENOSPC]);
    expect(outcome(object(CREATE, 2, FOR_WRITING))).toEqual(OK);
    expect(outcome(object(MODIFY, 0, FOR_WRITING))).toEqual(ENOSPC);
    expect(object(QUERY, 0).result).toEqual(little(FOR_READING, 8));
    expect(outcome(object(MODIFY, 0, FOR_READING))).toEqual(OK);
    expect(outcome(object(MODIFY, 0, 7))).toEqual(EINVAL.field);
  });

  it('ignore reserved flags', () => {
    const { guest, object } = within();
    expect(outcome(object(CREATE, 0, FOR_READING, { flags: 2 ** 33 }))).toEqual(OK);
    expect(guest.clauses()).toEqual(['ADM-01']);
  });

  it('are gone after a reset of the owner, and so are its limits', () => {
    const { guest, object, limits } = within();
    object(CREATE, 0, FOR_READING);
    guest.restart();
    for (const type of [SELF, SRIOV]) guest.useAll(type);
    expect(outcome(object(QUERY, 0))).toEqual(ENXIO);
    expect(outcome(object(CREATE, 0, FOR_READING))).toEqual(EINVAL.field);
    limits(2, 1);
    expect(outcome(object(CREATE, 0, FOR_READING))).toEqual(OK);
  });

  it('have the numbers of the table, where the text is read so', () => {
    const { object } = within(2, 1, { resourceNumbers: 'table' });
    object(CREATE, 0, FOR_READING);
    // 0xb queries, 0xc modifies.
    const answer = object(MODIFY, 0, FOR_WRITING);
    expect([outcome(answer), answer.used]).toEqual([OK, 8]);
    expect(outcome(object(QUERY, 0))).toEqual(OK);
  });
});

describe('a saved state', () => {
  it('has limits and objects', () => {
    const one = within();
    one.object(CREATE, 1, FOR_READING);
    const other = within();
    other.guest.machine.load(one.guest.machine.save());
    expect(other.guest.administration.save()).toEqual(one.guest.administration.save());
    expect(other.guest.administration.parts.kindOf(1, 1)).toBe(FOR_READING);
  });

  const limits = { get: 2, set: 1 };
  test.each([
    [{ limits: { get: 3, set: 0 }, objects: [] }, 'limits'],
    [{ limits: null, objects: [{ id: 0, kind: 0, member: 1 }] }, 'objects[0].id'],
    [{ limits, objects: [{ id: 3, kind: 0, member: 1 }] }, 'objects[0].id'],
    [{ limits, objects: [{ id: 0, kind: 2, member: 1 }] }, 'objects[0].kind'],
    [
      {
        limits,
        objects: [
          { id: 0, kind: 1, member: 1 },
          { id: 1, kind: 1, member: 1 },
        ],
      },
      'objects[1].kind',
    ],
    [
      {
        limits,
        objects: [
          { id: 0, kind: 0, member: 1 },
          { id: 0, kind: 0, member: 2 },
        ],
      },
      'objects[1].id',
    ],
  ])('%j is refused', (state, part) => {
    const { guest } = setUp();
    expect(() => guest.administration.parts.check({ version: 1, ...state })).toThrow(part);
  });
});

describe('an administration that cannot be', () => {
  const members = new HandMadeGroup();

  test.each([
    [{ parts: { get: 1, set: 1 } }, 'parts'],
    [{ members, parts: { get: 0, set: 1 } }, 'parts.get'],
    [{ members, parts: { get: 1, set: 256 } }, 'parts.set'],
  ])('%#', (options, option) => {
    expect(() => new Administration(options)).toThrow(expect.objectContaining({ option }));
  });
});
