import type { AddressSpace, BusTarget, GuestMemory, Ram, Width } from '../core/index.ts';

/** RAM goes before BARs: software put those where it should not have. */
export const RAM_PRIORITY = 1;

class RamTarget implements BusTarget {
  readonly ram: Ram;

  constructor(ram: Ram) {
    this.ram = ram;
  }

  read(offset: number, width: Width): number {
    const { view } = this.ram;
    return width === 4
      ? view.getUint32(offset, true)
      : width === 2
        ? view.getUint16(offset, true)
        : view.getUint8(offset);
  }

  write(offset: number, width: Width, value: number): void {
    const { view } = this.ram;
    if (width === 4) view.setUint32(offset, value, true);
    else if (width === 2) view.setUint16(offset, value, true);
    else view.setUint8(offset, value);
  }
}

/** Lets RAM answer in memory space, its present ranges and those that replace them. */
export function mapRam(memory: AddressSpace, ram: GuestMemory): void {
  let mapped: (() => void)[] = [];
  const follow = () => {
    for (const unmap of mapped) unmap();
    mapped = ram.ranges.map((range) =>
      memory.map({
        name: 'RAM',
        start: range.start,
        length: range.end - range.start,
        target: new RamTarget(range),
        priority: RAM_PRIORITY,
      }),
    );
  };
  follow();
  ram.watch(follow);
}
