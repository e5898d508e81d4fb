import type { Evidence } from '../test/evidence.ts';

const START = '<!-- written by `npm run works` -->';
const END = '<!-- end of what `npm run works` wrote -->';

interface Column {
  readonly title: string;
  readonly driver: Evidence['driver'];
  readonly window: Evidence['window'];
}

/** A column a window and driver. Linux has no driver for the memory block itself. */
export const columns: readonly Column[] = [
  { title: '`io-bar`', driver: 'ours', window: 'io-bar' },
  { title: '`mmr`', driver: 'ours', window: 'mmr' },
  { title: '`native-mmr`', driver: 'ours', window: 'native-mmr' },
  { title: '`modern`', driver: 'ours', window: 'modern' },
  { title: 'Linux, `io-bar`', driver: 'linux', window: 'io-bar' },
  { title: 'Linux, `mmr`', driver: 'linux', window: 'mmr' },
  { title: 'Linux, `modern`', driver: 'linux', window: 'modern' },
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
