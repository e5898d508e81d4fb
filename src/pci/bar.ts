import { type AddressSpace, type FunctionAddress, formatFunctionAddress } from '../core/index.ts';
import { BarContents, type BarOptions, partsOf } from './bar-contents.ts';
import {
  type BarRegisters,
  barAddress,
  barPlace,
  layBar,
  type WhileDecoded,
  whileDecoded,
} from './bar-register.ts';
import type { ConfigSpace } from './config-space.ts';
import { type0Header } from './layout/index.ts';

/** A base address register and what stands behind it. */
export class Bar extends BarContents implements BarRegisters {
  readonly space: ConfigSpace;
  #unmap: (() => void) | null = null;
  #mappedAt: number | null = null;

  /** @throws BarError */
  constructor(space: ConfigSpace, options: BarOptions) {
    super(options);
    this.space = space;
    layBar(this, this.lengthBytes, this.prefetchable);
  }

  get offset(): number {
    return type0Header.bar.offset + 4 * this.index;
  }

  override get address(): number {
    return barAddress(this);
  }

  override get whileDecoded(): WhileDecoded | null {
    return whileDecoded(this, this.#mappedAt, this.lengthBytes);
  }

  override get mappedAt(): number | null {
    return this.#mappedAt;
  }

  override decode(space: AddressSpace, on: boolean, owner: object, address: FunctionAddress): boolean {
    const wanted = on ? barPlace(this, space, this.lengthBytes) : null;
    if (wanted === this.#mappedAt) return false;
    this.release();
    if (wanted === null) return true;
    this.#mappedAt = wanted;
    this.#unmap = space.map({
      name: `${formatFunctionAddress(address)} BAR${this.index}`,
      start: wanted,
      length: this.lengthBytes,
      target: this,
      // Made where software puts the BAR: one that nobody has placed needs none.
      parts: partsOf(this.regions, this.lengthBytes),
      owner,
      // Where BARs overlap, the lower function and the lower BAR answer.
      priority: -(address * type0Header.bar.count + this.index),
    });
    return true;
  }

  override release(): void {
    this.#unmap?.();
    this.#unmap = null;
    this.#mappedAt = null;
  }
}
