import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../cli/run.ts';
import { clone, cloned, installed, libraryExamples, must, run } from './packed.ts';

const TIMEOUT_MS = 300_000;
const node = process.execPath;
const reason = cloned === null ? ' (skipped: no git checkout here)' : '';

describe.skipIf(cloned === null)(`the package of a clean clone${reason}`, { timeout: TIMEOUT_MS }, () => {
  let folder: string;
  let source: string;
  let project: string;
  let module: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtiolab-package-'));
    [source, project] = [join(folder, 'clone'), join(folder, 'project')];
    clone(source);
    const [tarball] = (await must('npm', ['pack', '--silent', '--pack-destination', folder], source))
      .trim()
      .split('\n');
    await installed(join(folder, tarball!), project);
    module = join(project, 'node_modules', 'virtiolab');
  }, TIMEOUT_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is built, has its documentation, and no tests', () => {
    const { exports, bin, repository } = JSON.parse(readFileSync(join(module, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>;
      bin: Record<string, string>;
      repository: { url: string };
    };
    const entries = [
      ...Object.values(bin),
      ...Object.values(exports).flatMap((to) => (typeof to === 'string' ? to : Object.values(to))),
    ];
    for (const entry of entries) expect(existsSync(join(module, entry)), entry).toBe(true);
    expect(readdirSync(join(module, 'docs'))).toEqual(readdirSync(join(root, 'docs')));
    expect(existsSync(join(module, 'test'))).toBe(false);
    expect(repository.url).toMatch(/^git\+https:/);
  });

  it('needs nothing else at run time', async () => {
    expect(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      'virtiolab',
    ]);
    const parts = [
      '',
      '/core',
      '/pci',
      '/virtio',
      '/mmr',
      '/driver',
      '/lab',
      '/trace',
      '/compare',
      '/layout',
      '/node',
      '/v86',
      '/guest',
      '/qtest',
      '/qemu',
    ];
    const code = parts.map((name) => `await import('virtiolab${name}');`).join('\n');
    await must(node, ['--input-type=module', '-e', code], project);
  });

  it('says which package is missing where an optional one is used', async () => {
    const wanted: readonly (readonly [code: string, message: RegExp])[] = [
      [
        "await import('virtiolab/testing')",
        /^FastCheckMissingError: .*needs the package fast-check.*npm install --save-dev fast-check@4$/,
      ],
      ["await (await import('virtiolab/guest')).loadV86()", /^V86NotInstalledError: .*npm install v86@0\.5/],
      ...(process.platform === 'linux'
        ? ([
            [
              "await (await import('virtiolab/node')).Tap.open({ name: 'x' })",
              /^TapError: .*koffi is not installed; wants npm install koffi@3$/,
            ],
          ] as const)
        : []),
    ];
    for (const [code, message] of wanted) {
      const told = `try { ${code} } catch (error) { console.log(error.name + ': ' + error.message) }`;
      expect((await must(node, ['--input-type=module', '-e', told], project)).trim()).toMatch(message);
    }
  });

  it('runs its command line', async () => {
    const program = join(project, 'node_modules', '.bin', 'virtiolab');
    expect(await must(program, ['--version'], project)).toMatch(/^\d+\.\d+\.\d+\n$/);
    const shown = JSON.parse(await must(program, ['demo', '--json'], project)) as { good: boolean };
    expect(shown.good).toBe(true);
    // It looks for v86 before it fetches anything to boot in it.
    const booted = await run(program, ['boot', '--json'], project);
    expect(booted).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^virtiolab: v86 is not installed/),
    });
    expect(JSON.parse(booted.stdout)).toEqual({ error: expect.stringContaining('npm install v86@') });
  });

  /** Compiles the README's examples as a user would, without types of Node or of a browser. */
  async function compiled(tsc: string, into: string): Promise<string[]> {
    mkdirSync(join(project, into));
    const names = libraryExamples().map((code, i) => {
      writeFileSync(join(project, into, `example${i}.ts`), code);
      return `example${i}`;
    });
    const options = {
      compilerOptions: {
        target: 'es2022',
        module: 'nodenext',
        moduleResolution: 'nodenext',
        strict: true,
        types: [],
        skipLibCheck: false,
      },
      files: names.map((name) => `${name}.ts`),
    };
    writeFileSync(join(project, into, 'tsconfig.json'), JSON.stringify(options));
    await must(node, [tsc, '-p', into], project);
    return names.map((name) => join(project, into, `${name}.js`));
  }

  it('runs the example of the README', async () => {
    const examples = await compiled(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), 'newest');
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples)
      expect(await run(node, [example], project)).toMatchObject({ status: 0, stderr: '' });
  });

  it('has types for the smallest TypeScript that the README names', {
    timeout: TIMEOUT_MS,
  }, async (context) => {
    const smallest = /TypeScript (\d+\.\d+) or newer/.exec(
      readFileSync(join(root, 'README.md'), 'utf8'),
    )?.[1];
    const place = join(folder, 'typescript');
    mkdirSync(place);
    writeFileSync(join(place, 'package.json'), '{}');
    // No development dependency: two of TypeScript would both be `tsc`.
    const fetched = await run(
      'npm',
      ['install', '--prefer-offline', '--no-audit', '--no-fund', `typescript@~${smallest}.0`],
      place,
    );
    context.skip(fetched.status !== 0, `no TypeScript ${smallest} from the registry`);
    await compiled(join(place, 'node_modules', 'typescript', 'bin', 'tsc'), 'smallest');
  });

  it('is built by an install from git, once, and passed over where nothing can build it', {
    timeout: TIMEOUT_MS,
  }, async () => {
    // What npm runs in the clone that it makes of a git address.
    const prepare = (cwd: string) => run('npm', ['run', '--silent', 'prepare'], cwd);
    const built = join(source, 'dist', 'index.js');
    rmSync(join(source, 'dist'), { recursive: true });
    expect(await prepare(source)).toEqual({ status: 0, stdout: '', stderr: '' });
    const { mtimeMs } = statSync(built);
    expect((await prepare(source)).status).toBe(0);
    expect(statSync(built).mtimeMs).toBe(mtimeMs);
    // Without development dependencies, and with the manifest alone.
    rmSync(join(source, 'dist'), { recursive: true });
    rmSync(join(source, 'node_modules'));
    expect(await prepare(source)).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('TypeScript is not installed'),
    });
    expect((await run('npm', ['pack', '--silent'], source)).stderr).toContain(
      'cannot build: TypeScript is not installed',
    );
    for (const name of ['src', 'scripts']) {
      rmSync(join(source, name), { recursive: true });
      expect(await prepare(source)).toEqual({ status: 0, stdout: '', stderr: '' });
    }
  });
});
