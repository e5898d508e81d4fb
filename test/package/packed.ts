import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Ran } from '../cli/run.ts';
import { root } from '../cli/run.ts';

/** What npm itself tells the programs that it runs would tell the inner npm too. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:npm_|init_cwd$|node_env$)/i.test(name)),
);

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[], cwd: string): Promise<Ran> {
  try {
    const ran = await promisify(execFile)(program, [...args], { cwd, env: environment, maxBuffer: 1 << 26 });
    return { status: 0, ...ran };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    return { status: typeof code === 'number' ? code : null, stdout, stderr: stderr || String(error) };
  }
}

/** Runs a program that has to succeed. @returns what it wrote to standard output. */
export async function must(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { status, stdout, stderr } = await run(program, args, cwd);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** Files as a clone of this checkout would have them, changes that are not committed included; null without git. */
function files(): string[] | null {
  try {
    const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
      maxBuffer: 1 << 26,
    });
    return list.split('\0').filter((path) => path !== '' && existsSync(join(root, path)));
  } catch {
    return null;
  }
}

export const cloned = files();

/** Makes a clean clone, with this checkout's development dependencies and nothing built. */
export function clone(into: string): void {
  for (const path of cloned!) {
    mkdirSync(dirname(join(into, path)), { recursive: true });
    cpSync(join(root, path), join(into, path));
  }
  symlinkSync(join(root, 'node_modules'), join(into, 'node_modules'));
}

/** An empty project that has the package from a tarball and nothing else, without any network or cache. */
export async function installed(tarball: string, into: string): Promise<void> {
  mkdirSync(into);
  writeFileSync(join(into, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
  const quiet = ['--offline', '--no-audit', '--no-fund', '--cache', `${into}-cache`];
  await must('npm', ['install', ...quiet, tarball], into);
  rmSync(`${into}-cache`, { recursive: true, force: true });
}

/** The examples of the README's chapter for users of the library, as they are written, and that of docs/your-own-device.md. */
export function libraryExamples(): string[] {
  const chapter = /\n## As a library\n([\s\S]*?)\n## /.exec(readFileSync(join(root, 'README.md'), 'utf8'));
  const examples = [...(chapter?.[1] ?? '').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
  return [...examples, readFileSync(join(root, 'docs/examples/lamp.ts'), 'utf8')];
}
