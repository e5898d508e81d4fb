import { describe, expect, it, test } from 'vitest';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

const NONE = 0xffff;

describe('ISR status', () => {
  it('PCI-ISR-03, PCI-ISR-04, PCI-ISR-05: collects what happened, holds the line up, and is cleared by a read', () => {
    const guest = new LegacyGuest(new Probe());
    guest.function.interrupts.queue(0);
    guest.function.interrupts.config();
    guest.function.interrupts.queue(0);
    expect(guest.interrupts()).toEqual(['line 11 up']);
    expect(guest.config.read(0x06, 2) & 8).toBe(8);
    expect([guest.isr(), guest.isr()]).toEqual([3, 0]);
    expect(guest.interrupts()).toEqual(['line 11 down']);
    expect(guest.config.read(0x06, 2) & 8).toBe(0);
  });

  it('is one state, whichever window it is read through', () => {
    const guest = new ModernGuest(new Probe());
    const legacy = () => guest.machine.ioRead(guest.bar(0) + 19, 1);
    guest.function.interrupts.queue(0);
    expect([legacy(), guest.isr()]).toEqual([1, 0]);
    guest.function.interrupts.config();
    expect([guest.isr(), legacy()]).toEqual([2, 0]);
  });

  it('stands in the first byte of its structure and in no other', () => {
    const guest = new ModernGuest(new Probe());
    const at = guest.structure(3);
    guest.function.interrupts.queue(0);
    guest.machine.memoryWrite(at, 4, 0);
    expect([guest.machine.memoryRead(at + 1, 1), guest.machine.memoryRead(at + 4, 4)]).toEqual([0, 0]);
    expect([guest.machine.memoryRead(at, 4), guest.machine.memoryRead(at, 4)]).toEqual([1, 0]);
  });

  it('PCI-ISR-02: is kept with MSI-X on too, and comes out as a line when MSI-X goes off', () => {
    const guest = new LegacyGuest(new Probe());
    guest.enableMsix();
    guest.function.interrupts.config();
    expect(guest.interrupts()).toEqual([]);
    guest.disableMsix();
    expect([guest.interrupts(), guest.isr()]).toEqual([['line 11 up'], 2]);
  });
});

describe('vectors', () => {
  const started = (vectors?: number) => {
    const guest = new LegacyGuest(
      new Probe({ queueSizes: [8, 8] }),
      vectors === undefined ? {} : { vectors },
    );
    if (vectors !== 0) guest.enableMsix();
    return guest;
  };
  const map = (guest: LegacyGuest, queue: number, vector: number) => {
    guest.block.set('queueSelect', queue);
    guest.block.set('queueMsixVector', vector);
    return guest.block.get('queueMsixVector');
  };

  it('PCI-MSIX-04: any event maps to any vector, several to one', () => {
    const guest = started(3);
    guest.block.set('configMsixVector', 2);
    expect([map(guest, 0, 1), map(guest, 1, 2), guest.block.get('configMsixVector')]).toEqual([1, 2, 2]);
    guest.function.interrupts.queue(0);
    guest.function.interrupts.queue(1);
    guest.function.interrupts.config();
    expect(guest.interrupts()).toEqual(['message 1', 'message 2', 'message 2']);
  });

  test.each([
    [3, 3],
    [3, 0x7ff],
    [1, 1],
    [1, 0xfffe],
  ])('PCI-MSIX-06, PCI-MSIX-09: of %d vectors number %d reads back as none', (vectors, vector) => {
    const guest = started(vectors);
    expect(map(guest, 0, 0)).toBe(0);
    expect(map(guest, 0, vector)).toBe(NONE);
    guest.block.set('configMsixVector', vector);
    expect(guest.block.get('configMsixVector')).toBe(NONE);
  });

  it('PCI-MSIX-05, PCI-USED-01, PCI-CHG-02: without one there is no interrupt of any kind', () => {
    const guest = started(2);
    map(guest, 0, 1);
    map(guest, 0, NONE);
    guest.function.interrupts.queue(0);
    guest.function.interrupts.config();
    expect([guest.interrupts(), guest.isr()]).toEqual([[], 3]);
  });

  it('PCI-MSIX-09: a queue that does not exist has none', () => {
    const guest = started(3);
    expect([map(guest, 2, 1), map(guest, 0xffff, 0)]).toEqual([NONE, NONE]);
  });

  it('outlive switching MSI-X off and on, and PCI-MSIX-07: not a reset', () => {
    const guest = started(2);
    map(guest, 0, 1);
    guest.block.set('configMsixVector', 0);
    guest.disableMsix();
    guest.enableMsix();
    expect([guest.block.get('queueMsixVector'), guest.block.get('configMsixVector')]).toEqual([1, 0]);
    guest.block.set('deviceStatus', 0);
    expect([guest.block.get('queueMsixVector'), guest.block.get('configMsixVector')]).toEqual([NONE, NONE]);
  });

  it('can be none at all: then there is no capability, and the block has no vector registers', () => {
    const guest = started(0);
    expect([guest.found.capabilities.some(({ id }) => id === 0x11), guest.function.pci.msix]).toEqual([
      false,
      null,
    ]);
    guest.function.interrupts.queue(0);
    expect(guest.interrupts()).toEqual(['line 11 up']);
  });

  it('are by default one for each queue and one for the configuration', () => {
    expect(started().function.pci.msix!.vectors).toBe(3);
  });

  it('are carried over in a saved state, with ISR', () => {
    const guest = started(3);
    map(guest, 1, 2);
    guest.function.interrupts.config();
    const fresh = started(3);
    fresh.machine.load(guest.machine.save());
    expect([fresh.block.get('queueMsixVector'), fresh.isr()]).toEqual([2, 2]);
  });
});
