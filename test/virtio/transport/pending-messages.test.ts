import { describe, expect, it, test } from 'vitest';
import { deviceStatus, feature } from '../../../src/virtio/index.ts';
import { type Guest, LegacyGuest, ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

/*
 * A message that a mask keeps back waits for as long as there is something to tell. PCI Local Bus 3.0, section 6.8.3: where
 * the cause of a pending bit is satisfied meanwhile, the function clears the bit.
 */

const NONE = 0xffff;
const RUNNING =
  deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.featuresOk | deviceStatus.driverOk;

interface Vectors {
  readonly queue0: number;
  readonly queue1: number;
  readonly config: number;
}

/** Both kinds of guest have these registers, by the same names. */
function running(kind: 'legacy' | 'modern', vectors: Vectors) {
  const probe = new Probe({ queueSizes: [8, 8] });
  const options = { vectors: 4, transportFeatures: [feature.suspend, feature.ringReset] };
  const guest = kind === 'legacy' ? new LegacyGuest(probe, options) : new ModernGuest(probe, options);
  guest.enableMsix();
  if (guest instanceof LegacyGuest) guest.start(0, [0, 1]);
  else guest.start([feature.suspend, feature.ringReset], [0, 1]);
  const block = guest.block as LegacyGuest['block'];
  block.set('configMsixVector', vectors.config);
  for (const [queue, vector] of [vectors.queue0, vectors.queue1].entries()) {
    block.set('queueSelect', queue);
    block.set('queueMsixVector', vector);
  }
  guest.interrupts();
  return { probe, guest, block, interrupts: guest.function.interrupts };
}
type Under = ReturnType<typeof running>;

const maskVector = (guest: Guest, vector: number, masked: boolean) =>
  guest.machine.memoryWrite(guest.bar(1) + 16 * vector + 12, 4, masked ? 1 : 0);
const control = (guest: Guest, value: number) =>
  guest.config.write(guest.found.capabilities.find(({ id }) => id === 0x11)!.offset + 2, 2, value);
const pendingBits = (guest: Guest) => guest.machine.memoryRead(guest.bar(1) + 2048, 4);

/** Ways to keep messages back, and to let them go. */
const masks: readonly [string, (guest: Guest, on: boolean) => void][] = [
  [
    'masks of the vectors',
    (guest, on) => {
      for (const vector of [0, 1, 2, 3]) maskVector(guest, vector, on);
    },
  ],
  ['the function mask', (guest, on) => control(guest, on ? 0xc000 : 0x8000)],
  ['bus mastering off', (guest, on) => guest.config.command(on ? 3 : 7)],
];

const SEPARATE: Vectors = { queue0: 0, queue1: 1, config: 2 };

describe.each(['legacy', 'modern'] as const)('%s driver:', (kind) => {
  describe.each(masks)('what waits behind %s', (_, mask) => {
    it('BF-RST-02: is not sent to the driver of a device that was reset', () => {
      const under = running(kind, SEPARATE);
      const { guest, interrupts, block } = under;
      mask(guest, true);
      interrupts.queue(0);
      interrupts.queue(1);
      interrupts.config();
      expect([pendingBits(guest), guest.interrupts()]).toEqual([7, []]);
      block.set('deviceStatus', 0);
      expect([block.get('deviceStatus'), pendingBits(guest)]).toEqual([0, 0]);
      mask(guest, false);
      expect(guest.interrupts()).toEqual([]);
    });

    it.each([
      ['PCI-USED-01: a queue has no vector any more', 'queueMsixVector', NONE, [1, 2]],
      ['PCI-MSIX-04: a queue has another vector', 'queueMsixVector', 3, [1, 2]],
      ['PCI-MSIX-06: a queue asked for a vector beyond the table', 'queueMsixVector', 9, [1, 2]],
      ['PCI-CHG-02: the configuration has no vector any more', 'configMsixVector', NONE, [0, 1]],
      ['PCI-MSIX-04: the configuration has another vector', 'configMsixVector', 3, [0, 1]],
    ] as const)('is not sent once %s; the rest is', (_name, register, value, left) => {
      const { guest, interrupts, block } = running(kind, SEPARATE);
      mask(guest, true);
      interrupts.queue(0);
      interrupts.queue(1);
      interrupts.config();
      block.set('queueSelect', 0);
      block.set(register, value);
      mask(guest, false);
      expect(guest.interrupts()).toEqual(left.map((vector) => `message ${vector}`));
    });

    it('is sent when a vector register is written with what it holds', () => {
      const { guest, interrupts, block } = running(kind, SEPARATE);
      mask(guest, true);
      interrupts.queue(1);
      interrupts.config();
      block.set('queueMsixVector', 1);
      block.set('configMsixVector', 2);
      mask(guest, false);
      expect(guest.interrupts()).toEqual(['message 1', 'message 2']);
    });
  });

  test.each([
    ['another queue has it too', { queue0: 1, queue1: 1, config: NONE }, (u: Under) => u.interrupts.queue(1)],
    [
      'the configuration has it too',
      { queue0: 1, queue1: 0, config: 1 },
      (u: Under) => u.interrupts.config(),
    ],
  ] as const)('a shared vector stays pending while %s', (_, vectors, other) => {
    const under = running(kind, vectors);
    const { guest, interrupts, block } = under;
    block.set('queueSelect', 0);
    // Both have something to tell: one of them goes.
    maskVector(guest, 1, true);
    interrupts.queue(0);
    other(under);
    block.set('queueMsixVector', NONE);
    expect(pendingBits(guest)).toBe(2);
    maskVector(guest, 1, false);
    expect(guest.interrupts()).toEqual(['message 1']);
    // What was sent is no reason to keep the next one.
    maskVector(guest, 1, true);
    other(under);
    block.set('queueMsixVector', 1);
    interrupts.queue(0);
    maskVector(guest, 1, false);
    guest.interrupts();
    maskVector(guest, 1, true);
    interrupts.queue(0);
    block.set('queueMsixVector', NONE);
    expect(pendingBits(guest)).toBe(0);
    maskVector(guest, 1, false);
    expect(guest.interrupts()).toEqual([]);
  });

  it('BF-RST-02: the next driver that turns bus mastering on gets nothing of the one before', () => {
    const { guest, interrupts, block } = running(kind, SEPARATE);
    guest.config.command(3);
    interrupts.config();
    block.set('deviceStatus', 0);
    guest.config.command(7);
    expect(guest.interrupts()).toEqual([]);
  });

  it('PCI-ISR-03: what waits when MSI-X goes off is told by the line, and not by a message again', () => {
    const { guest, interrupts } = running(kind, SEPARATE);
    maskVector(guest, 0, true);
    interrupts.queue(0);
    control(guest, 0);
    expect([guest.interrupts(), pendingBits(guest), guest.isr()]).toEqual([['line 11 up'], 0, 1]);
    guest.interrupts();
    control(guest, 0x8000);
    maskVector(guest, 0, false);
    expect(guest.interrupts()).toEqual([]);
  });

  it('a pending message is carried over in a saved state with its cause', () => {
    const { guest, interrupts } = running(kind, SEPARATE);
    maskVector(guest, 0, true);
    maskVector(guest, 1, true);
    interrupts.queue(0);
    interrupts.queue(1);
    const fresh = running(kind, SEPARATE);
    fresh.guest.machine.load(guest.machine.save());
    fresh.block.set('queueSelect', 0);
    fresh.block.set('queueMsixVector', NONE);
    maskVector(fresh.guest, 0, false);
    maskVector(fresh.guest, 1, false);
    expect(fresh.guest.interrupts()).toEqual(['message 1']);
  });
});

it('LEG-VQ-02: a legacy queue that is taken down, or set up anew, has nothing to tell', () => {
  for (const page of [0, 0x40]) {
    const { guest, interrupts, block } = running('legacy', SEPARATE);
    maskVector(guest, 0, true);
    maskVector(guest, 1, true);
    interrupts.queue(0);
    interrupts.queue(1);
    block.set('queueSelect', 0);
    block.set('queueAddress', page);
    expect([block.get('queueMsixVector'), pendingBits(guest)]).toEqual([0, 2]);
    maskVector(guest, 0, false);
    maskVector(guest, 1, false);
    expect(guest.interrupts()).toEqual(['message 1']);
  }
});

it('BF-VQR-01: a queue that was reset by its register has nothing to tell, even once it has its vector again', () => {
  const { guest, interrupts } = running('modern', SEPARATE);
  const { block } = guest as ModernGuest;
  maskVector(guest, 0, true);
  interrupts.queue(0);
  block.set('queueSelect', 0);
  block.set('queueReset', 1);
  expect(pendingBits(guest)).toBe(0);
  block.set('queueMsixVector', 0);
  maskVector(guest, 0, false);
  expect(guest.interrupts()).toEqual([]);
});

describe('a suspended device', () => {
  const suspended = () => {
    const under = running('modern', SEPARATE);
    maskVector(under.guest, 0, true);
    under.interrupts.queue(0);
    under.block.set('deviceStatus', RUNNING | deviceStatus.suspend);
    expect(under.block.get('deviceStatus') & deviceStatus.suspend).not.toBe(0);
    return under;
  };

  it('SUSP-09: sends nothing of what waited before, and all of it when it goes on', () => {
    const { guest, block } = suspended();
    maskVector(guest, 0, false);
    control(guest, 0xc000);
    control(guest, 0x8000);
    guest.config.command(3);
    guest.config.command(7);
    expect([guest.interrupts(), pendingBits(guest)]).toEqual([[], 1]);
    block.set('deviceStatus', RUNNING);
    expect(guest.interrupts()).toEqual(['message 0']);
  });

  it('SUSP-09: does so after it was saved and loaded', () => {
    const { guest } = suspended();
    const fresh = running('modern', SEPARATE);
    fresh.guest.machine.load(guest.machine.save());
    maskVector(fresh.guest, 0, false);
    expect(fresh.guest.interrupts()).toEqual([]);
    fresh.block.set('deviceStatus', RUNNING);
    expect(fresh.guest.interrupts()).toEqual(['message 0']);
  });

  it('BF-RST-02: that is reset instead tells nothing, and its next driver everything', () => {
    const { guest, block, interrupts } = suspended();
    block.set('deviceStatus', 0);
    maskVector(guest, 0, false);
    expect(guest.interrupts()).toEqual([]);
    block.set('configMsixVector', 3);
    interrupts.config();
    expect(guest.interrupts()).toEqual(['message 3']);
  });
});
