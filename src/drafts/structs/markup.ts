import type { ProblemList } from './problems.ts';

/** Commands that stand for a mark. */
const MARKS: Readonly<Record<string, string>> = {
  ldots: '...',
  dots: '...',
  textellipsis: '...',
  textunderscore: '_',
  textbackslash: '\\',
  quad: ' ',
  qquad: ' ',
};

/** Signs that TeX wants a backslash before. */
const TEX_SIGNS = new Set(['_', '#', '&', '%', '$', '{', '}']);

/** Mathematics in a listing: a command between dollars; with `mathescape` anything. */
const MATH = /^\$([^$\n]*\\[A-Za-z][^$\n]*)\$/;
const ANY_MATH = /\$([^$\n]*)\$/g;

/** Signs of an escape, and commands within commands, as far as they are looked at. */
const MOST_ESCAPED = 400;
const MOST_COMMANDS = 8;

const CLOSERS: Readonly<Record<string, string>> = { '{': '}', '[': ']' };

/** The place of what closes the brace or bracket at `from`, or -1. TeX's own escapes count for nothing. */
export function closing(text: string, from: number, to: number): number {
  const [open, close] = [text[from]!, CLOSERS[text[from]!]!];
  for (let [at, depth] = [from, 0]; at < to; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === open) depth++;
    else if (text[at] === close && --depth === 0) return at;
  }
  return -1;
}

const escaped = (mark: string) => mark.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A listing without what TeX would make of it: escapes, `\field{name}`, `\_`, `$\ldots$`. Lines stay where they are. */
export function withoutMarkup(text: string, line: number, options: string, problems: ProblemList): string {
  const mark = /escapechar\s*=\s*\{?\\?([^\s,}\]])/.exec(options)?.[1];
  const pair =
    /escapeinside\s*=\s*\{(\S{1,4}?)\}\s*\{(\S{1,4}?)\}/.exec(options) ??
    /escapeinside\s*=\s*(\S)(\S)/.exec(options);
  const inside = (open: string, close: string) =>
    new RegExp(`${escaped(open)}([^\\n]{0,${MOST_ESCAPED}}?)${escaped(close)}`, 'g');
  let plain = text;
  if (mark !== undefined) plain = plain.replace(inside(mark, mark), '$1');
  if (pair !== null) plain = plain.replace(inside(pair[1]!, pair[2]!), '$1');
  if (/mathescape(?!\s*=\s*false)/.test(options)) plain = plain.replace(ANY_MATH, '$1');
  if (!/[\\$]/.test(plain)) return plain;
  return plain
    .split('\n')
    .map((each, i) => plainLine(each, line + i, problems))
    .join('\n');
}

/** A line that continues on the next ends with a backslash, as C has it: that one stays. */
function plainLine(text: string, line: number, problems: ProblemList, within = 0): string {
  if (within > MOST_COMMANDS) return text;
  let plain = '';
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (sign === '$') {
      const math = MATH.exec(text.slice(at, at + MOST_ESCAPED));
      if (math === null) plain += sign;
      else {
        plain += plainLine(math[1]!, line, problems, within + 1);
        at += math[0].length - 1;
      }
      continue;
    }
    if (sign !== '\\') {
      plain += sign;
      continue;
    }
    const command = /^[A-Za-z]+\*?/.exec(text.slice(at + 1, at + 40))?.[0];
    if (command === undefined) {
      const next = text[at + 1];
      // `\_`, `\#`, `\&`, `\%`, `\{` are the sign itself; before anything else the backslash is C's.
      if (next !== undefined && TEX_SIGNS.has(next)) {
        plain += next;
        at++;
      } else plain += sign;
      continue;
    }
    at += command.length;
    const argument = argumentAfter(text, at + 1);
    if (argument === null) plain += MARKS[command] ?? `\\${command}`;
    else if (argument.close === -1) {
      problems.add(
        'unclosed-command',
        line,
        `\\${command} opens a brace that does not close`,
        `wants \\${command}{name}`,
      );
      return plain + text.slice(argument.open + 1);
    } else {
      plain += plainLine(text.slice(argument.open + 1, argument.close), line, problems, within + 1);
      at = argument.close;
    }
  }
  return plain;
}

/** The last of the arguments behind a command; null where it has none. One that a field ends in was not closed. */
function argumentAfter(text: string, from: number): { open: number; close: number } | null {
  let found: { open: number; close: number } | null = null;
  for (let at = from; text[at] === '{' || text[at] === '['; ) {
    const close = closing(text, at, text.length);
    const closed = close !== -1 && !text.slice(at, close).includes(';');
    if (text[at] === '{') found = { open: at, close: closed ? close : -1 };
    if (!closed) break;
    at = close + 1;
  }
  return found;
}
