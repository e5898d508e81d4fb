import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { registers, rw } from '../../src/core/index.ts';
import { DeviceConfig } from '../../src/virtio/index.ts';
import {
  AdminGuest,
  type Command,
  commandBytes,
  HandMadeGroup,
  little,
  MemberUnderTest,
} from '../virtio/admin/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { AdminModel, type Field } from './support/admin-model.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Whatever a driver puts into an administration queue, it is answered, once, with the status, the qualifier and the used
 * length that a second reading of the text gives, and nothing is written behind that.
 */

const fields = registers({ wide: rw(0, 8), bytes: rw(8, 1, '', { count: 6 }), half: rw(14, 2) });
const CONFIG: readonly Field[] = [
  [0, 8],
  [8, 6],
  [14, 2],
];
const LIMITS = [2, 1] as const;
/** Of a member with queues 0 and 2. */
const PARTS = [
  ...[
    [0x100, 0, 16],
    [0x101, 0, 16],
  ],
  ...[
    [0x102, 0, 4],
    [0x102, 8, 4],
    [0x102, 16, 2],
    [0x102, 18, 2],
    [0x102, 22, 2],
  ],
  ...[
    [0x103, 0, 1],
    [0x104, 0, 32],
    [0x104, 2, 32],
    [0x105, 0, 8],
    [0x105, 2, 8],
  ],
] as unknown as readonly (readonly [number, number, number])[];

function make() {
  const group = new HandMadeGroup();
  const [get, set] = LIMITS;
  const guest = new AdminGuest({
    admin: {
      members: group,
      legacy: { notify: ['member', 'owner'] },
      parts: { get, set },
      queueSizes: [8, 8],
    },
  });
  group.members = [0x28, 0x30].map((slot) => {
    const probe = new Probe({ config: new DeviceConfig(fields), queueSizes: [8, 0, 16], complete: 0 });
    const { fn } = new MemberUnderTest(guest, probe, slot);
    // What its registers say leads it nowhere.
    guest.machine.configWrite(slot, 4, 2, 3);
    return fn;
  });
  return { group, guest, model: new AdminModel({ numVfs: 2, config: CONFIG, limits: LIMITS, parts: PARTS }) };
}

const byte = fc.integer({ min: 0, max: 255 });
const bytes = (maxLength: number) => fc.array(byte, { maxLength });
const id = fc.constantFrom(0, 0, 1, 1, 2, 2, 3, 0xffffffff);
const head = fc
  .tuple(fc.constantFrom(0, 0, 0, 0, 0, 1), id)
  .map(([type, number]) => [...[...little(type, 2), 0, 0], ...little(number, 4)]);
const part = fc.oneof(
  // Parts with values that every member can have, and lengths that are wrong.
  fc
    .tuple(fc.constantFrom([0x103, 0], [0x102, 22], [0x102, 0]), fc.constantFrom(1, 2, 4))
    .map(([[type, selector], length]) => [
      ...[...little(type!, 2), 0, 0, ...little(selector!, 8), ...little(length, 4)],
      ...little(1, length),
    ]),
  fc
    .tuple(byte, bytes(20))
    .map(([flags, value]) => [
      ...[...little(0x321, 2), flags, 0, ...little(5, 8), ...little(value.length, 4)],
      ...value,
    ]),
);
const selector = fc.constantFrom(...PARTS.map(([type, each]) => [type, each] as const), [0x104, 1] as const);
const wanted = selector.map(([type, each]) => [
  ...little(type, 2),
  0,
  0,
  ...little(each, 8),
  ...little(0, 4),
]);

const accesses = fc
  .tuple(fc.nat(24), fc.nat(9))
  .map(([offset, length]) => [...little(offset, 8), ...new Array<number>(length).fill(0)]);
const lists = fc
  .tuple(fc.constantFrom(0x3ffff, 0x3fc7f, 0x387, 3), bytes(2))
  .map(([list, more]) => [...little(list, 8), ...more]);
const limits = fc.tuple(fc.nat(3), fc.nat(2)).map(([get, set]) => [...little(0, 8), get, set]);
const objects = fc
  .tuple(head, fc.constantFrom(0, 1, 1, 2))
  .map(([start, kind]) => [...start, ...little(0, 8), ...little(kind, 8)]);
const selections = fc
  .tuple(head, fc.nat(3), fc.array(wanted, { maxLength: 4 }))
  .map(([start, kind, heads]) => [...start, ...little(kind, 8), ...heads.flat()]);
const partLists = fc
  .tuple(head, fc.array(part, { maxLength: 3 }), bytes(3))
  .map(([start, parts, more]) => [...start, ...parts.flat(), ...more]);
const modes = fc.nat(2).map((flags) => [flags]);

/** Data as the commands have them, with the commands that have such. */
const meant = fc.oneof(
  fc.record({ opcode: fc.constantFrom(2, 3, 4, 5, 6), data: accesses }),
  fc.record({ opcode: fc.constant(1), data: lists }),
  fc.record({ opcode: fc.constantFrom(8, 9), data: limits }),
  fc.record({ opcode: fc.constantFrom(0xa, 0xb), data: objects }),
  fc.record({ opcode: fc.constantFrom(0xa, 0xb, 0xc, 0xd), data: objects }),
  fc.record({ opcode: fc.constantFrom(0xe, 0xf), data: selections }),
  fc.record({ opcode: fc.constant(0x10), data: partLists }),
  fc.record({ opcode: fc.constant(0x11), data: modes }),
);
const any = fc.record({
  opcode: fc.oneof({ weight: 9, arbitrary: fc.nat(0x12) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
  data: fc.oneof(bytes(40), accesses, lists, limits, objects, selections, partLists, modes),
});

const NOTHING_RESERVED = fc.constant(new Array<number>(12).fill(0));
const command: fc.Arbitrary<Command> = fc
  .record({
    what: fc.oneof({ weight: 3, arbitrary: meant }, { weight: 1, arbitrary: any }),
    group: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(0, 1, 1) },
      { weight: 1, arbitrary: fc.nat(0xffff) },
    ),
    member: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(0, 1, 1, 1, 2, 3) },
      { weight: 1, arbitrary: fc.nat() },
    ),
    memberHigh: fc.oneof({ weight: 19, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat() }),
    reserved: fc.oneof(NOTHING_RESERVED, fc.array(byte, { minLength: 12, maxLength: 12 })),
    room: fc.oneof(fc.constantFrom(0, 1, 2, 4, 8, 16, 64, 600), fc.nat(600)),
  })
  .map(({ what, ...rest }) => ({ ...what, ...rest }));

/** Commands by which most others begin to work. */
const BEGIN: readonly Command[] = [
  { opcode: 1, group: 0, data: little(0x383, 8) },
  { opcode: 1, group: 1, data: little(0x3fc7f, 8) },
  { opcode: 9, group: 0, data: [...little(0, 8), ...LIMITS] },
  { opcode: 0xa, member: 1, data: [...little(0, 16), ...little(0, 8)] },
  { opcode: 0xa, member: 1, data: [...little(0, 4), ...little(1, 4), ...little(0, 8), ...little(1, 8)] },
];

/** One more of the kind of which there may be one: rarely drawn, since its number must be free. */
const ONE_TOO_MANY: Command = {
  opcode: 0xa,
  member: 1,
  data: [...little(0, 4), ...little(2, 4), ...little(0, 8), ...little(1, 8)],
};

const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('command' as const),
      command,
      queue: fc.constantFrom(1, 2),
      cut: fc.option(fc.nat(40), { freq: 9 }),
      end: fc.option(fc.nat(20), { freq: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('enable' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const) }) },
);

/** Sends a command, and looks at what comes back. @returns its status. */
function sendAndCompare({ guest, model }: ReturnType<typeof make>, sent: Command, queue: number): number {
  const given = commandBytes(sent);
  const readable = sent.readable ?? given.length;
  const writable = sent.writable ?? 8 + (sent.room ?? 0);
  const expected = model.answer(given.slice(0, readable), writable);
  const answer = guest.send(sent, queue);
  const used = Math.min(8 + expected.result, writable);
  const seen = [answer.used, ...(writable >= 4 ? [answer.status, answer.qualifier] : [])];
  const model4 = [used, ...(writable >= 4 ? [expected.status, expected.qualifier] : [])];
  expect(seen, JSON.stringify(sent)).toEqual(model4);
  expect(answer.raw.slice(answer.used, writable).every((each) => each === 0xee)).toBe(true);
  return expected.status;
}

describe('commands in an administration queue', () => {
  it(
    'are answered as the text says',
    () => {
      const seen = new Map<number, number>();
      fc.assert(
        fc.property(
          fc.constantFrom(true, true, true, false),
          fc.array(step, { minLength: 1, maxLength: 40 }),
          (begin, steps) => {
            const all = make();
            const { group, guest, model } = all;
            if (begin) for (const each of BEGIN) sendAndCompare(all, each, 1);
            for (const each of steps) {
              if (each.do === 'enable') group.enabled = model.enabled = each.on;
              else if (each.do === 'reset') {
                guest.restart();
                model.reset();
              } else {
                const { command: sent, queue, cut, end } = each;
                const whole: Command = {
                  ...sent,
                  ...(cut === null ? {} : { readable: Math.min(cut, commandBytes(sent).length) }),
                  // A chain has one byte at the least.
                  ...(end === null ? {} : { writable: cut === 0 ? Math.max(1, end) : end }),
                };
                const status = sendAndCompare(all, whole, queue);
                seen.set(status, (seen.get(status) ?? 0) + 1);
              }
              guest.events.length = 0;
            }
          },
        ),
        {
          numRuns: runs(1500),
          examples: [[true, [{ do: 'command', command: ONE_TOO_MANY, queue: 1, cut: null, end: null }]]],
        },
      );
      // What is drawn reaches every kind of end but those that need work under way, and memory that is short.
      if (runs(1500) >= 1500)
        for (const status of [0, 6, 16, 17, 22, 28])
          expect(seen.get(status) ?? 0, `${status}`).toBeGreaterThan(0);
    },
    PATIENCE,
  );
});
