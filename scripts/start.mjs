/**
 * The command line of a checkout: compiled, as every install leaves it in `dist`, which starts in half the time; from the
 * sources once they are newer, or where a file in TypeScript is named, which may import them.
 */
import { isFresh } from './fresh.mjs';

const typed = process.argv.some((argument) => /\.[cm]?ts$/.test(argument));
if (!typed && isFresh()) await import('../dist/cli/main.js');
else {
  const { register } = await import('tsx/esm/api');
  register();
  await import('../src/cli/main.ts');
}
