import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { functionAddress, type Width } from '../../src/core/index.ts';
import { accessesIn, addScratch, at, bareFunction, configOf, SLOT, smallMachine, watch } from './support.ts';

const OTHER = functionAddress(0, 5);
const [FIRST, SECOND, PORTS] = [0xc0000000, 0xc0001000, 0xc000];

/** Two functions with memory, one of them with ports too, on a machine that holds memory writes. */
function held() {
  const machine = smallMachine({ holdPostedWrites: true });
  const fns = [SLOT, OTHER].map((address, i) => {
    const fn = bareFunction({ name: `f${i}` });
    const memory = addScratch(fn, 0, 'memory32', 0x100);
    const ports = addScratch(fn, 1, 'io', 16);
    machine.plug(fn, address);
    const config = configOf(machine, address);
    config.setBar(0, FIRST + 0x1000 * i);
    config.setBar(1, PORTS + 0x100 * i);
    config.command(3);
    return { fn, memory, ports, config };
  });
  return { machine, posted: machine.posted!, first: fns[0]!, second: fns[1]! };
}

describe('posted memory writes', () => {
  it('wait, and arrive in order when their function is read', () => {
    const { machine, posted, first, second } = held();
    machine.memoryWrite(FIRST, 1, 1);
    machine.memoryWrite(SECOND, 4, 9);
    machine.memoryWrite(FIRST + 1, 2, 2);
    expect([posted.count, first.memory.log, posted.owners]).toEqual([3, [], [first.fn, second.fn]]);
    machine.memoryRead(FIRST + 8, 4);
    expect(first.memory.log).toEqual(['w1@0=1', 'w2@1=2', 'r4@8']);
    expect([second.memory.log, posted.count]).toEqual([[], 1]);
    posted.flushAll();
    expect(second.memory.log).toEqual(['w4@0=9']);
  });

  it.each([
    ['a port read', ({ machine }: ReturnType<typeof held>) => machine.ioRead(PORTS, 1), 'r1@0'],
    ['a port write', ({ machine }: ReturnType<typeof held>) => machine.ioWrite(PORTS, 1, 5), 'w1@0=5'],
  ])('are not overtaken by %s of the same function', (_, access, log) => {
    const under = held();
    under.machine.memoryWrite(FIRST, 1, 1);
    access(under);
    expect([under.first.memory.log, under.first.ports.log]).toEqual([['w1@0=1'], [log]]);
  });

  it.each([
    ['read', ({ config }: ReturnType<typeof held>['first']) => config.read(at.vendor, 2)],
    ['write', ({ config }: ReturnType<typeof held>['first']) => config.write(at.line, 1, 0)],
  ])('are not overtaken by a configuration %s', (_, access) => {
    const { machine, posted, first, second } = held();
    machine.memoryWrite(FIRST, 1, 1);
    machine.memoryWrite(SECOND, 1, 2);
    access(first);
    expect([first.memory.log, posted.owners]).toEqual([['w1@0=1'], [second.fn]]);
  });

  it('arrive before decoding is switched off, and before the function goes', () => {
    const { machine, first, second } = held();
    machine.memoryWrite(FIRST, 1, 1);
    first.config.command(0);
    machine.memoryWrite(SECOND, 1, 2);
    machine.unplug(OTHER);
    expect([first.memory.log, second.memory.log]).toEqual([['w1@0=1'], ['w1@0=2']]);
  });

  it('never hold back RAM, or ports', () => {
    const { machine, posted, first } = held();
    machine.memoryWrite(0x2000, 4, 7);
    machine.ioWrite(PORTS, 1, 3);
    expect([machine.ram.read(0x2000, 1)[0], first.ports.log, posted.count]).toEqual([7, ['w1@0=3'], 0]);
  });

  it('are told of when they leave the processor, marked as posted', () => {
    const { machine } = held();
    const events = watch(machine);
    machine.memoryWrite(FIRST, 2, 5);
    machine.ioWrite(PORTS, 2, 6);
    expect(accessesIn(events)).toEqual(['w2 00:04.0 BAR0 scratch0+0=5', 'w2 00:04.0 BAR1 scratch1+0=6']);
    expect(events.flatMap((event) => (event.kind === 'access' ? [event.posted] : []))).toEqual([true, false]);
  });

  it('may be released one by one, each function in its own order, whatever the order among functions', () => {
    const write = fc.record({
      second: fc.boolean(),
      offset: fc.nat(0xfc),
      width: fc.constantFrom<Width>(1, 2, 4),
      value: fc.nat(0xffffffff),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 20 }), fc.infiniteStream(fc.nat()), (writes, choices) => {
        const { machine, posted, first, second } = held();
        const sent: [string[], string[]] = [[], []];
        for (const { second: which, offset, width, value } of writes) {
          machine.memoryWrite((which ? SECOND : FIRST) + offset, width, value);
          const cut = value % 2 ** (8 * width);
          sent[which ? 1 : 0].push(`w${width}@${offset.toString(16)}=${cut.toString(16)}`);
        }
        while (posted.count > 0) {
          const owners = posted.owners;
          expect(posted.releaseOne(owners[choices.next().value! % owners.length]!)).toBe(true);
        }
        expect([first.memory.log, second.memory.log]).toEqual(sent);
        expect(posted.releaseOne(first.fn)).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  it('are carried over in a saved state', () => {
    const { machine } = held();
    machine.memoryWrite(FIRST, 1, 1);
    machine.memoryWrite(SECOND, 1, 2);
    machine.memoryWrite(FIRST, 1, 3);
    const fresh = held();
    fresh.machine.load(machine.save());
    fresh.machine.memoryRead(FIRST, 1);
    expect([fresh.first.memory.log, fresh.second.memory.log, fresh.posted.count]).toEqual([
      ['w1@0=1', 'w1@0=3', 'r1@0'],
      [],
      1,
    ]);
  });
});
