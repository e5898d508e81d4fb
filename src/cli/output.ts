import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Standard error and standard output know whether they are a terminal that takes colours. */
const colours = (stream: NodeJS.WriteStream): boolean => stream.isTTY === true && stream.hasColors();

/** Text in a style where standard output shows colours; plain text elsewhere. */
export function style(format: Style, text: string): string {
  return colours(process.stdout) ? styleText(format, text) : text;
}

/**
 * Columns that a line on standard output may take: what COLUMNS says, as it does to the system's own tools, else the
 * terminal's; without end in a file or a pipe.
 */
export function lineWidth(environment: NodeJS.ProcessEnv = process.env): number {
  const named = /^[1-9]\d*$/.exec(environment['COLUMNS'] ?? '');
  if (named !== null) return Number(named[0]);
  const { isTTY, columns } = process.stdout;
  // A terminal that nobody told its size says 0.
  return isTTY === true && columns > 0 ? columns : Infinity;
}

/** Writes lines to standard output. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Writes a line to standard error. */
export function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}

let printed = false;

/** Whether the document of `--json` is on standard output. */
export const documentPrinted = (): boolean => printed;

/** Writes one document to standard output. */
export function printJson(document: unknown): void {
  printed = true;
  print(JSON.stringify(document, null, 2));
}
