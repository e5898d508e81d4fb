import type { FunctionAddress } from '../../core/index.ts';
import { NO_PIN, PciFunction, type PinWiring } from '../../pci/index.ts';
import { SOUTH_BRIDGE, WIRE_REGISTERS, WIRES, wireOf } from '../qtest/pins.ts';

export const LINES = 24;
/** Bits of a wire's register: which line it reaches, and that it reaches none, as after power-on. */
const LINE = 0x0f;
const OFF = 0x80;

/** Told of a line that changed. */
export type LineListener = (line: number, asserted: boolean) => void;

/**
 * From the pins of a PC's functions to the lines of its interrupt controller: four wires, and a south bridge whose
 * registers say which line each of them reaches. A line is high while a wire or somebody else holds it.
 */
export class Wires {
  readonly bridge = new PciFunction({
    name: 'south-bridge',
    vendorId: 0x8086,
    deviceId: 0x7000,
    classCode: 0x060100,
  });
  readonly #holders: readonly Set<unknown>[] = Array.from({ length: WIRES }, () => new Set());
  /** What each line is held at by others than wires. */
  readonly #outside = new Uint8Array(LINES);
  readonly #levels = new Uint8Array(LINES);
  onLine: LineListener = () => {};

  constructor() {
    const { config } = this.bridge;
    for (let wire = 0; wire < WIRES; wire++) {
      config.set(WIRE_REGISTERS + wire, 1, OFF);
      config.setMasks(WIRE_REGISTERS + wire, 1, OFF | LINE);
    }
    config.onWrite(WIRE_REGISTERS, WIRES, () => this.follow());
  }

  get address(): FunctionAddress {
    return SOUTH_BRIDGE;
  }

  /** Where a pin of a device on the root bus leads. */
  wiring(fn: PciFunction, device: number, pin: number): PinWiring {
    if (pin === 0) return NO_PIN;
    const holders = this.#holders[wireOf(device, pin)]!;
    return {
      // Firmware writes it down, and there is none.
      line: null,
      set: (asserted) => {
        if (asserted) holders.add(fn);
        else holders.delete(fn);
        this.follow();
      },
    };
  }

  /** Somebody else holds a line, or lets it go. */
  hold(line: number, asserted: boolean): void {
    this.#outside[line] = asserted ? 1 : 0;
    this.follow();
  }

  /** Works the lines out anew, and tells of those that changed. */
  follow(): void {
    const levels = this.#outside.slice();
    for (const [wire, { size }] of this.#holders.entries()) {
      const register = this.bridge.config.get(WIRE_REGISTERS + wire, 1);
      if (size > 0 && (register & OFF) === 0) levels[register & LINE] = 1;
    }
    for (const [line, level] of levels.entries()) {
      if (level === this.#levels[line]) continue;
      this.#levels[line] = level;
      this.onLine(line, level === 1);
    }
  }
}
