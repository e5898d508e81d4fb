import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PROGRAM_FOLDER } from '../program-setup.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env: { ...process.env, ...env } });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** Arguments with which node runs the command line, below {@link root}. */
export const program = [`${PROGRAM_FOLDER}/cli/main.js`] as const;

/** The same for files in TypeScript, which import the sources. */
const fromSources = ['--import', 'tsx', 'src/cli/main.ts'] as const;

/** Runs the command line as a user does. */
export function virtiolab(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const typed = args.some((each) => each.endsWith('.ts'));
  return run(process.execPath, [...(typed ? fromSources : program), ...args], env);
}
