const FNV_PRIME = 0x01000193;

/** The prime to that power, in 32 bits. */
function powerOfPrime(exponent: number): number {
  let power = 1;
  for (let [factor, left] = [FNV_PRIME, exponent]; left > 0; left >>>= 1) {
    if (left % 2 === 1) power = Math.imul(power, factor);
    factor = Math.imul(factor, factor);
  }
  return power;
}

/**
 * What is built into configuration space: for each byte its value after power-on, the bits that a write changes, and those
 * that writing 1 clears. Functions that were built alike share one: none of them changes it.
 */
export class ConfigTemplate {
  readonly initial: Uint8Array;
  readonly writable: Uint8Array;
  readonly clearable: Uint8Array;
  /** Somebody else has it too. */
  shared = false;
  /** Bytes from here on are all zero, in value and in masks. */
  end = 0;

  /** All zero, or a copy. `length` in bytes. */
  constructor(length: number, of: ConfigTemplate | null = null) {
    const bytes = new Uint8Array(3 * length);
    this.initial = bytes.subarray(0, length);
    this.writable = bytes.subarray(length, 2 * length);
    this.clearable = bytes.subarray(2 * length);
    if (of === null) return;
    this.initial.set(of.initial);
    this.writable.set(of.writable);
    this.clearable.set(of.clearable);
    this.end = of.end;
  }

  clear(): void {
    for (const bytes of [this.initial, this.writable, this.clearable]) bytes.fill(0, 0, this.end);
    this.end = 0;
  }

  /** Takes other bytes as those after power-on. */
  take(bytes: Uint8Array): void {
    this.initial.set(bytes);
    let end = bytes.length;
    while (end > this.end && bytes[end - 1] === 0) end--;
    this.end = end;
  }

  /** A byte is wired to a value. */
  wire(at: number, value: number): void {
    this.initial[at] = value;
    this.end = Math.max(this.end, at + 1);
  }

  mask(at: number, writable: number, clearable: number): void {
    this.writable[at] = writable;
    this.clearable[at] = clearable;
    this.end = Math.max(this.end, at + 1);
  }

  /** These are the bytes after power-on. */
  isAs(bytes: Uint8Array): boolean {
    const { initial } = this;
    for (let at = 0; at < initial.length; at++) if (bytes[at] !== initial[at]) return false;
    return true;
  }

  /** A number that stands for all of it, but for the bytes in `except`. */
  fingerprint(except: readonly number[]): number {
    let sum = 0x811c9dc5;
    for (let at = 0; at < this.end; at++) {
      const counts = !except.includes(at);
      // FNV-1a, 32 bits.
      sum = Math.imul(sum ^ (counts ? this.initial[at]! : 0), FNV_PRIME);
      sum = Math.imul(sum ^ (counts ? this.writable[at]! : 0), FNV_PRIME);
      sum = Math.imul(sum ^ (counts ? this.clearable[at]! : 0), FNV_PRIME);
    }
    // Each zero byte is one more factor.
    return Math.imul(sum, powerOfPrime(3 * (this.initial.length - this.end))) >>> 0;
  }

  equals(other: ConfigTemplate): boolean {
    if (this.initial.length !== other.initial.length) return false;
    for (let at = 0; at < Math.max(this.end, other.end); at++)
      if (
        this.initial[at] !== other.initial[at] ||
        this.writable[at] !== other.writable[at] ||
        this.clearable[at] !== other.clearable[at]
      )
        return false;
    return true;
  }
}

/** So many are remembered, the latest: a function that is unlike all of them has one of its own. */
const MOST = 64;
const EVERYTHING: readonly number[] = [];
const known = new Map<number, ConfigTemplate>();

/** One that nobody has any more, all zero again: of thousands of functions each builds one, only to find that there is one like it. */
let spare: ConfigTemplate | null = null;

/** A template to be built. */
export function freshTemplate(length: number): ConfigTemplate {
  const found = spare;
  if (found?.initial.length !== length) return new ConfigTemplate(length);
  spare = null;
  return found;
}

/** Takes a template back that its only owner has given up. */
function giveBack(template: ConfigTemplate): void {
  template.clear();
  spare = template;
}

/** The template that stands for all that are like this one, which is nobody's from then on if it is another. */
export function shareTemplate(template: ConfigTemplate): ConfigTemplate {
  if (template.shared) return template;
  const key = template.fingerprint(EVERYTHING);
  const found = known.get(key);
  if (found?.equals(template) === true) {
    giveBack(template);
    return found;
  }
  template.shared = true;
  known.set(key, template);
  if (known.size > MOST) known.delete(known.keys().next().value!);
  return template;
}
