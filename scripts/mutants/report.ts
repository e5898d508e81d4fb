import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';

/** What is read of Stryker's report (the schema of mutation-testing-elements). */
export interface MutantReport {
  readonly files: Record<string, { source: string; mutants: ReportedMutant[] }>;
}

export interface ReportedMutant {
  readonly status: string;
  readonly statusReason?: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}

export interface Survivor {
  /** `src/pci/bar.ts:64`. */
  readonly place: string;
  readonly code: string;
  readonly mutator: string;
  readonly replacement: string;
  /** No test runs the code at all. */
  readonly covered: boolean;
}

export interface MutantResult {
  /** Mutants by what came of them; a timeout counts as noticed. */
  readonly killed: number;
  readonly timeout: number;
  readonly survived: number;
  readonly noCoverage: number;
  /** Those that could not be run. */
  readonly errors: number;
  /** Noticed of all that ran, percent with one digit; null where none ran. */
  readonly score: number | null;
  readonly survivors: readonly Survivor[];
}

/** Folders of tests for a folder of src: its own, or where it has none its parent's. */
export function foldersBelow(tests: string, folder: string): string[] {
  for (
    let path = folder.replace(/\.ts$/, '');
    path !== '';
    path = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
  )
    if (existsSync(join(tests, path))) return [join('test', relative(tests, join(tests, path)))];
  return [];
}

export function reportOf(report: MutantReport, notDrawn: string): MutantResult {
  const counts = new Map<string, number>();
  const survivors: Survivor[] = [];
  for (const [file, { source, mutants }] of Object.entries(report.files)) {
    const lines = source.split('\n');
    for (const { status, statusReason, mutatorName, replacement, location } of mutants) {
      if (statusReason === notDrawn) continue;
      counts.set(status, (counts.get(status) ?? 0) + 1);
      if (status === 'Survived' || status === 'NoCoverage')
        survivors.push({
          place: `${file}:${location.start.line}`,
          code: lines[location.start.line - 1]!.trim(),
          mutator: mutatorName,
          replacement: replacement ?? '',
          covered: status === 'Survived',
        });
    }
  }
  const of = (status: string) => counts.get(status) ?? 0;
  const noticed = of('Killed') + of('Timeout');
  const ran = noticed + survivors.length;
  return {
    killed: of('Killed'),
    timeout: of('Timeout'),
    survived: of('Survived'),
    noCoverage: of('NoCoverage'),
    errors: of('RuntimeError') + of('CompileError'),
    score: ran === 0 ? null : Math.round((1000 * noticed) / ran) / 10,
    survivors: survivors.sort((a, b) => (a.place < b.place ? -1 : 1)),
  };
}

export function textOf(folder: string, seed: string, result: MutantResult): string {
  const { killed, timeout, survived, noCoverage, errors, score } = result;
  const head = `src/${folder}, seed ${seed}: ${killed + timeout} noticed (${timeout} by never ending), ${survived} survived, ${noCoverage} in code that no test runs, ${errors} not run: ${score ?? '-'} %`;
  const lines = result.survivors.map(
    ({ place, code, mutator, replacement, covered }) =>
      `${place}: ${mutator}${covered ? '' : ', no test runs it'}\n  - ${code}\n  + ${replacement.split('\n')[0]!.trim()}`,
  );
  return [head, ...lines].join('\n');
}
