import { VirtiolabError } from '../core/index.ts';

/** A formula that cannot be read. */
export class FormulaError extends VirtiolabError {
  readonly formula: string;

  constructor(formula: string, why: string) {
    super(`formula ${JSON.stringify(formula.slice(0, 60))}: ${why}`);
    this.formula = formula;
  }
}

/** A formula of one variable. */
export type Formula = (value: number) => number;

const functions: Readonly<Record<string, (...values: number[]) => number>> = {
  DIV_ROUND_UP: (a, b) => Math.ceil(a! / b!),
  ALIGN: (a, b) => Math.ceil(a! / b!) * b!,
  MAX: (a, b) => Math.max(a!, b!),
  MIN: (a, b) => Math.min(a!, b!),
};
const FUNCTION_PLACES = 2;

const operators: Readonly<Record<string, readonly [rank: number, (a: number, b: number) => number]>> = {
  '+': [1, (a, b) => a + b],
  '-': [1, (a, b) => a - b],
  '*': [2, (a, b) => a * b],
  // Division of whole numbers, as C has it.
  '/': [2, (a, b) => Math.trunc(a / b)],
  '%': [2, (a, b) => a % b],
};

const TOKEN = /\s*(0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|[-+*/%(),])/y;
const MOST_TOKENS = 256;

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.trimEnd().length; at = TOKEN.lastIndex) {
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined)
      throw new FormulaError(text, `cannot read ${JSON.stringify(text.slice(at, at + 10))}`);
    if (tokens.push(token) > MOST_TOKENS) throw new FormulaError(text, `more than ${MOST_TOKENS} parts`);
  }
  return tokens;
}

/**
 * Reads a formula: whole numbers, one variable, + - * / %, brackets, and DIV_ROUND_UP, ALIGN, MAX, MIN of two values.
 * @throws FormulaError
 */
export function formula(text: string, variable: string): Formula {
  const tokens = tokensOf(text);
  let at = 0;
  const wrong = (wants: string) =>
    new FormulaError(
      text,
      `${tokens[at] === undefined ? 'it ends' : `found ${tokens[at]}`} where it wants ${wants}`,
    );
  const take = (token: string) => {
    if (tokens[at] !== token) throw wrong(token);
    at++;
  };

  function atom(): Formula {
    const token = tokens[at++] ?? '';
    if (token === '(') {
      const inner = sum(1);
      take(')');
      return inner;
    }
    if (/^\d/.test(token)) return () => Number(token);
    if (token === variable) return (value) => value;
    const call = Object.hasOwn(functions, token) ? functions[token]! : null;
    if (call === null) {
      at--;
      throw wrong(`a number, ${variable} or a function of ${Object.keys(functions).join(', ')}`);
    }
    take('(');
    const values: Formula[] = [];
    for (let i = 0; i < FUNCTION_PLACES; i++) {
      if (i > 0) take(',');
      values.push(sum(1));
    }
    take(')');
    return (value) => call(...values.map((each) => each(value)));
  }

  function sum(rank: number): Formula {
    let left = rank === 3 ? atom() : sum(rank + 1);
    for (let found = operators[tokens[at] ?? '']; found?.[0] === rank; found = operators[tokens[at] ?? '']) {
      at++;
      const [, apply] = found;
      const [a, b] = [left, rank === 2 ? atom() : sum(rank + 1)];
      left = (value) => apply(a(value), b(value));
    }
    return left;
  }

  const whole = sum(1);
  if (at < tokens.length) throw wrong('the end');
  return whole;
}
