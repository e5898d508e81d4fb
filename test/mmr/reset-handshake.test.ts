import { describe, expect, it } from 'vitest';
import type { BusTarget, Width } from '../../src/core/index.ts';
import { type Draft, draft2023, encodeCapability, encodingOf, MmrBackend } from '../../src/mmr/index.ts';
import { PciFunction } from '../../src/pci/index.ts';
import { SLOT } from '../pci/support.ts';
import { hostWith } from './support.ts';

const STATUS = 18;

/** A legacy block whose reset takes a while: after status 0 it shows the old status for some more reads. */
class SlowBlock implements BusTarget {
  readonly log: string[] = [];
  #status = 0;
  #left = 0;
  slowness = 0;

  read(offset: number, width: Width): number {
    this.log.push(`r${width}@${offset}`);
    if (offset !== STATUS) return 0;
    if (this.#left > 0 && --this.#left === 0) this.#status = 0;
    return this.#status;
  }

  write(offset: number, width: Width, value: number): void {
    this.log.push(`w${width}@${offset}=${value}`);
    if (offset !== STATUS) return;
    if (value === 0 && this.slowness > 0) this.#left = this.slowness;
    else this.#status = value;
  }
}

function slow(draft: Draft = draft2023) {
  const target = new SlowBlock();
  const fn = new PciFunction({
    name: 'slow',
    vendorId: 0x1af4,
    deviceId: 0x10fe,
    classCode: 0,
    express: true,
  });
  fn.addMsix(1, 2);
  fn.addBar({
    index: 0,
    kind: 'memory32',
    lengthBytes: 0x1000,
    regions: [{ name: 'legacy', offset: 0, length: 24, target }],
  });
  const at = fn.extendedCapabilities.add(0x0b, 1, encodingOf(draft).map, {});
  for (const [byte, value] of encodeCapability(draft, { bar: 0, offset: 0, length: 24 }))
    fn.config.set(at + byte, 1, value);
  const backend = new MmrBackend(hostWith(fn), SLOT, draft);
  target.log.length = 0;
  return { target, backend };
}

const statusReads = ({ log }: SlowBlock) => log.filter((each) => each === `r1@${STATUS}`).length;

describe('a reset of a function that takes its time', () => {
  it('counts as done when status reads 0, and nothing is written before', () => {
    const { target, backend } = slow();
    backend.write(STATUS, 1, 7);
    target.slowness = 20;
    target.log.length = 0;
    backend.write(STATUS, 1, 0);
    expect(target.log[0]).toBe('w1@18=0');
    expect(target.log.findIndex((each, i) => i > 0 && each.startsWith('w'))).toBeGreaterThanOrEqual(21);
    expect(statusReads(target)).toBeGreaterThanOrEqual(20);
    expect(backend.read(STATUS, 1)).toBe(0);
  });

  it('is not waited for where the draft says so', () => {
    const { target, backend } = slow({ ...draft2023, resetHandshake: 'none' });
    backend.write(STATUS, 1, 7);
    target.slowness = 1000;
    target.log.length = 0;
    backend.write(STATUS, 1, 0);
    expect(statusReads(target)).toBeLessThan(5);
  });

  it("that never ends is given up, reported, and nothing to throw through the guest's bus", () => {
    const { target, backend } = slow();
    const clauses: string[] = [];
    backend.attach({ setLine: () => {}, trigger: () => {}, report: (clause) => clauses.push(clause) });
    backend.write(STATUS, 1, 7);
    target.slowness = 1_000_000;
    backend.write(STATUS, 1, 0);
    expect(clauses).toEqual(['BF-RST-01']);
    expect(statusReads(target)).toBeLessThan(11_000);
  });

  it('is not begun by other values', () => {
    const { target, backend } = slow();
    target.slowness = 10;
    for (const value of [1, 3, 0x80]) backend.write(STATUS, 1, value);
    expect(statusReads(target)).toBe(3);
  });
});
