import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Contest, Skip } from './frame.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Milliseconds from start to end of a program that is told `args`. */
function time(args: readonly string[]): number {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** The main job as `npm start` runs it, without npm. */
export const prepareStart = (budgetMs: number): Contest => ({
  ours: () => time(['scripts/start.mjs']),
  baseline: () => budgetMs,
});

/** The program as it is installed. */
export function prepareVersion(budgetMs: number): Contest | Skip {
  const program = 'dist/cli/main.js';
  if (!existsSync(`${root}${program}`)) return { skip: 'there is no dist: npm run build makes it' };
  return { ours: () => time([program, '--version']), baseline: () => budgetMs };
}
