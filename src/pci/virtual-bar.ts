import { type BusTarget, formatFunctionAddress, type TargetPart } from '../core/index.ts';
import {
  alignBar,
  type BarRegisters,
  barAddress,
  barPlace,
  isAligned,
  layBar,
  whileDecoded,
} from './bar-register.ts';
import type { ConfigSpace } from './config-space.ts';
import type { PciFunction } from './function.ts';
import { SRIOV_PAGE_BYTES, sriovCapability, type0Header } from './layout/index.ts';
import type { VirtualFunction } from './virtual-function.ts';
import type { VirtualBarOptions } from './virtual-options.ts';

/** Accesses go to the parts. */
const NOBODY: BusTarget = { read: () => 0, write: () => {} };

/**
 * A BAR of all virtual functions in the capability of their physical one: its mask is that of one function's piece, which is a
 * system page at the least, and decoded are as many pieces as there are functions (PCI Express 5.0, section 9.3.3.14).
 */
export class VirtualBar {
  readonly options: VirtualBarOptions;
  readonly #registers: BarRegisters;
  #pieceBytes: number;
  #mappedAt: number | null = null;
  #mappedBytes = 0;
  #unmap: (() => void) | null = null;

  /** @param capability where the capability begins. */
  constructor(config: ConfigSpace, capability: number, options: VirtualBarOptions) {
    this.options = options;
    const { index, kind, lengthBytes, prefetchable = false } = options;
    this.#pieceBytes = Math.max(lengthBytes, SRIOV_PAGE_BYTES);
    const offset = capability + sriovCapability.bar.offset + 4 * index;
    this.#registers = { space: config, offset, kind };
    layBar(this.#registers, this.#pieceBytes, prefetchable);
  }

  /** Bytes of one function's piece. */
  get pieceBytes(): number {
    return this.#pieceBytes;
  }

  get address(): number {
    return barAddress(this.#registers);
  }

  /** Where it is decoded, or null. */
  get mappedAt(): number | null {
    return this.#mappedAt;
  }

  /** Follows the system page size: of an address that a longer piece cannot have, bits are lost. */
  pages(pageBytes: number): void {
    this.#pieceBytes = Math.max(this.options.lengthBytes, pageBytes);
    alignBar(this.#registers, this.#pieceBytes);
  }

  /** What its registers read once `pages` had its effect, in a configuration space that is looked at. */
  isAligned(config: Uint8Array, pageBytes: number): boolean {
    return isAligned(this.#registers, config, Math.max(this.options.lengthBytes, pageBytes));
  }

  /** Software has moved it while it is decoded: measured, or by halves. */
  get whileDecoded() {
    return whileDecoded(this.#registers, this.#mappedAt, this.#pieceBytes);
  }

  /**
   * Follows the registers: pieces of `count` functions are decoded, or none where that is 0.
   * @returns whether anything changed.
   */
  decode(fn: PciFunction, count: number, at: (index: number) => VirtualFunction): boolean {
    const { memory, address } = fn.slot;
    const bytes = count * this.#pieceBytes;
    const wanted = count === 0 ? null : barPlace(this.#registers, memory, bytes);
    if (wanted === this.#mappedAt && (wanted === null || bytes === this.#mappedBytes)) return false;
    this.release();
    if (wanted === null) return true;
    const { index } = this.options;
    const piece = this.#pieceBytes;
    this.#mappedAt = wanted;
    this.#mappedBytes = bytes;
    this.#unmap = memory.map({
      name: `${formatFunctionAddress(address)} VF BAR${index}`,
      start: wanted,
      length: bytes,
      target: NOBODY,
      partAt: (offset): TargetPart => {
        const nth = Math.floor(offset / piece);
        const from = nth * piece;
        const part = at(nth + 1).partAt(index, offset - from, piece);
        return { ...part, offset: from + part.offset, base: from + part.base };
      },
      // Writes to all functions of a device take the same link, in their order.
      owner: fn,
      // Behind the BARs of the function itself, before those of the next.
      priority: -((address + 1) * type0Header.bar.count) + (type0Header.bar.count - index) / 8,
    });
    return true;
  }

  release(): void {
    this.#unmap?.();
    this.#unmap = null;
    this.#mappedAt = null;
  }
}
