/** Text in lines and columns. */

/** What colours a terminal and takes no room on it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one.
const ESCAPES = /\u001b\[[\d;]*m/g;
const TAB_WIDTH = 8;

/** Columns that a line takes on a terminal. */
const widthOf = (text: string): number => {
  const plain = text.replace(ESCAPES, '');
  return plain.length + (TAB_WIDTH - 1) * (plain.match(/\t/g)?.length ?? 0);
};

/** Bytes in the unit that suits them. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${Number.isInteger(bytes) ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}

export const hexText = (value: number, digits = 0) => value.toString(16).padStart(digits, '0');

/** Columns side by side, each as wide as its widest cell; the last is left ragged. */
export function columns(rows: readonly (readonly string[])[], gap = '  '): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join(gap)
      .trimEnd(),
  );
}

/** Words in lines of at most `width` characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** Where a line goes on that is too long: under its second column, if that begins early, else a little further in. */
const HANG = 4;
const MOST_HANG = 20;
/** A line that begins so far in goes on where it began. */
const DEEP = 8;

function hangOf(line: string): number {
  const plain = line.replace(ESCAPES, '').replace(/\t/g, ' '.repeat(TAB_WIDTH));
  const column = /^ *\S.*?\S {2,}(?=\S)/.exec(plain)?.[0].length ?? Infinity;
  if (column <= MOST_HANG) return column;
  const indent = /^ */.exec(plain)![0].length;
  return indent < DEEP ? indent + HANG : indent;
}

function foldLine(line: string, width: number): string[] {
  if (widthOf(line) <= width) return [line];
  const hang = hangOf(line);
  const lines = [''];
  let gap = /^\s*/.exec(line)![0];
  for (const [, word = '', after = ''] of line.trimStart().matchAll(/(\S+)(\s*)/g)) {
    const last = lines.at(-1)!;
    if (widthOf(last + gap + word) > width && last.trim() !== '') {
      // A long word begins further out, where it has room.
      lines.push(' '.repeat(Math.max(0, Math.min(hang, width - widthOf(word)))) + word);
    } else lines[lines.length - 1] = last + gap + word;
    gap = after;
  }
  return lines;
}

/** Lines that take at most `width` columns each: those that are longer go on below. A word is never cut. */
export function fold(lines: readonly string[], width: number): string[] {
  return lines.flatMap((line) => foldLine(line, width));
}
