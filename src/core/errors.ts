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

/**
 * A saved state that does not fit the instance it is loaded into. `part` is the place in the state, from what was loaded
 * on: `machine.functions[1].state.parts.device.queues[0].split.size`.
 */
export class StateMismatchError extends VirtiolabError {
  readonly part: string;
  readonly found: unknown;
  readonly expected: string;

  constructor(part: string, found: unknown, expected: string) {
    super(`saved state of ${part}: found ${brief(found)}, expected ${expected}`);
    this.part = part;
    this.found = found;
    this.expected = expected;
  }
}

/** One line, however much there is. */
function brief(found: unknown): string {
  if (found instanceof Uint8Array) return `${found.length} bytes`;
  if (typeof found === 'number') return `${found}`;
  const text = written(found);
  return text.length <= 100 ? text : `${text.slice(0, 97)}...`;
}

/** What is no plain data, as one BigInt or a cycle, has no JSON: it is refused like anything else. */
function written(found: unknown): string {
  try {
    return JSON.stringify(found) ?? String(found);
  } catch {
    return typeof found === 'object' ? 'an object that is no plain data' : String(found);
  }
}

/** A saved state of a version that is newer than what this package knows, or that nothing upgrades. */
export class StateVersionError extends StateMismatchError {
  readonly version: number;
  readonly newest: number;

  constructor(part: string, version: number, newest: number) {
    const known =
      version > newest ? `version ${newest} or older` : `a version that can be upgraded to ${newest}`;
    super(part, version, known);
    this.version = version;
    this.newest = newest;
  }
}

/** Text or bytes that are no whole saved state: torn, or something else. */
export class StateEncodingError extends VirtiolabError {
  readonly reason: string;

  constructor(reason: string) {
    super(`encoded state: ${reason}`);
    this.reason = reason;
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
