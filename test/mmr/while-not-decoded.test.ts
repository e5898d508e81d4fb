import { describe, expect, it } from 'vitest';

import { at, SLOT } from '../pci/support.ts';
import { handmadeWays, Stranger } from './support/handmade.ts';
import { configProbe, Pair, UP } from './support.ts';

describe.each(handmadeWays)('by way of %s, while nothing decodes the block', (way) => {
  it.each([true, false])('a guest switches MSI-X (on: %s), and has it so afterwards', (on) => {
    const under = new Pair(configProbe(), { way });
    under.enableMsix();
    under.setUp();
    under.set('configMsixVector', 2);
    under.set('queueMsixVector', 0);
    if (on) under.disableMsix();
    under.host.configWrite(SLOT, at.command, 2, 0);
    if (on) under.enableMsix();
    else under.disableMsix();
    under.host.configWrite(SLOT, at.command, 2, 3);
    under.get('deviceStatus');
    under.interrupts();
    under.function.interrupts.config();
    under.function.interrupts.queue(0);
    const seen = [under.interrupts(), under.get('isrStatus') & 3];
    expect(seen).toEqual([on ? ['message 2', 'message 0'] : [UP], 3]);
  });

  // Nobody says that decoding is back there: every access looks for itself.
  it('on a bus that tells of nothing, a guest finds it again once something does', () => {
    const under = new Stranger({ window: way }, {}, true);
    under.host.configWrite(SLOT, at.command, 2, 0);
    // The first look at status finds that out.
    expect([under.in(18, 1), under.in(18, 1), under.in(14, 2)]).toEqual([0xff, 0xff, 0xffff]);
    under.host.configWrite(SLOT, at.command, 2, 3);
    under.out(18, 1, 3);
    expect([under.in(18, 1), under.block.status, under.findings()]).toEqual([3, 3, ['PCI-BUS-01']]);
  });

  it('on a bus that tells, only the first access of its guest costs the host any', () => {
    const under = new Pair(configProbe(), { way });
    under.host.configWrite(SLOT, at.command, 2, 0);
    const costs = Array.from({ length: 3 }, () => {
      under.hostEvents.length = 0;
      under.get('queueSize');
      under.set('queueSelect', 1);
      return under.hostEvents.length > 0;
    });
    expect(costs).toEqual([true, false, false]);
    under.host.configWrite(SLOT, at.command, 2, 3);
    under.set('queueSelect', 1);
    expect([under.get('queueSelect'), under.get('queueSize')]).toEqual([1, 8]);
  });
});
