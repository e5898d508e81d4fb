/**
 * Misuse of our own API. What a guest does never ends here: a guest's mistakes are answered on the bus and
 * reported as findings. Each subclass is one rejection and carries the value that was wrong.
 */
export class VirtiolabError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** A register map that contradicts itself: overlap, misalignment, a register outside its block. */
export class RegisterMapError extends VirtiolabError {
  readonly register: string;
  readonly reason: string;

  constructor(register: string, reason: string) {
    super(`register ${register}: ${reason}`);
    this.register = register;
    this.reason = reason;
  }
}

/** An address range that is empty, not a whole number, or outside the space it was meant for. */
export class AddressRangeError extends VirtiolabError {
  readonly start: number;
  readonly length: number;
  readonly reason: string;

  constructor(start: number, length: number, reason: string) {
    super(`address range 0x${start.toString(16)} + 0x${length.toString(16)}: ${reason}`);
    this.start = start;
    this.length = length;
    this.reason = reason;
  }
}

/** A saved state that does not fit the instance it is loaded into. */
export class StateMismatchError extends VirtiolabError {
  readonly part: string;
  readonly found: unknown;
  readonly expected: string;

  constructor(part: string, found: unknown, expected: string) {
    super(`saved state of ${part}: found ${JSON.stringify(found)}, expected ${expected}`);
    this.part = part;
    this.found = found;
    this.expected = expected;
  }
}

/** An option that nothing can be made with; each thing that has options derives a class of its own. */
export class OptionError extends VirtiolabError {
  readonly option: string;
  readonly value: unknown;

  constructor(option: string, value: unknown, wants: string) {
    super(`${option} ${value}: wants ${wants}`);
    this.option = option;
    this.value = value;
  }
}
