import { describe, expect, it } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import { type TranslatedWayName, translatedWayNames, ways } from '../../src/mmr/index.ts';
import { configProbe, Pair, UP } from './support.ts';

/*
 * Messages are kept back where it is known what they are for: in the host's function, by the masks that the guest chose.
 * A function by way of mmr has MSI-X on always, and without any mask while its guest has it off.
 */

const VECTORS = 3;

/** What the guest does with its masks and with MSI-X, through nothing but its own function. */
function controls(under: Pair) {
  const table = under.found.bars.find(({ index }) => index === 1)!.address;
  const control = under.found.capabilities.find(({ id }) => id === 0x11)!.offset + 2;
  return {
    mask: (vector: number, masked: boolean) =>
      under.guest.memoryWrite(table + 16 * vector + 12, 4, masked ? 1 : 0),
    msix: (on: boolean, all = false) =>
      under.config.write(control, 2, (on ? 0x8000 : 0) | (all ? 0x4000 : 0)),
  };
}
type Controls = ReturnType<typeof controls>;

/** Vectors that the host's function has masked. */
const masked = ({ function: fn }: Pair) =>
  Array.from({ length: VECTORS }, (_, v) => v).filter((vector) => fn.pci.msix!.isMasked(vector));

/** Vector 1 is pending in the host's function, and in the guest's, which shows the other's too. */
const waits = ({ function: fn, presented }: Pair) =>
  [fn.pci, presented.pci].map(({ msix }) => msix!.isPending(1));

/** What the guest does; the vectors that it has masked then; and whether it has MSI-X on. */
const steps: readonly [string, (guest: Controls) => void, number[], boolean][] = [
  ['nothing', () => {}, [0, 1, 2], false],
  ['MSI-X on', (g) => g.msix(true), [0, 1, 2], true],
  ['one vector unmasked, then MSI-X on', (g) => [g.mask(1, false), g.msix(true)], [0, 2], true],
  ['MSI-X on, then one vector unmasked', (g) => [g.msix(true), g.mask(1, false)], [0, 2], true],
  [
    'all unmasked with MSI-X on, one masked',
    (g) => [g.msix(true), [0, 1, 2].forEach((v) => void g.mask(v, false)), g.mask(2, true)],
    [2],
    true,
  ],
  [
    'all unmasked, MSI-X on with the function mask',
    (g) => [[0, 1, 2].forEach((v) => void g.mask(v, false)), g.msix(true, true)],
    [0, 1, 2],
    true,
  ],
  ['one unmasked, MSI-X on, off', (g) => [g.mask(0, false), g.msix(true), g.msix(false)], [1, 2], false],
  [
    'MSI-X on, off, one unmasked, on again',
    (g) => [g.msix(true), g.msix(false), g.mask(0, false), g.msix(true)],
    [1, 2],
    true,
  ],
];

const ownVectors = (way: TranslatedWayName, msix: boolean) => ways[way].block === null && !msix;

describe.each(translatedWayNames)('by way of %s', (way) => {
  it.each(steps)("the host's function has the masks of its guest: %s", (_, act, expected, msix) => {
    const under = new Pair(configProbe(), { way, vectors: VECTORS });
    act(controls(under));
    expect(masked(under)).toEqual(ownVectors(way, msix) ? [] : expected);
  });

  it('a message for a vector that the guest has masked all along waits in the function, and goes with its event', () => {
    const under = new Pair(configProbe(), { way, vectors: VECTORS });
    const guest = controls(under);
    guest.msix(true);
    under.setUp();
    under.set('queueMsixVector', 1);
    under.function.interrupts.queue(0);
    expect(waits(under)).toEqual([true, true]);
    under.set('queueMsixVector', 0xffff);
    guest.mask(1, false);
    expect([under.presented.pci.msix!.isPending(1), under.interrupts()]).toEqual([false, []]);
  });

  it("a message that waits in the guest's own table is forgotten when MSI-X goes off, and ISR tells of it", () => {
    const held = new HeldScheduler();
    const under = new Pair(configProbe(), { way, vectors: VECTORS, host: { interruptScheduler: held } });
    const guest = controls(under);
    under.enableMsix();
    under.setUp();
    under.set('queueMsixVector', 1);
    under.function.interrupts.queue(0);
    // It has left the function; its guest masks the vector before the host has handed it on.
    guest.mask(1, true);
    held.releaseAll();
    expect(waits(under)).toEqual([false, true]);
    guest.msix(false);
    held.releaseAll();
    expect([under.presented.pci.msix!.isPending(1), under.interrupts().at(-1)]).toEqual([false, UP]);
    expect(under.get('isrStatus') & 1).toBe(1);
    under.interrupts();
    guest.msix(true);
    guest.mask(1, false);
    expect([under.presented.pci.msix!.isPending(1), under.interrupts()]).toEqual([false, []]);
  });
});
