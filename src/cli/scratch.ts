import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from './command.ts';

/** What a shell expects of a program that a signal ended: 128 and the signal's number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * A new folder for temporary files; it goes away with the program, however that ends.
 * @throws CommandError where there can be none.
 */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'virtiolab-')).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(
      `no scratch folder in '${tmpdir()}' (${error.code}); TMPDIR may name one that can be written`,
    );
  });
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const [signal, status] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(status));
  return folder;
}
