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
  }

  /** A number that stands for all of it, but for the bytes in `except`. */
  fingerprint(except: readonly number[]): number {
    let sum = 0x811c9dc5;
    for (let at = 0; at < this.initial.length; at++) {
      const counts = !except.includes(at);
      // FNV-1a, 32 bits.
      sum = Math.imul(sum ^ (counts ? this.initial[at]! : 0), 0x01000193);
      sum = Math.imul(sum ^ (counts ? this.writable[at]! : 0), 0x01000193);
      sum = Math.imul(sum ^ (counts ? this.clearable[at]! : 0), 0x01000193);
    }
    return sum >>> 0;
  }

  equals(other: ConfigTemplate): boolean {
    if (this.initial.length !== other.initial.length) return false;
    for (let at = 0; at < this.initial.length; at++)
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

/** The template that stands for all that are like this one. */
export function shareTemplate(template: ConfigTemplate): ConfigTemplate {
  if (template.shared) return template;
  const key = template.fingerprint(EVERYTHING);
  const found = known.get(key);
  if (found?.equals(template) === true) return found;
  template.shared = true;
  known.set(key, template);
  if (known.size > MOST) known.delete(known.keys().next().value!);
  return template;
}
