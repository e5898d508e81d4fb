import { type ProblemList, quoted } from './problems.ts';

/** `define` is a whole `#define`, `directive` any other line of the preprocessor. */
export type TokenKind = 'word' | 'number' | 'mark' | 'string' | 'define' | 'directive' | 'end';

/** A piece of C. `before` and `after` are the comments around it: `after` only those that follow on its line. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Place in the listing, and the line in the file on which it begins and ends. */
  readonly at: number;
  readonly line: number;
  before: string;
  after: string;
}

const WORD = /[A-Za-z_]\w*/y;
const NUMBER = /(?:0[xX][\da-fA-F]+|\d+)(?:[uUlL]{1,3})?(?![\w])|\d\w*/y;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y;
const SPACE = /[ \t\r\f\v]+/y;

/** The end of a line that goes on in the next. */
const GOES_ON = /\\[ \t]*\r?\n/y;

/** What ends a declaration, so that a comment behind it on its line belongs to it. */
const ENDS = new Set([';', ',']);

/** Comments behind each other. */
export const joined = (...texts: readonly string[]): string => texts.filter((text) => text !== '').join(' ');

/** A comment without its marks, in one line. */
export const commentText = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.replace(/^\s*\*+(?=\s|$)/, '').trim())
    .filter((line) => line !== '')
    .join(' ')
    .replace(/\s+/g, ' ');

/** Takes a listing apart. `first` is the line of the file on which it begins. */
export class Lexer {
  readonly tokens: Token[] = [];
  readonly #text: string;
  readonly #problems: ProblemList;
  #at = 0;
  #line: number;
  #pending = '';
  /** The next end of a comment, wherever it was last looked for; -1 where there is none. */
  #commentEnd = 0;

  constructor(text: string, first: number, problems: ProblemList) {
    this.#text = text;
    this.#line = first;
    this.#problems = problems;
    while (this.#at < text.length) this.#step();
    this.#push('end', '');
  }

  #push(kind: TokenKind, text: string): void {
    this.tokens.push({ kind, text, at: this.#at, line: this.#line, before: this.#pending, after: '' });
    this.#pending = '';
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0] ?? null;
  }

  #step(): void {
    const sign = this.#text[this.#at]!;
    if (sign === '\n') {
      this.#line++;
      this.#at++;
      return;
    }
    const space = this.#match(SPACE);
    if (space !== null) this.#at += space.length;
    else if (this.#text.startsWith('//', this.#at)) this.#lineComment();
    else if (this.#text.startsWith('/*', this.#at)) this.#blockComment();
    else if (sign === '#') this.#directive();
    else this.#token(sign);
  }

  #token(sign: string): void {
    for (const [kind, pattern] of [
      ['word', WORD],
      ['number', NUMBER],
      ['string', STRING],
    ] as const) {
      const text = this.#match(pattern);
      if (text === null) continue;
      this.#push(kind, text);
      this.#at += text.length;
      return;
    }
    const text = this.#text.startsWith('...', this.#at) ? '...' : sign;
    this.#push('mark', text);
    this.#at += text.length;
  }

  /** Puts a comment to what it belongs to: to what ends on its line, else to what follows. */
  #comment(text: string, line: number): void {
    const last = this.tokens.at(-1);
    const ends =
      last !== undefined && (last.kind === 'define' || last.kind === 'directive' || ENDS.has(last.text));
    if (ends && last.line === line && this.#pending === '')
      last.after = joined(last.after, commentText(text));
    else this.#pending = joined(this.#pending, commentText(text));
  }

  #lineComment(): void {
    const end = this.#text.indexOf('\n', this.#at);
    const to = end === -1 ? this.#text.length : end;
    this.#comment(this.#text.slice(this.#at + 2, to), this.#line);
    this.#at = to;
  }

  /** One that never ends, or that another begins in, was meant to end on its line: what follows is read. */
  #blockComment(): void {
    const from = this.#at + 2;
    if (this.#commentEnd !== -1 && this.#commentEnd < from) this.#commentEnd = this.#text.indexOf('*/', from);
    const end = this.#commentEnd;
    const line = this.#text.indexOf('\n', from);
    const lineEnd = line === -1 ? this.#text.length : line;
    const inner = this.#text.indexOf('/*', from);
    if (end !== -1 && (inner === -1 || inner > end)) {
      const body = this.#text.slice(from, end);
      this.#comment(body, this.#line);
      this.#line += body.split('\n').length - 1;
      this.#at = end + 2;
      return;
    }
    const text = this.#text.slice(from, lineEnd);
    this.#problems.add(
      'unclosed-comment',
      this.#line,
      `comment ${quoted(text)} does not end`,
      'wants */ behind it',
    );
    this.#comment(text, this.#line);
    this.#at = lineEnd;
  }

  /** A line of the preprocessor, with the lines on which it goes on, up to a comment. */
  #directive(): void {
    const start = this.#at;
    const line = this.#line;
    let at = start + 1;
    let lines = 0;
    for (; at < this.#text.length && this.#text[at] !== '\n'; at++) {
      if (this.#text.startsWith('/*', at) || this.#text.startsWith('//', at)) break;
      if (this.#text[at] !== '\\') continue;
      GOES_ON.lastIndex = at;
      const length = GOES_ON.exec(this.#text)?.[0].length ?? 0;
      if (length === 0) continue;
      lines++;
      at += length - 1;
    }
    const text = this.#text.slice(start, at).replace(/\\[ \t]*\r?\n/g, ' ');
    this.#push(/^#\s*define\b/.test(text) ? 'define' : 'directive', text);
    this.#at = at;
    this.#line = line + lines;
    // A comment behind it stands on the line on which it ends.
    if (lines > 0) this.tokens[this.tokens.length - 1] = { ...this.tokens.at(-1)!, line: this.#line };
  }
}
