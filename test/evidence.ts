import { basename, dirname } from 'node:path';
import { type WayName, wayNames } from '../src/mmr/index.ts';
import { deviceTypes } from '../src/virtio/index.ts';

/** What one passed test shows to work. */
export interface Evidence {
  readonly device: string;
  /** A way by name; `packed` is the modern one with a packed ring. */
  readonly window: WayName | 'packed';
  readonly driver: 'ours' | 'linux';
}

/** Longer names first: one may be the end of another. */
const anyWay = new RegExp(`\\b(${[...wayNames].sort((a, b) => b.length - a.length).join('|')})\\b`);

const inName = (name: string): Evidence['window'] | null => {
  const window = anyWay.exec(name)?.[1] as WayName | undefined;
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
  const names = deviceTypes.map(({ name }) => name);
  if (basename(dirname(file)) === 'guest') {
    const [device = ''] = basename(file).split(/[.-]/);
    return names.includes(device) ? { device, window, driver: 'linux' } : null;
  }
  if (!file.endsWith('test/cli/demo.test.ts')) return null;
  const device = names.find((name) => new RegExp(`'${name}', '${window}'`).test(fullName));
  return device === undefined ? null : { device, window, driver: 'ours' };
}
