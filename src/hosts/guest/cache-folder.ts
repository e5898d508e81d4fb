import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * The folder in which fetched guest pieces and snapshots are kept: `$VIRTIOLAB_CACHE` if it is set, else `virtiolab` below
 * the user's cache folder as the XDG base directories have it: `$XDG_CACHE_HOME`, or `~/.cache` where that is not set or,
 * against its rules, not absolute. It need not exist yet.
 */
export function guestCacheFolder(
  environment: NodeJS.ProcessEnv = process.env,
  home: string = homedir(),
): string {
  const { VIRTIOLAB_CACHE: named = '', XDG_CACHE_HOME: caches = '' } = environment;
  if (named !== '') return resolve(named);
  return join(isAbsolute(caches) ? caches : join(home, '.cache'), 'virtiolab');
}
