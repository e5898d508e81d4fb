import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One stanza of apt's sources. `signedBy` is kept as written: a path, or a key block over several lines. */
export interface AptSource {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy?: string;
}

const words = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '');

/** One-line style (sources.list(5)): `deb [options] uri suite component...`. */
export function parseOneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) continue;
    const [, type, options, uri, suite, components] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options ?? '')?.[1];
    sources.push({
      types: [type!],
      uris: [uri!],
      suites: [suite!],
      components: words(components),
      ...(signedBy === undefined ? {} : { signedBy }),
    });
  }
  return sources;
}

/** deb822 style: stanzas of `Field: value`, continued by indented lines. Disabled stanzas are left out. */
export function parseDeb822Sources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  for (const stanza of lines.join('\n').split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let name = '';
    for (const line of stanza.split('\n')) {
      const field = /^([A-Za-z][\w-]*)\s*:\s*(.*)$/.exec(line);
      if (field !== null) {
        name = field[1]!.toLowerCase();
        fields.set(name, field[2]!);
      } else if (name !== '' && line.trim() !== '') {
        fields.set(name, `${fields.get(name)}\n${line}`);
      }
    }
    if (fields.get('uris') === undefined || /^(no|false|0|off)$/i.test(fields.get('enabled') ?? 'yes'))
      continue;
    const signedBy = fields.get('signed-by');
    sources.push({
      types: words(fields.get('types') ?? 'deb'),
      uris: words(fields.get('uris')),
      suites: words(fields.get('suites')),
      components: words(fields.get('components')),
      ...(signedBy === undefined ? {} : { signedBy }),
    });
  }
  return sources;
}

/** All sources of a machine, from its list file and its folder of parts. Missing ones count as empty. */
export function readMachineSources(listFile: string, partsFolder: string): AptSource[] {
  const sources: AptSource[] = [];
  const take = (path: string) => {
    const text = readFileSync(path, 'utf8');
    sources.push(...(path.endsWith('.sources') ? parseDeb822Sources(text) : parseOneLineSources(text)));
  };
  if (existsSync(listFile)) take(listFile);
  if (existsSync(partsFolder))
    for (const name of readdirSync(partsFolder).sort())
      if (name.endsWith('.list') || name.endsWith('.sources')) take(join(partsFolder, name));
  return sources;
}

/** The fields of /etc/os-release that tell a Debian and its release. */
export interface Distribution {
  readonly id: string;
  readonly codename: string;
}

/** @param text contents of os-release(5). */
export function parseDistribution(text: string): Distribution {
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return { id: field('ID'), codename: field('VERSION_CODENAME') };
}

const ROLLING_NAMES = ['stable', 'testing', 'unstable', 'sid', 'oldstable'];

/**
 * The sources from which a Debian release can be had, given the machine's own: those that carry it already, else, on
 * a Debian, its main mirrors asked for that release instead. Empty where the machine knows no Debian mirror.
 */
export function sourcesForSuite(
  machine: readonly AptSource[],
  distribution: Distribution,
  suite: string,
): AptSource[] {
  const usable = machine.filter(
    ({ types, components }) => types.includes('deb') && components.includes('main'),
  );
  const ours = (source: AptSource): AptSource => ({
    ...source,
    types: ['deb'],
    suites: [suite],
    components: ['main'],
  });
  const direct = usable.filter(({ suites }) => suites.includes(suite));
  if (direct.length > 0) return direct.map(ours);
  if (distribution.id !== 'debian') return [];
  const own = [distribution.codename, ...ROLLING_NAMES];
  return usable.filter(({ suites }) => suites.some((name) => own.includes(name))).map(ours);
}

/** The sources as a deb822 file. */
export function formatSources(sources: readonly AptSource[]): string {
  const stanza = ({ types, uris, suites, components, signedBy }: AptSource) =>
    [
      `Types: ${types.join(' ')}`,
      `URIs: ${uris.join(' ')}`,
      `Suites: ${suites.join(' ')}`,
      `Components: ${components.join(' ')}`,
      ...(signedBy === undefined ? [] : [`Signed-By: ${signedBy}`]),
    ].join('\n');
  return `${sources.map(stanza).join('\n\n')}\n`;
}
