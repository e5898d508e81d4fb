import { describe, expect, it, test } from 'vitest';
import type { LabEvent } from '../../src/core/index.ts';
import { SLOT, watch } from '../pci/support.ts';
import { handmadeWays, Stranger } from './support/handmade.ts';
import { configProbe, equalOwnWayNames, Pair } from './support.ts';

/*
 * What an access of the guest costs: accesses of every space to the host, those of its configuration space too.
 */

const REGISTERS = [
  ['device features', 0, 4],
  ['driver features', 4, 4],
  ['queue address', 8, 4],
  ['queue size', 12, 2],
  ['queue select', 14, 2],
  ['notify', 16, 2],
  ['status', 18, 1],
  ['ISR', 19, 1],
  ['configuration', 20, 4],
  ['a byte of configuration', 27, 1],
] as const;

const VECTORS = [
  ['configuration vector', 20, 2],
  ['queue vector', 22, 2],
] as const;

function counted(under: Stranger) {
  const events: LabEvent[] = watch(under.host);
  return (act: () => void) => {
    events.length = 0;
    act();
    return events.flatMap((event) =>
      event.kind === 'access'
        ? [`${event.operation === 'read' ? 'r' : 'w'}${event.width} ${event.space}`]
        : [],
    );
  };
}

describe.each(handmadeWays)('by way of %s, an access of a guest', (way) => {
  const space = way === 'io-bar' ? 'io' : 'memory';

  test.each([...REGISTERS, ...VECTORS])('that reads %s is one of the host', (_, offset, width) => {
    const under = new Stranger({ window: way });
    if (offset >= 20) under.messages();
    const accesses = counted(under);
    expect(accesses(() => under.in(offset, width))).toEqual([`r${width} ${space}`]);
  });

  it('that reads ISR while the line is up is one of the block', () => {
    const under = new Stranger({ window: way });
    under.setUp();
    under.block.use();
    const accesses = counted(under);
    expect(accesses(() => under.isr()).filter((each) => !each.endsWith('config'))).toEqual([`r1 ${space}`]);
  });
});

describe('by way of mmr, a write', () => {
  const written = REGISTERS.filter(([, at]) => at !== 8 && at !== 14 && at !== 16);

  test.each(written)(
    'to %s costs itself and the read that pushes it, MSI-X on or off',
    (_, offset, width) => {
      for (const msix of [false, true]) {
        const under = new Stranger();
        if (msix) under.messages();
        const at = offset >= 20 && msix ? offset + 4 : offset;
        expect([msix, counted(under)(() => under.out(at, width, 1))]).toEqual([
          msix,
          [`w${width} memory`, 'r1 memory'],
        ]);
      }
    },
  );

  it('to notify costs itself', () => {
    const under = new Stranger();
    expect(counted(under)(() => under.out(16, 2, 0))).toEqual(['w2 memory']);
  });

  it('to queue select is read back, since the function may take fewer bits', () => {
    const under = new Stranger();
    expect(counted(under)(() => under.out(14, 2, 1))).toEqual(['w2 memory', 'r1 memory', 'r2 memory']);
  });

  it('to the address of a queue that there is not costs no more than the look at its size', () => {
    const under = new Stranger();
    under.out(14, 2, 7);
    expect(counted(under)(() => under.out(8, 4, 1))).toEqual(['r2 memory', 'w4 memory', 'r1 memory']);
  });
});

describe('what costs nothing', () => {
  it.each([true, false])('MSI-X %s, where it is so already', (on) => {
    const under = new Stranger();
    if (on) under.messages();
    expect(counted(under)(() => under.presented.backend.setMsix(on))).toEqual([]);
  });

  it.each(equalOwnWayNames)('by way of %s, looking where firmware moved it: that was done at once', (way) => {
    const under = new Pair(configProbe(), { way });
    under.set('deviceStatus', 3);
    under.host.configWrite(SLOT, 4, 2, 0);
    under.host.configWrite(SLOT, 0x10, 4, way === 'io-bar' ? 0xd000 : 0xd0000000);
    under.host.configWrite(SLOT, 4, 2, 3);
    // Bus mastering, which firmware took away, is as the guest has it: a queue goes on without an access of the guest's.
    expect(under.host.configRead(SLOT, 4, 2) & 4).toBe(4);
    under.hostEvents.length = 0;
    expect(under.get('deviceStatus')).toBe(3);
    expect(under.hostEvents.filter(({ kind }) => kind === 'access')).toHaveLength(1);
  });
});

describe('queues that there are not', () => {
  it('are not remembered, whatever a guest writes to them', () => {
    const under = new Stranger();
    under.messages();
    under.setUp(1, 2);
    for (let queue = 2; queue < 6; queue++) under.setUp(queue, 1);
    under.out(14, 2, 1);
    under.block.log.length = 0;
    under.noMessages();
    const selected = under.block.log.filter((each) => each.startsWith('w2@14'));
    expect(new Set(selected)).toEqual(new Set(['w2@14=1']));
  });
});
