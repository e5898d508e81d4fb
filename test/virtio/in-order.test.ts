import { describe, expect, it } from 'vitest';
import { deviceStatus, feature } from '../../src/virtio/index.ts';
import { BUFFERS, ModernGuest } from './support/guests.ts';
import { RawPackedRing } from './support/packed-ring.ts';
import { Probe } from './support/probe.ts';

const SIZE = 8;
const PARTS = { descriptor: 0x10000, driver: 0x12000, device: 0x12800 };
const OFFERED = [feature.ringEventIndex, feature.ringPacked, feature.inOrder];

function guest(features: readonly number[]) {
  const probe = new Probe({ queueSizes: [SIZE] });
  const made = new ModernGuest(probe, { transportFeatures: OFFERED });
  made.negotiate(features);
  const ring = made.setUp(0, SIZE, PARTS);
  made.block.set('deviceStatus', 0x0f);
  /** Completes chains by name, with so many bytes written. */
  const complete = (...done: readonly (readonly [head: number, length: number])[]) => {
    made.clauses();
    for (const [head, length] of done)
      probe.device.complete(probe.taken.find((chain) => chain.live && chain.head === head)!, length);
  };
  return { probe, guest: made, ring, complete };
}

/** Descriptor 3 is readable, the others are four writable bytes. */
function split(features: readonly number[] = []) {
  const made = guest([...features, feature.inOrder]);
  for (let i = 0; i < SIZE; i++)
    made.ring.describe(i, { address: BUFFERS + 4 * i, length: 4, flags: i === 3 ? 0 : 2 });
  made.ring.offer(...Array(SIZE).keys());
  made.guest.kick();
  return made;
}

/** The same chains; chain 1 takes two descriptors, and there is no chain 7. */
function packed(features: readonly number[] = []) {
  const made = guest([...features, feature.inOrder, feature.ringPacked]);
  const ring = new RawPackedRing(made.guest.machine.ram, SIZE, PARTS);
  for (let id = 0; id < SIZE - 1; id++) {
    const element = { address: BUFFERS + 4 * id, length: id === 1 ? 2 : 4, flags: id === 3 ? 0 : 2 };
    ring.offer(id, element, ...(id === 1 ? [element] : []));
  }
  made.guest.kick();
  return { ...made, ring };
}

describe('a split ring of a device in order', () => {
  it('RF-18: holds back what ends early', () => {
    const { ring, complete, guest: under } = split();
    complete([2, 1], [1, 2], [3, 0]);
    expect([ring.usedIndex, under.interrupts()]).toEqual([0, []]);
    complete([0, 3]);
    expect(ring.used()).toEqual([
      [0, 3],
      [1, 2],
      [2, 1],
      [3, 0],
    ]);
    expect(under.interrupts()).toEqual(['line 11 up']);
  });

  it('SPL-INO-01: lets one element stand for a run that was used completely, up to its last', () => {
    const { ring, complete } = split();
    complete([3, 0], [2, 4], [1, 4], [4, 1], [5, 4], [0, 4]);
    // 0 to 4 in the slot of 0, and then 5, which does not follow a chain that was written completely.
    const slot = (i: number) => ring.used(SIZE)[(i + SIZE - ring.usedIndex) % SIZE];
    expect([ring.usedIndex, slot(0), slot(5)]).toEqual([6, [4, 1], [5, 4]]);
    expect([1, 2, 3, 4].map(slot)).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  it('tells a chain that was not written completely by an element of its own', () => {
    const { ring, complete } = split();
    complete([2, 4], [1, 3], [0, 4]);
    expect(ring.used(3)).toEqual([
      [1, 3],
      [0, 0],
      [2, 4],
    ]);
  });

  it('interrupts by used_event inside a run', () => {
    const { ring, complete, guest: under } = split([feature.ringEventIndex]);
    ring.usedEvent = 1;
    complete([2, 4], [1, 4]);
    expect(under.interrupts()).toEqual([]);
    complete([0, 4]);
    expect([ring.usedIndex, under.interrupts()]).toEqual([3, ['line 11 up']]);
  });
});

describe('a packed ring of a device in order', () => {
  it('RF-18: holds back what ends early', () => {
    const { ring, complete } = packed();
    complete([2, 1], [1, 2]);
    expect(ring.used(0)).toBeNull();
    complete([0, 3]);
    expect([ring.used(0), ring.used(1), ring.used(3)]).toEqual([
      [0, 3],
      [1, 2],
      [2, 1],
    ]);
  });

  it('PKD-EVT-03: lets one descriptor stand for a run that was used completely, and skips the rest of it', () => {
    const { ring, complete } = packed();
    complete([3, 0], [2, 4], [1, 4], [4, 1], [5, 4], [0, 4]);
    expect([0, 1, 2, 3, 4, 5, 6].map((slot) => ring.used(slot))).toEqual([
      [4, 1],
      null,
      null,
      null,
      null,
      null,
      [5, 4],
    ]);
  });

  it('interrupts by an event inside a run', () => {
    const { ring, complete, guest: under } = packed([feature.ringEventIndex]);
    ring.setDriverEvent(2, 0x8000 | 2);
    complete([1, 4], [2, 4]);
    expect(under.interrupts()).toEqual([]);
    complete([0, 4]);
    expect(under.interrupts()).toEqual(['line 11 up']);
  });
});

describe.each([
  ['split', split],
  ['packed', packed],
] as const)('chains held back in a %s ring', (_, make) => {
  it('outlive saving: completed ones are not handled again, and come in their turn', () => {
    const before = make();
    before.complete([1, 4], [2, 1], [4, 4]);
    const probe = new Probe({ queueSizes: [SIZE] });
    const after = new ModernGuest(probe, { transportFeatures: OFFERED });
    after.machine.load(structuredClone(before.guest.machine.save()));
    expect(probe.handled.slice(0, 3)).toEqual(['0:0', '0:3', '0:5']);
    const whole = probe.taken.map((chain) => [chain, chain.head === 3 ? 0 : 4] as const);
    probe.device.batch(() => {
      for (const [chain, length] of whole) probe.device.complete(chain, length);
    });
    const ram = (address: number) => new DataView(after.machine.ram.read(address, 16).buffer);
    if (make === split) {
      const used = new DataView(after.machine.ram.read(PARTS.device, 4 + 8 * SIZE).buffer);
      const element = (i: number) => [used.getUint32(4 + 8 * i, true), used.getUint32(8 + 8 * i, true)];
      expect([used.getUint16(2, true), element(0), element(3)]).toEqual([SIZE, [2, 1], [7, 4]]);
    } else {
      const at = (slot: number) => {
        const view = ram(PARTS.descriptor + 16 * slot);
        return [view.getUint16(12, true), view.getUint32(8, true), view.getUint16(14, true)];
      };
      expect([at(0), at(4)]).toEqual([
        [2, 1, 0x8082],
        [6, 4, 0x8082],
      ]);
    }
  });

  it('come as soon as those before them end, also while they are handled anew', () => {
    const before = make();
    before.complete([1, 1], [2, 1], [3, 0], [4, 1], [5, 1], [6, 1]);
    if (make === split) before.complete([7, 1]);
    const after = new ModernGuest(new Probe({ queueSizes: [SIZE], complete: 3 }), {
      transportFeatures: OFFERED,
    });
    after.machine.load(structuredClone(before.guest.machine.save()));
    const { ram } = after.machine;
    // Seven or eight used elements, none of which may stand for another but that of chain 3.
    const used = new DataView(ram.read(PARTS.device, 4).buffer).getUint16(2, true);
    const last = new RawPackedRing(ram, SIZE, PARTS).used(7);
    expect(make === split ? used : last).toEqual(make === split ? 8 : [6, 1]);
  });

  it('are forgotten by a reset in the middle of what is completed in one go', () => {
    const { probe, guest: under, complete } = make();
    const before = under.machine.ram.read(0, 0x20000);
    probe.device.batch(() => {
      complete([0, 4], [1, 4]);
      under.block.set('deviceStatus', 0);
    });
    expect(under.machine.ram.read(0, 0x20000)).toEqual(before);
    expect(under.interrupts()).toEqual([]);
  });

  it('are dead after a reset', () => {
    const { probe, guest: under, complete } = make();
    complete([1, 4], [2, 4]);
    under.block.set('deviceStatus', 0);
    const before = under.machine.ram.read(0, 0x20000);
    for (const chain of [...probe.taken]) probe.device.complete(chain, 4);
    expect(under.machine.ram.read(0, 0x20000)).toEqual(before);
    expect(under.interrupts()).toEqual([]);
  });

  it('are dead when the driver gives the order up, as one does that begins to speak by the legacy window', () => {
    const { guest: under, probe } = make();
    expect(probe.taken.some(({ live }) => live)).toBe(true);
    under.machine.ioWrite(under.bar(0) + 4, 4, 0);
    expect(probe.taken.some(({ live }) => live)).toBe(false);
  });
});

describe('a ring that goes out of reach while chains wait to be used in order', () => {
  it.each([
    ['split', split],
    ['packed', packed],
  ] as const)('%s: fails once, and leaves nothing behind for a driver that resets at once', (_, make) => {
    const { guest: under, complete, probe } = make();
    const { machine } = under;
    let failures = 0;
    const disconnect = machine.interrupts.connectLine(11, () => {
      if ((under.block.get('deviceStatus') & deviceStatus.needsReset) === 0) return false;
      failures++;
      under.block.set('deviceStatus', 0);
      return true;
    });
    under.function.pci.slot.dma.setWindows([{ start: BUFFERS, length: 0x1000, write: true }]);
    // Chain 0 was not written whole, so that the run ends with it, in the middle of the list.
    complete([1, 1], [2, 1], [0, 1]);
    expect(failures).toBe(1);
    expect(probe.taken.every(({ live }) => !live)).toBe(true);
    disconnect();
    under.function.pci.slot.dma.setWindows([{ start: 0, length: 0x100000, write: true }]);
    machine.ram.fill(PARTS.descriptor, 0x1000, 0);
    machine.ram.fill(PARTS.driver, 0x1000, 0);
    under.negotiate([feature.inOrder]);
    const ring = under.setUp(0, SIZE, PARTS);
    under.block.set('deviceStatus', 0x0f);
    for (let i = 0; i < SIZE; i++) ring.describe(i, { address: BUFFERS + 4 * i, length: 4, flags: 2 });
    ring.offer(...Array(SIZE).keys());
    under.kick();
    complete(...Array.from({ length: SIZE }, (__, i) => [i, 4] as const));
    expect(ring.usedIndex).toBe(SIZE);
  });
});
