import type { BusTarget, MappingOptions, Width } from '../../core/index.ts';

/** Where a PC has it: a selector of two bytes, whose second byte, read alone, is the data. */
const PORT = 0x510;
const PORTS = 2;

/** The items that software asks for before it has firmware, by their keys; all others are empty. */
const keys = { signature: 0x0000, id: 0x0001, ramBytes: 0x0003, processors: 0x0005, files: 0x0019 } as const;
/** The interface is that of ports, without DMA. */
const ID = 1;

function bytesOf(value: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i++) bytes[i] = Math.floor(value / 256 ** i);
  return bytes;
}

/** The part of QEMU's fw_cfg device by which test programs learn how much RAM there is. */
export class FwCfg implements BusTarget {
  readonly #items: ReadonlyMap<number, Uint8Array>;
  #item: Uint8Array | undefined;
  #at = 0;

  constructor(ramBytes: number) {
    this.#items = new Map([
      [keys.signature, new TextEncoder().encode('QEMU')],
      [keys.id, bytesOf(ID, 4)],
      [keys.ramBytes, bytesOf(ramBytes, 8)],
      [keys.processors, bytesOf(1, 2)],
      [keys.files, bytesOf(0, 4)],
    ]);
    this.reset();
  }

  get mapping(): MappingOptions {
    return { name: 'fw_cfg', start: PORT, length: PORTS, target: this };
  }

  reset(): void {
    this.#select(keys.signature);
  }

  #select(key: number): void {
    this.#item = this.#items.get(key);
    this.#at = 0;
  }

  /** Past an item's end, 0. */
  read(_offset: number, width: Width): number {
    return width === 1 ? (this.#item?.[this.#at++] ?? 0) : 0;
  }

  write(offset: number, width: Width, value: number): void {
    if (offset === 0 && width === 2) this.#select(value);
  }
}
