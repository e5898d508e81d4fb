import { AddressSpace, type BusTarget, type EventSink, type Width } from '../../core/index.ts';
import { bounded, tellAccess } from '../../pci/index.ts';

/** Who hears of accesses, if anybody does. */
type Listener = () => EventSink | null;

/** Claims a stretch of ports or addresses of the machine. @returns a function that gives it back. */
type ClaimRange = (start: number, length: number, target: BusTarget) => () => void;

/**
 * An address space whose mappings answer in the v86 machine: each mapping claims its range, and whoever answers there
 * is decided here as in any other space.
 */
export class ClaimingSpace extends AddressSpace {
  readonly #space: 'io' | 'memory';
  readonly #claim: ClaimRange;
  readonly #listener: Listener;

  /** `size` in bytes. */
  constructor(space: 'io' | 'memory', size: number, claim: ClaimRange, listener: Listener) {
    super(space === 'io' ? 'I/O' : 'memory', size);
    this.#space = space;
    this.#claim = claim;
    this.#listener = listener;
  }

  override map(mapping: Parameters<AddressSpace['map']>[0]): () => void {
    const unmap = super.map(mapping);
    const { start, length } = mapping;
    const release = this.#claim(start, length, {
      read: (offset, width) => {
        const sink = this.#listener();
        return sink === null
          ? this.read(start + offset, width)
          : bounded(sink, () => this.#observedRead(sink, start + offset, width));
      },
      write: (offset, width, value) => {
        const sink = this.#listener();
        if (sink === null) this.write(start + offset, width, value);
        else
          bounded(sink, () => {
            this.#emit(sink, 'write', start + offset, width, value);
            this.write(start + offset, width, value);
          });
      },
      widthAt: (offset) => {
        const span = this.answering(start + offset);
        return span?.target.widthAt?.(start + offset - span.base) ?? 1;
      },
    });
    return () => {
      release();
      unmap();
    };
  }

  #observedRead(sink: EventSink, address: number, width: Width): number {
    const value = this.read(address, width);
    this.#emit(sink, 'read', address, width, value);
    return value;
  }

  #emit(sink: EventSink, operation: 'read' | 'write', address: number, width: Width, value: number): void {
    tellAccess(sink, this.#space, operation, address, width, value, this.answering(address));
  }
}
