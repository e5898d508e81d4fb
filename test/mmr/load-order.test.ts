import { describe, expect, it } from 'vitest';
import { HeldScheduler, immediate, type Scheduler } from '../../src/core/index.ts';
import { fixedVectorsDraft, translatedWayNames, ways as waysTable } from '../../src/mmr/index.ts';
import { command, status } from '../../src/pci/layout/index.ts';
import { at, SLOT } from '../pci/support.ts';
import { configProbe, DOWN, Pair, type PairOptions, UP } from './support.ts';

/*
 * The state of a guest and that of its host are two, and whoever loads them does one before the other. What the host has
 * to tell when it is loaded must not be told to the guest of before, nor be forgotten with it.
 */

type Order = 'host first' | 'guest first';

const ways: readonly (readonly [string, PairOptions])[] = translatedWayNames.flatMap((way) => [
  [way, { way }],
  [`${way} with one vector`, { way, vectors: 1 }],
  ...(waysTable[way].drafts
    ? [[`${way} with fixed vectors`, { way, draft: fixedVectorsDraft }] as const]
    : []),
]);

const pair = (options: object, interruptScheduler: Scheduler = immediate, more = {}) =>
  new Pair(configProbe(), { ...options, host: { interruptScheduler, ...more } });

/** Loads both states into a fresh pair, which had a life of its own. */
function reload(under: Pair, order: Order, options: object, more = {}): Pair {
  const states = { host: under.host.save(), guest: under.guest.save() };
  const next = pair(options, immediate, more);
  next.setUp(1, 0x30);
  next.set('deviceStatus', 3);
  if (order === 'host first') next.host.load(states.host);
  next.guestEvents.length = 0;
  next.guest.load(states.guest);
  if (order === 'guest first') next.host.load(states.host);
  return next;
}

/** A chain of queue 0 that waits in the device. */
function waiting(under: Pair, msix: boolean): void {
  if (msix) under.enableMsix();
  under.setUp().offer(0);
  if (msix) {
    under.set('queueMsixVector', 0);
    under.set('configMsixVector', 0);
  }
  under.set('deviceStatus', 7);
  under.set('queueNotify', 0);
  under.interrupts();
}

describe.each(ways)('by way of %s,', (_, options) => {
  describe.each(['guest first', 'host first'] as const)('%s:', (order) => {
    it('a message that had arrived and was not handled yet reaches the guest', () => {
      for (const msix of [false, true]) {
        const held = new HeldScheduler();
        const under = pair(options, held);
        waiting(under, msix);
        under.probe.finish(1);
        expect(under.interrupts()).toEqual([]);
        const next = reload(under, order, options);
        expect([msix, next.interrupts()]).toEqual([msix, [msix ? 'message 0' : UP]]);
        expect([next.get('isrStatus') & 1, next.get('isrStatus')]).toEqual([1, 0]);
      }
    });

    it('a line that was up stays up until the guest has read ISR, and rises again', () => {
      const under = pair(options);
      waiting(under, false);
      under.probe.finish(1);
      const next = reload(under, order, options);
      expect(next.config.read(6, 2) & 8).toBe(8);
      next.interrupts();
      expect([next.get('isrStatus'), next.interrupts()]).toEqual([1, [DOWN]]);
      next.function.device.configChanged();
      expect([next.interrupts(), next.get('isrStatus'), next.interrupts()]).toEqual([[UP], 2, [DOWN]]);
    });

    it('a line that was low stays low, whatever the one before the load was', () => {
      const under = pair(options);
      waiting(under, false);
      const states = { host: under.host.save(), guest: under.guest.save() };
      under.probe.finish(1);
      expect(under.config.read(6, 2) & 8).toBe(8);
      if (order === 'host first') under.host.load(states.host);
      under.guest.load(states.guest);
      if (order === 'guest first') under.host.load(states.host);
      expect([under.config.read(6, 2) & 8, under.get('isrStatus')]).toEqual([0, 0]);
      under.interrupts();
      under.function.device.configChanged();
      expect([under.interrupts(), under.get('isrStatus')]).toEqual([[UP], 2]);
    });

    it('a request in flight is handled with the memory of the guest, and told', () => {
      for (const msix of [false, true]) {
        const under = pair(options);
        waiting(under, msix);
        const next = reload(under, order, options);
        expect(next.probe.handled.at(-1)).toBe('0:0');
        expect(next.probe.taken).toHaveLength(1);
        next.interrupts();
        next.probe.finish(1);
        expect([msix, next.interrupts()]).toEqual([msix, [msix ? 'message 0' : UP]]);
        // Its used ring is that of the state, at page 0x10.
        const [used] = next.ram.read(0x11000 + 2, 1);
        expect(used).toBe(1);
      }
    });

    it('a kick on its way arrives', () => {
      const more = { holdPostedWrites: true };
      const under = pair(options, immediate, more);
      under.setUp().offer(0);
      under.set('deviceStatus', 7);
      under.set('queueNotify', 0);
      const next = reload(under, order, options, more);
      next.get('deviceStatus');
      expect(next.probe.handled.at(-1)).toBe('0:0');
    });

    it('masks, and what waits behind them, are those of the state', () => {
      const under = pair(options);
      waiting(under, true);
      under.config.write(under.found.capabilities[0]!.offset + 2, 2, 0xc000);
      under.probe.finish(1);
      const next = reload(under, order, options);
      const pending = () => next.presented.pci.msix!.isPending(0);
      expect([pending(), next.interrupts()]).toEqual([true, []]);
      next.config.write(next.found.capabilities[0]!.offset + 2, 2, 0x8000);
      expect([pending(), next.interrupts()]).toEqual([false, ['message 0']]);
    });

    it.each([0, command.busMaster])('bus mastering is that of the state (command bit: %d)', (bit) => {
      const under = pair(options);
      under.config.command(command.io | command.memory | bit);
      const next = reload(under, order, options);
      expect(next.get('deviceStatus')).toBe(0);
      expect(next.host.configRead(next.hostAddress, at.command, 2) & command.busMaster).toBe(bit);
    });

    // Nobody moves the BARs of virtual functions while these are there.
    it.each(waysTable[options.way!].virtual ? [] : [0, command.busMaster])(
      'bus mastering is that of the state (command bit: %d), also once firmware has moved the function',
      (bit) => {
        const under = pair(options);
        waiting(under, false);
        under.config.command(command.io | command.memory | bit);
        const next = reload(under, order, options);
        next.host.configWrite(SLOT, at.command, 2, 0);
        next.host.configWrite(SLOT, at.command, 2, command.io | command.memory);
        expect(next.get('deviceStatus')).toBe(7);
        expect(next.host.configRead(SLOT, at.command, 2) & command.busMaster).toBe(bit);
      },
    );

    it('a line that was about to rise does so where the one before the load was up', () => {
      const held = new HeldScheduler();
      const under = pair(options, held);
      waiting(under, false);
      under.probe.finish(1);
      expect(under.interrupts()).toEqual([]);
      const states = { host: under.host.save(), guest: under.guest.save() };
      const next = pair(options);
      next.set('deviceStatus', 7);
      next.function.device.configChanged();
      expect(next.config.read(at.status, 2) & status.interrupt).toBe(status.interrupt);
      if (order === 'host first') next.host.load(states.host);
      next.guest.load(states.guest);
      if (order === 'guest first') next.host.load(states.host);
      expect(next.config.read(at.status, 2) & status.interrupt).toBe(status.interrupt);
      next.interrupts();
      expect([next.get('isrStatus'), next.interrupts(), next.get('isrStatus')]).toEqual([1, [DOWN], 0]);
    });

    it('again and again: each load counts', () => {
      const under = pair(options);
      waiting(under, false);
      under.probe.finish(1);
      let next = under;
      for (let round = 0; round < 3; round++) next = reload(next, order, options);
      expect([next.get('isrStatus'), next.get('isrStatus')]).toEqual([1, 0]);
    });
  });

  it('a host that is loaded alone goes on when its guest does anything', () => {
    const under = pair(options);
    waiting(under, false);
    const state = under.host.save();
    under.host.load(state);
    expect(under.probe.taken).toHaveLength(1);
    expect(under.get('deviceStatus')).toBe(7);
    expect(under.probe.taken).toHaveLength(2);
    under.probe.taken.shift();
    under.probe.finish(1);
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[UP], 1]);
  });

  it('a guest that is loaded alone hears of what its host does', () => {
    const under = pair(options);
    waiting(under, false);
    under.guest.load(under.guest.save());
    under.probe.finish(1);
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[UP], 1]);
  });
});
