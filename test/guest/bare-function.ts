import type { BusTarget, Width } from '../../src/core/index.ts';
import type { PluggedFunction, V86Bus } from '../../src/hosts/v86/bus.ts';
import type { ConfigTarget } from '../../src/hosts/v86/config-ports.ts';

/** A base address register: its kind, size in bytes and what answers there. */
export interface BareBar {
  readonly kind: 'io' | 'memory';
  readonly lengthBytes: number;
  readonly target: BusTarget;
}

export interface BareFunctionOptions {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemId: number;
  readonly bars: readonly BareBar[];
  /** Capability bytes, put at 0x40. */
  readonly capability?: readonly number[];
}

const COMMAND = 0x04;
const BARS = 0x10;
const COMMAND_IO = 1;
const COMMAND_MEMORY = 2;

/**
 * A PCI function by hand: bytes of configuration space, BARs that follow their registers. Nothing of virtiolab's own
 * functions is in it, so that the host is tested by itself.
 */
export class BareFunction implements ConfigTarget {
  readonly config = new DataView(new ArrayBuffer(256));
  readonly bars: readonly BareBar[];
  #bus: V86Bus | undefined;
  #slot: PluggedFunction | undefined;
  readonly #mapped: { at: number; release: () => void }[] = [];

  constructor(options: BareFunctionOptions) {
    const { config } = this;
    this.bars = options.bars;
    config.setUint16(0x00, options.vendorId, true);
    config.setUint16(0x02, options.deviceId, true);
    config.setUint8(0x0b, 0xff);
    config.setUint16(0x2c, options.vendorId, true);
    config.setUint16(0x2e, options.subsystemId, true);
    config.setUint8(0x3d, 1);
    for (const [index, bar] of this.bars.entries())
      config.setUint32(BARS + 4 * index, bar.kind === 'io' ? 1 : 0, true);
    if (options.capability !== undefined) {
      config.setUint16(0x06, 0x10, true);
      config.setUint8(0x34, 0x40);
      for (const [index, byte] of options.capability.entries()) config.setUint8(0x40 + index, byte);
    }
  }

  plug(bus: V86Bus, place: number): PluggedFunction {
    this.#bus = bus;
    this.#slot = bus.plug(place, this);
    return this.#slot;
  }

  /** Where a BAR is decoded, or undefined. */
  mappedAt(index: number): number | undefined {
    return this.#mapped[index]?.at;
  }

  setInterrupt(asserted: boolean): void {
    this.#slot?.pin?.set(asserted);
  }

  configRead(offset: number, width: Width): number {
    if (width === 1) return this.config.getUint8(offset);
    return width === 2 ? this.config.getUint16(offset, true) : this.config.getUint32(offset, true);
  }

  configWrite(offset: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.#writeByte(offset + i, (value >>> (8 * i)) & 0xff);
    this.#decode();
  }

  #writeByte(offset: number, byte: number): void {
    const bar = this.bars[(offset - BARS) >> 2];
    if (offset === COMMAND || offset === COMMAND + 1 || offset === 0x3c || offset >= 0x42) {
      this.config.setUint8(offset, byte);
    } else if (offset >= BARS && bar !== undefined) {
      const shift = 8 * (offset & 3);
      const mask = (-bar.lengthBytes >>> shift) & 0xff;
      const fixed = bar.kind === 'io' && (offset & 3) === 0 ? 1 : 0;
      this.config.setUint8(offset, (byte & mask) | fixed);
    }
  }

  #decode(): void {
    const command = this.config.getUint16(COMMAND, true);
    for (const [index, bar] of this.bars.entries()) {
      const on = (command & (bar.kind === 'io' ? COMMAND_IO : COMMAND_MEMORY)) !== 0;
      const at = (this.config.getUint32(BARS + 4 * index, true) & (bar.kind === 'io' ? ~3 : ~15)) >>> 0;
      const wanted = on && at !== 0 ? at : undefined;
      if (this.#mapped[index]?.at === wanted) continue;
      this.#mapped[index]?.release();
      delete this.#mapped[index];
      if (wanted === undefined || this.#bus === undefined) continue;
      const { target, lengthBytes } = bar;
      const release =
        bar.kind === 'io'
          ? this.#bus.claimPorts(wanted, lengthBytes, target)
          : this.#bus.claimMemory(wanted, lengthBytes, target);
      this.#mapped[index] = { at: wanted, release };
    }
  }
}
