import { describe, expect, it, test } from 'vitest';
import { draft2023, fixedVectorsDraft, presentLegacy, TranslatorError } from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { SLOT } from '../pci/support.ts';
import { handmade, handmadeWays, Stranger } from './support/handmade.ts';
import { DOWN, hostWith, named, UP } from './support.ts';

/*
 * Functions that are as legal as ours and behave otherwise. PCI-ISR-03 asks for ISR bit 0 only while MSI-X is off, and an
 * MMR function behind the translator has it on always.
 */

describe.each(named([draft2023, fixedVectorsDraft]))(
  '%s: a function that keeps no ISR with MSI-X on',
  (_, draft) => {
    const stranger = (more = {}, host = {}) => new Stranger({ draft, keepsIsr: false, ...more }, host);

    it('PCI-ISR-03: its queue and configuration events are in the ISR of a guest without MSI-X', () => {
      const under = stranger();
      under.setUp();
      under.block.use();
      expect([under.interrupts(), under.isr(), under.isr(), under.interrupts()]).toEqual([
        [UP],
        1,
        0,
        [DOWN],
      ]);
      under.block.changeConfig();
      expect([under.interrupts(), under.isr(), under.interrupts()]).toEqual([[UP], 2, [DOWN]]);
      under.block.use();
      under.block.changeConfig();
      expect(under.isr()).toBe(3);
    });

    it('so are they where the function has one vector: as queue events, since nothing tells', () => {
      const under = stranger({ vectors: 1 });
      under.setUp();
      under.block.use();
      expect([under.interrupts(), under.isr(), under.isr()]).toEqual([[UP], 1, 0]);
    });

    it.each([
      [3, 'one for each'],
      [1, 'one'],
    ])('PCI-ISR-05: an event inside the very read of ISR is told by it (%d vectors)', (vectors) => {
      const under = stranger({ vectors }, { holdPostedWrites: true });
      under.setUp();
      under.block.onKick = () => under.block.use();
      under.out(16, 2, 0);
      under.interrupts();
      // The kick is on its way; the read of the function's ISR pushes it.
      expect([under.isr(), under.isr()]).toEqual([1, 0]);
      expect(under.interrupts()).toEqual([UP, DOWN]);
    });

    it('an event that a message of the same vector brings about is not lost', () => {
      const under = stranger({ vectors: 1, keepsIsr: true }, { holdPostedWrites: true });
      under.setUp();
      // Telling the first message apart means reading ISR, and that pushes a kick that changes the configuration.
      under.block.onKick = () => under.block.changeConfig();
      under.out(16, 2, 0);
      under.block.use();
      expect(under.isr()).toBe(3);
    });

    it('a kick that a switch of MSI-X pushes is told on either side', () => {
      for (const on of [true, false]) {
        const under = stranger({}, { holdPostedWrites: true });
        if (!on) under.messages();
        under.setUp();
        if (!on) under.out(22, 2, 2);
        under.block.onKick = () => under.block.use();
        under.out(16, 2, 0);
        under.interrupts();
        if (on) under.messages();
        else under.noMessages();
        expect([on, under.isr() & 1]).toEqual([on, 1]);
      }
    });

    it('the guest with MSI-X on has the messages of its own vectors', () => {
      const under = stranger();
      under.messages();
      under.setUp(0, 2);
      under.setUp(1, 0);
      under.out(20, 2, 1);
      under.block.use(0);
      under.block.changeConfig();
      under.block.use(1);
      expect([under.interrupts(), under.isr()]).toEqual([['message 2', 'message 1', 'message 0'], 0]);
    });
  },
);

describe.each(handmadeWays)('by way of %s', (window) => {
  it.each([1, 2, 50])(
    'a reset that takes %d reads of status is waited for where the guest cannot',
    (slowReset) => {
      const under = new Stranger({ window, slowReset, status: 7 });
      expect([under.block.resets, under.block.status, under.in(18, 1)]).toEqual([1, 0, 0]);
      under.out(18, 1, 7);
      under.presented.pci.reset();
      expect([under.block.resets, under.block.status]).toEqual([2, 0]);
      expect(under.findings()).toEqual([]);
    },
  );

  it('messages that wait for a mask are withdrawn with what they were for', () => {
    const under = new Stranger({ window });
    under.messages(true);
    under.setUp(0, 2);
    under.block.use();
    expect([under.pendingBits, under.interrupts()]).toEqual([4, []]);
    under.out(18, 1, 0);
    expect(under.pendingBits).toBe(0);
    under.mask(2, false);
    expect(under.interrupts()).toEqual([]);
  });

  it('every vector of a long table has its own mask and pending bit', () => {
    const under = new Stranger({ window, vectors: 70 });
    under.messages(true);
    under.setUp(0, 69);
    under.setUp(1, 31);
    under.block.use(0);
    under.block.use(1);
    const { pci } = under.presented;
    const waiting = () => Array.from({ length: 70 }, (_, v) => v).filter((v) => pci.msix!.isPending(v));
    expect([waiting(), under.pendingBits]).toEqual([[31, 69], 0x80000000]);
    under.mask(69, false);
    expect([under.interrupts(), waiting()]).toEqual([['message 69'], [31]]);
    under.mask(31, false);
    expect([under.interrupts(), waiting()]).toEqual([['message 31'], []]);
  });
});

describe('where the block stands', () => {
  test.each([
    ['at the very end of its BAR', { kind: 'memory32', lengthBytes: 8192, offset: 8192 - 32 }],
    ['at the end of a 64-bit BAR', { kind: 'memory64', lengthBytes: 8192, offset: 8192 - 32 }],
    ['in a BAR above 4 GiB', { kind: 'memory64', lengthBytes: 16384, offset: 4096, high: 0x40 }],
    [
      'in a BAR of 8 GiB, above its middle',
      { kind: 'memory64', lengthBytes: 2 ** 33, offset: 2 ** 32 - 4096, high: 0x40 },
    ],
  ] as const)('%s: it is found and served to its last byte', (_, bar) => {
    const { fn, block } = handmade({ bar });
    const host = new Machine();
    host.plug(fn, SLOT);
    // By hand, where firmware would not put it.
    host.configWrite(SLOT, 0x14, 4, 0xc0000000);
    host.configWrite(SLOT, 0x18, 4, 'high' in bar ? 0 : 0xd0000000);
    if (bar.kind === 'memory64') host.configWrite(SLOT, 0x1c, 4, 'high' in bar ? bar.high : 0);
    const { backend } = presentLegacy(host, SLOT);
    expect(backend.configBytes).toBe(8);
    expect([backend.read(20, 4), backend.read(24, 4), backend.read(27, 1)]).toEqual([
      0x04030201, 0x08070605, 8,
    ]);
    backend.write(27, 1, 0x99);
    expect(block.config[7]).toBe(0x99);
  });

  it('one byte past the end of its BAR: it is not taken', () => {
    const bar = { kind: 'memory32', lengthBytes: 8192, offset: 8192 - 32 } as const;
    const { fn } = handmade({ bar });
    const at = fn.extendedCapabilities.offsets[0]!;
    fn.config.set(at + 0x10, 1, 33);
    expect(() => presentLegacy(hostWith(fn), SLOT)).toThrow(TranslatorError);
  });

  it('by a capability that is not the first of its kind', () => {
    const under = new Stranger({ decoys: [{ bar: 7 }, { length: 23 }, { bar: 3 }] });
    expect(under.in(20, 4)).toBe(0x04030201);
  });

  it('a block of the header alone has no configuration, and all of the header', () => {
    const { fn, block } = handmade();
    fn.config.set(fn.extendedCapabilities.offsets[0]! + 0x10, 1, 24);
    const { backend } = presentLegacy(hostWith(fn), SLOT);
    backend.write(18, 1, 3);
    expect([backend.configBytes, block.status]).toEqual([0, 3]);
  });
});

describe('a function without MSI-X', () => {
  it('is refused by mmr, with nothing of it kept', () => {
    const { fn } = handmade({ vectors: 0 });
    const host = hostWith(fn);
    for (const _ of [0, 1]) expect(() => presentLegacy(host, SLOT)).toThrow(/no MSI-X/);
    expect(() => presentLegacy(host, SLOT)).toThrow(TranslatorError);
  });

  it('works by its line through io-bar', () => {
    const under = new Stranger({ window: 'io-bar', vectors: 0 });
    under.setUp();
    under.block.use();
    expect([under.interrupts(), under.isr(), under.interrupts()]).toEqual([[UP], 1, [DOWN]]);
    under.block.changeConfig();
    under.out(18, 1, 0);
    expect([under.interrupts(), under.isr()]).toEqual([[UP, DOWN], 0]);
  });
});
