import { blockRequestType, descriptorFlag } from '../../src/virtio/index.ts';
import { diskImage, type Subject } from './subject.ts';

/** Where the recording put its requests: header, data and status of one request. */
const [HEADER, DATA, STATUS] = [0x200000, 0x201000, 0x203000];
const SECTOR = 3;

/** The three parts of a split ring of 256 descriptors, by guest-physical address. */
export interface RingParts {
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
}

/** The legacy layout from page 0x100 on, 256 descriptors. */
export const LEGACY_PAGE = 0x100;
export const legacyRing: RingParts = { descriptors: 0x100000, available: 0x101000, used: 0x102000 };

/** A ring written by hand, one read request in it at a time. */
export class HandRing {
  readonly #view: DataView;
  readonly #parts: RingParts;
  #index = 0;

  constructor(subject: Subject, parts: RingParts) {
    this.#view = subject.machine.ram.ranges[0]!.view;
    this.#parts = parts;
  }

  /** Exposes a read of one sector; `flags` is the available ring's. */
  exposeRead(flags = 0): void {
    const view = this.#view;
    view.setUint32(HEADER, blockRequestType.in, true);
    view.setUint32(HEADER + 8, SECTOR, true);
    for (let i = 0; i < 512; i++) view.setUint8(DATA + i, 0);
    view.setUint8(STATUS, 0xff);
    const chain = [
      [HEADER, 16, descriptorFlag.next],
      [DATA, 512, descriptorFlag.next | descriptorFlag.write],
      [STATUS, 1, descriptorFlag.write],
    ] as const;
    for (const [i, [address, length, bits]] of chain.entries()) {
      const at = this.#parts.descriptors + 16 * i;
      view.setUint32(at, address, true);
      view.setUint32(at + 8, length, true);
      view.setUint16(at + 12, bits, true);
      view.setUint16(at + 14, i + 1, true);
    }
    view.setUint16(this.#parts.available, flags, true);
    view.setUint16(this.#parts.available + 4 + 2 * (this.#index % 256), 0, true);
    view.setUint16(this.#parts.available + 2, ++this.#index, true);
  }

  /** A ring that was reset starts anew. */
  clear(): void {
    this.#index = 0;
    this.#view.setUint32(this.#parts.available, 0, true);
    this.#view.setUint32(this.#parts.used, 0, true);
  }

  get usedIndex(): number {
    return this.#view.getUint16(this.#parts.used + 2, true);
  }

  get usedElement(): Uint8Array {
    return new Uint8Array(this.#view.buffer).slice(this.#parts.used + 4, this.#parts.used + 12);
  }

  get statusByte(): number {
    return this.#view.getUint8(STATUS);
  }

  /** The data buffer holds the sector that was asked for. */
  get dataIsRight(): boolean {
    const image = diskImage();
    return Array.from({ length: 512 }).every(
      (_, i) => this.#view.getUint8(DATA + i) === image[SECTOR * 512 + i],
    );
  }
}
