import type { BusTarget } from '../../core/index.ts';
import { whyNeeded, whyUnfindable } from '../../pci/index.ts';
import { type FaultSink, TargetCalls } from './claims.ts';
import { type BoardAccess, ConfigPorts, type ConfigTarget } from './config-ports.ts';
import { SlotUnavailableError } from './errors.ts';
import { ExtendedConfig } from './extended-config.ts';
import { GuestRam } from './guest-ram.ts';
import { InterruptLines, type InterruptPin } from './interrupts.ts';
import type { V86Machine } from './machine.ts';
import { MemoryClaims } from './memory-claims.ts';
import { PortClaims } from './port-claims.ts';
import { SafePoints } from './safe-points.ts';

/** Devices that v86 itself puts on bus 0, here or in other configurations. */
const OWN_DEVICES: readonly number[] = [0x00, 0x01, 0x07, 0x12, 0x1e];

/** Offsets in a function's configuration space that board firmware deals with. */
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;

/** Where the guest's ACPI tables look for slots that were plugged or ejected; nobody ejects anything. */
const HOTPLUG_PORTS = { start: 0xae00, length: 0x20 } as const;

export interface BusOptions {
  /** Memory-mapped configuration space, which v86's machine does not have: extended capabilities can be reached. Default false. */
  readonly extendedConfig?: boolean;
}

export interface PlugOptions {
  /**
   * Writes the routed line into the function's interrupt line register, as firmware would have done at power-on:
   * Linux knows the board's wiring for the first few devices only. Default true.
   */
  readonly presetInterruptLine?: boolean;
}

/** A function's place on the bus, as the function and whoever plugged it see it. */
export interface PluggedFunction {
  /** device << 3 | function on bus 0. */
  readonly place: number;
  /** The pin that the function's configuration space names; null where it has none. */
  readonly pin: InterruptPin | null;
  /**
   * Takes the function off the bus and drops its pin. Ports and addresses are given back by whoever claimed them.
   * @throws SlotUnavailableError for function 0 of a device that has others.
   */
  unplug(): void;
}

/**
 * The seam between a v86 machine and functions of ours: configuration accesses, I/O ports, memory addresses, RAM and
 * interrupts. It takes over parts of the machine, so a machine has one bus, made before it is started.
 */
export class V86Bus {
  readonly ram: GuestRam;
  readonly interrupts: InterruptLines;
  readonly #machine: V86Machine;
  readonly #config: ConfigPorts;
  readonly #ports: PortClaims;
  readonly #memory: MemoryClaims;
  readonly #faultSinks = new Set<FaultSink>();
  readonly #rebootListeners = new Set<() => void>();

  constructor(machine: V86Machine, { extendedConfig = false }: BusOptions = {}) {
    const { cpu } = machine;
    const points = new SafePoints(cpu);
    this.#machine = machine;
    this.ram = new GuestRam(cpu);
    points.onTimers(() => this.ram.refresh());
    this.interrupts = new InterruptLines(cpu, points);
    const calls = new TargetCalls(this.ram, (fault) => this.#fault(fault));
    this.#config = new ConfigPorts(cpu, calls, () => this.interrupts.reroute());
    this.#ports = new PortClaims(cpu, calls);
    this.#memory = new MemoryClaims(cpu, calls, points);
    const reboot = cpu.reboot_internal;
    cpu.reboot_internal = () => {
      reboot.call(cpu);
      for (const listener of this.#rebootListeners) listener();
    };
    if (extendedConfig) new ExtendedConfig(cpu, this, this.#config.everything);
    if (machine.acpi)
      this.claimPorts(HOTPLUG_PORTS.start, HOTPLUG_PORTS.length, { read: () => 0, write: () => {} });
  }

  /** The machine has a local interrupt controller. */
  get acpi(): boolean {
    return this.#machine.acpi;
  }

  /** Calls `sink` with what a function threw at an access. @returns a function that ends it. */
  onFault(sink: FaultSink): () => void {
    this.#faultSinks.add(sink);
    return () => this.#faultSinks.delete(sink);
  }

  /** Calls `listener` when the guest has reset its machine. @returns a function that ends it. */
  onReboot(listener: () => void): () => void {
    this.#rebootListeners.add(listener);
    return () => this.#rebootListeners.delete(listener);
  }

  #fault(fault: unknown): void {
    if (this.#faultSinks.size === 0) queueMicrotask(() => Promise.reject(fault));
    for (const sink of this.#faultSinks) sink(fault);
  }

  /** Whether a function can be put at device << 3 | function. */
  isFree(place: number): boolean {
    return this.#whyTaken(place) === undefined;
  }

  #whyTaken(place: number): string | undefined {
    const unfindable = whyUnfindable(place, this.#has);
    if (unfindable !== undefined) return unfindable;
    if (this.#isOwn(place)) return 'is a device of v86 itself';
    return this.#config.at(place) === undefined ? undefined : 'is taken';
  }

  /** The device is v86's own, here or in another configuration. */
  #isOwn(place: number): boolean {
    const spaces = this.#machine.cpu.devices.pci.device_spaces;
    return OWN_DEVICES.includes(place >> 3) || spaces[place & ~7] !== undefined;
  }

  readonly #has = (place: number) => this.#config.at(place) !== undefined || this.#isOwn(place);

  /** @throws SlotUnavailableError where no function can be put. */
  checkFree(place: number): void {
    const reason = this.#whyTaken(place);
    if (reason !== undefined) throw new SlotUnavailableError(place, reason);
  }

  /** @throws SlotUnavailableError for function 0 of a device that has others. */
  checkRemovable(place: number): void {
    const reason = whyNeeded(place, this.#has);
    if (reason !== undefined) throw new SlotUnavailableError(place, reason);
  }

  /**
   * Puts a function at device << 3 | function of bus 0. A running guest sees it after `echo 1 > /sys/bus/pci/rescan`.
   * Its BARs answer where whoever follows its registers claims ports and addresses for it. Function 0 of a device comes
   * before its others; that there are others is for its header to say ({@link V86Board} sees to it).
   * @throws SlotUnavailableError
   */
  plug(place: number, target: ConfigTarget, options: PlugOptions = {}): PluggedFunction {
    this.checkFree(place);
    const pinNumber = target.configRead(INTERRUPT_PIN, 1);
    const hasPin = pinNumber >= 1 && pinNumber <= 4;
    const device = place >> 3;
    const line = hasPin ? this.interrupts.routedLine(device, pinNumber) : undefined;
    if (line !== undefined && options.presetInterruptLine !== false)
      target.configWrite(INTERRUPT_LINE, 1, line);
    const pin = hasPin ? this.interrupts.connect(device, pinNumber) : null;
    this.#config.put(place, target);
    return {
      place,
      pin,
      unplug: () => {
        if (this.#config.at(place) !== target) return;
        this.checkRemovable(place);
        this.#config.remove(place);
        pin?.release();
      },
    };
  }

  /**
   * Lets a board answer configuration accesses of all buses but bus 0, as whoever has bridges on that one does, and for
   * functions of bus 0 that nobody plugged: virtual ones.
   */
  answerBeyond(access: BoardAccess): void {
    this.#config.answerBeyond(access);
  }

  /**
   * Lets `target` answer at I/O ports, those of v86's own devices excepted. Length in bytes.
   * @returns a function that gives the ports back. @throws AddressRangeError
   */
  claimPorts(start: number, length: number, target: BusTarget): () => void {
    return this.#ports.claim(start, length, target);
  }

  /**
   * Lets `target` answer at memory addresses above RAM. Length in bytes.
   * @returns a function that gives the addresses back. @throws AddressRangeError
   */
  claimMemory(start: number, length: number, target: BusTarget): () => void {
    return this.#memory.claim(start, length, target);
  }
}
