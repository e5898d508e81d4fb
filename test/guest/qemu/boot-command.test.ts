import { describe, expect, it } from 'vitest';
import { tourLines } from '../../../src/cli/boot-view.ts';
import type { TourResult } from '../../../src/hosts/v86/node.ts';
import { virtiolab } from '../../cli/run.ts';
import { ext4Note, hasExt4Tools } from '../ext4.ts';
import { old } from './support.ts';

describe.skipIf(old.reason !== null)(`virtiolab boot --machine qemu${old.note}`, () => {
  it.skipIf(!hasExt4Tools)(
    `shows a 64-bit guest around, and judges its firmware too${ext4Note}`,
    async () => {
      const { status, stdout } = await virtiolab(['boot', '--machine', 'qemu', '--watch', '--json']);
      const result = JSON.parse(stdout) as TourResult;
      expect(result).toMatchObject({ machine: 'qemu', window: 'mmr', good: true, mountError: null });
      expect(result.findings).toEqual([]);
      expect(Object.keys(result.files)).toEqual(['folder/random', 'hello.txt', 'numbers']);
      // What SeaBIOS does with a disk (docs/findings-drivers.md); Linux does no wrong.
      const must = result.watch.flatMap(({ slot, findings }) =>
        findings.filter(({ level }) => level === 'must').map(({ rule }) => [slot, rule]),
      );
      expect([status, must]).toEqual([1, [['00:05.0', 'no-feature-write']]]);
      const screen = tourLines(result).join('\n');
      expect(screen).toMatch(/^linux-image-\S+amd64 in qemu through mmr, booted in [\d.]+ s\n/);
      expect(screen).toMatch(/00:05\.0 +legacy\.queueNotify +(\d+) +\1\n/);
    },
  );
});
