import type { TracedAccess } from '../../src/hosts/present/trace.ts';

/** An access of the guest, by register name, and what each host did because of it. */
interface Row {
  readonly guest: string;
  /** What the hosts did, by the window that they presented. */
  readonly hosts: readonly string[];
}

const WORDS = {
  config: { read: 'cfg r', write: 'cfg w' },
  io: { read: 'in', write: 'out' },
  memory: { read: 'r', write: 'w' },
} as const;

/** An access as the summary has it: values differ from run to run, but those of the status register tell a story. */
function wordsOf({ space, operation, place, register, meaning }: TracedAccess): string {
  // Drivers read device configuration byte by byte.
  const whole = register.replace(/ \(\d bytes?(?: at \+\d)?\)$/, '');
  const value = operation === 'write' && whole === 'deviceStatus' ? ` = ${meaning}` : '';
  return `${WORDS[space][operation]} ${place}.${whole}${value}`;
}

/** Repeats of a text as one, with their number. */
function collapse(texts: readonly string[]): string[] {
  const runs: { text: string; count: number }[] = [];
  for (const text of texts) {
    const last = runs.at(-1);
    if (last?.text === text) last.count++;
    else runs.push({ text, count: 1 });
  }
  return runs.map(({ text, count }) => (count === 1 ? text : `${count} x ${text}`));
}

/** What the guest did, and below each access what its host did. */
function groups(accesses: readonly TracedAccess[]): { guest: string; host: string[] }[] {
  const found: { guest: string; host: string[] }[] = [];
  for (const access of accesses)
    if (access.machine === 'guest') found.push({ guest: wordsOf(access), host: [] });
    else found.at(-1)!.host.push(wordsOf(access));
  return found;
}

/** The guest's accesses alone. */
export const guestAccesses = (accesses: readonly TracedAccess[]): string[] =>
  groups(accesses).map(({ guest }) => guest);

/**
 * One phase, several windows side by side: the guest's accesses, which are the same, and what each became.
 * @param traces of one phase, by window; the guest's accesses in all are the same.
 */
export function sideBySide(phase: string, traces: readonly (readonly TracedAccess[])[]): string[] {
  const [first, ...others] = traces.map(groups);
  const rows: Row[] = first!.map(({ guest }, index) => ({
    guest,
    hosts: [first!, ...others].map((each) => collapse(each[index]!.host).join(', ')),
  }));
  const runs: { row: Row; count: number }[] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    if (last !== undefined && JSON.stringify(last.row) === JSON.stringify(row)) last.count++;
    else runs.push({ row, count: 1 });
  }
  const cells = runs.map(({ row, count }) => [
    count === 1 ? row.guest : `${count} x ${row.guest}`,
    ...row.hosts,
  ]);
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lines = cells.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join(' | ')
      .trimEnd(),
  );
  return ['', `== ${phase}`, ...lines];
}

/** How often the guest accessed each register, in the order in which it first did. */
export function counts(accesses: readonly string[]): string[] {
  const found = new Map<string, number>();
  for (const access of accesses) found.set(access, (found.get(access) ?? 0) + 1);
  return [
    '',
    '== how often',
    ...[...found].map(([access, count]) => `${String(count).padStart(4)} ${access}`),
  ];
}
