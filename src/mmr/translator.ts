import { type BusTarget, maskOf, readPieces, type Width, writePieces } from '../core/index.ts';
import { LEGACY_CONFIG_OFFSET, LEGACY_CONFIG_OFFSET_MSIX } from '../virtio/layout/index.ts';
import type { LegacyBackend } from './access/backend.ts';

/**
 * The I/O-to-memory translator's window: the guest's legacy block, in front of a back end. Widths are kept; an unaligned
 * access goes out as its aligned pieces, ascending; what lies outside the block never reaches the function.
 */
export class TranslatorWindow implements BusTarget {
  readonly #backend: LegacyBackend;
  readonly #msix: () => boolean;

  /** @param msix tells whether the guest's function has MSI-X enabled. */
  constructor(backend: LegacyBackend, msix: () => boolean) {
    this.#backend = backend;
    this.#msix = msix;
  }

  #inside(offset: number, width: Width): boolean {
    const config = this.#msix() ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET;
    return offset + width <= config + this.#backend.configBytes;
  }

  read(offset: number, width: Width): number {
    if (offset % width !== 0) return readPieces(this, offset, width);
    return this.#inside(offset, width) ? this.#backend.read(offset, width) : maskOf(width);
  }

  write(offset: number, width: Width, value: number): void {
    if (offset % width !== 0) writePieces(this, offset, width, value);
    else if (this.#inside(offset, width)) this.#backend.write(offset, width, value);
  }
}
