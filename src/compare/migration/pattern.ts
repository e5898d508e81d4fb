import { ContradictingRangeError, EmptyRangeError, TornAttributesError } from './errors.ts';

/*
 * A value, or many: text in which `{NAME:int:1,2,4-8}` or `{NAME:string:a,b}` stands for any of those, and `{NAME}`, `{NAME}/2` or
 * `{NAME}*2` for what was found there, also in another attribute. A variable takes digits or letters as far as they go, and
 * what follows it begins with neither, so that a text fits in one way or not at all.
 */

/** First and last of some numbers in a row; both belong to it. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'int'; readonly name: string; readonly spans: readonly Span[] }
  | { readonly kind: 'string'; readonly name: string; readonly words: readonly string[] }
  | { readonly kind: 'of'; readonly name: string; readonly by: '*' | '/'; readonly factor: number };

/** A value of an attribute, as pieces of its text. */
export type Pattern = readonly Piece[];

/** What variables stand for. */
export type Bindings = ReadonlyMap<string, string>;

const NAME = /^[a-z_][a-z0-9_]{0,31}$/i;
const NUMBER = /^(?:0|[1-9]\d{0,15})$/;
const WORD = /^[A-Za-z0-9]+$/;
const MOST_CHOICES = 1024;

const numberOf = (text: string): number | null => {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
};

function spanOf(where: string, text: string): Span {
  const [from = '', to = from, more] = text.split('-');
  const [first, last] = [numberOf(from), numberOf(to)];
  if (first === null || last === null || more !== undefined)
    throw new ContradictingRangeError(where, text, 'a whole number, or two with - between them');
  if (last < first) throw new EmptyRangeError(where, text, 'the smaller number first');
  return { first, last };
}

function rangeOf(where: string, name: string, kind: string, list: string): Piece {
  const items = list.split(',');
  if (list.trim() === '' || items.includes(''))
    throw new EmptyRangeError(where, list, 'values between commas');
  if (items.length > MOST_CHOICES)
    throw new ContradictingRangeError(where, list, `at most ${MOST_CHOICES} values`);
  if (kind === 'int') {
    const spans = items.map((item) => spanOf(where, item)).sort((a, b) => a.first - b.first);
    for (const [i, { first }] of spans.entries())
      if (i > 0 && first <= spans[i - 1]!.last)
        throw new ContradictingRangeError(where, list, 'each number once');
    return { kind, name, spans };
  }
  if (kind !== 'string') throw new ContradictingRangeError(where, kind, 'int or string');
  for (const item of items)
    if (!WORD.test(item)) throw new ContradictingRangeError(where, item, 'letters and digits');
  if (new Set(items).size !== items.length) throw new ContradictingRangeError(where, list, 'each word once');
  return { kind, name, words: items };
}

function variableOf(where: string, body: string, after: string): { piece: Piece; used: number } {
  const [name = '', kind, list, more] = body.split(':');
  if (!NAME.test(name))
    throw new ContradictingRangeError(where, body, 'a name of letters, digits and _, 32 at most');
  if (kind !== undefined) {
    if (list === undefined || more !== undefined)
      throw new ContradictingRangeError(where, body, 'NAME:int:VALUES or NAME:string:VALUES');
    return { piece: rangeOf(where, name, kind, list), used: 0 };
  }
  const [arithmetic = '', by, digits = ''] = /^([*/])(\d+)/.exec(after) ?? [];
  if (by === undefined) return { piece: { kind: 'of', name, by: '*', factor: 1 }, used: 0 };
  const factor = numberOf(digits);
  if (factor === null || factor === 0)
    throw new ContradictingRangeError(where, arithmetic, 'a whole number from 1 on');
  const operator = factor === 1 ? '*' : (by as '*' | '/');
  return { piece: { kind: 'of', name, by: operator, factor }, used: arithmetic.length };
}

/**
 * @param where names the value, for errors.
 * @throws TornAttributesError, EmptyRangeError, ContradictingRangeError
 */
export function parsePattern(where: string, text: string): Pattern {
  const pieces: Piece[] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] === '}') throw new TornAttributesError(where, text, 'a { before each }');
    if (text[at] !== '{') {
      const stop = /[{}]/.exec(text.slice(at));
      const end = stop === null ? text.length : at + stop.index;
      pieces.push({ kind: 'text', text: text.slice(at, end) });
      at = end;
      continue;
    }
    const end = text.indexOf('}', at);
    if (end < 0 || text.slice(at + 1, end).includes('{'))
      throw new TornAttributesError(where, text, 'a } after each {');
    const { piece, used } = variableOf(where, text.slice(at + 1, end), text.slice(end + 1));
    pieces.push(piece);
    at = end + 1 + used;
  }
  checkEnds(where, text, pieces);
  return pieces;
}

/** A variable takes all letters and digits that it finds: what follows has to begin otherwise. */
function checkEnds(where: string, text: string, pieces: Pattern): void {
  for (const [i, piece] of pieces.entries()) {
    const next = pieces[i + 1];
    if (piece.kind === 'text' || next === undefined) continue;
    const open = piece.kind === 'int' ? /^\d/ : /^[A-Za-z0-9]/;
    if (next.kind !== 'text' || open.test(next.text))
      throw new ContradictingRangeError(
        where,
        text,
        'something between a variable and what would belong to it',
      );
  }
}

const factorText = ({ by, factor }: { by: '*' | '/'; factor: number }) =>
  factor === 1 ? '' : `${by}${factor}`;

/** The text that {@link parsePattern} reads. */
export const formatPattern = (pattern: Pattern): string =>
  pattern
    .map((piece) => {
      if (piece.kind === 'text') return piece.text;
      if (piece.kind === 'of') return `{${piece.name}}${factorText(piece)}`;
      const values =
        piece.kind === 'string'
          ? piece.words
          : piece.spans.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
      return `{${piece.name}:${piece.kind}:${values.join(',')}}`;
    })
    .join('');

/** The value itself, where it is but one; else null. */
export function literalOf(pattern: Pattern): string | null {
  if (pattern.length === 0) return '';
  const piece = pattern[0]!;
  return pattern.length === 1 && piece.kind === 'text' ? piece.text : null;
}

/** What a piece that depends on a variable comes to; null where that is no whole number. */
function dependent(piece: Extract<Piece, { kind: 'of' }>, bindings: Bindings): string | null {
  const value = bindings.get(piece.name);
  if (value === undefined) return null;
  if (piece.factor === 1) return value;
  const number = numberOf(value);
  if (number === null) return null;
  const result = piece.by === '*' ? number * piece.factor : number / piece.factor;
  return Number.isSafeInteger(result) ? `${result}` : null;
}

function taken(piece: Piece, rest: string): string | null {
  if (piece.kind === 'int') {
    const digits = /^\d+/.exec(rest)?.[0] ?? '';
    const value = numberOf(digits);
    return value !== null && piece.spans.some(({ first, last }) => value >= first && value <= last)
      ? digits
      : null;
  }
  const word = /^[A-Za-z0-9]+/.exec(rest)?.[0] ?? '';
  return piece.kind === 'string' && piece.words.includes(word) ? word : null;
}

/**
 * Whether a text is one of the values.
 * @param bindings of variables that are defined elsewhere; those of this pattern are added.
 */
export function fits(pattern: Pattern, text: string, bindings: Map<string, string>): boolean {
  let at = 0;
  for (const piece of pattern) {
    const rest = text.slice(at);
    const wanted =
      piece.kind === 'text'
        ? piece.text
        : piece.kind === 'of'
          ? dependent(piece, bindings)
          : taken(piece, rest);
    if (wanted === null || !rest.startsWith(wanted)) return false;
    if (piece.kind === 'int' || piece.kind === 'string') bindings.set(piece.name, wanted);
    at += wanted.length;
  }
  return at === text.length;
}
