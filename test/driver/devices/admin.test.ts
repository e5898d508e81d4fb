import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  GuestMemory,
  HeldScheduler,
  registers,
  rw,
  stateFromText,
  stateToText,
} from '../../../src/core/index.ts';
import {
  ADMIN_TRIES,
  AdminCommandError,
  AdminCommandUnusedError,
  AdminDriver,
  AdminInFlightError,
  AdminQueueBusyError,
  ArgumentError,
  DmaMemory,
  findFunction,
  ModernTransport,
  NoAnswerError,
  NoDeviceError,
  ResourceError,
  runFirmware,
  UnansweredError,
  VirtioDriver,
} from '../../../src/driver/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import {
  Administration,
  adminOpcode,
  type Chain,
  DeviceConfig,
  defaultTransportFeatures,
  feature,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { clausesIn, SLOT } from '../../pci/support.ts';
import { runs } from '../../properties/support/runs.ts';
import { HandMadeGroup } from '../../virtio/admin/support.ts';
import { Probe } from '../../virtio/support/probe.ts';
import { owned, scripted } from '../support/owner.ts';

const fields = registers({ wide: rw(0, 4), half: rw(4, 2) });
const member = { config: new DeviceConfig(fields), queueSizes: [8, 16] };
const words = (...values: number[]) => values.flatMap((value) => [value & 0xff, value >> 8]);
const answer = (status: number, qualifier: number, result: readonly number[] = []) => [
  ...words(status, qualifier, 0, 0),
  ...result,
];
const bitmap = (...bits: number[]) =>
  Array.from({ length: 8 }, (_, i) =>
    bits.reduce((sum, bit) => sum | (bit >> 3 === i ? 1 << (bit & 7) : 0), 0),
  );

/** An owner that has answered LIST_QUERY and LIST_USE for its virtual functions. */
function using(...opcodes: number[]) {
  const under = scripted();
  const { owner, driver } = under;
  owner.script = (chain) =>
    owner.answer(chain, answer(0, 0, bitmap(0, 1, ...opcodes)).slice(0, chain.writableBytes));
  driver.use('singleRootIov');
  owner.seen.length = 0;
  return under;
}

describe('with an owner of ours, the driver', () => {
  it('ADM-26: asks for the lists, and uses what both know', () => {
    const { driver, events } = owned();
    expect(driver.supported('self').slice(0, 2)).toEqual([0, 1]);
    const used = driver.use('singleRootIov');
    expect([used.includes(adminOpcode.legacyCommonConfigRead), used]).toEqual([
      true,
      driver.used('singleRootIov'),
    ]);
    expect(driver.use('singleRootIov', [0, 1])).toEqual([0, 1]);
    expect(clausesIn(events)).toEqual([]);
  });

  it('reads and writes the legacy block of a member, field by field', () => {
    const { driver, functions, events } = owned([member, member]);
    driver.use('singleRootIov');
    driver.writeLegacy(2, 'header', 0x12, 1, 3);
    driver.writeLegacy(2, 'header', 0x0e, 2, 1);
    expect([0x12, 0x0c].map((at) => driver.readLegacy(2, 'header', at, at === 0x12 ? 1 : 2))).toEqual([
      3, 16,
    ]);
    driver.writeLegacy(2, 'config', 0, 4, 0xdeadbeef);
    expect([0, 1].map((at) => driver.readLegacy(2, 'config', at, 1))).toEqual([0xef, 0xbe]);
    expect(functions.map(({ device }) => device.status)).toEqual([0, 3]);
    expect(clausesIn(events)).toEqual([]);
  });

  it('throws what the owner refuses: an access over two fields, a member that is none', () => {
    const { driver } = owned([member]);
    driver.use('singleRootIov');
    const over = () => driver.readLegacy(1, 'header', 0x10, 4);
    expect(over).toThrow(AdminCommandError);
    expect(over).toThrow('admin command legacyCommonConfigRead for member 1: invalid, invalidField');
    expect(() => driver.readLegacy(3, 'header', 0, 4)).toThrow(/invalid, invalidMember/);
  });

  it('sends no command that is not in use', () => {
    const { driver, events } = owned([member]);
    const read = () => driver.readLegacy(1, 'header', 0, 4);
    expect(read).toThrow(AdminCommandUnusedError);
    expect(read).toThrow('legacyCommonConfigRead is not among those in use for group singleRootIov: none is');
    driver.use('singleRootIov', [0, 1]);
    expect(read).toThrow(/: 0, 1$/);
    expect(clausesIn(events)).toEqual([]);
  });

  it('waits in pauses for answers that come late', () => {
    const { driver } = owned([member], { lateAnswers: true });
    expect(driver.use('singleRootIov').length).toBeGreaterThan(4);
  });

  it('moves the parts of a stopped member to another', () => {
    const { driver, functions, events } = owned([member, member], { parts: { get: 2, set: 2 } });
    driver.use('self');
    driver.use('singleRootIov');
    expect(driver.capabilities()).toEqual([0]);
    const { get, set } = driver.partsLimits();
    driver.setPartsLimits(get, set);
    functions[0]!.device.statusRegister.writeModern(3);
    for (const id of [1, 2]) driver.setStopped(id, true);
    driver.createPartsObject(1, 0, 'get');
    driver.createPartsObject(2, 1, 'set');
    const parts = driver.readParts(1, 0);
    expect(parts.map(({ type }) => type)).toContain(0x103);
    driver.writeParts(
      2,
      1,
      parts.filter(({ type }) => type === 0x103),
    );
    driver.setStopped(2, false);
    expect(functions[1]!.device.status).toBe(3);
    driver.destroyPartsObject(1, 0);
    expect(() => driver.readParts(1, 0)).toThrow(AdminCommandError);
    expect(clausesIn(events)).toEqual([]);
  });
});

describe('a command as the owner sees it', () => {
  it('AVQ-13: has parts of eight bytes each, zeros where there is nothing (ADM-01)', () => {
    const { owner, driver } = scripted();
    owner.script = (chain) => {
      expect([chain.readableBytes % 8, chain.writableBytes % 8]).toEqual([0, 0]);
      owner.answer(chain, answer(0, 0, bitmap(0, 1)).slice(0, chain.writableBytes));
    };
    driver.use('self');
    const head = (opcode: number, group: number) => [...words(opcode, group), ...new Array(20).fill(0)];
    expect(owner.seen).toEqual([head(0, 0), [...head(1, 0), 3, 0, 0, 0, 0, 0, 0, 0]]);
  });

  it('has just the bytes of a legacy access, whose length means something', () => {
    const { owner, driver } = using(2, 3, 4, 5);
    driver.writeLegacy(9, 'config', 5, 2, 0x1234);
    expect(owner.seen[0]!.slice(16)).toEqual([9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0x34, 0x12]);
    driver.readLegacy(9, 'header', 0x12, 1);
    expect(owner.seen[1]!.slice(16)).toEqual([9, 0, 0, 0, 0, 0, 0, 0, 0x12]);
  });

  it('ADM-29, ADM-30: LIST_USE names what is reported and known', () => {
    const { owner, driver } = scripted();
    owner.script = (chain) =>
      owner.answer(chain, answer(0, 0, bitmap(0, 1, 3, 40)).slice(0, chain.writableBytes));
    expect(driver.use('singleRootIov')).toEqual([0, 1, 3]);
    expect(owner.seen[1]!.slice(24)).toEqual([0b1011, 0, 0, 0, 0, 0, 0, 0]);
  });

  it.each([-1, 1.5, 256])('has an offset of a byte: %s is refused, and nothing sent', (offset) => {
    const { owner, driver } = using(2, 3, 4, 5);
    expect(() => driver.readLegacy(1, 'header', offset, 1)).toThrow(ArgumentError);
    expect(() => driver.writeLegacy(1, 'header', offset, 1, 0)).toThrow(ArgumentError);
    expect(owner.seen).toEqual([]);
  });

  it('that the queue has no room for is refused', () => {
    const { driver } = scripted({ queue: { dataBytes: 16, resultBytes: 16 } });
    const [queue] = driver.queues;
    const send = (data: number, resultBytes: number) => () =>
      queue!.command({ opcode: 7, groupType: 0, data: new Array(data).fill(0), resultBytes });
    for (const each of [send(17, 0), send(0, 17)]) expect(each).toThrow(ResourceError);
  });
});

describe('an answer', () => {
  const first = (bytes: readonly number[], used?: number) => {
    const under = using(3);
    const { owner, driver } = under;
    owner.script = (chain) => owner.answer(chain, bytes.slice(0, chain.writableBytes), used);
    return { ...under, read: () => driver.readLegacy(1, 'header', 0, 4) };
  };

  it('AVQ-17: that is short has zeros for what is missing', () => {
    expect(first(answer(0, 0, [1, 2])).read()).toBe(0x0201);
    expect(first(words(0, 0)).read()).toBe(0);
  });

  it.each([0, 1, 3])('AVQ-07: of %d bytes is none', (used) => {
    const { read } = first(words(0, 0), used);
    expect(read).toThrow(UnansweredError);
  });

  test.each([
    [1, 2, 22, 2],
    [0xffff, 3, 22, 3],
    [22, 8, 22, 1],
    [6, 0xffff, 6, 1],
    [28, 6, 28, 6],
    [16, 0, 16, 0],
  ])('ADM-33, ADM-34: %d with qualifier %d counts as %d, %d', (status, qualifier, ...counts) => {
    const { read } = first(answer(status, qualifier));
    let error: unknown;
    try {
      read();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AdminCommandError);
    const { status: seen, qualifier: why, opcode, memberId } = error as AdminCommandError;
    expect([seen, why, opcode, memberId]).toEqual([...counts, 3, 1]);
  });

  it('AVQ-19: EAGAIN is tried again, and not for ever', () => {
    const { owner, driver } = using(3);
    let left = 2;
    owner.script = (chain) => owner.answer(chain, left-- > 0 ? answer(11, 7) : answer(0, 0, [5, 0, 0, 0]));
    expect([driver.readLegacy(1, 'header', 0, 4), owner.seen.length]).toEqual([5, 3]);
    left = Number.POSITIVE_INFINITY;
    expect(() => driver.readLegacy(1, 'header', 0, 4)).toThrow(`tryAgain, tryAgain, ${ADMIN_TRIES} times`);
    expect(owner.seen.length).toBe(3 + ADMIN_TRIES);
  });

  it('that never comes is waited for in pauses; its buffers are the owner’s until it does', () => {
    const { owner, driver } = using(3);
    owner.script = (chain) => void owner.taken.push(chain);
    for (let i = 0; i < 4; i++) expect(() => driver.readLegacy(1, 'header', 0, 4)).toThrow(NoAnswerError);
    expect(() => driver.readLegacy(1, 'header', 0, 4)).toThrow(ResourceError);
    expect(driver.queues[0]!.inFlight).toBe(4);
    owner.answer(owner.taken[0]!, answer(0, 0, [9, 9, 9, 9]));
    owner.script = (chain) => owner.answer(chain, answer(0, 0, [1, 0, 0, 0]));
    expect([driver.readLegacy(1, 'header', 0, 4), driver.queues[0]!.inFlight]).toEqual([1, 3]);
  });

  it('is not waited for within another, by what runs while the device is at that', () => {
    const { owner, driver } = using(3);
    const within: unknown[] = [];
    owner.script = (chain) => {
      if (owner.seen.length === 1)
        try {
          driver.supported('self');
        } catch (error) {
          within.push(error);
        }
      owner.answer(chain, answer(0, 0, [5, 0, 0, 0]));
    };
    expect(driver.readLegacy(1, 'header', 0, 4)).toBe(5);
    expect(within[0]).toBeInstanceOf(AdminQueueBusyError);
    expect(within[0]).toMatchObject({
      opcode: adminOpcode.listQuery,
      during: adminOpcode.legacyCommonConfigRead,
    });
    expect(owner.seen).toHaveLength(1);
    // Afterwards it is; and nothing is left in flight.
    expect([driver.readLegacy(1, 'header', 0, 4), driver.queues[0]!.inFlight]).toEqual([5, 0]);
  });

  it('is not waited for in a pause in which the device is at another', () => {
    const tasks = new HeldScheduler();
    const { owner, driver } = scripted({ scheduler: tasks });
    let within: unknown = null;
    const list = (chain: Chain) =>
      owner.answer(chain, answer(0, 0, bitmap(0, 1)).slice(0, chain.writableBytes));
    owner.script = (chain) => {
      owner.script = list;
      try {
        driver.supported('self');
      } catch (error) {
        within = error;
      }
      list(chain);
    };
    expect(driver.supported('singleRootIov')).toEqual([0, 1]);
    expect(within).toBeInstanceOf(AdminQueueBusyError);
    // The device has the one that was given up, and hands it back.
    expect([driver.supported('singleRootIov'), driver.queues[0]!.inFlight]).toEqual([[0, 1], 0]);
  });

  it('whatever it is, is a value or a typed error', () => {
    const typed = [AdminCommandError, UnansweredError, NoAnswerError, ResourceError] as const;
    const answers = fc.array(
      fc.record({
        bytes: fc.array(fc.nat(255), { maxLength: 20 }),
        used: fc.oneof(fc.nat(40), fc.constant(2 ** 31)),
      }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(answers, (list) => {
        const { owner, driver } = using(2, 3, 4, 5, 6);
        let next = 0;
        owner.script = (chain) => {
          const { bytes, used } = list[next++ % list.length]!;
          if (bytes.length === 20) owner.taken.push(chain);
          else owner.answer(chain, bytes, Math.min(used, chain.writableBytes));
        };
        for (let i = 0; i < list.length; i++)
          try {
            const value = driver.readLegacy(1, 'header', 0, 4);
            expect(value >= 0 && value < 2 ** 32).toBe(true);
          } catch (error) {
            expect(typed.some((each) => error instanceof each)).toBe(true);
          }
      }),
      { numRuns: runs(100) },
    );
  });
});

describe('where a member is kicked', () => {
  const bars = {
    owner: [{ index: 2, kind: 'memory32', prefetchable: false, size: 0x100, address: 0xd0000000 }],
    member: [
      { index: 0, kind: 'memory32', prefetchable: false, size: 0x10, address: 0 },
      { index: 4, kind: 'memory64', prefetchable: false, size: 0x1000, address: 0xe0000000 },
    ],
  } as const;
  const entry = (flags: number, bar: number, offset: number, high = 0) => [
    ...[flags, bar, 0, 0, 0, 0, 0, 0],
    ...[offset & 0xff, (offset >> 8) & 0xff, offset >> 16, 0],
    ...[high, 0, 0, 0],
  ];
  const END = entry(0, 0, 0);
  const places = (...entries: number[][]) => {
    const { owner, driver } = using(2, 3, 4, 5, 6);
    owner.script = (chain) => owner.answer(chain, answer(0, 0, entries.flat()));
    return driver.notifyPlaces(1, bars);
  };

  test.each([
    ['ADL-24: flags 0 end the list', [END, entry(2, 4, 0)]],
    ['ADL-25: other flags', [entry(3, 4, 0), END]],
    ['ADL-26: a BAR that there is none of', [entry(1, 4, 0), entry(2, 2, 0), END]],
    ['ADL-26: a BAR that has no address', [entry(2, 0, 0), END]],
    ['ADL-27: an odd offset', [entry(2, 4, 1), END]],
    ['ADL-27: an offset beyond the BAR', [entry(2, 4, 0x1000), entry(1, 2, 0x100), entry(2, 4, 0, 1), END]],
  ])('%s: no place', (_, entries) => {
    expect(places(...entries)).toEqual([]);
  });

  it('ADL-28: is what is left, in the order of the entries, four at most', () => {
    const last = entry(2, 4, 0xffe);
    expect(places(entry(9, 9, 9), entry(1, 2, 8), last, last, last)).toEqual([
      { of: 'owner', bar: 2, offset: 8 },
      { of: 'member', bar: 4, offset: 0xffe },
      { of: 'member', bar: 4, offset: 0xffe },
    ]);
  });

  it('is nowhere where the owner does not say', () => {
    const { driver, owner } = using(2, 3, 4, 5);
    expect([driver.notifyPlaces(1, bars), owner.seen]).toEqual([[], []]);
  });
});

describe('several queues', () => {
  /** What is done within a pause comes first, then what has waited for the shortest time. */
  class Backwards extends HeldScheduler {
    within: (() => void) | null = null;
    readonly ran: string[] = [];

    override pause(): boolean {
      const act = this.within;
      this.within = null;
      act?.();
      const last = this.pending.length - 1;
      if (act !== null || last < 0) return act !== null;
      this.ran.push(this.pending[last]!.label);
      return this.release(last);
    }
  }

  it('serve commands within others, each a queue of its own as far as there are, answered in any order', () => {
    const tasks = new Backwards();
    const administration = { queueSizes: [8, 8], lateAnswers: true };
    const { driver } = owned([member], administration, { scheduler: tasks });
    driver.use('singleRootIov');
    const before = driver.queues.map(({ sent }) => sent);
    tasks.ran.length = 0;
    tasks.within = () => driver.writeLegacy(1, 'config', 0, 1, 7);
    driver.writeLegacy(1, 'config', 1, 1, 5);
    expect(driver.queues.map(({ sent }, i) => sent - before[i]!)).toEqual([1, 1]);
    const answers = tasks.ran.filter((label) => label.startsWith('answers'));
    expect(answers).toEqual(['answers of administration queue 3', 'answers of administration queue 2']);
    expect(driver.readLegacy(1, 'config', 0, 2)).toBe(0x0507);
    expect(driver.queues.map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });
});

describe('a device without administration', () => {
  it('is refused', () => {
    const machine = new Machine();
    machine.plug(virtioFunction(new Probe(), { kind: 'modern' }).pci, SLOT);
    runFirmware(machine);
    const transport = new ModernTransport(machine, findFunction(machine, SLOT)!);
    expect(() => AdminDriver.bringUp(transport, new DmaMemory(machine.ram, 0x20000))).toThrow(NoDeviceError);
  });
});

describe('the state of the driver', () => {
  /** An owner with members of a kind, and a driver with rings of another, whose state is a part of the machine's. */
  function saved(packed: boolean) {
    const ring = packed ? [feature.ringPacked] : [feature.ringIndirectDescriptors];
    const machine = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 20 }) });
    const members = new HandMadeGroup();
    const administration = new Administration({ members, legacy: {}, queueSizes: [8, 4] });
    const transportFeatures = [...defaultTransportFeatures, feature.ringPacked];
    const fn = virtioFunction(new Probe(), { kind: 'modern', administration, transportFeatures });
    machine.plug(fn.pci, SLOT);
    const one = virtioFunction(new Probe({ ...member, config: new DeviceConfig(fields) }), {
      kind: 'modern',
      legacyCommands: true,
    });
    members.members = [one];
    machine.plug(one.pci, SLOT + 8);
    runFirmware(machine);
    const transport = new ModernTransport(machine, findFunction(machine, SLOT)!);
    const driver = new VirtioDriver(transport, new DmaMemory(machine.ram, 0x20000));
    const queues = () => transport.adminQueues();
    driver.bringUp(
      { features: [], ringFeatures: ring, transportFeatures: [feature.adminQueue], queues },
      { queue: () => {}, config: () => {} },
    );
    const admin = new AdminDriver(driver);
    fn.pci.parts.set('driver', admin);
    return { machine, admin };
  }

  it.each([false, true])('goes with the machine, and goes on where it was; packed rings: %s', (packed) => {
    const before = saved(packed);
    before.admin.use('singleRootIov');
    // Rings go round.
    for (let i = 0; i < 21; i++) before.admin.writeLegacy(1, 'config', 0, 1, i);
    const state = stateFromText(stateToText(before.machine.save()));
    const after = saved(packed);
    after.admin.use('singleRootIov', [0, 1]);
    after.machine.load(state as never);
    expect(after.admin.used('singleRootIov')).toEqual(before.admin.used('singleRootIov'));
    for (let i = 0; i < 21; i++) {
      expect(after.admin.readLegacy(1, 'config', 0, 1)).toBe(20 + i);
      after.admin.writeLegacy(1, 'config', 0, 1, 21 + i);
    }
    expect(after.admin.readLegacy(1, 'config', 0, 1)).toBe(41);
    expect(after.admin.queues[0]!.inFlight).toBe(0);
  });

  it('is of rings of one size, at one place, and says which', () => {
    const [split, packed] = [saved(false), saved(true)].map(({ admin }) => admin.save());
    expect(() => saved(true).admin.load(split as never)).toThrow(
      /admin driver\.shape\.queues\[0\]\.\w+: found/,
    );
    const twice = { ...(packed as object), queues: [{ position: 0, free: [0, 0, 1, 2, 3, 4, 5, 6] }] };
    expect(() => saved(true).admin.load(twice as never)).toThrow(
      'admin driver.queues.length: found 1, expected 2',
    );
    const { queues } = packed as unknown as { queues: { position: number; free: number[] }[] };
    const wrong = (change: object) => ({
      ...(packed as object),
      queues: [{ ...queues[0]!, ...change }, queues[1]!],
    });
    expect(() => saved(true).admin.load(wrong({ position: 16 }) as never)).toThrow(
      'admin driver.queues[0].position: found 16, expected less than 16',
    );
    for (const free of [[0, 0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6, 8], [0]])
      expect(() => saved(true).admin.load(wrong({ free }) as never)).toThrow(
        /queues\[0\]\.free: found .*expected each of 0\.\.7, once/,
      );
  });

  it('is not to be had while a command is in flight', () => {
    const { owner, driver } = using(3);
    owner.script = (chain) => void owner.taken.push(chain);
    expect(() => driver.readLegacy(1, 'header', 0, 4)).toThrow(NoAnswerError);
    expect(() => driver.save()).toThrow(AdminInFlightError);
    expect(() => driver.save()).toThrow('has 1 commands in flight');
    owner.answer(owner.taken[0]!, answer(0, 0, [9, 9, 9, 9]));
    expect(driver.queues[0]!.inFlight).toBe(1);
    const state = driver.save();
    // One that is given up is forgotten where a state is loaded, and its room is there again.
    owner.script = (chain) => void owner.taken.push(chain);
    expect(() => driver.readLegacy(1, 'header', 0, 4)).toThrow(NoAnswerError);
    driver.load(state);
    expect(driver.queues[0]!.inFlight).toBe(0);
  });

  it('is not to be had in the midst of a command either', () => {
    const { owner, driver } = using(3);
    let within: unknown = null;
    owner.script = (chain) => {
      try {
        driver.save();
      } catch (error) {
        within = error;
      }
      owner.answer(chain, answer(0, 0, [9, 9, 9, 9]));
    };
    driver.readLegacy(1, 'header', 0, 4);
    expect(within).toBeInstanceOf(AdminInFlightError);
  });
});
