import { describe, expect, it } from 'vitest';
import { translatedWayNames } from '../../src/mmr/index.ts';
import { at, SLOT } from '../pci/support.ts';
import { configProbe, Pair, UP } from './support.ts';

describe.each(translatedWayNames)('by way of %s, while nothing decodes the block', (way) => {
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
});
