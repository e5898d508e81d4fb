import { describe, expect, it, test } from 'vitest';
import type { Register, Width } from '../../../src/core/index.ts';
import {
  type AdministrationOptions,
  adminFeaturesPart,
  adminMode,
  adminModeFlag,
  adminOpcode,
  adminPart,
  adminPartHead,
  adminQueueNotifyPart,
  adminQueuePart,
  commonConfig,
} from '../../../src/virtio/index.ts';
import { Probe } from '../support/probe.ts';
import { legacyParts, RawRing } from '../support/ring.ts';
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

const [METADATA, GET, SET, MODE] = [0xe, 0xf, 0x10, 0x11];
const CREATE = 0xa;
const [DEV_FEATURES, DRV_FEATURES, COMMON, STATUS, QUEUE, NOTIFY] = [
  0x100, 0x101, 0x102, 0x103, 0x104, 0x105,
];
const ENXIO = [6, 3];
const ENOMEM = [12, 6];
const EBUSY = [16, 1];
/** Numbers of the objects: for reading and for writing, of members 1 and 2. */
const READER = 0;
const WRITER = 4;

interface Part {
  readonly type: number;
  readonly flags: number;
  readonly selector: number;
  readonly value: readonly number[];
}

const partBytes = ({ type, flags, selector, value }: Part): number[] => [
  ...[...little(type, 2), flags, 0],
  ...little(selector, 8),
  ...little(value.length, 4),
  ...value,
];

function partsIn(bytes: readonly number[]): Part[] {
  const parts: Part[] = [];
  const number = (at: number, width: number) =>
    bytes.slice(at, at + width).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  for (let at = 0; at < bytes.length; ) {
    const length = number(at + 12, 4);
    const head = { type: number(at, 2), flags: number(at + 2, 1), selector: number(at + 4, 8) };
    parts.push({ ...head, value: bytes.slice(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return parts;
}

/** A driver of a member by its common configuration, and a ring of it. */
class Driver {
  readonly member: MemberUnderTest;
  readonly #guest: AdminGuest;

  constructor(guest: AdminGuest, member: MemberUnderTest) {
    this.#guest = guest;
    this.member = member;
  }

  get(name: keyof typeof commonConfig): number {
    const { offset, width }: Register = commonConfig[name];
    return this.#guest.machine.memoryRead(this.member.bar(4) + offset, width as Width);
  }

  set(name: keyof typeof commonConfig, value: number): void {
    const { offset, width }: Register = commonConfig[name];
    this.#guest.machine.memoryWrite(this.member.bar(4) + offset, width as Width, value);
  }

  /** Features, queue 0 at a page, DRIVER_OK. */
  start(page = 0xa0, features: readonly number[] = [0, 1], packed = false): RawRing {
    for (const status of [1, 3]) this.set('deviceStatus', status);
    for (const [word, bits] of features.entries()) {
      this.set('driverFeatureSelect', word);
      this.set('driverFeature', bits + (packed && word === 1 ? 4 : 0));
    }
    this.set('deviceStatus', 11);
    this.set('queueSelect', 0);
    this.set('queueSize', 4);
    const parts = legacyParts(page, 4);
    this.set('queueDescriptorLow', parts.descriptor);
    this.set('queueDriverLow', parts.driver);
    this.set('queueDeviceLow', parts.device);
    this.set('queueEnable', 1);
    this.set('deviceStatus', 15);
    return new RawRing(this.#guest.machine.ram, 4, parts);
  }

  kick(queue = 0): void {
    this.member.fn.device.notify(queue);
  }
}

interface Options extends AdministrationOptions {
  /** Chains of the members wait until they are finished. */
  readonly waiting?: boolean;
  readonly transportFeatures?: readonly number[];
}

function setUp({ waiting = false, transportFeatures = [], ...admin }: Options = {}) {
  const group = new HandMadeGroup();
  const guest = new AdminGuest({
    admin: { members: group, parts: { get: 4, set: 4 }, legacy: {}, ...admin },
  });
  const probes = [1, 2].map(
    () => new Probe({ queueSizes: [4, 0, 8], features: [0], ...(waiting ? {} : { complete: 0 }) }),
  );
  const members = probes.map(
    (probe, i) =>
      new MemberUnderTest(guest, probe, 0x28 + 8 * i, { transportFeatures: [...transportFeatures] }),
  );
  group.members = members.map(({ fn }) => fn);
  for (const type of [SELF, SRIOV]) guest.useAll(type);
  guest.send({ opcode: 9, group: SELF, data: [...little(0, 8), 4, 4, ...little(0, 6)] });
  const head = (id: number) => [...little(0, 4), ...little(id, 4)];
  for (const member of [1, 2]) {
    const create = (id: number, kind: number) =>
      guest.send({ opcode: CREATE, member, data: [...head(id), ...little(0, 8), ...little(kind, 8)] });
    expect([outcome(create(READER + member, 0)), outcome(create(WRITER + member, 1))]).toEqual([OK, OK]);
  }
  guest.clauses();
  const metadata = (kind: number, room = 2000, member = 1, id = READER + member) =>
    guest.send({ opcode: METADATA, member, data: [...head(id), ...little(kind, 8)], room });
  const get = (kind = 1, heads: readonly number[] = [], room = 2000, member = 1, id = READER + member) =>
    guest.send({ opcode: GET, member, data: [...head(id), ...little(kind, 8), ...heads], room });
  const set = (bytes: readonly number[], member = 1, id = WRITER + member) =>
    guest.send({ opcode: SET, member, data: padded([...head(id), ...bytes]) });
  const mode = (flags: number, member = 1) => guest.send({ opcode: MODE, member, data: little(flags, 8) });
  const drivers = members.map((member) => new Driver(guest, member));
  return { group, guest, members, probes, drivers, metadata, get, set, mode };
}

/** A part of a command is a multiple of 8 bytes (AVQ-13). */
const padded = (bytes: readonly number[]) => [...bytes, ...new Array((8 - (bytes.length % 8)) % 8).fill(0)];

/** A request of four bytes in slot `slot`. */
function request(ring: RawRing, slot = 0): void {
  ring.chain(slot, [{ address: 0xd0000, length: 4 }]);
  ring.offer(slot);
}

describe('numbers, as the specification has them', () => {
  it('of commands', () => {
    expect([
      adminOpcode.devicePartsMetadataGet,
      adminOpcode.devicePartsGet,
      adminOpcode.devicePartsSet,
      adminOpcode.deviceModeSet,
    ]).toEqual([METADATA, GET, SET, MODE]);
    expect([adminMode.flags.offset, adminModeFlag.stopped]).toEqual([0, 1]);
  });

  it('of parts', () => {
    expect(adminPart).toEqual({
      deviceFeatures: DEV_FEATURES,
      driverFeatures: DRV_FEATURES,
      commonConfig: COMMON,
      deviceStatus: STATUS,
      queueConfig: QUEUE,
      queueNotification: NOTIFY,
    });
    const offsets = (map: Readonly<Record<string, Register>>) =>
      Object.values(map).map(({ offset }) => offset);
    expect([adminPartHead, adminQueuePart, adminQueueNotifyPart, adminFeaturesPart].map(offsets)).toEqual([
      [0, 2, 3, 4, 8, 12],
      [0, 2, 4, 6, 8, 12, 16, 20, 24, 28],
      [0, 2, 4],
      [0],
    ]);
  });
});

describe('reading the parts of a member', () => {
  const shape = [
    ...[
      [DEV_FEATURES, 1, 0, 16],
      [DRV_FEATURES, 0, 0, 16],
    ],
    ...[0, 8, 16, 18, 22].map((offset) => [COMMON, 0, offset, offset < 16 ? 4 : 2]),
    [STATUS, 0, 0, 1],
    ...[0, 2].map((queue) => [QUEUE, 0, queue, 32]),
    ...[0, 2].map((queue) => [NOTIFY, 0, queue, 8]),
  ];

  it('gets all of them, in the order of the table', () => {
    const { get } = setUp();
    const answer = get();
    expect(outcome(answer)).toEqual(OK);
    const parts = partsIn(answer.result).map(({ type, flags, selector, value }) => [
      type,
      flags,
      selector,
      value.length,
    ]);
    expect(parts).toEqual(shape);
  });

  it('gets what the driver has set', () => {
    const { get, drivers, members } = setUp();
    members[0]!.msix = true;
    const driver = drivers[0]!;
    driver.start();
    driver.set('queueMsixVector', 2);
    driver.set('configMsixVector', 1);
    driver.set('deviceFeatureSelect', 1);
    driver.set('queueSelect', 2);
    const parts = partsIn(get().result);
    const value = (type: number, selector = 0) =>
      parts.find((part) => part.type === type && part.selector === selector)!.value;
    expect(value(DRV_FEATURES)).toEqual([...little(0, 4), ...little(1, 4), ...little(0, 8)]);
    expect(value(DEV_FEATURES)).toEqual(
      members[0]!.fn.device.features.offered.flatMap((word) => little(word, 4)),
    );
    expect([0, 8, 16, 18, 22].map((offset) => value(COMMON, offset))).toEqual([
      ...[little(1, 4), little(1, 4)],
      ...[little(1, 2), little(3, 2), little(2, 2)],
    ]);
    expect(value(STATUS)).toEqual([15]);
    const { descriptor, driver: available, device } = legacyParts(0xa0, 4);
    expect(value(QUEUE, 0)).toEqual([
      ...[...little(4, 2), ...little(2, 2), ...little(1, 2), ...little(0, 2)],
      ...[...little(descriptor, 8), ...little(available, 8), ...little(device, 8)],
    ]);
    expect(value(QUEUE, 2)).toEqual([...little(8, 2), 0xff, 0xff, ...new Array(28).fill(0)]);
    expect(value(NOTIFY, 2)).toEqual([2, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('tells their size, their number and their heads', () => {
    const { get, metadata } = setUp();
    const { result } = get();
    const count = shape.length;
    expect(metadata(0, 8).result).toEqual([...little(result.length, 4), ...little(0, 4)]);
    expect(metadata(1, 8).result).toEqual([...little(count, 4), ...little(0, 4)]);
    const list = metadata(2, 8 + 16 * count);
    expect(list.result.slice(0, 8)).toEqual([...little(count, 4), ...little(0, 4)]);
    const heads = partsIn(result).flatMap((part) => partBytes(part).slice(0, 16));
    expect(list.result.slice(8)).toEqual(heads);
  });

  test.each([
    [0, 7],
    [1, 0],
    [2, 8 + 16 * shape.length - 1],
  ])('has no room for metadata of kind %i in %i bytes', (kind, room) => {
    expect(outcome(setUp().metadata(kind, room))).toEqual(ENOMEM);
  });

  it('gets those that are named, in the order of the table, and passes over others', () => {
    const { get } = setUp();
    const name = (type: number, selector = 0) => partBytes({ type, flags: 0, selector, value: [] });
    const heads = [
      ...[name(QUEUE, 2), name(0x205), name(STATUS), name(QUEUE, 1), name(QUEUE, 2), name(COMMON, 2)],
      ...[name(DEV_FEATURES), name(STATUS, 2 ** 32)],
    ].flat();
    const answer = get(0, heads);
    expect(outcome(answer)).toEqual(OK);
    expect(partsIn(answer.result).map(({ type, selector }) => [type, selector])).toEqual([
      [DEV_FEATURES, 0],
      [STATUS, 0],
      [QUEUE, 2],
    ]);
    // A torn head is none.
    expect(get(0, name(STATUS).slice(0, 15)).result).toEqual([]);
  });

  it('gets as much as there is room for', () => {
    const { get } = setUp();
    expect([get(1, [], 20).result, get().result.slice(0, 20)]).toSatisfy(([a, b]) => `${a}` === `${b}`);
  });

  it('is done by an object for reading, of that member', () => {
    const { get, metadata } = setUp();
    for (const id of [WRITER + 1]) {
      expect(outcome(get(1, [], 100, 1, id))).toEqual(EINVAL.field);
      expect(outcome(metadata(0, 8, 1, id))).toEqual(EINVAL.field);
    }
    for (const id of [READER + 2, 7, 0xffffffff]) {
      expect(outcome(get(1, [], 100, 1, id))).toEqual(ENXIO);
      expect(outcome(metadata(0, 8, 1, id))).toEqual(ENXIO);
    }
  });

  it('has no other kinds', () => {
    const { get, metadata } = setUp();
    expect([outcome(get(2)), outcome(metadata(3)), outcome(get(255))]).toEqual([
      EINVAL.field,
      EINVAL.field,
      EINVAL.field,
    ]);
  });
});

describe('a member that is stopped (ADP-02, ADP-03)', () => {
  it('takes kicks, and looks at its queues when it goes on', () => {
    const { guest, drivers, probes, mode } = setUp();
    const ring = drivers[0]!.start();
    expect(outcome(mode(1))).toEqual(OK);
    request(ring);
    drivers[0]!.kick();
    expect([probes[0]!.handled, ring.usedIndex]).toEqual([[], 0]);
    expect(guest.clauses()).toEqual([]);
    expect(outcome(mode(0))).toEqual(OK);
    expect([probes[0]!.handled, ring.usedIndex]).toEqual([['0:0'], 1]);
  });

  it('answers register reads, and takes writes', () => {
    const { drivers, mode } = setUp();
    drivers[0]!.start();
    mode(1);
    drivers[0]!.set('queueSelect', 2);
    expect([drivers[0]!.get('queueSelect'), drivers[0]!.get('deviceStatus')]).toEqual([2, 15]);
  });

  it('tells nothing before it goes on', () => {
    const { guest, members, drivers, mode } = setUp();
    members[0]!.unmask();
    drivers[0]!.start();
    drivers[0]!.set('configMsixVector', 1);
    mode(1);
    guest.events.length = 0;
    members[0]!.fn.device.configChanged();
    expect(guest.interrupts()).not.toContain('message 1');
    mode(0);
    expect(guest.interrupts()).toContain('message 1');
  });

  it('can be stopped and let go on again and again', () => {
    const { mode, members } = setUp();
    expect([0, 1, 1, 0, 0].map((flags) => outcome(mode(flags)))).toEqual([OK, OK, OK, OK, OK]);
    expect(members[0]!.fn.device.mode.stopped).toBe(false);
    mode(1, 2);
    expect(members.map(({ fn }) => fn.device.mode.stopped)).toEqual([false, true]);
  });

  describe('while requests are under way', () => {
    const STOP = { opcode: MODE, member: 1, data: little(1, 8) } as const;
    const QUERY = { opcode: 0, group: SELF, room: 8 } as const;

    /** A member with a request in hand, and its owner's command to stop it in queue 1. */
    function stopping() {
      const all = setUp({ waiting: true, queueSizes: [8, 8] });
      const ring = all.drivers[0]!.start();
      request(ring);
      all.drivers[0]!.kick();
      const admin = all.guest.rings.get(1)!;
      const before = admin.usedIndex;
      all.guest.put(STOP, 1, 0);
      all.guest.put(QUERY, 1, 1);
      all.guest.kick(1);
      const answered = () => (admin.usedIndex - before) & 0xffff;
      expect(answered()).toBe(0);
      return { ...all, ring, answered, device: all.members[0]!.fn.device };
    }

    it('takes no more, and is stopped when they are done', () => {
      const { ring, drivers, probes, guest, answered, device } = stopping();
      request(ring, 1);
      drivers[0]!.kick();
      expect([probes[0]!.handled, guest.administration.inFlight, guest.clauses()]).toEqual([['0:0'], 2, []]);
      probes[0]!.finish();
      expect([device.mode.stopped, ring.usedIndex, answered()]).toEqual([true, 1, 2]);
      expect([outcome(guest.answer(8)), outcome(guest.answer(16, 1))]).toEqual([OK, OK]);
      expect(probes[0]!.handled).toEqual(['0:0']);
    });

    it('is in flight when VF Enable is cleared (ADM-36)', () => {
      const { guest, group, probes } = stopping();
      guest.clauses();
      group.enabled = false;
      expect(guest.clauses()).toEqual(['ADM-36']);
      group.enabled = true;
      probes[0]!.finish();
      group.enabled = false;
      expect(guest.clauses()).toEqual([]);
    });

    it('keeps nobody else waiting', () => {
      const { guest, answered } = stopping();
      expect(outcome(guest.send(QUERY, 2))).toEqual(OK);
      expect(answered()).toBe(0);
    });

    it('goes on when another command says so, which answers both', () => {
      const { guest, answered, device, ring, drivers, probes } = stopping();
      request(ring, 1);
      drivers[0]!.kick();
      guest.put({ opcode: MODE, member: 1, data: little(0, 8) }, 2, 2);
      guest.kick(2);
      expect([device.mode.halted, answered(), guest.rings.get(2)!.usedIndex]).toEqual([false, 2, 1]);
      expect(probes[0]!.handled).toEqual(['0:0', '0:1']);
    });

    it.each([
      ['its driver resets it', (driver: Driver) => driver.set('deviceStatus', 0)],
      ['its function is reset', (driver: Driver) => driver.member.fn.pci.reset()],
    ])('is stopped when %s', (_, reset) => {
      const { drivers, device, answered } = stopping();
      reset(drivers[0]!);
      expect([device.mode.stopped, answered()]).toEqual([true, 2]);
    });

    it('answers nobody once the owner was reset', () => {
      const { guest, device, probes } = stopping();
      guest.restart();
      probes[0]!.finish();
      expect(device.mode.stopped).toBe(true);
      expect([guest.rings.get(1)!.usedIndex, guest.administration.inFlight]).toEqual([0, 0]);
      expect(outcome(guest.send(QUERY))).toEqual(OK);
    });

    it('is saved so', () => {
      const { guest } = stopping();
      const other = setUp({ waiting: true, queueSizes: [8, 8] });
      const before = guest.rings.get(1)!.usedIndex;
      other.guest.machine.load(guest.machine.save());
      const ring = new RawRing(other.guest.machine.ram, 8, guest.rings.get(1)!.parts);
      expect(other.guest.administration.inFlight).toBe(2);
      other.probes[0]!.finish();
      expect(other.members[0]!.fn.device.mode.stopped).toBe(true);
      expect((ring.usedIndex - before) & 0xffff).toBe(2);
    });
  });

  it('has no other flags', () => {
    for (const flags of [2, 3, 0x80]) expect(outcome(setUp().mode(flags))).toEqual(EINVAL.field);
  });

  it('stays stopped when its driver resets it, and goes on after a reset of the function', () => {
    const { mode, drivers, members, set } = setUp();
    mode(1);
    set(partBytes({ type: STATUS, flags: 0, selector: 0, value: [3] }));
    drivers[0]!.set('deviceStatus', 0);
    const { device, pci } = members[0]!.fn;
    expect([device.mode.stopped, device.mode.staged]).toEqual([true, null]);
    pci.reset();
    expect(device.mode.stopped).toBe(false);
  });

  it('is saved', () => {
    const { mode, members, set } = setUp();
    mode(1);
    set(partBytes({ type: STATUS, flags: 0, selector: 0, value: [3] }));
    const other = setUp();
    other.members[0]!.fn.device.load(members[0]!.fn.device.save());
    expect(other.members[0]!.fn.device.mode.save()).toEqual(members[0]!.fn.device.mode.save());
    expect(outcome(other.mode(0))).toEqual(OK);
    expect(other.drivers[0]!.get('deviceStatus')).toBe(3);
  });
});

describe('setting parts', () => {
  const status = (value: number) => partBytes({ type: STATUS, flags: 0, selector: 0, value: [value] });
  const unknown = (flags: number, value: readonly number[] = [1, 2, 3]) =>
    partBytes({ type: 0x4ff, flags, selector: 9, value });

  it('wants a device that is stopped', () => {
    const { guest, set } = setUp();
    expect(outcome(set(status(3)))).toEqual(EBUSY);
    expect(guest.clauses()).toEqual(['CONF-01']);
  });

  it('takes effect when the device goes on', () => {
    const { mode, set, get, drivers } = setUp();
    mode(1);
    expect(outcome(set(status(3)))).toEqual(OK);
    expect(drivers[0]!.get('deviceStatus')).toBe(0);
    expect(partsIn(get().result).find(({ type }) => type === STATUS)!.value).toEqual([3]);
    mode(0);
    expect(drivers[0]!.get('deviceStatus')).toBe(3);
  });

  it('can be done again: the last one counts', () => {
    const { mode, set, drivers } = setUp();
    mode(1);
    set(status(3));
    set(partBytes({ type: COMMON, flags: 0, selector: 22, value: [2, 0] }));
    set([...status(7), ...status(1)]);
    mode(0);
    expect([drivers[0]!.get('deviceStatus'), drivers[0]!.get('queueSelect')]).toEqual([1, 2]);
  });

  it('passes over parts that are unknown and optional', () => {
    const { mode, set, drivers } = setUp();
    mode(1);
    expect(outcome(set([...unknown(1), ...status(3), ...unknown(1, [])]))).toEqual(OK);
    mode(0);
    expect(drivers[0]!.get('deviceStatus')).toBe(3);
  });

  it('takes zeros behind the last part, so that parts of any length make multiples of 8', () => {
    const { mode, set } = setUp();
    mode(1);
    expect(outcome(set([...status(3), ...little(0, 7)]))).toEqual(OK);
    expect(outcome(set([]))).toEqual(OK);
  });

  const features = (type: number, words: readonly number[]) =>
    partBytes({ type, flags: 0, selector: 0, value: words.flatMap((word) => little(word, 4)) });
  const queue = (fields: { size?: number; vector?: number; enabled?: number }, selector = 0) =>
    partBytes({
      type: QUEUE,
      flags: 0,
      selector,
      value: [
        ...[
          ...little(fields.size ?? 4, 2),
          ...little(fields.vector ?? 0xffff, 2),
          ...little(fields.enabled ?? 0, 2),
        ],
        ...little(0, 26),
      ],
    });

  const cases: readonly [string, readonly number[]][] = [
    ['an unknown part that is not optional', unknown(0)],
    ['a torn head', status(1).slice(0, 15)],
    ['a torn value', features(DRV_FEATURES, [0, 1, 0, 0]).slice(0, 31)],
    ['a length beyond the data', [...status(1).slice(0, 12), ...little(0xffffffff, 4), 3]],
    ['more behind than zeros', [...status(1), 0, 1]],
    ['a value that is too long', partBytes({ type: STATUS, flags: 0, selector: 0, value: [1, 0] })],
    ['a value that is too short', partBytes({ type: QUEUE, flags: 0, selector: 0, value: little(0, 31) })],
    ['features of another device', features(DEV_FEATURES, [0, 1, 0, 0])],
    ['features that are not offered', features(DRV_FEATURES, [2, 1, 0, 0])],
    ['features of a legacy driver that are not offered', features(DRV_FEATURES, [2, 0, 0, 0])],
    ['another number of queues', partBytes({ type: COMMON, flags: 0, selector: 18, value: [4, 0] })],
    ['a vector that there is not', partBytes({ type: COMMON, flags: 0, selector: 16, value: [9, 0] })],
    [
      'a field of the common configuration that is no part',
      partBytes({ type: COMMON, flags: 0, selector: 20, value: [1] }),
    ],
    ['the inside of a field', partBytes({ type: COMMON, flags: 0, selector: 1, value: [1] })],
    ['a queue that there is not', queue({}, 1)],
    ['a queue beyond all', queue({}, 3)],
    ['a queue of a size that it cannot have', queue({ size: 3 })],
    ['a queue that is too long', queue({ size: 8 })],
    ['a queue without descriptors', queue({ size: 0 })],
    ['a vector of a queue that there is not', queue({ vector: 4 })],
    ['a queue that is more than enabled', queue({ enabled: 2 })],
    [
      'another place for notifications',
      partBytes({ type: NOTIFY, flags: 0, selector: 2, value: little(1, 8) }),
    ],
    ['an upper half of a selector', partBytes({ type: STATUS, flags: 0, selector: 2 ** 32, value: [1] })],
  ];

  test.each(cases)('is all or nothing: %s', (_, bad) => {
    const { mode, set, members } = setUp();
    mode(1);
    set(status(3));
    const before = members[0]!.fn.device.save();
    expect(outcome(set([...status(7), ...bad]))).toEqual(EINVAL.field);
    expect(members[0]!.fn.device.save()).toEqual(before);
  });

  it('is done by an object for writing, of that member', () => {
    const { mode, set } = setUp();
    mode(1);
    expect([READER + 1, WRITER + 2, 77].map((id) => outcome(set(status(1), 1, id)))).toEqual([
      EINVAL.field,
      ENXIO,
      ENXIO,
    ]);
  });

  it('refuses more than a device keeps', () => {
    const { guest, mode } = setUp();
    mode(1);
    const head = [...little(0, 4), ...little(WRITER + 1, 4)];
    const many = Array.from({ length: 0x11000 / 16 }, () => unknown(1, [])).flat();
    expect(outcome(guest.send({ opcode: SET, member: 1, data: [...head, ...many] }))).toEqual(ENOMEM);
  });

  it('refuses a packed ring in use: no part says where it stands', () => {
    const { mode, set, drivers, get } = setUp({ transportFeatures: [34] });
    drivers[0]!.start(0xa0, [0, 1], true);
    expect(drivers[0]!.get('deviceStatus')).toBe(15);
    mode(1);
    const all = partsIn(get().result).flatMap(partBytes);
    // Its own it can have back, another's it cannot.
    expect(outcome(set(all))).toEqual(OK);
    mode(1, 2);
    expect(outcome(set(all, 2))).toEqual(EINVAL.field);
  });
});

describe('a driver whose member goes elsewhere', () => {
  /** Reads all parts of member 1, and gives them to member 2. */
  function move({ mode, get, set }: ReturnType<typeof setUp>): void {
    expect(outcome(mode(1, 1))).toEqual(OK);
    const { result } = get();
    expect(outcome(mode(1, 2))).toEqual(OK);
    expect(outcome(set(result, 2))).toEqual(OK);
    expect(outcome(mode(0, 2))).toEqual(OK);
  }

  it('finds its registers as they were', () => {
    const all = setUp();
    const [one, two] = all.drivers as [Driver, Driver];
    for (const member of all.members) member.msix = true;
    one.start();
    one.set('queueMsixVector', 1);
    one.set('configMsixVector', 0);
    move(all);
    const seen = (driver: Driver) =>
      (Object.keys(commonConfig) as (keyof typeof commonConfig)[]).map((name) => [name, driver.get(name)]);
    expect(seen(two)).toEqual(seen(one));
    expect(all.guest.clauses()).toEqual([]);
  });

  it('has each of its requests done once', () => {
    const all = setUp({ waiting: true });
    const [one, two] = all.drivers as [Driver, Driver];
    const ring = one.start();
    for (const slot of [0, 1]) request(ring, slot);
    one.kick();
    for (const _ of [0, 1]) all.probes[0]!.finish();
    // This one nobody has looked at, as its kick comes too late.
    expect(outcome(all.mode(1, 1))).toEqual(OK);
    request(ring, 2);
    one.kick();
    move(all);
    expect([all.probes[0]!.handled, all.probes[1]!.handled]).toEqual([['0:0', '0:1'], ['0:2']]);
    all.probes[1]!.finish();
    expect(ring.used().map(([id]) => id)).toEqual([0, 1, 2]);
    request(ring, 3);
    two.kick();
    expect(all.probes[1]!.handled).toEqual(['0:2', '0:3']);
  });

  it('has buffers that waited taken over with it', () => {
    const all = setUp({ waiting: true });
    const ring = all.drivers[0]!.start();
    all.probes[0]!.onChain = (chain) => {
      chain.waiting = true;
    };
    for (const slot of [0, 1]) request(ring, slot);
    all.drivers[0]!.kick();
    move(all);
    expect(all.probes[1]!.handled).toEqual(['0:0', '0:1']);
  });

  it('is interrupted once more for each queue', () => {
    const all = setUp();
    const [, second] = all.members as [MemberUnderTest, MemberUnderTest];
    for (const member of all.members) member.unmask();
    all.drivers[0]!.start();
    all.drivers[0]!.set('queueMsixVector', 1);
    all.guest.events.length = 0;
    move(all);
    expect(all.guest.interrupts().filter((each) => each === 'message 1')).toHaveLength(1);
    expect(second.fn.interrupts.readIsr()).toBe(1);
  });

  it('may be a legacy one', () => {
    const all = setUp();
    const write = (offset: number, data: readonly number[]) =>
      all.guest.send({ opcode: 2, member: 1, data: [offset, 0, 0, 0, 0, 0, 0, 0, ...data] });
    write(18, [3]);
    write(4, little(1, 4));
    write(8, little(0xa0, 4));
    write(14, [2, 0]);
    write(18, [7]);
    move(all);
    const read = (offset: number, room: number) =>
      all.guest.send({ opcode: 3, member: 2, data: [offset], room }).result;
    expect([read(18, 1), read(4, 4), read(14, 2)]).toEqual([[7], little(1, 4), [2, 0]]);
    all.guest.send({ opcode: 2, member: 2, data: [14, 0, 0, 0, 0, 0, 0, 0, 0, 0] });
    expect(read(8, 4)).toEqual(little(0xa0, 4));
    expect(all.members[1]!.fn.device.legacyDriver).toBe(true);
    expect(all.guest.clauses()).toEqual([]);
  });

  it('is where it was when nothing was set', () => {
    const all = setUp({ waiting: true });
    const ring = all.drivers[0]!.start();
    request(ring);
    all.drivers[0]!.kick();
    all.probes[0]!.finish();
    const before = all.members[0]!.fn.device.save();
    all.mode(1);
    all.mode(0);
    expect(all.members[0]!.fn.device.save()).toEqual(before);
  });

  it('goes on at the same place when its own parts are given back', () => {
    const all = setUp();
    const ring = all.drivers[0]!.start();
    request(ring);
    all.drivers[0]!.kick();
    all.mode(1);
    all.set(all.get().result);
    all.mode(0);
    request(ring, 1);
    all.drivers[0]!.kick();
    expect([ring.usedIndex, all.probes[0]!.handled]).toEqual([2, ['0:0', '0:1']]);
  });

  it('may be suspended', () => {
    const all = setUp({ transportFeatures: [43] });
    const driver = all.drivers[0]!;
    driver.start(0xa0, [0, 1 + (1 << 11)]);
    driver.set('deviceStatus', 15 | 16);
    const suspended = driver.get('deviceStatus');
    move(all);
    expect([suspended, all.drivers[1]!.get('deviceStatus')]).toEqual([27, 27]);
    expect(all.guest.clauses()).toEqual([]);
  });

  it('may have broken its device', () => {
    const all = setUp();
    const driver = all.drivers[0]!;
    driver.start();
    all.members[0]!.fn.device.fail('OPER-02', 'broken for the test');
    all.guest.clauses();
    move(all);
    expect(all.drivers[1]!.get('deviceStatus')).toBe(15 | 64);
    expect(all.members[1]!.fn.device.statusRegister.broken).toBe(true);
    expect(all.guest.clauses()).toEqual([]);
  });
});
