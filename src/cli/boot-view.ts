import { formatFinding } from '../core/index.ts';
import type { Compared, TourResult } from '../hosts/guest/tour/tour.ts';
import { style } from './output.ts';
import { bytesText, columns } from './text.ts';

const verdict = ({ host, same }: Compared): string =>
  host === null
    ? ''
    : same
      ? style('green', 'the same in the host')
      : style('red', `but in the host ${host}`);

function functionLines({ functions }: Pick<TourResult, 'functions'>): string[] {
  const rows = functions.map(({ slot, vendor, device, revision, classCode, driver, irq, resources }) => [
    slot,
    `[${classCode.slice(0, 4)}]`,
    `${vendor}:${device}`,
    `rev ${revision}`,
    driver,
    irq === 0 ? '' : `irq ${irq}`,
    resources.join(', '),
  ]);
  return columns(rows);
}

function fileLines({ files, mountError }: Pick<TourResult, 'files' | 'mountError'>): string[] {
  if (mountError !== null) return [style('red', `not mounted as ext4: ${mountError}`)];
  const rows = Object.entries(files).map(([path, sum]) => [path, `MD5 ${sum.guest}`, verdict(sum)]);
  return [`mounted as ext4, ${rows.length} files`, ...columns(rows).map((line) => `  ${line}`)];
}

/** Registers on the left as the guest accessed them, on the right as the host's function was. */
function registerLines({ registers, window }: Pick<TourResult, 'registers' | 'window'>): string[] {
  const behind = window !== 'modern';
  const number = (value: number) => (value === 0 ? '' : String(value));
  const heads = [
    'function',
    'register',
    'guest reads',
    'writes',
    ...(behind ? ['host reads', 'writes'] : []),
  ];
  const rows = registers.map(({ function: fn, register, reads, writes }) => [
    fn,
    register,
    number(reads.guest),
    number(writes.guest),
    ...(behind ? [number(reads.host), number(writes.host)] : []),
  ]);
  const widths = heads.map((_, i) => Math.max(...[heads, ...rows].map((row) => row[i]!.length)));
  return [heads, ...rows].map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** What the guest saw beside what the host did, as lines. */
export function tourLines(result: Omit<TourResult, 'watch'>): string[] {
  const { machine, window, kernel, restored, bootMs, disk, random, interrupts, findings } = result;
  const counted = Object.entries(interrupts.guest).map(([name, count]) => `${name}: ${count}`);
  return [
    style(
      'bold',
      `${kernel} ${machine === 'v86' ? '' : `in ${machine} `}through ${window}, ${restored ? 'from a snapshot' : 'booted'} in ${(bootMs / 1000).toFixed(1)} s`,
    ),
    '',
    style('bold', "Functions, from the guest's sysfs"),
    ...functionLines(result),
    '',
    style('bold', `Disk /dev/vda, ${bytesText(disk.bytes)}`),
    `first ${bytesText(disk.readBytes)}: MD5 ${disk.md5.guest}, ${verdict(disk.md5)}`,
    ...fileLines(result),
    '',
    style('bold', `Random bytes from ${random.source}`),
    `${random.bytes.guest}, ${random.bytes.same ? style('green', 'given by the host') : style('red', 'not all given by the host')}`,
    '',
    style(
      'bold',
      `Interrupts: the guest counted ${counted.join(', ')}; the host interrupted ${interrupts.host} times`,
    ),
    '',
    style('bold', 'Accesses to the functions'),
    ...registerLines(result),
    ...(findings.length === 0 ? [] : ['', style('red', `Broken clauses: ${findings.length}`)]),
    ...findings.map(formatFinding),
  ];
}
