import { ordinaryWayNames, wayNames } from '../src/mmr/index.ts';
import type { Evidence } from '../test/evidence.ts';

const START = '<!-- written by `npm run works` -->';
const END = '<!-- end of what `npm run works` wrote -->';

interface Column {
  readonly title: string;
  readonly driver: Evidence['driver'];
  readonly window: Evidence['window'];
}

/** A column a window and driver. Linux has no driver for what is no ordinary function. */
export const columns: readonly Column[] = [
  ...wayNames.map((window) => ({ title: `\`${window}\``, driver: 'ours', window }) as const),
  ...ordinaryWayNames.map((window) => ({ title: `Linux, \`${window}\``, driver: 'linux', window }) as const),
  { title: 'Linux, `modern`, packed ring', driver: 'linux', window: 'packed' },
];

/** The table of what works: passed tests by device type, window and driver; nothing where there are none. */
export function worksTable(devices: readonly string[], shown: readonly Evidence[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const count = (device: string, { driver, window }: Column) =>
    shown.filter((each) => each.device === device && each.driver === driver && each.window === window).length;
  return [
    row(['device', ...columns.map(({ title }) => title)]),
    row(['---', ...columns.map(() => '---:')]),
    ...devices.map((device) =>
      row([device, ...columns.map((column) => String(count(device, column) || ''))]),
    ),
  ].join('\n');
}

/** The document with its table replaced. @throws Error where it has no place for one. */
export function replaceTable(document: string, table: string): string {
  const [start, end] = [document.indexOf(START), document.indexOf(END)];
  if (start < 0 || end < start)
    throw new Error(`README.md has no place for the table: wants ${START} and ${END}`);
  return `${document.slice(0, start + START.length)}\n${table}\n${document.slice(end)}`;
}
