import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * The folder in which fetched guest pieces and snapshots are kept: `$VIRTIOLAB_CACHE` if it is set, else
 * `.cache/guest` beside the nearest package.json above the working folder. It need not exist yet.
 */
export function guestCacheFolder(
  environment: NodeJS.ProcessEnv = process.env,
  from: string = process.cwd(),
): string {
  const named = environment['VIRTIOLAB_CACHE'];
  if (named !== undefined && named !== '') return resolve(named);
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, '.cache', 'guest');
    if (dirname(folder) === folder) return join(resolve(from), '.cache', 'guest');
  }
}
