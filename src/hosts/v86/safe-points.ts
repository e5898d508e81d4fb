import type { V86Cpu } from './emulator.ts';

/** Interrupt enable, in the processor's flags. */
const INTERRUPT_FLAG = 0x200;
const NOT_MASKED = -1;

/**
 * Says when interrupts may be taken. v86 takes a due interrupt within the very call that changes a line, which is
 * right between two instructions and in the middle of a port access, and derails the guest in the middle of a memory
 * access. There the interrupt flag is hidden for the time of the change: levels follow at once, and what is due is
 * taken at the emulator's next look, within some 100 000 instructions.
 */
export class SafePoints {
  readonly #cpu: V86Cpu;
  readonly #listeners: (() => void)[] = [];
  /** Memory accesses to functions that are under way. */
  #depth = 0;

  constructor(cpu: V86Cpu) {
    this.#cpu = cpu;
    const timers = cpu.run_hardware_timers;
    cpu.run_hardware_timers = (acpi, now) => {
      for (const listener of this.#listeners) listener();
      return timers.call(cpu, acpi, now);
    };
  }

  /** Runs `listener` whenever the emulator looks at its timers, between two instructions. */
  onTimers(listener: () => void): void {
    this.#listeners.push(listener);
  }

  enterMemoryAccess(): void {
    this.#depth++;
  }

  leaveMemoryAccess(): void {
    this.#depth--;
  }

  /** To be called before lines change. @returns what {@link unmask} wants afterwards. */
  mask(): number {
    if (this.#depth === 0) return NOT_MASKED;
    const flags = this.#cpu.flags[0]!;
    this.#cpu.flags[0] = flags & ~INTERRUPT_FLAG;
    return flags;
  }

  unmask(masked: number): void {
    if (masked !== NOT_MASKED) this.#cpu.flags[0] = masked;
  }
}
