/** Lengths and values as C writes them: `96`, `1 << 3`, `4 * sizeof(le32)`. */

/** What a name stands for in an expression; null where it is not known. */
export interface Names {
  constant(name: string): number | null;
  /** Bytes of a type: `le32`, `struct virtio_pci_cap`. */
  sizeOf(type: string): number | null;
}

const TOKEN = /\s*(?:(0[xX][\da-fA-F]+|\d+)[uUlL]{0,3}(?!\w)|([A-Za-z_]\w*)|(<<|>>|[-+*/%&|^~()]))/y;

/** Operators of two sides by how strongly they bind. Shifts are products, so that they do not end at 32 bits. */
const OPERATORS: Readonly<Record<string, readonly [level: number, apply: (a: number, b: number) => number]>> =
  {
    '|': [0, (a, b) => bitwise(a, b, a | b)],
    '^': [1, (a, b) => bitwise(a, b, a ^ b)],
    '&': [2, (a, b) => bitwise(a, b, a & b)],
    '<<': [3, (a, b) => a * 2 ** b],
    '>>': [3, (a, b) => Math.floor(a / 2 ** b)],
    '+': [4, (a, b) => a + b],
    '-': [4, (a, b) => a - b],
    '*': [5, (a, b) => a * b],
    '/': [5, (a, b) => Math.trunc(a / b)],
    '%': [5, (a, b) => a % b],
  };

const SIZEOF = /^\s*\(\s*((?:(?:struct|union)\s+)?[A-Za-z_]\w*)\s*\)/;

/** Bits are worked out for numbers of 32 bits. */
const bitwise = (a: number, b: number, value: number) =>
  Math.min(a, b) < 0 || Math.max(a, b) > 0xffffffff ? Number.NaN : value >>> 0;

const MOST_DEPTH = 200;

class Evaluation {
  readonly #text: string;
  readonly #names: Names;
  #at = 0;
  #depth = 0;

  constructor(text: string, names: Names) {
    this.#text = text;
    this.#names = names;
  }

  value(): number {
    const value = this.#binary(0);
    return this.#text.slice(this.#at).trim() === '' ? value : Number.NaN;
  }

  #peek(): RegExpExecArray | null {
    TOKEN.lastIndex = this.#at;
    return TOKEN.exec(this.#text);
  }

  #binary(level: number): number {
    let left = this.#unary();
    for (let token = this.#peek(); token !== null; token = this.#peek()) {
      const operator = OPERATORS[token[3] ?? ''];
      if (operator === undefined || operator[0] < level) return left;
      this.#at += token[0].length;
      left = operator[1](left, this.#binary(operator[0] + 1));
    }
    return left;
  }

  #unary(): number {
    const token = this.#peek();
    if (token === null || ++this.#depth > MOST_DEPTH) return Number.NaN;
    this.#at += token[0].length;
    const [, number, name, mark] = token;
    if (number !== undefined) return /^0\d/.test(number) ? Number.parseInt(number, 8) : Number(number);
    if (name === 'sizeof') return this.#size();
    if (name !== undefined) return this.#names.constant(name) ?? Number.NaN;
    if (mark === '-') return -this.#unary();
    if (mark === '~') return bitwise(0, 0, ~this.#unary());
    if (mark !== '(') return Number.NaN;
    const value = this.#binary(0);
    if (this.#peek()?.[3] !== ')') return Number.NaN;
    this.#at += this.#peek()![0].length;
    return value;
  }

  #size(): number {
    const type = SIZEOF.exec(this.#text.slice(this.#at));
    if (type === null) return Number.NaN;
    this.#at += type[0].length;
    return this.#names.sizeOf(type[1]!.replace(/\s+/g, ' ')) ?? Number.NaN;
  }
}

/** The value of an expression; null where it has none that is known, or is no expression. */
export function evaluate(text: string, names: Names): number | null {
  const value = new Evaluation(text, names).value();
  return Number.isSafeInteger(value) ? value : null;
}
