import { closing, withoutMarkup } from './markup.ts';
import { type ProblemList, quoted } from './problems.ts';

/** A piece of C in a text, with the line of the file on which it begins. */
export interface Listing {
  readonly text: string;
  readonly line: number;
}

const LISTINGS = 'lstlisting|verbatim|Verbatim|minted|alltt';
const BEGIN = new RegExp(`\\\\begin\\{(?:${LISTINGS})\\*?\\}`, 'g');

/** What is looked for: listings, what TeX passes over, the end of a text, and listings in other files. */
const MARK = new RegExp(
  `\\\\begin\\{(${LISTINGS}|comment)\\*?\\}|\\\\(iffalse)\\b|\\\\(end)\\{document\\}|` +
    '\\\\lstinputlisting(?:\\[[^\\]\\n]*\\])?\\{([^}\\n]*)\\}',
  'g',
);

/** Languages of a listing that are read. */
const C_LANGUAGES = new Set(['c', 'c++', 'ansi', 'cpp', 'h']);

/** Signs before a mark that are looked at. */
const MOST_BEFORE = 400;

/** Whether a mark is none: behind a comment sign of TeX, or shown by `\verb`. */
function isText(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - MOST_BEFORE), at);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  return /(?:^|[^\\])%/.test(line) || /\\(?:verb|lstinline)\*?[^A-Za-z\s*]$/.test(line);
}

/** Lines of places that ascend, from 1. */
function lineCounter(text: string): (at: number) => number {
  let [line, next] = [1, text.indexOf('\n')];
  return (at) => {
    for (; next !== -1 && next < at; next = text.indexOf('\n', next + 1)) line++;
    return line;
  };
}

/** Places of what is looked for again and again, each from where it was found last. */
class Ends {
  readonly #text: string;
  readonly #known = new Map<string, number>();

  constructor(text: string) {
    this.#text = text;
  }

  /** The place of `what` from `from` on; -1 where it is not. */
  after(what: string, from: number): number {
    let end = this.#known.get(what) ?? 0;
    if (end !== -1 && end < from) this.#known.set(what, (end = this.#text.indexOf(what, from)));
    return end;
  }
}

/** The listings of a TeX text. One that never ends is named, and goes to where the next begins or the text ends. */
export function listingsOf(text: string, problems: ProblemList): Listing[] {
  const found: Listing[] = [];
  const lineAt = lineCounter(text);
  const ends = new Ends(text);
  const mark = new RegExp(MARK);
  const begins = new RegExp(BEGIN);
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    if (isText(text, match.index)) continue;
    const [, name = '', iffalse, end, file] = match;
    const from = mark.lastIndex;
    if (end !== undefined) break;
    if (file !== undefined)
      problems.add('elsewhere', lineAt(match.index), `a listing in ${quoted(file)}`, 'read that file, too');
    else if (iffalse !== undefined || name === 'comment') {
      const close = ends.after(iffalse === undefined ? '\\end{comment}' : '\\fi', from);
      mark.lastIndex = close === -1 ? text.length : close;
    } else {
      const close = ends.after(`\\end{${name}`, from);
      begins.lastIndex = from;
      const next = begins.exec(text)?.index ?? text.length;
      const to = close === -1 || close > next ? next : close;
      const line = lineAt(match.index);
      if (to !== close)
        problems.add('unclosed-listing', line, `\\begin{${name}} has no end`, `wants \\end{${name}}`);
      mark.lastIndex = to;
      const { options, after } = optionsAt(text, from, to, name === 'minted');
      if (isC(options))
        found.push({
          text: withoutMarkup(text.slice(after, to), lineAt(after), options, problems),
          line: lineAt(after),
        });
    }
  }
  return found;
}

/** Whether a listing is of C, as far as its options say. */
function isC(options: string): boolean {
  const language = /language\s*=\s*\{?\s*(?:\[[^\]]*\])?\s*([\w+]+)/.exec(options)?.[1];
  return language === undefined || C_LANGUAGES.has(language.toLowerCase());
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
