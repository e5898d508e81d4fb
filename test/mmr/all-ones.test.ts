import { describe, expect, it, test } from 'vitest';
import type { LabEvent } from '../../src/core/index.ts';
import { draft2023 } from '../../src/mmr/index.ts';
import { command } from '../../src/pci/layout/index.ts';
import { at, SLOT } from '../pci/support.ts';
import { handmadeWays, Stranger } from './support/handmade.ts';
import { configProbe, Pair, UP } from './support.ts';

/*
 * All ones in status are what is read where nobody answers, and what a guest may have written there itself.
 */

describe.each(handmadeWays)('by way of %s, a function whose status is all ones', (window) => {
  const full = (more = {}) => {
    const under = new Stranger({ window, ...more });
    under.out(18, 1, 0xff);
    return under;
  };

  it('is there all the same: what its guest writes and reads is as ever, without a finding', () => {
    const under = full();
    expect([under.in(18, 1), under.in(20, 4)]).toEqual([0xff, 0x04030201]);
    under.out(14, 2, 1);
    under.out(8, 4, 0x20);
    expect([under.in(14, 2), under.in(8, 4), under.block.pages]).toEqual([1, 0x20, [0, 0x20]]);
    under.messages();
    under.out(22, 2, 2);
    under.out(20, 2, 1);
    under.noMessages();
    under.messages();
    expect([under.in(20, 2), under.in(22, 2), under.in(14, 2)]).toEqual([1, 2, 1]);
    under.block.changeConfig();
    expect([under.interrupts().at(-1), under.findings()]).toEqual(['message 1', []]);
  });

  it.each([0, 1, 5])(
    'BF-RST-01: is waited for when it is reset (%d reads more), and interrupts then',
    (slowReset) => {
      const under = full({ slowReset });
      under.out(18, 1, 0);
      if (window === 'io-bar') for (let i = 0; i < slowReset; i++) under.in(18, 1);
      expect([under.block.status, under.in(18, 1), under.findings()]).toEqual([0, 0, []]);
      under.block.changeConfig();
      expect([under.interrupts(), under.isr()]).toEqual([[UP], 2]);
    },
  );
});

describe('a draft in which a reset is not waited for', () => {
  const draft = { ...draft2023, resetHandshake: 'none' } as const;

  it.each([7, 0xff])('leaves nothing of before to the guest, whose status was %d', (status) => {
    const under = new Stranger({ draft });
    under.setUp(1);
    under.block.use(1);
    under.block.changeConfig();
    under.out(18, 1, status);
    expect(under.interrupts()).toEqual([UP]);
    under.out(18, 1, 0);
    expect([under.interrupts(), under.isr(), under.in(14, 2)]).toEqual([['line 10 down'], 0, 0]);
    under.block.changeConfig();
    expect([under.interrupts(), under.isr()]).toEqual([[UP], 2]);
  });

  it('resets a function that still shows all ones after it', () => {
    const under = new Stranger({ draft, slowReset: 3 });
    under.out(18, 1, 0xff);
    under.out(18, 1, 0);
    expect(under.findings()).toEqual([]);
    under.in(18, 1);
    under.in(18, 1);
    expect(under.in(18, 1)).toBe(0);
  });

  it('tells of a function that is gone as of one that does not end its reset', () => {
    const under = new Stranger({ draft }, {}, true);
    under.leave();
    under.out(18, 1, 0);
    expect(under.findings()).toEqual(['BF-RST-01']);
  });
});

/** What the findings say, of the guest's function. */
const said = (under: Stranger | Pair): string[] => {
  const events: LabEvent[] = under instanceof Pair ? under.guestEvents : under.events;
  const texts: string[] = events.flatMap((event) =>
    event.kind === 'finding'
      ? [`${event.clause} ${event.message}: ${event.what} ${event.value?.toString(16)}`]
      : [],
  );
  events.length = 0;
  return texts;
};
const WHERE = "host's function address 20";

describe.each(handmadeWays)('what is said of a function, by way of %s:', (way) => {
  const comings: readonly [string, (under: Pair) => void, string][] = [
    ['a read', (under: Pair) => void under.get('queueSize'), 'PCI-BUS-01'],
    ['a write', (under: Pair) => under.set('deviceStatus', 7), 'PCI-BUS-01'],
    ['a write of 0 to another register', (under: Pair) => under.set('queueSelect', 0), 'PCI-BUS-01'],
    ['a reset', (under: Pair) => under.set('deviceStatus', 0), 'BF-RST-01'],
    ['a reset by a word', (under: Pair) => under.out(18, 2, 0x0700), 'BF-RST-01'],
  ];
  test.each(comings)('that it is gone, when the guest comes with %s', (_name, act, clause) => {
    const under = new Pair(configProbe(), { way });
    under.host.unplug(SLOT);
    under.guestEvents.length = 0;
    act(under);
    expect(said(under)).toEqual([`${clause} the host's function is gone: ${WHERE}`]);
    act(under);
    expect(said(under)).toEqual([]);
  });

  test.each(
    ([command.io, command.memory] as const).filter((bit) => (bit === command.io) !== (way === 'io-bar')),
  )('that it does not decode its block, where it decodes the other space alone (command %d)', (bit) => {
    const under = new Pair(configProbe(), { way });
    under.host.configWrite(SLOT, at.command, 2, bit);
    under.guestEvents.length = 0;
    expect(under.get('deviceStatus')).toBe(0xff);
    expect(said(under)).toEqual([
      `PCI-BUS-01 the host's function does not decode the BAR of its legacy block: ${WHERE}`,
    ]);
  });

  it('that others have reset it', () => {
    const under = new Pair(configProbe(), { way });
    const bars = [0, 1, 4, 5].map((i) => [i, under.host.configRead(SLOT, at.bar + 4 * i, 4)] as const);
    under.guestEvents.length = 0;
    under.function.pci.reset();
    for (const [i, value] of bars) under.host.configWrite(SLOT, at.bar + 4 * i, 4, value);
    under.host.configWrite(SLOT, at.command, 2, 3);
    expect(under.get('deviceStatus')).toBe(0xff);
    expect(said(under)).toEqual([`PCI-BUS-01 the host's function was reset by somebody else: ${WHERE}`]);
  });

  it('that it does not finish its reset, and it is served all the same', () => {
    const under = new Stranger({ window: way, slowReset: 1e9 });
    under.out(18, 1, 7);
    said(under);
    under.presented.pci.reset();
    expect(said(under)).toEqual(['BF-RST-01 the function does not finish its reset: reads of status 2710']);
    expect(under.presented.backend.read(18, 1)).toBe(7);
  });

  // On a bus that tells nobody, a look at status is enough.
  it('that it is gone, by nothing but a look at its status', () => {
    const under = new Stranger({ window: way }, {}, true);
    under.leave();
    under.findings();
    expect(under.in(18, 1)).toBe(0xff);
    expect(said(under)).toEqual([`PCI-BUS-01 the host's function is gone: ${WHERE}`]);
  });
});

describe('MSI-X that the guest turns on while nothing decodes the block', () => {
  it.each(['gone', 'not decoded'])('costs the host no access to memory (%s)', (how) => {
    const under = new Pair(configProbe());
    if (how === 'gone') under.host.unplug(SLOT);
    else under.host.configWrite(SLOT, at.command, 2, 0);
    const { backend } = under.presented;
    under.hostEvents.length = 0;
    backend.setMsix(true);
    expect(backend.pendingBits!(0)).toBe(0);
    backend.setMask!(0, true);
    backend.setMsix(false);
    expect(under.hostEvents.filter((event) => event.kind === 'access' && event.space !== 'config')).toEqual(
      [],
    );
  });
});
