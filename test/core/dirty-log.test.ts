import { describe, expect, it } from 'vitest';
import { DirtyLog, DmaDomain, FOUR_GIB } from '../../src/core/index.ts';
import { KIB, ram, source, windows } from './dma-ram.ts';

describe('a dirty log', () => {
  it('names each page that was written, ascending, once, and starts anew', () => {
    const domain = new DmaDomain(ram());
    const log = new DirtyLog(domain);
    domain.write(9 * KIB, source, 0, 8);
    domain.write(4 * KIB - 1, source, 0, 2);
    domain.write(FOUR_GIB, source, 0, 1);
    domain.write(32 * KIB - 4, source, 0, 8);
    domain.read(20 * KIB, new Uint8Array(4), 0, 4);
    expect(log.take()).toEqual([0, 4 * KIB, 8 * KIB, 28 * KIB, 32 * KIB, FOUR_GIB]);
    expect(log.take()).toEqual([]);
  });

  it('tells nothing of a refused write, and keeps an observer that was there before', () => {
    const domain = new DmaDomain(ram(), windows);
    const told: number[] = [];
    domain.observer = (address) => told.push(address);
    const log = new DirtyLog(domain, 64);
    domain.write(4 * KIB, source, 0, 8);
    domain.write(130, source, 0, 8);
    expect([log.take(), told]).toEqual([[128], [130]]);
  });

  it('ends, and leaves whoever observed before, or does since', () => {
    const domain = new DmaDomain(ram());
    const told: number[] = [];
    domain.observer = (address) => told.push(address);
    const log = new DirtyLog(domain);
    const later = new DirtyLog(domain);
    log.stop();
    domain.write(4 * KIB, source, 0, 8);
    later.stop();
    domain.write(8 * KIB, source, 0, 8);
    expect([log.take(), later.take(), told]).toEqual([[4 * KIB, 8 * KIB], [4 * KIB], [4 * KIB, 8 * KIB]]);
    log.stop();
    domain.write(12 * KIB, source, 0, 8);
    expect([log.take(), told.length]).toEqual([[], 3]);
  });

  it('has pages of 4096 bytes where it is told of no other size', () => {
    const log = new DirtyLog(new DmaDomain(ram()));
    expect(log.pageBytes).toBe(4096);
    log.domain.write(4 * KIB - 1, source, 0, 1);
    log.domain.writeByte(8 * KIB, 1);
    expect(log.take()).toEqual([0, 8 * KIB]);
  });

  it('tells before the bytes change', () => {
    const memory = ram();
    const domain = new DmaDomain(memory);
    let seen = 0;
    domain.observer = (address) => void (seen = memory.read(address, 1)[0]!);
    domain.write(0, source, 1, 1);
    expect(seen).toBe(0x55);
  });
});
