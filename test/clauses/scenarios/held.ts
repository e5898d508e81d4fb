import { ownWayNames } from '../../../src/mmr/index.ts';
import { configProbe, Pair } from '../../mmr/support.ts';
import { at, SLOT } from '../../pci/support.ts';
import { type Scenario, scenario } from './scenario.ts';

/*
 * A function of the host that the host takes away while a guest has it, by every way of the translator.
 */

/** What the function of each way is called here. */
const functions: Readonly<Record<(typeof ownWayNames)[number], string>> = {
  'io-bar': 'a transitional function',
  'memory-bar': 'a legacy function in memory',
  mmr: 'an MMR function',
  'modern-shim': 'a modern function',
};

const STATUS_OF_GUEST = 7;

export const held: readonly Scenario[] = ownWayNames.flatMap((way) => {
  const taken = (name: string, host: (under: Pair) => void) =>
    (['reads status', 'resets it'] as const).map((guest) =>
      scenario(`through the translator, ${functions[way]}: ${name}, and the guest ${guest}`, () => {
        const under = new Pair(configProbe(), { way });
        under.set('deviceStatus', STATUS_OF_GUEST);
        under.guestEvents.length = 0;
        host(under);
        for (let times = 0; times < 2; times++)
          if (guest === 'reads status') under.get('deviceStatus');
          else under.set('deviceStatus', 0);
        return under.guestEvents;
      }),
    );
  return [
    ...taken('unplugged', ({ host }) => void host.unplug(SLOT)),
    ...taken('not decoded', ({ host }) => host.configWrite(SLOT, at.command, 2, 0)),
    ...taken('reset by others', ({ host, function: { pci } }) => {
      const bars = [0, 1, 4, 5].map((bar) => host.configRead(SLOT, at.bar + 4 * bar, 4));
      pci.reset();
      for (const [i, bar] of [0, 1, 4, 5].entries()) host.configWrite(SLOT, at.bar + 4 * bar, 4, bars[i]!);
      host.configWrite(SLOT, at.command, 2, 3);
    }),
  ];
});
