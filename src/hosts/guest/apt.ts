import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type AptSource,
  formatSources,
  parseDistribution,
  readMachineSources,
  sourcesForSuite,
} from './apt-sources.ts';
import { GuestPiecesUnavailableError, PackageToolError } from './errors.ts';

const execute = promisify(execFile);
/** Lines of a failed tool's complaint that are worth repeating. */
const DETAIL_LINES = 4;
const MAX_OUTPUT_BYTES = 64 << 20;
const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Runs a tool in the C locale. @throws PackageToolError with the end of its complaint. */
export async function runTool(tool: string, args: readonly string[], folder?: string): Promise<string> {
  const running = execute(tool, [...args], {
    ...(folder === undefined ? {} : { cwd: folder }),
    maxBuffer: MAX_OUTPUT_BYTES,
    env: { ...process.env, LC_ALL: 'C' },
  });
  // What works for us ends with us: else it goes on writing to folders that are gone.
  const end = () => running.child.kill();
  process.on('exit', end);
  try {
    return (await running).stdout;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const complaint = (stderr || message).trim();
    const detail = complaint.split('\n').slice(-DETAIL_LINES).join(' / ');
    throw new PackageToolError(`${tool} ${args.at(-1) ?? ''}`.trim(), detail, complaint);
  } finally {
    process.off('exit', end);
  }
}

/** Whether a program can be started at all, to say its version. */
export async function hasTool(tool: string, argument = '--version'): Promise<boolean> {
  return execute(tool, [argument]).then(
    () => true,
    () => false,
  );
}

/** A configuration value as a file or folder name (`apt-config shell`); undefined where apt has none. */
async function machinePath(key: string): Promise<string | undefined> {
  const line = await runTool('apt-config', ['shell', 'VALUE', key]);
  return /^VALUE='(.*)'$/m.exec(line)?.[1];
}

async function findSources(suite: string): Promise<AptSource[]> {
  const named = process.env['VIRTIOLAB_DEBIAN_MIRROR'];
  if (named !== undefined && named !== '') {
    const signedBy = existsSync(DEBIAN_KEYRING) ? { signedBy: DEBIAN_KEYRING } : {};
    return [{ types: ['deb'], uris: [named], suites: [suite], components: ['main'], ...signedBy }];
  }
  const list = (await machinePath('Dir::Etc::sourcelist/f')) ?? '/etc/apt/sources.list';
  const parts = (await machinePath('Dir::Etc::sourceparts/d')) ?? '/etc/apt/sources.list.d';
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return sourcesForSuite(readMachineSources(list, parts), parseDistribution(release), suite);
}

/** What a private apt is asked for. */
export interface AptOptions {
  /** Debian's name of it, such as `amd64`; any, whatever the machine is. */
  readonly architecture: string;
  /** Debian suites, such as `trixie` and `trixie-backports`. */
  readonly suites: readonly string[];
  /** Packages that come from another suite than apt would choose: patterns of apt_preferences(5). */
  readonly pins?: readonly { readonly packages: readonly string[]; readonly suite: string }[];
}

/** Above what a suite has by itself (500), and below what downgrades (1000). */
const PIN_PRIORITY = 900;

const formatPins = (pins: AptOptions['pins'] = []): string =>
  pins
    .map(
      ({ packages, suite }) =>
        `Package: ${packages.join(' ')}\nPin: release n=${suite}\nPin-Priority: ${PIN_PRIORITY}\n`,
    )
    .join('\n');

async function checkTools(): Promise<void> {
  const missing: string[] = [];
  for (const tool of ['apt-get', 'apt-cache', 'apt-config', 'dpkg-deb'])
    if (!(await hasTool(tool))) missing.push(tool);
  if (missing.length > 0)
    throw new GuestPiecesUnavailableError(
      `no ${missing.join(', ')} on this machine`,
      'a Debian or Ubuntu machine, or a cache filled on one',
    );
}

/**
 * apt with lists, cache, preferences and package database of its own in one folder, for any architecture. It wants no
 * root, changes nothing on the machine, and takes mirrors, keys and proxies from the machine's own configuration.
 */
export class PrivateApt {
  readonly folder: string;
  readonly #configuration: string;

  private constructor(folder: string, configuration: string) {
    this.folder = folder;
    this.#configuration = configuration;
  }

  /**
   * Prepares `folder` for packages of Debian suites.
   * @throws GuestPiecesUnavailableError where apt or a mirror of a suite is missing.
   */
  static async open(folder: string, { architecture, suites, pins }: AptOptions): Promise<PrivateApt> {
    await checkTools();
    const sources: AptSource[] = [];
    for (const suite of suites) {
      const found = await findSources(suite);
      if (found.length === 0)
        throw new GuestPiecesUnavailableError(
          `apt on this machine knows no mirror of Debian ${suite}`,
          `a Debian source in its configuration, or $VIRTIOLAB_DEBIAN_MIRROR`,
        );
      sources.push(...found);
    }
    const path = (name: string) => join(folder, name);
    for (const name of ['state/lists/partial', 'cache/archives/partial', 'parts'])
      await mkdir(path(name), { recursive: true });
    await writeFile(path('status'), '');
    await writeFile(path('preferences'), formatPins(pins));
    await writeFile(path('parts/debian.sources'), formatSources(sources));
    const settings: readonly (readonly [string, string])[] = [
      ['Dir::State', path('state')],
      ['Dir::State::lists', path('state/lists')],
      ['Dir::State::status', path('status')],
      ['Dir::Cache', path('cache')],
      ['Dir::Etc::sourcelist', '/dev/null'],
      ['Dir::Etc::sourceparts', path('parts')],
      ['Dir::Etc::preferences', path('preferences')],
      ['Dir::Etc::preferencesparts', '/dev/null'],
      ['APT::Architecture', architecture],
      ['APT::Install-Recommends', 'false'],
      ['Acquire::Languages', 'none'],
      // As root, apt would drop to a user that cannot write here.
      ['APT::Sandbox::User', userInfo().username],
      // Without this, lists that cannot be fetched are a warning, and packages are missing later.
      ['APT::Update::Error-Mode', 'any'],
      ['Acquire::Retries', '1'],
    ];
    const text = settings.map(([key, value]) => `${key} "${value}";\n`).join('');
    await writeFile(
      path('apt.conf'),
      `#clear APT::Architectures;\n${text}APT::Architectures { "${architecture}"; };\n`,
    );
    return new PrivateApt(folder, path('apt.conf'));
  }

  /** Fetches the package lists. @throws PackageToolError */
  async update(): Promise<void> {
    await runTool('apt-get', ['-c', this.#configuration, '-q', 'update']);
  }

  /** Control fields of a package's candidate version. @throws PackageToolError where there is no such package. */
  async show(name: string): Promise<ReadonlyMap<string, string>> {
    const text = await runTool('apt-cache', ['-c', this.#configuration, 'show', '--no-all-versions', name]);
    const fields = new Map<string, string>();
    for (const line of text.split('\n')) {
      const match = /^([\w-]+): (.*)$/.exec(line);
      if (match !== null) fields.set(match[1]!, match[2]!);
    }
    return fields;
  }

  /** Downloads packages, verified against the signed lists. @returns their files by name. @throws PackageToolError */
  async download(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const into = join(this.folder, 'packages');
    await mkdir(into, { recursive: true });
    await runTool('apt-get', ['-c', this.#configuration, '-q', 'download', ...names], into);
    const files = (await readdir(into)).filter((file) => file.endsWith('.deb'));
    const found = new Map<string, string>();
    for (const name of names) {
      const file = files.find((candidate) => candidate.startsWith(`${name}_`));
      if (file === undefined) throw new PackageToolError('apt-get download', `no file for ${name}`);
      found.set(name, join(into, file));
    }
    return found;
  }

  /**
   * Downloads packages with all that they depend on, verified against the signed lists.
   * @returns their files. @throws PackageToolError
   */
  async downloadAll(names: readonly string[]): Promise<readonly string[]> {
    // The package database is empty: whatever is needed has to be fetched, and nothing is installed.
    await runTool('apt-get', ['-c', this.#configuration, '-qy', '--download-only', 'install', ...names]);
    const archives = join(this.folder, 'cache/archives');
    return (await readdir(archives))
      .filter((file) => file.endsWith('.deb'))
      .map((file) => join(archives, file));
  }
}

/** Unpacks a package's files below a folder. @throws PackageToolError */
export async function unpackPackage(file: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  await runTool('dpkg-deb', ['-x', file, into]);
}
