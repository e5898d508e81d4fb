import { wrap } from './text.ts';

/** Help is written for terminals of 80 columns, and has an option's choices from here on. */
const WIDTH = 80;
const INDENT = ' '.repeat(21);

/** An option's choices as help lists them: the names in a column, and beside each what it stands for. */
export function choices(rows: readonly (readonly [name: string, text: string])[]): string {
  const nameWidth = Math.max(...rows.map(([name]) => name.length)) + 2;
  const under = `\n${INDENT}${' '.repeat(nameWidth)}`;
  const lines = (text: string) => wrap(text, WIDTH - INDENT.length - nameWidth).join(under);
  return rows.map(([name, text]) => `${INDENT}${name.padEnd(nameWidth)}${lines(text)}`).join('\n');
}
