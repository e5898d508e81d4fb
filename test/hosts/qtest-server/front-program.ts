import { writeFileSync } from 'node:fs';
import { program, root } from '../../cli/run.ts';
import type { Scratch } from '../qtest/support.ts';

/** Why there is no shared memory with another program here, or null. */
export const withoutKoffi = await import('koffi').then(
  () => null,
  () => 'no koffi: npm install koffi@3',
);

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** A program that is started as a QEMU is, and is the command line of ours. @returns its path. */
export function frontProgram(scratch: Scratch): string {
  const words = [process.execPath, ...program, 'serve', '--qemu-system-x86_64'].map(quoted);
  const script = `#!/bin/sh\ncd ${quoted(root)} && exec ${words.join(' ')} "$@"\n`;
  const path = scratch.path('qemu-system-x86_64');
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}
