import { QemuOptionError } from './errors.ts';

/** A comma that two of them stand for, inside a value. */
const PIECES = /(?:[^,]|,,)+/g;

const SWITCHES: Readonly<Record<string, boolean>> = {
  on: true,
  yes: true,
  true: true,
  off: false,
  no: false,
  false: false,
};

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Bytes, with a unit of a letter behind the number; `unit` is that of a number alone. Null for what is none. */
export function bytesOf(text: string, unit = ''): number | null {
  const [, number, letter = ''] = /^(\d+)([BKMGT]?)B?$/i.exec(text) ?? [];
  if (number === undefined) return null;
  const bytes = Number(number) * UNITS[letter === '' ? unit : letter.toUpperCase()]!;
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/**
 * What stands behind an option of QEMU's: `virtio-blk-pci,drive=d0,addr=4`. Whoever makes something of it takes what it knows,
 * and what nobody took is said to be wrong.
 */
export class Properties {
  /** As errors name it: `-device virtio-blk-pci`. */
  readonly owner: string;
  readonly #values: Map<string, string>;
  readonly #known = new Set<string>();

  constructor(owner: string, values: Iterable<readonly [string, string]>) {
    this.owner = owner;
    this.#values = new Map(values);
  }

  /** @param first the name of a value that stands alone at the beginning. @throws QemuOptionError */
  static parse(option: string, text: string, first: string): Properties {
    const values: [string, string][] = [];
    for (const [i, piece] of (text.match(PIECES) ?? []).entries()) {
      const plain = piece.replaceAll(',,', ',');
      const at = plain.indexOf('=');
      if (at > 0) values.push([plain.slice(0, at), plain.slice(at + 1)]);
      else if (i === 0) values.push([first, plain]);
      // `server`, `nowait`: the short form of a switch.
      else if (plain.startsWith('no')) values.push([plain.slice(2), 'off']);
      else values.push([plain, 'on']);
    }
    const name = values.find(([key]) => key === first)?.[1];
    return new Properties(name === undefined ? option : `${option} ${name}`, values);
  }

  wrong(name: string, wants: string): never {
    throw new QemuOptionError(this.owner, `${name}=${this.#values.get(name)}: wants ${wants}`);
  }

  maybe(name: string): string | undefined {
    this.#known.add(name);
    return this.#values.get(name);
  }

  text(name: string): string {
    const text = this.maybe(name);
    if (text === undefined || text === '') throw new QemuOptionError(this.owner, `wants ${name}=`);
    return text;
  }

  flag(name: string, otherwise: boolean): boolean {
    const text = this.maybe(name);
    if (text === undefined) return otherwise;
    return SWITCHES[text] ?? this.wrong(name, 'on or off');
  }

  number(name: string, otherwise: number, least = 0, most = 0xffffffff): number {
    const text = this.maybe(name);
    if (text === undefined) return otherwise;
    const number = /^(?:\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN;
    return number >= least && number <= most
      ? number
      : this.wrong(name, `a whole number of ${least}..${most}`);
  }

  bytes(name: string, otherwise: number, unit = ''): number {
    const text = this.maybe(name);
    if (text === undefined) return otherwise;
    return bytesOf(text, unit) ?? this.wrong(name, 'bytes, as 512, 4K or 1G');
  }

  /** Properties that are taken and make no difference here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** All that nobody has asked for is wrong. @throws QemuOptionError */
  finish(): void {
    for (const name of this.#values.keys())
      if (!this.#known.has(name))
        throw new QemuOptionError(
          this.owner,
          `no property '${name}' here; there are ${[...this.#known].sort().join(', ')}`,
        );
  }
}
