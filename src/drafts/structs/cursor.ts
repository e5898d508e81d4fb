import { commentText, joined, Lexer, type Token, type TokenKind } from './lexer.ts';
import type { Listing } from './listings.ts';
import type { Count, FieldType } from './model.ts';
import { type ProblemList, quoted } from './problems.ts';

/** What compilers take beside a declaration, and what is nothing to a layout. */
const ATTRIBUTES = new Set(['__attribute__', '__packed', '__aligned', 'alignas', '_Alignas']);
/** Tokens that they are looked for in. */
const MOST_ATTRIBUTES = 40;
const QUALIFIERS = new Set(['const', 'volatile', 'static', 'extern', 'register', '__extension__']);

/** A place in a listing's tokens, with what both the structures and the names in it are read by. */
export class Cursor {
  readonly problems: ProblemList;
  /** Comments around what was taken since this was last emptied. */
  noted = '';
  /** Types by the names that `typedef` gave them. */
  readonly aliases: Map<string, FieldType>;
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(listing: Listing, problems: ProblemList, aliases: Map<string, FieldType>) {
    this.problems = problems;
    this.aliases = aliases;
    this.#text = listing.text;
    this.#tokens = new Lexer(listing.text, listing.line, problems).tokens;
  }

  /** The token that is next, or one after it; behind the last stands `end`. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#index + ahead, this.#tokens.length - 1)]!;
  }

  /** The token before the next one. */
  last(): Token {
    return this.#tokens[Math.max(0, this.#index - 1)]!;
  }

  is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.text === text && token.kind !== 'string';
  }

  isKind(kind: TokenKind, ahead = 0): boolean {
    return this.peek(ahead).kind === kind;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#index++;
    this.noted = joined(this.noted, token.before, token.after);
    return token;
  }

  /** Takes a token whose comments are not those of what is being read. */
  skip(): Token {
    const { noted } = this;
    const token = this.take();
    this.noted = noted;
    return token;
  }

  /** Whether the next token begins a line. */
  onNextLine(): boolean {
    return this.isKind('end') || this.peek().line > this.last().line;
  }

  /** Tokens from the next one on that are attributes, each with its parentheses. */
  attributesAt(ahead: number): number {
    let length = 0;
    while (length < MOST_ATTRIBUTES && ATTRIBUTES.has(this.peek(ahead + length).text)) {
      length++;
      if (!this.is('(', ahead + length)) continue;
      let depth = 0;
      do {
        if (this.is('(', ahead + length)) depth++;
        if (this.is(')', ahead + length)) depth--;
        length++;
      } while (depth > 0 && length < MOST_ATTRIBUTES && !this.isKind('end', ahead + length));
    }
    return length;
  }

  skipAttributes(): void {
    for (let length = this.attributesAt(0); length > 0; length--) this.take();
  }

  skipQualifiers(): void {
    while (QUALIFIERS.has(this.peek().text)) this.take();
  }

  /** Whether a structure with a body begins so many tokens ahead: `struct`, perhaps a tag, `{`. */
  opensGroup(ahead = 0): boolean {
    if (!this.is('struct', ahead) && !this.is('union', ahead)) return false;
    let at = ahead + 1;
    at += this.attributesAt(at);
    if (this.isKind('word', at)) at++;
    at += this.attributesAt(at);
    return this.is('{', at);
  }

  /** Takes all up to the brace or parenthesis that closes the next token's. False where none does. */
  takeBalanced(open: string, close: string): boolean {
    let depth = 0;
    do {
      if (this.isKind('end')) return false;
      if (this.is(open)) depth++;
      if (this.is(close)) depth--;
      this.skip();
    } while (depth > 0);
    return true;
  }

  /** A name; one with hyphens is read with underscores. */
  takeName(): string {
    const { text, at, line } = this.take();
    const words = [text];
    let end = at + text.length;
    while (this.is('-') && this.peek().at === end && this.isKind('word', 1) && this.peek(1).at === end + 1) {
      this.skip();
      words.push(this.peek().text);
      end += 1 + this.take().text.length;
    }
    const name = words.join('_');
    if (words.length > 1)
      this.problems.add('hyphen-in-name', line, `${words.join('-')} is no name`, `read as ${name}`);
    return name;
  }

  /** Goes on behind the semicolon, or before the brace, that ends what could not be read. */
  recover(): void {
    while (!this.isKind('end') && !this.is('}') && !this.isKind('define')) {
      if (this.is('{')) this.takeBalanced('{', '}');
      else if (this.skip().text === ';') return;
    }
  }

  /** What stands in the text from a token to before the next one, comments without their marks. */
  textFrom(token: Token): string {
    const raw = this.#text.slice(token.at, this.peek().at);
    return commentText(raw.replace(/\/\*|\*\/|\/\//g, ' ')).trim();
  }

  /** A remark in parentheses, without them. */
  takeRemark(): string {
    const from = this.peek();
    this.takeBalanced('(', ')');
    return this.textFrom(from).replace(/^\(\s*|\s*\)$/g, '');
  }

  /** The text up to one of some marks, which is left. */
  takeUntil(stops: readonly string[]): string {
    const from = this.peek();
    let depth = 0;
    while (!this.isKind('end') && (depth > 0 || !stops.some((stop) => this.is(stop)))) {
      if (this.is('(')) depth++;
      if (this.is(')')) depth--;
      if (this.is(';') || this.is('}')) break;
      this.skip();
    }
    return this.textFrom(from);
  }

  /** The lengths behind a name; null where a bracket does not close. */
  takeCounts(): Count[] | null {
    const counts: Count[] = [];
    while (this.is('[')) {
      const open = this.skip();
      const from = this.peek();
      while (!this.is(']')) {
        if (this.isKind('end') || this.is(';') || this.is('}') || this.is('{')) {
          this.problems.add(
            'unclosed-bracket',
            open.line,
            `[ does not close before ${quoted(this.peek().text)}`,
            'wants ] behind the length',
          );
          return null;
        }
        this.skip();
      }
      const text =
        from === this.peek()
          ? this.peek().before
          : this.textFrom(from.before === '' ? from : { ...from, at: open.at + 1 });
      this.skip();
      counts.push(countOf(text.replace(/^<\s*|\s*>$/g, '')));
    }
    return counts;
  }
}

const PLAIN_NUMBER = /^(?:0[xX][\da-fA-F]+|[1-9]\d*|0)[uUlL]{0,3}$/;

/** A length in brackets before names are known: a plain number is its own, everything else is worked out later. */
function countOf(text: string): Count {
  if (!PLAIN_NUMBER.test(text)) return { length: null, text };
  return { length: Number(text.replace(/[uUlL]+$/, '')), text: '' };
}
