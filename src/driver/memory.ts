import { GuestMemory, VirtiolabError } from '../core/index.ts';
import { ResourceError } from './errors.ts';

/** Memory that came from a {@link DmaMemory} and goes back to it together. */
export class DmaPieces {
  readonly #memory: DmaMemory;
  readonly #pieces: { readonly address: number; readonly length: number }[] = [];

  constructor(memory: DmaMemory) {
    this.#memory = memory;
  }

  /** As {@link DmaMemory.allocate}. */
  allocate(length: number, alignment = 16): number {
    const address = this.#memory.allocate(length, alignment);
    this.#pieces.push({ address, length });
    return address;
  }

  free(): void {
    for (const { address, length } of this.#pieces.splice(0)) this.#memory.free(address, length);
  }
}

/**
 * Driver memory that devices reach: a stretch of RAM from which aligned, zeroed pieces are taken. Addresses are those that
 * devices are told: guest-physical ones, or bus addresses where an IOMMU stands in between ({@link DmaMemory.translated}).
 */
export class DmaMemory {
  readonly ram: GuestMemory;
  readonly start: number;
  readonly end: number;
  /** Devices have to accept bus addresses (ACCESS_PLATFORM, RF-05). */
  readonly translated: boolean;
  #next: number;
  /** Pieces that came back, by length. */
  readonly #free = new Map<number, number[]>();

  /** [start, end) must be RAM of one range; `end` by default its end. */
  constructor(ram: GuestMemory, start: number, end?: number, translated = false) {
    const range = ram.find(start, 1);
    if (range === undefined) throw new ResourceError(`driver memory at 0x${start.toString(16)} is not RAM`);
    this.ram = ram;
    this.start = start;
    this.end = end ?? range.end;
    this.translated = translated;
    this.#next = start;
  }

  /**
   * The physical memory [start, end) where an IOMMU maps it to bus addresses that are `busOffset` higher. A driver that gets
   * it works with bus addresses throughout, its own accesses included.
   */
  static translated(ram: GuestMemory, start: number, end: number, busOffset: number): DmaMemory {
    return new DmaMemory(busView(ram, busOffset), start + busOffset, end + busOffset, true);
  }

  /** @returns the address of `length` zeroed bytes. @throws ResourceError */
  allocate(length: number, alignment = 16): number {
    const freed = this.#free.get(length) ?? [];
    const again = freed.findIndex((address) => address % alignment === 0);
    const at = again < 0 ? Math.ceil(this.#next / alignment) * alignment : freed.splice(again, 1)[0]!;
    if (at + length > this.end)
      throw new ResourceError(
        `${length} bytes of driver memory: ${this.end - at} are left at 0x${at.toString(16)}`,
      );
    if (again < 0) this.#next = at + length;
    this.ram.fill(at, length, 0);
    return at;
  }

  /** Takes a piece back, to be given out again where as much is asked for. */
  free(address: number, length: number): void {
    const freed = this.#free.get(length);
    if (freed === undefined) this.#free.set(length, [address]);
    else freed.push(address);
  }

  /** Takes everything back. */
  clear(): void {
    this.#next = this.start;
    this.#free.clear();
  }
}

/** The same bytes at addresses that are `offset` higher; follows the memory when its ranges are replaced. */
function busView(ram: GuestMemory, offset: number): GuestMemory {
  const shifted = () => ram.ranges.map(({ start, bytes }) => ({ start: start + offset, bytes }));
  if (ram.ranges.some(({ start }) => start + offset < 0))
    throw new VirtiolabError(`bus offset ${offset} puts RAM below address 0`);
  const view = new GuestMemory(shifted());
  ram.watch(() => view.replace(shifted()));
  return view;
}
