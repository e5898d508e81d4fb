import type { WatchFinding, WatchReport } from '../conformance/watch/index.ts';
import { formatFinding } from '../core/index.ts';
import { style } from './output.ts';

const colours = { must: 'red', should: 'yellow', note: 'dim' } as const;

/** How a finding says where it was seen: accesses by their number, or lines of a file. */
export type Where = (access: number) => string;

function findingLine(finding: WatchFinding, where: Where): string[] {
  const { level, count, first, last, rule } = finding;
  const seen = count === 1 ? where(first) : `${count} times, ${where(first)} to ${where(last)}`;
  return [
    `${style(colours[level], level.padEnd(6))} ${formatFinding(finding)}`,
    style('dim', `       ${rule}; ${seen}`),
  ];
}

/** What a watch has to say, in lines. */
export function watchLines(report: WatchReport, where: Where = (access) => `access ${access}`): string[] {
  const { findings, functions, accesses, unseen } = report;
  const of = (level: WatchFinding['level']) => findings.filter((each) => each.level === level);
  const drivers = functions.map(
    ({ function: fn, type, interface: way }) =>
      `${fn} ${type ?? 'of unknown type'}, ${way ?? 'no'} interface`,
  );
  const counts = (['must', 'should', 'note'] as const).map((level) => `${level} ${of(level).length}`);
  return [
    `${style('bold', `The driver, watched over ${accesses} accesses`)}: ${drivers.join('; ') || 'none was seen'}`,
    `findings: ${counts.join(', ')}`,
    ...(['must', 'should', 'note'] as const).flatMap((level) =>
      of(level).flatMap((each) => findingLine(each, where)),
    ),
    ...unseen.map((line) => style('dim', `not seen: ${line}`)),
  ];
}

/** No duty was broken, but by rules that are broken on purpose. */
export const isClean = ({ findings }: WatchReport, intended: readonly string[] = []): boolean =>
  findings.every(({ level, rule }) => level !== 'must' || intended.includes(rule));
