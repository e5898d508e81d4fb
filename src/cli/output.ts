import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Standard error and standard output know whether they are a terminal that takes colours. */
const colours = (stream: NodeJS.WriteStream): boolean => stream.isTTY === true && stream.hasColors();

/** Text in a style where standard output shows colours; plain text elsewhere. */
export function style(format: Style, text: string): string {
  return colours(process.stdout) ? styleText(format, text) : text;
}

/** Writes lines to standard output. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Writes one document to standard output. */
export function printJson(document: unknown): void {
  print(JSON.stringify(document, null, 2));
}

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

const SHOWN_EVERY_MS = 100;

/** Progress of long work, on one line of standard error where that is a terminal. */
export class Progress {
  readonly #what: string;
  readonly #total: number;
  #shown = performance.now();
  #width = 0;

  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
  }

  /** Says how far it is. */
  at(done: number): void {
    const now = performance.now();
    if (process.stderr.isTTY !== true || now - this.#shown < SHOWN_EVERY_MS) return;
    this.#shown = now;
    const percent = Math.floor((100 * done) / this.#total);
    this.#draw(`${this.#what} ${percent} % of ${bytesText(this.#total)}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#width > 0) this.#draw('');
  }

  #draw(text: string): void {
    process.stderr.write(`\r${text.padEnd(this.#width)}\r`);
    this.#width = text.length;
  }
}
