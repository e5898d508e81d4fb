import type { ProblemList } from './problems.ts';

/** A piece of C in a text, with the line of the file on which it begins. */
export interface Listing {
  readonly text: string;
  readonly line: number;
}

const LISTINGS = ['lstlisting', 'verbatim', 'Verbatim', 'minted', 'alltt'] as const;
const BEGIN = new RegExp(`\\\\begin\\{(${LISTINGS.join('|')})\\*?\\}`, 'g');

/** Languages of a listing that are read. */
const C_LANGUAGES = new Set(['c', 'c++', 'ansi', 'cpp', 'h']);

/** Commands whose last argument is shown, and those that stand for a mark. */
/** Mathematics in a listing: a command between dollars. */
const MATH = /^\$([^$\n]*\\[A-Za-z][^$\n]*)\$/;

/** Signs that TeX wants a backslash before. */
const TEX_SIGNS = new Set(['_', '#', '&', '%', '$', '{', '}']);
const MARKS: Readonly<Record<string, string>> = {
  ldots: '...',
  dots: '...',
  textellipsis: '...',
  textunderscore: '_',
  textbackslash: '\\',
  quad: ' ',
  qquad: ' ',
};

/** Signs of a line that are looked at before a listing, in an escape, and commands within commands. */
const MOST_INDENT = 400;
const MOST_ESCAPED = 400;
const MOST_COMMANDS = 8;

/** Whether what stands at a place is behind a comment sign of TeX. */
function commentedOut(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - MOST_INDENT), at);
  return /(?:^|[^\\])%[^\n]*$/.test(before.slice(before.lastIndexOf('\n') + 1));
}

/** Lines of places that ascend, from 1. */
function lineCounter(text: string): (at: number) => number {
  let [line, next] = [1, text.indexOf('\n')];
  return (at) => {
    for (; next !== -1 && next < at; next = text.indexOf('\n', next + 1)) line++;
    return line;
  };
}

/** The listings of a TeX text. One that never ends is named, and goes to where the next begins or the text ends. */
export function listingsOf(text: string, problems: ProblemList): Listing[] {
  const found: Listing[] = [];
  const lineAt = lineCounter(text);
  const ends = new Map<string, number>();
  const endAfter = (name: string, from: number) => {
    let end = ends.get(name) ?? 0;
    if (end !== -1 && end < from) ends.set(name, (end = text.indexOf(`\\end{${name}`, from)));
    return end;
  };
  BEGIN.lastIndex = 0;
  for (let begin = BEGIN.exec(text); begin !== null; begin = BEGIN.exec(text)) {
    if (commentedOut(text, begin.index)) continue;
    const name = begin[1]!;
    const from = BEGIN.lastIndex;
    const end = endAfter(name, from);
    BEGIN.lastIndex = from;
    const next = BEGIN.exec(text)?.index ?? text.length;
    const to = end === -1 || end > next ? next : end;
    if (to !== end)
      problems.add(
        'unclosed-listing',
        lineAt(begin.index),
        `\\begin{${name}} has no end`,
        `wants \\end{${name}}`,
      );
    BEGIN.lastIndex = to;
    const { options, after } = optionsAt(text, from, to, name === 'minted');
    const language = /language\s*=\s*\{?\s*(?:\[[^\]]*\])?\s*([\w+]+)/.exec(options)?.[1] ?? 'c';
    if (!C_LANGUAGES.has(language.toLowerCase())) continue;
    found.push({
      text: withoutMarkup(text.slice(after, to), lineAt(after), options, problems),
      line: lineAt(after),
    });
  }
  return found;
}

/** Options of a listing, in brackets behind its beginning; minted has its language in braces. */
function optionsAt(
  text: string,
  from: number,
  to: number,
  minted: boolean,
): { options: string; after: number } {
  let [after, options] = [from, ''];
  if (text[after] === '[') {
    const close = closing(text, after, to);
    if (close !== -1) [options, after] = [text.slice(after + 1, close), close + 1];
  }
  if (minted && text[after] === '{') {
    const close = closing(text, after, to);
    if (close !== -1) [options, after] = [`${options} language=${text.slice(after + 1, close)}`, close + 1];
  }
  return { options, after };
}

const CLOSERS: Readonly<Record<string, string>> = { '{': '}', '[': ']' };

/** The place of what closes the brace or bracket at `from`, or -1. TeX's own escapes count for nothing. */
function closing(text: string, from: number, to: number): number {
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
function withoutMarkup(text: string, line: number, options: string, problems: ProblemList): string {
  const mark = /escapechar\s*=\s*\{?\\?([^\s,}\]])/.exec(options)?.[1];
  const pair =
    /escapeinside\s*=\s*\{(\S{1,4}?)\}\s*\{(\S{1,4}?)\}/.exec(options) ??
    /escapeinside\s*=\s*(\S)(\S)/.exec(options);
  const inside = (open: string, close: string) =>
    new RegExp(`${escaped(open)}([^\\n]{0,${MOST_ESCAPED}}?)${escaped(close)}`, 'g');
  let plain = text;
  if (mark !== undefined) plain = plain.replace(inside(mark, mark), '$1');
  if (pair !== null) plain = plain.replace(inside(pair[1]!, pair[2]!), '$1');
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
