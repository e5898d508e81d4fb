import { AddressRangeError, type BusTarget, type Width } from '../../core/index.ts';
import { Claim, type TargetCalls } from './claims.ts';
import type { V86Cpu } from './emulator.ts';
import type { SafePoints } from './safe-points.ts';

const NO_ADDRESS = -1;

/**
 * Memory addresses of functions, above RAM. v86 asks for 1 and 4 bytes in a read and 1, 2, 4, 8 and 16 in a write;
 * functions see widths of 1, 2 and 4. Where claims overlap, the one made first answers.
 */
export class MemoryClaims {
  readonly #calls: TargetCalls;
  readonly #points: SafePoints;
  readonly #claims: Claim[] = [];
  /** The second half of a two-byte read, waiting to be asked for, and where. */
  #halfAt = NO_ADDRESS;
  #half = 0;

  constructor(cpu: V86Cpu, calls: TargetCalls, points: SafePoints) {
    this.#calls = calls;
    this.#points = points;
    this.#override(cpu);
  }

  #override(cpu: V86Cpu): void {
    const own = {
      read8: cpu.mmap_read8.bind(cpu),
      read32: cpu.mmap_read32.bind(cpu),
      write8: cpu.mmap_write8.bind(cpu),
      write16: cpu.mmap_write16.bind(cpu),
      write32: cpu.mmap_write32.bind(cpu),
    };
    cpu.mmap_read8 = (address) => {
      const claim = this.#find(address >>> 0);
      return claim === undefined ? own.read8(address) : this.#read8(claim, address >>> 0);
    };
    cpu.mmap_read32 = (address) => {
      const claim = this.#find(address >>> 0);
      return claim === undefined ? own.read32(address) : this.#read(claim, address >>> 0, 4) | 0;
    };
    cpu.mmap_write8 = (address, value) => {
      const claim = this.#find(address >>> 0);
      if (claim === undefined) own.write8(address, value);
      else this.#write(claim, address >>> 0, 1, value & 0xff);
    };
    cpu.mmap_write16 = (address, value) => {
      const claim = this.#find(address >>> 0);
      if (claim === undefined) own.write16(address, value);
      else this.#write(claim, address >>> 0, 2, value & 0xffff);
    };
    cpu.mmap_write32 = (address, value) => {
      const claim = this.#find(address >>> 0);
      if (claim === undefined) own.write32(address, value);
      else this.#write(claim, address >>> 0, 4, value >>> 0);
    };
    cpu.mmap_write64 = (address, low, high) => {
      cpu.mmap_write32(address, low);
      cpu.mmap_write32(address + 4, high);
    };
    cpu.mmap_write128 = (address, a, b, c, d) => {
      cpu.mmap_write64(address, a, b);
      cpu.mmap_write64(address + 8, c, d);
    };
  }

  /**
   * `start` and `length` in bytes. Addresses below the end of RAM and above 4 GiB are never asked for.
   * @returns a function that gives the range back (idempotent). @throws AddressRangeError
   */
  claim(start: number, length: number, target: BusTarget): () => void {
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(length) || start < 0 || length <= 0)
      throw new AddressRangeError(start, length, 'wants a whole address and a positive length');
    const claim = new Claim(start, length, target);
    this.#claims.push(claim);
    return () => {
      const index = this.#claims.indexOf(claim);
      if (index >= 0) this.#claims.splice(index, 1);
      this.#halfAt = NO_ADDRESS;
    };
  }

  #find(address: number): Claim | undefined {
    for (const claim of this.#claims) if (address >= claim.start && address < claim.end) return claim;
    return undefined;
  }

  #read8(claim: Claim, address: number): number {
    if (this.#halfAt === address) {
      this.#halfAt = NO_ADDRESS;
      return this.#half;
    }
    const { target } = claim;
    const offset = address - claim.start;
    if (target.widthAt === undefined || address + 2 > claim.end || target.widthAt(offset) !== 2)
      return this.#read(claim, address, 1) & 0xff;
    const value = this.#read(claim, address, 2);
    this.#halfAt = address + 1;
    this.#half = (value >>> 8) & 0xff;
    return value & 0xff;
  }

  #read(claim: Claim, address: number, width: Width): number {
    this.#halfAt = NO_ADDRESS;
    if (address + width > claim.end) return this.#readBytes(address, width);
    this.#points.enterMemoryAccess();
    const value = this.#calls.read(claim.target, address - claim.start, width);
    this.#points.leaveMemoryAccess();
    return value;
  }

  #write(claim: Claim, address: number, width: Width, value: number): void {
    this.#halfAt = NO_ADDRESS;
    if (address + width > claim.end) {
      this.#writeBytes(address, width, value);
      return;
    }
    this.#points.enterMemoryAccess();
    this.#calls.write(claim.target, address - claim.start, width, value);
    this.#points.leaveMemoryAccess();
  }

  /** An access that leaves its claim goes byte by byte to whoever is there; nobody reads all ones. */
  #readBytes(address: number, width: Width): number {
    let value = 0;
    for (let i = 0; i < width; i++) {
      const claim = this.#find(address + i);
      value |= (claim === undefined ? 0xff : this.#read(claim, address + i, 1) & 0xff) << (8 * i);
    }
    return value >>> 0;
  }

  #writeBytes(address: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) {
      const claim = this.#find(address + i);
      if (claim !== undefined) this.#write(claim, address + i, 1, (value >>> (8 * i)) & 0xff);
    }
  }
}
