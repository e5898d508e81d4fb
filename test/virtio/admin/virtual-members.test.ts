import { describe, expect, it } from 'vitest';
import { disableVirtualFunctions, enableVirtualFunctions } from '../../../src/driver/index.ts';
import { EntropyDevice, SeededEntropy, VirtualMembers, virtualFunctions } from '../../../src/virtio/index.ts';
import { SLOT } from '../../pci/support.ts';
import { legacyParts, RawRing } from '../support/ring.ts';
import { AdminGuest, EINVAL, little, OK, outcome, SELF, SRIOV } from './support.ts';

/* Administration of real virtual functions: enabled by software, paged, taken away. */

const SR_IOV = 37;
const TOTAL = 4;

function setUp(live = TOTAL) {
  const members = new VirtualMembers();
  const guest = new AdminGuest({
    ...{ express: true, machine: { ecamBase: 2 ** 40 }, features: [SR_IOV] },
    admin: { members, legacy: { notify: ['member', 'owner'] }, parts: { get: 4, set: 4 } },
    before: (owner) => {
      const make = (index: number) => new EntropyDevice({ source: new SeededEntropy(index) });
      virtualFunctions(owner, { total: TOTAL, live, make, members, legacyCommands: true });
    },
  });
  const enable = (count: number) => enableVirtualFunctions(guest.machine, SLOT, count);
  const disable = () => disableVirtualFunctions(guest.machine, SLOT);
  const write = (member: number, offset: number, data: readonly number[]) =>
    guest.send({ opcode: 2, member, data: [offset, 0, 0, 0, 0, 0, 0, 0, ...data] });
  const read = (member: number, offset: number, room: number) =>
    guest.send({ opcode: 3, member, data: [offset], room });
  /** A legacy driver's queue, in a page of RAM. */
  function start(member: number, page = 0xa0): RawRing {
    write(member, 18, [3]);
    write(member, 8, little(page, 4));
    write(member, 18, [7]);
    const [low, high] = read(member, 12, 2).result as [number, number];
    return new RawRing(guest.machine.ram, low + 256 * high, legacyParts(page, low + 256 * high));
  }
  /** Asks for eight random bytes. @returns those that are there after a kick by `kick`. */
  function random(ring: RawRing, kick: () => void): number[] {
    guest.machine.ram.write(0xd0000, new Uint8Array(8));
    ring.chain(0, [{ address: 0xd0000, length: 8, flags: 2 }]);
    ring.offer(0);
    kick();
    return [...guest.machine.ram.read(0xd0000, 8)];
  }
  return { guest, members, enable, disable, write, read, start, random };
}

/** With all commands in use, and functions. */
function ready(count = TOTAL, live = TOTAL) {
  const all = setUp(live);
  const functions = all.enable(count);
  for (const group of [SELF, SRIOV]) all.guest.useAll(group);
  for (let member = 1; member <= count; member++)
    all.guest.machine.configWrite(functions.addressOf(member), 4, 2, 4);
  all.guest.clauses();
  return { ...all, functions };
}

const expected = (index: number) => {
  const bytes = new Uint8Array(8);
  new SeededEntropy(index).fill(bytes);
  return [...bytes];
};

describe('virtual functions as members', () => {
  it('are there from VF Enable on, up to NumVFs', () => {
    const { guest, enable, disable, read } = setUp();
    guest.useAll(SRIOV);
    expect(new Set(guest.clauses())).toEqual(new Set(['GRP-01']));
    expect(outcome(read(1, 18, 1))).toEqual(EINVAL.group);
    enable(3);
    expect([1, 3, 4].map((member) => outcome(read(member, 18, 1)))).toEqual([OK, OK, EINVAL.member]);
    disable();
    expect(outcome(read(1, 18, 1))).toEqual(EINVAL.group);
  });

  it('work for a legacy driver by commands alone', () => {
    const { guest, start, random, write } = ready();
    expect(random(start(3), () => write(3, 16, [0, 0]))).toEqual(expected(3));
    expect(guest.clauses()).toEqual([]);
  });

  it('are kicked at the addresses that LEGACY_NOTIFY_INFO names', () => {
    const { guest, start, random, functions } = ready();
    const rings = new Map([1, 2].map((member) => [member, start(member, 0x90 + 16 * member)]));
    for (const [member, ring] of rings) {
      const { result } = guest.send({ opcode: 6, member, room: 64 });
      const place = (entry: number) => ({
        bar: result[16 * entry + 1]!,
        offset: result[16 * entry + 8]! + 256 * result[16 * entry + 9]! + 65536 * result[16 * entry + 10]!,
      });
      const [own, owner] = [place(0), place(1)];
      const bar = functions.bars.find(({ index }) => index === own.bar)!;
      const first = random(ring, () =>
        guest.machine.memoryWrite(bar.address + bar.size * (member - 1) + own.offset, 2, 0),
      );
      const second = random(ring, () => guest.machine.memoryWrite(guest.bar(owner.bar) + owner.offset, 2, 0));
      expect([first, second]).not.toContainEqual(new Array(8).fill(0));
      expect(first).toEqual(expected(member));
    }
    expect(guest.clauses()).toEqual([]);
  });

  it('that are taken away and come back are as new', () => {
    const { disable, enable, start, read, guest, members } = ready();
    start(2);
    expect(outcome(guest.send({ opcode: 0x11, member: 2, data: [1] }))).toEqual(OK);
    expect(members.member(2).device.mode.stopped).toBe(true);
    disable();
    enable(2);
    expect(read(2, 18, 1).result).toEqual([0]);
    expect(members.member(2).device.mode.stopped).toBe(false);
  });

  it('are reset one by one by FLR', () => {
    const { start, read, members } = ready();
    for (const member of [1, 2]) start(member, 0x90 + 16 * member);
    members.member(1).pci.reset();
    expect([1, 2].map((member) => read(member, 18, 1).result)).toEqual([[0], [7]]);
  });
});

describe('members of which few exist as objects', () => {
  it('keep what commands made of them', () => {
    const { guest, start, random, write, read, members } = ready(4, 1);
    const rings = [1, 2, 3, 4].map((member) => start(member, 0x90 + 16 * member));
    for (const member of [1, 2, 3, 4]) write(member, 14, [member, 0]);
    expect(members.functions!.pci.size.live).toBeLessThan(4);
    for (const member of [1, 2, 3, 4]) {
      expect(read(member, 14, 2).result).toEqual([member, 0]);
      expect(random(rings[member - 1]!, () => write(member, 16, [0, 0]))).toEqual(expected(member));
    }
    expect(guest.clauses()).toEqual([]);
  });

  it('stay stopped, with the parts that wait', () => {
    const { guest, read, members } = ready(4, 1);
    guest.send({ opcode: 9, group: SELF, data: [...little(0, 8), 4, 4] });
    const head = [...little(0, 4), ...little(0, 4)];
    guest.send({ opcode: 0xa, member: 1, data: [...head, ...little(0, 8), ...little(1, 8)] });
    guest.send({ opcode: 0x11, member: 1, data: [1] });
    const status = [...little(0x103, 2), 0, 0, ...little(0, 8), ...little(1, 4), 3];
    expect(outcome(guest.send({ opcode: 0x10, member: 1, data: [...head, ...status] }))).toEqual(OK);
    for (const member of [2, 3, 4, 2]) read(member, 18, 1);
    expect(members.functions!.pci.size.kept).toBeGreaterThan(0);
    expect(outcome(guest.send({ opcode: 0x11, member: 1, data: [0] }))).toEqual(OK);
    expect(read(1, 18, 1).result).toEqual([3]);
  });

  it('that are to be taken over once they may touch memory stay objects until then', () => {
    const { guest, functions, start, random, write, read } = ready(4, 1);
    const ring = start(1);
    random(ring, () => write(1, 16, [0, 0]));
    guest.send({ opcode: 9, group: SELF, data: [...little(0, 8), 4, 4] });
    const head = (id: number) => [...little(0, 4), ...little(id, 4)];
    guest.send({ opcode: 0xa, member: 1, data: [...head(0), ...little(0, 8), ...little(0, 8)] });
    guest.send({ opcode: 0xa, member: 2, data: [...head(1), ...little(0, 8), ...little(1, 8)] });
    for (const member of [1, 2]) guest.send({ opcode: 0x11, member, data: [1] });
    const { result } = guest.send({ opcode: 0xf, member: 1, data: [...head(0), ...little(1, 8)], room: 600 });
    expect(outcome(guest.send({ opcode: 0x10, member: 2, data: [...head(1), ...result] }))).toEqual(OK);
    guest.machine.configWrite(functions.addressOf(2), 4, 2, 0);
    guest.send({ opcode: 0x11, member: 2, data: [0] });
    for (const member of [3, 4, 3]) read(member, 18, 1);
    guest.machine.configWrite(functions.addressOf(2), 4, 2, 4);
    const bytes = random(ring, () => write(2, 16, [0, 0]));
    expect([bytes, ring.usedIndex]).toEqual([expected(2), 2]);
  });
});
