import { basename, dirname } from 'node:path';
import { deviceTypeNames } from '../src/virtio/index.ts';

/** What one passed test shows to work. */
export interface Evidence {
  readonly device: string;
  /** `packed` is the modern window with a packed ring. */
  readonly window: 'io-bar' | 'mmr' | 'native-mmr' | 'modern' | 'packed';
  readonly driver: 'ours' | 'linux';
}

const inName = (name: string): Evidence['window'] | null => {
  const window = /\b(io-bar|native-mmr|mmr|modern)\b/.exec(name)?.[1] as Evidence['window'] | undefined;
  return window === 'modern' && /\bpacked\b/.test(name) ? 'packed' : (window ?? null);
};

/**
 * What a passed test shows, by the names that tests bear: guest tests are in a file named after their device type, and
 * demonstrations name theirs; both name the window.
 * @returns null for a test that belongs to no cell of the table.
 */
export function evidenceOf(file: string, fullName: string): Evidence | null {
  const window = inName(fullName);
  if (window === null) return null;
  const names: readonly string[] = deviceTypeNames;
  if (basename(dirname(file)) === 'guest') {
    const [device = ''] = basename(file).split(/[.-]/);
    return names.includes(device) ? { device, window, driver: 'linux' } : null;
  }
  if (!file.endsWith('test/cli/demo.test.ts')) return null;
  const device = names.find((name) => new RegExp(`'${name}', '${window}'`).test(fullName));
  return device === undefined ? null : { device, window, driver: 'ours' };
}
