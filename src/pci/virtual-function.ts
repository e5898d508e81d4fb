import type { BusTarget, TargetPart, Width } from '../core/index.ts';
import { formatFunctionAddress } from '../core/index.ts';
import { BarContents, BarError, type BarOptions, partsOf } from './bar-contents.ts';
import { PciFunction } from './function.ts';
import type { PciFunctionOptions } from './function-options.ts';
import { type BarIndex, type0Header, VIRTUAL_FUNCTION_ID, virtualHeader } from './layout/index.ts';

/** A virtual function has no pin and is always PCI Express; its ids say what it is to whoever asks its physical function first. */
export type VirtualFunctionOptions = Omit<PciFunctionOptions, 'interruptPin' | 'express'>;

/** What stands in a BAR of a virtual function, which stays as it is while an access is under way. */
class Guarded implements BusTarget {
  readonly #function: VirtualFunction;
  readonly #target: BusTarget;

  constructor(fn: VirtualFunction, target: BusTarget) {
    this.#function = fn;
    this.#target = target;
  }

  read(offset: number, width: Width): number {
    const fn = this.#function;
    fn.accesses++;
    try {
      return this.#target.read(offset, width);
    } finally {
      fn.accesses--;
    }
  }

  write(offset: number, width: Width, value: number): void {
    const fn = this.#function;
    fn.accesses++;
    try {
      this.#target.write(offset, width, value);
    } finally {
      fn.accesses--;
    }
  }

  widthAt(offset: number): Width {
    return this.#target.widthAt?.(offset) ?? 1;
  }
}

/**
 * A virtual function (PCI Express 5.0, section 9.3.4): ids read 0xffff, BARs are those of its physical function, which
 * decodes them, and it interrupts by messages only. Its configuration space is otherwise as any function's.
 */
export class VirtualFunction extends PciFunction {
  /** Accesses that are under way. */
  accesses = 0;
  #physical: PciFunction | null = null;
  #index = 0;
  #leaving = false;
  /** By BAR, made when software first touches it there. */
  #parts: Map<BarIndex, readonly TargetPart[]> | null = null;

  /** @throws FunctionOptionsError */
  constructor(options: VirtualFunctionOptions) {
    super({ ...options, interruptPin: 0, express: true }, virtualHeader);
    this.config.wire(type0Header.vendorId.offset, 2, VIRTUAL_FUNCTION_ID);
    this.config.wire(type0Header.deviceId.offset, 2, VIRTUAL_FUNCTION_ID);
  }

  /** Itself, while it is nobody's yet. */
  override get physical(): PciFunction {
    return this.#physical ?? this;
  }

  /** Whose it is, and which of them, 1 for the first: to be said before it is plugged in. */
  belongTo(fn: PciFunction, index: number): void {
    this.#physical = fn;
    this.#index = index;
  }

  /** Below D0 nothing of the device is in force. */
  override get powered(): boolean {
    return super.powered && (this.#physical === null || this.#physical.powered);
  }

  /** @throws BarError for I/O too, which virtual functions have none of (section 9.3.3.14). */
  protected override makeBar(options: BarOptions): BarContents {
    if (options.kind === 'io') throw new BarError(options.index, 'a virtual function has memory BARs only');
    return new BarContents(options);
  }

  /** Its BARs are decoded elsewhere than before, or no longer. */
  placed(): void {
    this.tell('decode');
  }

  /** Its BARs stay where they are, and hold nothing of what software made of them: whoever watches it looks again. */
  override reset(): void {
    super.reset();
    if (!this.#leaving) this.tell('decode');
  }

  override unplug(): void {
    this.#leaving = true;
    super.unplug();
    this.#leaving = false;
  }

  override renumbered(): void {
    this.#parts = null;
    super.renumbered();
  }

  override configRead(offset: number, width: Width): number {
    this.accesses++;
    try {
      return super.configRead(offset, width);
    } finally {
      this.accesses--;
    }
  }

  override configWrite(offset: number, width: Width, value: number): void {
    this.accesses++;
    try {
      super.configWrite(offset, width, value);
    } finally {
      this.accesses--;
    }
  }

  /** What answers around an offset of a BAR; `lengthBytes` is what the BAR takes, which may be more than stands in it. */
  partAt(index: BarIndex, offset: number, lengthBytes: number): TargetPart {
    this.#parts ??= new Map();
    let parts = this.#parts.get(index);
    if (parts === undefined) this.#parts.set(index, (parts = this.#makeParts(index, lengthBytes)));
    return parts.find((part) => offset < part.offset + part.length)!;
  }

  #makeParts(index: BarIndex, lengthBytes: number): readonly TargetPart[] {
    const bar = this.bars.find((each) => each.index === index);
    const name = `${formatFunctionAddress(this.slot.address)} VF${this.#index} BAR${index}`;
    return partsOf(bar?.regions ?? [], lengthBytes).map((part) => ({
      ...part,
      name: `${name} ${part.name}`,
      target: new Guarded(this, part.target),
    }));
  }
}
