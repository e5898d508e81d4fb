import { describe, expect, it } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import { equalWayNames } from '../../src/mmr/index.ts';
import { LegacyGuest } from '../virtio/support/guests.ts';
import { configProbe, Pair, type PairOptions } from './support.ts';

/*
 * Messages that wait, on the guest's side of the translator: the guest of a plain legacy function is the measure.
 */

const ways = equalWayNames.map((way) => [way, { way }] as const);

/** What both kinds of guest do here. */
interface Guest {
  set(
    name: 'deviceStatus' | 'queueSelect' | 'queueAddress' | 'queueMsixVector' | 'configMsixVector',
    value: number,
  ): void;
  mask(vector: number, masked: boolean): void;
  control(value: number): void;
  command(bits: number): void;
  pending(): number;
  interrupts(): string[];
  isr(): number;
  use(queue: number): void;
  changeConfig(): void;
}

function behind(options: PairOptions): Guest {
  const under = new Pair(configProbe(), { vectors: 4, ...options });
  under.enableMsix();
  const bar = under.found.bars.find(({ index }) => index === 1)!.address;
  const { interrupts } = under.function;
  return {
    set: (name, value) => under.set(name, value),
    mask: (vector, masked) => under.guest.memoryWrite(bar + 16 * vector + 12, 4, masked ? 1 : 0),
    control: (value) => under.config.write(under.found.capabilities[0]!.offset + 2, 2, value),
    command: (bits) => under.config.command(bits),
    pending: () => under.guest.memoryRead(bar + 2048, 4),
    interrupts: () => under.interrupts(),
    isr: () => under.get('isrStatus'),
    use: (queue) => interrupts.queue(queue),
    changeConfig: () => interrupts.config(),
  };
}

function plain(): Guest {
  const guest = new LegacyGuest(configProbe(), { vectors: 4 });
  guest.enableMsix();
  const { interrupts } = guest.function;
  const at = guest.found.capabilities.find(({ id }) => id === 0x11)!.offset;
  return {
    set: (name, value) => guest.block.set(name, value),
    mask: (vector, masked) => guest.machine.memoryWrite(guest.bar(1) + 16 * vector + 12, 4, masked ? 1 : 0),
    control: (value) => guest.config.write(at + 2, 2, value),
    command: (bits) => guest.config.command(bits),
    pending: () => guest.machine.memoryRead(guest.bar(1) + 2048, 4),
    interrupts: () => guest.interrupts(),
    isr: () => guest.isr(),
    use: (queue) => interrupts.queue(queue),
    changeConfig: () => interrupts.config(),
  };
}

const NONE = 0xffff;

/** Vectors of queue 0, queue 1 and the configuration; then what keeps messages back, what happens, and what lets them go. */
const stories: readonly [string, (guest: Guest) => unknown[]][] = (
  [
    ['apart', [0, 1, 2]],
    ['one for all', [1, 1, 1]],
    ['two queues share', [1, 1, 0]],
    ['a queue and the configuration share', [1, 0, 1]],
  ] as const
).flatMap(([sharing, vectors]) =>
  (
    [
      ['vector masks', (g: Guest, on: boolean) => [0, 1, 2, 3].forEach((v) => void g.mask(v, on))],
      ['the function mask', (g: Guest, on: boolean) => g.control(on ? 0xc000 : 0x8000)],
    ] as const
  ).flatMap(([how, mask]) =>
    (
      [
        ['nothing', () => {}],
        ['status 0', (g: Guest) => g.set('deviceStatus', 0)],
        ['queue 0 taken down', (g: Guest) => g.set('queueAddress', 0)],
        ['queue 0 set up anew', (g: Guest) => g.set('queueAddress', 0x30)],
        ['no vector for queue 0', (g: Guest) => g.set('queueMsixVector', NONE)],
        ['another vector for queue 0', (g: Guest) => g.set('queueMsixVector', 3)],
        ['no vector for the configuration', (g: Guest) => g.set('configMsixVector', NONE)],
        ['ISR read', (g: Guest) => void g.isr()],
        [
          'MSI-X off and on',
          (g: Guest) => {
            g.control(0);
            g.control(0xc000);
          },
        ],
        [
          'MSI-X off, status 0, on',
          (g: Guest) => {
            g.control(0);
            g.set('deviceStatus', 0);
            g.control(0xc000);
          },
        ],
        [
          'bus mastering off and on',
          (g: Guest) => {
            g.command(3);
            g.command(7);
          },
        ],
      ] as const
    ).flatMap(([what, act]) =>
      (
        [
          ['queue 0', (g: Guest) => g.use(0)],
          ['queue 1', (g: Guest) => g.use(1)],
          ['the configuration', (g: Guest) => g.changeConfig()],
          ['all', (g: Guest) => [g.use(1), g.changeConfig(), g.use(0)]],
        ] as const
      ).map(
        ([who, tell]) =>
          [
            `${sharing}; ${who} behind ${how}; ${what}`,
            (guest: Guest) => {
              const [queue0, queue1, config] = vectors;
              guest.control(0x8000);
              mask(guest, false);
              guest.set('deviceStatus', 0);
              guest.isr();
              guest.set('queueSelect', 1);
              guest.set('queueAddress', 0x20);
              guest.set('queueMsixVector', queue1);
              guest.set('queueSelect', 0);
              guest.set('queueAddress', 0x10);
              guest.set('queueMsixVector', queue0);
              guest.set('configMsixVector', config);
              mask(guest, true);
              tell(guest);
              const before = guest.pending();
              act(guest);
              const after = guest.pending();
              guest.interrupts();
              mask(guest, false);
              guest.control(0x8000);
              return [before, after, guest.interrupts(), guest.pending(), guest.isr()];
            },
          ] as [string, (guest: Guest) => unknown[]],
      ),
    ),
  ),
);

describe.each(ways)(
  'by way of %s a guest sees of messages kept back what it sees of a plain function',
  (_, options) => {
    // One of each for all stories: each begins with a reset.
    const guests = [behind(options), plain()] as const;
    it.each(stories)('%s', (_name, story) => {
      const [seen, expected] = guests.map((guest) => story(guest));
      expect(seen).toEqual(expected);
    });
  },
);

describe.each(ways)(
  'BF-RST-02, by way of %s: what the host was told and has not handled yet',
  (_, options) => {
    it.each([true, false])('does not reach a guest that has reset the device since (MSI-X %s)', (msix) => {
      const held = new HeldScheduler();
      const under = new Pair(configProbe(), { ...options, host: { interruptScheduler: held } });
      if (msix) under.enableMsix();
      under.setUp().offer(0);
      if (msix) under.set('queueMsixVector', 1);
      under.set('deviceStatus', 7);
      under.set('queueNotify', 0);
      under.interrupts();
      under.probe.finish(1);
      under.set('deviceStatus', 0);
      held.releaseAll();
      expect([under.interrupts(), under.get('isrStatus')]).toEqual([[], 0]);
      // The next one does.
      if (msix) under.set('configMsixVector', 1);
      under.set('deviceStatus', 7);
      under.function.device.configChanged();
      held.releaseAll();
      expect([under.interrupts(), under.get('isrStatus')]).toEqual([[msix ? 'message 1' : 'line 10 up'], 2]);
    });

    it('that comes while the guest masks it waits in the guest, and is withdrawn there', () => {
      const held = new HeldScheduler();
      const under = new Pair(configProbe(), { ...options, host: { interruptScheduler: held } });
      under.enableMsix();
      under.setUp();
      under.set('queueMsixVector', 1);
      under.function.interrupts.queue(0);
      const mask = under.found.bars.find(({ index }) => index === 1)!.address + 16 + 12;
      under.guest.memoryWrite(mask, 4, 1);
      held.releaseAll();
      expect(under.presented.pci.msix!.isPending(1)).toBe(true);
      under.set('deviceStatus', 0);
      under.guest.memoryWrite(mask, 4, 0);
      expect([under.presented.pci.msix!.isPending(1), under.interrupts()]).toEqual([false, []]);
    });
  },
);
