import { appendFile, mkdtemp, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SnapshotDamagedError, SnapshotMismatchError } from '../../../src/hosts/v86/errors.ts';
import {
  checkSnapshot,
  pruneSnapshots,
  readSnapshot,
  type SnapshotKey,
  snapshotPath,
  writeSnapshot,
} from '../../../src/hosts/v86/snapshot.ts';

const key: SnapshotKey = {
  v86: '0.5.462',
  kernel: 'linux-image-6.1.0-50-686_6.1.176-1',
  memoryBytes: 96 << 20,
  acpi: false,
  initramfs: '0123456789abcdef',
  boot: 'fedcba9876543210',
};
const state = Uint8Array.of(1, 2, 3, 4, 5).buffer;
const functions = { bytes: Uint8Array.of(7, 8), list: [1, null, 'x'] };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'virtiolab-snapshot-'));
});

afterEach(() => rm(folder, { recursive: true }));

describe('snapshots', () => {
  it('come back as they were written, from a file named after their key', async () => {
    const path = snapshotPath(folder, key);
    expect(path).toContain('linux-image-6.1.0-50-686_6.1.176-1_v86-0.5.462_96MiB_pic_');
    expect(await readSnapshot(path)).toBeUndefined();
    await writeSnapshot(path, { key, state, functions });
    expect(await readSnapshot(path)).toEqual({ key, state, functions });
  });

  it.each([
    ['v86', '0.5.400'],
    ['kernel', 'other'],
    ['memoryBytes', 1 << 20],
    ['acpi', true],
    ['initramfs', '0'],
    ['boot', '0'],
  ])('of another %s are refused by name', (field, value) => {
    const other = { key: { ...key, [field]: value }, state, functions };
    expect(() => checkSnapshot(other, key)).toThrow(SnapshotMismatchError);
    expect(() => checkSnapshot(other, key)).toThrow(`snapshot has ${field} ${JSON.stringify(value)}; wants`);
  });

  it('that were cut short, extended or are something else are damaged', async () => {
    const path = join(folder, 'x.state');
    await writeSnapshot(path, { key, state, functions });
    await truncate(path, 4098);
    await expect(readSnapshot(path)).rejects.toThrow('is 4098 bytes long, not 41');
    await writeSnapshot(path, { key, state, functions });
    await appendFile(path, 'x');
    await expect(readSnapshot(path)).rejects.toThrow(SnapshotDamagedError);
    await writeFile(path, 'something else');
    await expect(readSnapshot(path)).rejects.toThrow('is no snapshot of a guest');
    await writeFile(path, 'virtiolab-guest-1\n{}');
    await expect(readSnapshot(path)).rejects.toThrow('is of another format, virtiolab-guest-1; delete it');
  });

  it('are kept by use: those that were not used for longest go, and what dead processes left behind', async () => {
    const path = (name: string) => join(folder, name);
    const hours = (ago: number) => new Date(Date.now() - ago * 3_600_000);
    for (const [index, name] of [
      'a.state',
      'b.state',
      'c.state',
      'old.state.123',
      'new.state.124',
    ].entries()) {
      await writeFile(path(name), '');
      await utimes(path(name), hours(10 - index), hours(10 - index));
    }
    await utimes(path('new.state.124'), new Date(), new Date());
    await pruneSnapshots(path('a.state'), 2);
    expect((await readdir(folder)).sort()).toEqual(['a.state', 'c.state', 'new.state.124']);
  });
});
