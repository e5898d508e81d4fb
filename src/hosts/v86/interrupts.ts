import type { V86Cpu } from './emulator.ts';
import type { SafePoints } from './safe-points.ts';

/** The PCI to ISA bridge's routing registers, PIRQA to PIRQD; bit 7 set means not routed. */
const ROUTES = { start: 0x60, count: 4, disabled: 0x80 } as const;
const LINES = 16;
const NOT_ROUTED = -1;

/** Where messages go on a PC, and the parts of the local interrupt controller's saved state (v86's own layout). */
const MESSAGE_WINDOW = { start: 0xfee00000, end: 0xfef00000 } as const;
const APIC_REQUESTED = 64;
const APIC_LEVEL = 128;
/**
 * The two old interrupt controllers' saved state (v86's own layout, in bytes): lines that are enabled, lines that request.
 * The second one serves lines 8 to 15 and requests at line 2 of the first.
 */
const CONTROLLER = { enabled: 0, requested: 3, cascade: 1 << 2, firstOfSecond: 8 } as const;
const FIRST_VECTOR = 0x10;
const LAST_VECTOR = 0xfe;

/** One function's interrupt pin. */
export interface InterruptPin {
  /** Raises or drops the pin's level; says so again without effect. */
  set(asserted: boolean): void;
  /** Drops the level for good. */
  release(): void;
}

class Pin {
  asserted = false;
  /** The line that counts this pin now. */
  line = NOT_ROUTED;
  readonly device: number;
  readonly pin: number;

  constructor(device: number, pin: number) {
    this.device = device;
    this.pin = pin;
  }
}

/**
 * Interrupt lines and messages into a v86 machine. Its interrupt controllers take a level per line from one source;
 * pins of several functions share a line, so each line counts the pins that hold it up.
 */
export class InterruptLines {
  readonly #cpu: V86Cpu;
  readonly #points: SafePoints;
  readonly #pins = new Set<Pin>();
  readonly #holders = new Uint16Array(LINES);
  /** Bit per line that is up. */
  #up = 0;

  constructor(cpu: V86Cpu, points: SafePoints) {
    this.#cpu = cpu;
    this.#points = points;
    points.onTimers(() => this.#driveAgain());
  }

  /** The line that a device's pin (1..4) reaches as the guest has routed it; undefined while it has not. */
  routedLine(device: number, pin: number): number | undefined {
    const line = this.#route(device, pin);
    return line === NOT_ROUTED ? undefined : line;
  }

  #route(device: number, pin: number): number {
    const register = ROUTES.start + ((pin - 1 + device - 1) & (ROUTES.count - 1));
    const route = this.#cpu.devices.pci.isa_bridge_space8[register]!;
    return (route & ROUTES.disabled) !== 0 || route >= LINES || route === 0 ? NOT_ROUTED : route;
  }

  /** Connects the pin (1..4) of a device on bus 0. */
  connect(device: number, pin: number): InterruptPin {
    const wire = new Pin(device, pin);
    this.#pins.add(wire);
    return {
      set: (asserted) => this.#set(wire, asserted),
      release: () => {
        this.#set(wire, false);
        this.#pins.delete(wire);
      },
    };
  }

  #set(pin: Pin, asserted: boolean): void {
    if (pin.asserted === asserted) return;
    pin.asserted = asserted;
    this.#follow(pin, asserted ? this.#route(pin.device, pin.pin) : NOT_ROUTED);
  }

  /** Moves a pin's weight to another line, or to none. */
  #follow(pin: Pin, line: number): void {
    if (pin.line === line) return;
    if (pin.line !== NOT_ROUTED && --this.#holders[pin.line]! === 0) this.#drive(pin.line, false);
    pin.line = line;
    if (line !== NOT_ROUTED && this.#holders[line]!++ === 0) this.#drive(line, true);
  }

  #drive(line: number, up: boolean): void {
    this.#up = up ? this.#up | (1 << line) : this.#up & ~(1 << line);
    const masked = this.#points.mask();
    if (up) this.#cpu.device_raise_irq(line);
    else {
      this.#cpu.device_lower_irq(line);
      if (line >= CONTROLLER.firstOfSecond) this.#withdraw();
    }
    this.#points.unmask(masked);
  }

  /**
   * Takes the second controller's request back where none of its lines requests any more. v86 leaves it standing at the
   * first when a line drops before the processor has taken its interrupt; it is then in service for nobody, nobody ends it,
   * and no line behind it (a serial port's) is heard again.
   */
  #withdraw(): void {
    const memory = new Uint8Array(this.#cpu.wasm_memory.buffer);
    const first = this.#cpu.get_pic_addr_master() >>> 0;
    const second = this.#cpu.get_pic_addr_slave() >>> 0;
    const { enabled, requested, cascade } = CONTROLLER;
    if ((memory[second + requested]! & memory[second + enabled]!) === 0)
      memory[first + requested]! &= ~cascade;
  }

  /** A guest that sets its interrupt controller up anew makes it forget levels. */
  #driveAgain(): void {
    for (let line = 0; this.#up >> line !== 0; line++)
      if ((this.#up & (1 << line)) !== 0) this.#cpu.device_raise_irq(line);
  }

  /** Follows the routing registers after the guest wrote to them. */
  reroute(): void {
    for (const pin of this.#pins) if (pin.asserted) this.#follow(pin, this.#route(pin.device, pin.pin));
  }

  /**
   * A message-signalled interrupt. @returns false where nobody takes it: outside the controllers' addresses, a
   * vector that cannot be, or a machine without a local interrupt controller.
   */
  message(addressLow: number, addressHigh: number, data: number): boolean {
    const vector = data & 0xff;
    const arrives =
      addressHigh === 0 && addressLow >= MESSAGE_WINDOW.start && addressLow < MESSAGE_WINDOW.end;
    if (!arrives || vector < FIRST_VECTOR || vector > LAST_VECTOR || this.#cpu.acpi_enabled[0] === 0)
      return false;
    const state = new Uint32Array(this.#cpu.wasm_memory.buffer, this.#cpu.get_apic_addr() >>> 0);
    const [word, bit] = [vector >> 5, 1 << (vector & 31)];
    state[APIC_REQUESTED / 4 + word]! |= bit;
    // Messages are edges.
    state[APIC_LEVEL / 4 + word]! &= ~bit;
    const masked = this.#points.mask();
    this.#cpu.handle_irqs();
    this.#points.unmask(masked);
    return true;
  }
}
