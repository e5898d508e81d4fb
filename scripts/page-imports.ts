import { posix } from 'node:path';
import { type Finding, MAX_LINES } from './floors.ts';
import { findImports, maskSource } from './scan-source.ts';

/** What the page and its workers may load besides their own files: the library by its public exports that run in a browser. */
const PACKAGES =
  /^(?:preact(?:\/[a-z]+)?|@preact\/signals|virtiolab\/(?:core|pci|virtio|driver|mmr|lab|trace|conformance|compare|drafts|layout|v86)|v86(?:\/.+)?)$/;
/** Files of the builder, which run in Node. */
const OF_NODE = new Set(['lab/vite.config.ts']);
/** The page and its workers share what they say to each other, and nothing else. */
const SIDES = /^lab\/(src|worker|desk|linux)\//;

function whyNot(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.'))
    return PACKAGES.test(specifier)
      ? undefined
      : 'the page may load the public exports of the library, and preact';
  const target = posix.normalize(posix.join(posix.dirname(file), specifier));
  if (!target.startsWith('lab/'))
    return 'the page may not import from outside lab, but the library by its public exports';
  const [here, there] = [SIDES.exec(file)?.[1], SIDES.exec(target)?.[1]];
  return here !== undefined && there !== undefined && here !== there
    ? 'the page and its workers know each other by the protocol alone'
    : undefined;
}

/** Judges sources of the page, keyed by path from the repository root. */
export function checkPage(sources: ReadonlyMap<string, string>): Finding[] {
  const findings: Finding[] = [];
  for (const [file, source] of sources) {
    if (OF_NODE.has(file)) continue;
    const lines = source.split('\n').length - 1;
    if (lines > MAX_LINES)
      findings.push({ file, line: MAX_LINES + 1, message: `has ${lines} lines, over ${MAX_LINES}` });
    for (const { specifier, line } of findImports(source, maskSource(source))) {
      const reason = whyNot(file, specifier);
      if (reason !== undefined) findings.push({ file, line, message: `imports ${specifier}: ${reason}` });
    }
  }
  return findings;
}
