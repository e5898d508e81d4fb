import { posix } from 'node:path';
import { findCycles } from './import-cycles.ts';
import { findImports, type ImportSite, lineAt, maskSource } from './scan-source.ts';

/**
 * The architecture as a table: which folder stands on which floor, and what that lets it import. Imports go down only;
 * two folders on one floor do not know each other.
 */
export const FLOORS: Readonly<Record<string, number>> = {
  core: 0,
  pci: 1,
  virtio: 2,
  driver: 3,
  mmr: 4,
  trace: 5,
  compare: 5,
  conformance: 6,
  drafts: 6,
  testing: 7,
  hosts: 8,
  cli: 9,
  public: 10,
};

/** What the package's subpaths export, by name: of every floor, and for users of the package alone. */
const DOORS = /^src\/(?:index\.ts$|public\/)/;

/** The highest floor that must run in a browser. The package's own `src/index.ts` is its front door and stands there too. */
const BROWSER_FLOOR = 7;

/** Software that sees a device only through the bus; it may read tables, never device code. */
const DRIVER_SIDE: readonly RegExp[] = [
  /^src\/driver\//,
  /^src\/trace\//,
  /^src\/conformance\//,
  /^src\/mmr\/translator[^/]*\.ts$/,
  /^src\/mmr\/access\//,
  /^src\/mmr\/mediated\/software\//,
];

const LAYOUT = /^(src\/[^/]+\/layout)\//;

/** Bare packages and the only place each may be imported from. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  v86: /^src\/hosts\//,
  koffi: /^src\/hosts\//,
  'fast-check': /^src\/(?:testing|conformance\/explore)\//,
};

const NODE_IMPORTERS = /^src\/(?:hosts|cli)\//;

/** Names that exist in Node and not in a browser. `process` alone is an ordinary word; used as an object it is Node's. */
const NODE_GLOBALS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['Buffer', /(?:(?<![.\w$])|(?<=\bglobalThis\.))Buffer\b(?!\s*:)/g],
  ['process', /(?:(?<![.\w$])process(?=\s*(?:\?\.|\.|\[))|(?<=\bglobalThis\.)process\b)/g],
];

/**
 * The device core and its windows: parts that can each be read, and put to use, without the ones that use them. There an
 * import of a type alone closes a cycle too.
 */
const OPEN_CORE = /^src\/virtio\/(?:transport\/)?[^/]+\.ts$/;

export const MAX_LINES = 400;

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export const formatFinding = ({ file, line, message }: Finding): string => `${file}:${line}: ${message}`;

const folderOf = (file: string): string => file.split('/')[1] ?? '';
const floorOf = (file: string): number | undefined =>
  file === 'src/index.ts' ? BROWSER_FLOOR : FLOORS[folderOf(file)];
const isDriverSide = (file: string): boolean => DRIVER_SIDE.some((pattern) => pattern.test(file));

function whyNotPackage(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) {
    return NODE_IMPORTERS.test(from) ? undefined : 'only src/hosts and src/cli may import node:*';
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const allowed = PACKAGES[name];
  if (allowed === undefined)
    return 'no file may import this package (scripts/floors.ts lists the allowed ones)';
  return allowed.test(from)
    ? undefined
    : `the package may be imported only where the path matches ${allowed.source}`;
}

function whyNotLayout(from: string, to: string): string | undefined {
  const own = LAYOUT.exec(from)?.[1];
  // A table may build on the tables below it (a virtio capability begins as every PCI capability does), on nothing else.
  if (own === undefined || to.startsWith('src/core/') || LAYOUT.test(to)) return undefined;
  return 'a layout folder imports nothing but core and the layout folders below it';
}

function whyNotFloor(from: string, to: string): string | undefined {
  const [upper, lower] = [floorOf(from), floorOf(to)];
  if (upper === undefined || lower === undefined) return undefined; // a folder without a floor is a finding of its own
  const [here, there] = [folderOf(from), folderOf(to)];
  if (DOORS.test(to)) return 'the front doors are for users of the package, not for its own rooms';
  if (here === there || from === 'src/index.ts') {
    return lower > upper ? `floor ${upper} may not import floor ${lower}` : undefined;
  }
  if (lower < upper) return undefined;
  if (lower > upper) return `floor ${upper} may not import floor ${lower}`;
  return `${here} and ${there} stand on the same floor`;
}

function whyNotDriverSide(from: string, to: string): string | undefined {
  if (!isDriverSide(from)) return undefined;
  if (to.startsWith('src/core/') || LAYOUT.test(to) || isDriverSide(to)) return undefined;
  return 'driver-side code sees a device only through the bus: core, layout tables and driver-side code, nothing else';
}

function whyNotFile(from: string, to: string): string | undefined {
  if (!to.startsWith('src/')) return 'src may not import from outside src';
  if (!/\.(?:ts|json)$/.test(to)) return 'relative imports name the file with its .ts extension';
  return whyNotLayout(from, to) ?? whyNotFloor(from, to) ?? whyNotDriverSide(from, to);
}

const isRelative = (specifier: string): boolean => /^\.{1,2}(?:\/|$)/.test(specifier);
const resolveFrom = (file: string, specifier: string): string =>
  posix.normalize(posix.join(posix.dirname(file), specifier));

function checkImport(file: string, site: ImportSite): Finding[] {
  const relative = isRelative(site.specifier);
  const target = relative ? resolveFrom(file, site.specifier) : site.specifier;
  const reason = relative ? whyNotFile(file, target) : whyNotPackage(file, target);
  return reason === undefined ? [] : [{ file, line: site.line, message: `imports ${target}: ${reason}` }];
}

function checkGlobals(file: string, source: string, masked: string): Finding[] {
  const floor = floorOf(file);
  if (floor === undefined || floor > BROWSER_FLOOR) return [];
  return NODE_GLOBALS.flatMap(([name, pattern]) =>
    [...masked.matchAll(pattern)].map(({ index }) => ({
      file,
      line: lineAt(source, index),
      message: `uses ${name}: floors up to ${BROWSER_FLOOR} must run in a browser`,
    })),
  );
}

function checkShape(file: string, source: string): Finding[] {
  const findings: Finding[] = [];
  if (floorOf(file) === undefined) {
    findings.push({
      file,
      line: 1,
      message: `stands in no room: ${folderOf(file)} is not in the floor table`,
    });
  }
  const lines = source.split('\n').length - (source.endsWith('\n') ? 1 : 0);
  if (lines > MAX_LINES)
    findings.push({ file, line: MAX_LINES + 1, message: `has ${lines} lines, over ${MAX_LINES}` });
  return findings;
}

/** Judges sources, keyed by path from the repository root (`src/core/bus.ts`). Pure: what it is given is all it sees. */
export function checkFloors(sources: ReadonlyMap<string, string>): Finding[] {
  const findings: Finding[] = [];
  const graph = new Map<string, { to: string; line: number }[]>();
  for (const [file, source] of sources) {
    const masked = maskSource(source);
    const sites = findImports(source, masked);
    findings.push(...checkShape(file, source), ...checkGlobals(file, source, masked));
    findings.push(...sites.flatMap((site) => checkImport(file, site)));
    const edges = sites
      .filter(({ specifier }) => isRelative(specifier))
      .map(({ specifier, line, typeOnly }) => ({ to: resolveFrom(file, specifier), line, typeOnly }));
    const closes = ({ to, typeOnly }: { to: string; typeOnly: boolean }) =>
      !typeOnly || (OPEN_CORE.test(file) && OPEN_CORE.test(to));
    graph.set(file, edges.filter(closes));
  }
  for (const { file, line, to, path } of findCycles(graph)) {
    findings.push({ file, line, message: `imports ${to}: cycle ${path.join(' -> ')}` });
  }
  return findings.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
}
