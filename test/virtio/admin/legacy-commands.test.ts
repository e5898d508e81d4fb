import { describe, expect, it, test } from 'vitest';
import { registers, rw } from '../../../src/core/index.ts';
import {
  Administration,
  AdministrationOptionError,
  type AdminReadings,
  adminNotifyEntry,
  adminNotifyFlag,
  adminOpcode,
  type ByteOrder,
  DeviceConfig,
  type LegacyCommandOptions,
  ShapeError,
  virtioFunction,
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

const [HEADER_WRITE, HEADER_READ, CONFIG_WRITE, CONFIG_READ, NOTIFY_INFO] = [2, 3, 4, 5, 6];

/** A wide field, bytes, and two fields side by side, as network devices have them. */
const fields = registers({
  wide: rw(0, 8),
  station: rw(8, 1, '', { count: 6 }),
  half: rw(14, 2),
  word: rw(16, 4),
});

interface Options {
  readonly legacy?: LegacyCommandOptions;
  readonly guestEndian?: ByteOrder;
  readonly readings?: Partial<AdminReadings>;
}

function setUp({ legacy = {}, guestEndian = 'little', readings = {} }: Options = {}) {
  const group = new HandMadeGroup();
  const guest = new AdminGuest({ admin: { members: group, legacy, readings } });
  const probes = [0, 1].map(
    () => new Probe({ config: new DeviceConfig(fields), queueSizes: [8, 16], complete: 0 }),
  );
  const members = probes.map((probe, i) => new MemberUnderTest(guest, probe, 0x28 + 8 * i, { guestEndian }));
  group.members = members.map(({ fn }) => fn);
  guest.useAll(SRIOV);
  guest.clauses();
  const write = (opcode: number, offset: number, data: readonly number[], member = 1) =>
    guest.send({ opcode, member, data: [offset, 0, 0, 0, 0, 0, 0, 0, ...data] });
  const read = (opcode: number, offset: number, room: number, member = 1) =>
    guest.send({ opcode, member, data: [offset], room });
  return { group, guest, members, probes, write, read };
}

describe('legacy commands', () => {
  it('have the numbers of the specification', () => {
    expect([
      adminOpcode.legacyCommonConfigWrite,
      adminOpcode.legacyCommonConfigRead,
      adminOpcode.legacyDeviceConfigWrite,
      adminOpcode.legacyDeviceConfigRead,
      adminOpcode.legacyNotifyInfo,
    ]).toEqual([HEADER_WRITE, HEADER_READ, CONFIG_WRITE, CONFIG_READ, NOTIFY_INFO]);
  });

  test.each([
    [{}, 0x7f],
    [{ notify: ['owner'] }, 0x7f],
    [{ notify: [] }, 0x3f],
  ] as const)('are offered together: %j (ADL-03, ADL-14)', (legacy, list) => {
    const { guest } = setUp({ legacy });
    expect([guest.list(SRIOV), guest.list(SELF)]).toEqual([list, 3]);
  });

  it.each([HEADER_WRITE, HEADER_READ, CONFIG_WRITE, CONFIG_READ, NOTIFY_INFO])(
    'opcode %i is about a member that there is (ADM-07, ADM-24)',
    (opcode) => {
      const { guest } = setUp();
      for (const member of [0, 3, 0xffff])
        expect(outcome(guest.send({ opcode, member, data: [0], room: 1 }))).toEqual(EINVAL.member);
      expect(outcome(guest.send({ opcode, group: SELF, data: [0], room: 1 }))).toEqual(EINVAL.opcode);
    },
  );

  it('fail once VF Enable is cleared', () => {
    const { guest, group } = setUp();
    group.enabled = false;
    expect(outcome(guest.send({ opcode: HEADER_READ, member: 1, data: [18], room: 1 }))).toEqual(
      EINVAL.group,
    );
  });

  it('fail for a member without a legacy interface', () => {
    const { guest, group } = setUp();
    group.members = [virtioFunction(new Probe(), { kind: 'modern' })];
    expect(outcome(guest.send({ opcode: HEADER_READ, member: 1, data: [18], room: 1 }))).toEqual(
      EINVAL.member,
    );
  });
});

describe('an access inside one field (ADL-02, ADL-05, ADL-06)', () => {
  /** [offset, length] of each field of the header, from the specification's table. */
  const header = [
    [0, 4],
    [4, 4],
    [8, 4],
    [12, 2],
    [14, 2],
    [16, 2],
    [18, 1],
    [19, 1],
  ] as const;
  const vectors = [
    [20, 2],
    [22, 2],
  ] as const;
  const config = [
    [0, 8],
    [8, 6],
    [14, 2],
    [16, 4],
  ] as const;

  const stays = (table: readonly (readonly [number, number])[], offset: number, length: number) =>
    length > 0 && table.some(([at, bytes]) => offset >= at && offset + length <= at + bytes);

  const cases = [
    ['header, MSI-X off', HEADER_READ, HEADER_WRITE, header, false],
    ['header, MSI-X on', HEADER_READ, HEADER_WRITE, [...header, ...vectors], true],
    ['device configuration, MSI-X off', CONFIG_READ, CONFIG_WRITE, config, false],
    ['device configuration, MSI-X on', CONFIG_READ, CONFIG_WRITE, config, true],
  ] as const;

  test.each(cases)('%s: every offset and length, read and written', (_, reading, writing, table, msix) => {
    const { guest, members, read, write } = setUp();
    members[0]!.msix = msix;
    for (let offset = 0; offset < 28; offset++)
      for (let length = 0; length <= 9; length++) {
        const expected = stays(table, offset, length) ? OK : EINVAL.field;
        const answer = read(reading, offset, length);
        expect([offset, length, outcome(answer)]).toEqual([offset, length, expected]);
        expect(answer.used).toBe(8 + (expected === OK ? length : 0));
        expect([offset, length, outcome(write(writing, offset, new Array(length).fill(0)))]).toEqual([
          offset,
          length,
          expected,
        ]);
      }
    const clauses = guest.clauses().filter((clause) => clause.startsWith('ADL'));
    expect(new Set(clauses)).toEqual(new Set([reading === HEADER_READ ? 'ADL-21' : 'ADL-22']));
  });

  it('a write that fails changes nothing, and does not make the driver a legacy one (ADM-10)', () => {
    const { members, write } = setUp();
    const before = members[0]!.fn.device.save();
    expect(outcome(write(HEADER_WRITE, 16, [0, 0, 3]))).toEqual(EINVAL.field);
    expect(members[0]!.fn.device.save()).toEqual(before);
  });

  it('a member whose MSI-X is on has its vector registers, and only it', () => {
    const { members, read } = setUp();
    members[1]!.msix = true;
    expect([outcome(read(HEADER_READ, 20, 2, 1)), outcome(read(HEADER_READ, 20, 2, 2))]).toEqual([
      EINVAL.field,
      OK,
    ]);
  });
});

describe('a legacy driver behind the commands (ADL-07..10)', () => {
  /** Status 3, features, one queue, status 7. */
  function bringUp({ guest, write, read }: ReturnType<typeof setUp>, member = 1, page = 0xa0) {
    write(HEADER_WRITE, 18, [3], member);
    write(HEADER_WRITE, 4, little(0, 4), member);
    write(HEADER_WRITE, 14, little(1, 2), member);
    const { result } = read(HEADER_READ, 12, 2, member);
    write(HEADER_WRITE, 8, little(page, 4), member);
    write(HEADER_WRITE, 18, [7], member);
    const size = result[0]! + 256 * result[1]!;
    return new RawRing(guest.machine.ram, size, legacyParts(page, size));
  }

  it('sets a queue up, kicks by a command, and reads ISR once', () => {
    const all = setUp();
    const ring = bringUp(all);
    expect(ring.size).toBe(16);
    ring.chain(0, [{ address: 0x8000, length: 4 }]);
    ring.offer(0);
    expect(outcome(all.write(HEADER_WRITE, 16, little(1, 2)))).toEqual(OK);
    expect(all.probes[0]!.handled).toEqual(['1:0']);
    expect([1, 2].map(() => all.read(HEADER_READ, 19, 1).result)).toEqual([[1], [0]]);
    expect(all.guest.clauses()).toEqual([]);
  });

  it('has a queue selector for each member', () => {
    const { write, read } = setUp();
    write(HEADER_WRITE, 14, [1, 0], 1);
    expect([read(HEADER_READ, 12, 2, 1).result, read(HEADER_READ, 12, 2, 2).result]).toEqual([
      little(16, 2),
      little(8, 2),
    ]);
  });

  it('resets its member, and nobody else', () => {
    const all = setUp();
    bringUp(all);
    bringUp(all, 2, 0xb0);
    all.write(HEADER_WRITE, 18, [0], 1);
    expect([1, 2].map((member) => all.read(HEADER_READ, 18, 1, member).result)).toEqual([[0], [7]]);
    expect(outcome(all.guest.send({ opcode: 0, room: 8 }))).toEqual(OK);
  });

  it('reads and writes device configuration, in parts', () => {
    const { write, read } = setUp();
    write(CONFIG_WRITE, 8, [1, 2, 3, 4, 5, 6]);
    write(CONFIG_WRITE, 17, [0xaa, 0xbb, 0xcc]);
    write(CONFIG_WRITE, 0, little(0x11223344, 8));
    expect([
      read(CONFIG_READ, 9, 4).result,
      read(CONFIG_READ, 16, 4).result,
      read(CONFIG_READ, 0, 8).result,
    ]).toEqual([[2, 3, 4, 5], [0, 0xaa, 0xbb, 0xcc], little(0x11223344, 8)]);
  });

  it('reads little-endian configuration where the guest is big-endian (ADL-04)', () => {
    const { members, read, write } = setUp({ guestEndian: 'big' });
    write(CONFIG_WRITE, 16, little(0x01020304, 4));
    expect(read(CONFIG_READ, 16, 4).result).toEqual([4, 3, 2, 1]);
    expect(members[0]!.fn.device.config.little.read(16, 4)).toBe(0x01020304);
  });

  it('does not reach a member while the owner is reset', () => {
    const { guest, read } = setUp();
    guest.restart();
    expect(outcome(read(HEADER_READ, 18, 1))).toEqual(EINVAL.opcode);
    expect(guest.clauses()).toEqual(['ADM-26']);
  });
});

describe('LEGACY_NOTIFY_INFO', () => {
  const entries = ({ guest }: ReturnType<typeof setUp>, member = 1) => {
    const answer = guest.send({ opcode: NOTIFY_INFO, member, room: 64 });
    expect([outcome(answer), answer.used]).toEqual([OK, 72]);
    return [0, 1, 2, 3].map((i) => {
      const entry = answer.result.slice(16 * i, 16 * i + 16);
      expect(entry.slice(2, 8)).toEqual([0, 0, 0, 0, 0, 0]);
      return { flags: entry[0]!, bar: entry[1]!, offset: entry[8]! + 256 * entry[9]! + 65536 * entry[10]! };
    });
  };
  const NONE = { flags: 0, bar: 0, offset: 0 };

  it('has its entries as the specification draws them', () => {
    expect(adminNotifyEntry).toMatchObject({
      flags: { offset: 0 },
      bar: { offset: 1 },
      offset: { offset: 8, width: 8 },
    });
    expect(adminNotifyFlag).toEqual({ end: 0, owner: 1, member: 2 });
  });

  it('names an address in the member’s own BAR; the last entries are none (ADL-15, ADL-16, ADL-17)', () => {
    const all = setUp();
    const [first, ...rest] = entries(all);
    expect([first!.flags, first!.bar, first!.offset % 2]).toEqual([2, 4, 0]);
    expect(rest).toEqual([NONE, NONE, NONE]);
  });

  it('kicks as the register does (ADL-13)', () => {
    const all = setUp();
    const { bar, offset } = entries(all)[0]!;
    const at = all.members[0]!.bar(bar) + offset;
    all.write(HEADER_WRITE, 18, [3]);
    all.guest.machine.memoryWrite(at, 2, 1);
    expect(all.guest.clauses()).toEqual(['LEG-INIT-01']);
    expect(all.members[0]!.fn.device.legacyDriver).toBe(true);
    expect(all.guest.machine.memoryRead(at, 2)).toBe(0);
  });

  it('names addresses of the owner, one for each member', () => {
    const all = setUp({ legacy: { notify: ['owner', 'member'], ownerAddresses: 2 } });
    const [[one, own], [two]] = [entries(all, 1), entries(all, 2)];
    expect([one!.flags, own!.flags, two!.flags]).toEqual([1, 2, 1]);
    expect(two!.offset - one!.offset).toBe(4);
    const kick = (offset: number, queue = 0) =>
      all.guest.machine.memoryWrite(all.guest.bar(two!.bar) + offset, 2, queue);
    for (const member of [1, 2]) all.write(HEADER_WRITE, 18, [3], member);
    kick(two!.offset, 9);
    expect(all.guest.events.filter(({ kind }) => kind === 'finding')).toMatchObject([
      { clause: 'PCI-KICK-03', address: all.members[1]!.fn.pci.slot.address, value: 9 },
    ]);
    all.guest.clauses();
    // Between the addresses, behind them, and without a group, there is nobody.
    kick(two!.offset + 2, 9);
    kick(two!.offset + 4, 9);
    all.group.enabled = false;
    kick(two!.offset, 9);
    expect(all.guest.clauses()).toEqual([]);
  });

  it('leaves out members for which the owner has no address', () => {
    const all = setUp({ legacy: { notify: ['owner'], ownerAddresses: 1 } });
    expect([entries(all, 1)[0]!.flags, entries(all, 2)[0]!.flags]).toEqual([1, 0]);
  });

  it('can fill all four entries, where the text is read so', () => {
    const all = setUp({ readings: { notifyEnd: 'optional' }, legacy: { notify: ['member', 'owner'] } });
    expect(entries(all).map(({ flags }) => flags)).toEqual([2, 1, 2, 1]);
  });

  it('is not offered where members have a BAR0 (ADL-19)', () => {
    const group = new HandMadeGroup();
    group.bar0 = true;
    expect(() => new Administration({ members: group, legacy: {} })).toThrow(AdministrationOptionError);
    expect(() => new Administration({ members: group, legacy: { notify: [] } })).not.toThrow();
  });
});

describe('an administration that cannot be', () => {
  const members = new HandMadeGroup();

  test.each([
    [{ legacy: {} }, 'legacy'],
    [{ members, legacy: { ownerAddresses: 0 } }, 'legacy.ownerAddresses'],
    [{ members, legacy: { ownerAddresses: 0x10000 } }, 'legacy.ownerAddresses'],
    [{ members, legacy: { ownerAddresses: 1.5 } }, 'legacy.ownerAddresses'],
  ])('%#', (options, option) => {
    expect(() => new Administration(options)).toThrow(expect.objectContaining({ option }));
  });

  it('is behind a function with a legacy block of its own', () => {
    expect(() => virtioFunction(new Probe(), { kind: 'transitional', legacyCommands: true })).toThrow(
      ShapeError,
    );
  });
});

describe('a saved member', () => {
  it('keeps its queue selector', () => {
    const { members, write } = setUp();
    write(HEADER_WRITE, 14, [1, 0]);
    expect(members[0]!.fn.pci.save().parts).toMatchObject({ legacy: { queueSelect: 1 } });
  });
});
