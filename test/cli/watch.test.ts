import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, virtiolab } from './run.ts';

const golden = (name: string) => join(root, 'test/golden/traces', name);
const [log, dump, hobby] = ['qemu-virtio-blk.log', 'qemu-virtio-blk.lspci', 'hobby-driver.jsonl'].map(
  golden,
) as [string, string, string];

describe('watch', () => {
  it("names a hobby driver's mistakes, as the documentation shows", async () => {
    const { status, stdout, stderr } = await virtiolab(['watch', hobby]);
    expect([status, stderr]).toEqual([1, '']);
    const shown = readFileSync(join(root, 'docs/watch.md'), 'utf8');
    const text = (lines: string) => lines.replace(/\s+/g, ' ').trim();
    expect(text(shown)).toContain(text(stdout));
  }, 60_000);

  it.each([
    ['with a dump', ['--functions', dump]],
    ['with what the recording shows', []],
  ])(
    "finds nothing wrong with QEMU's recording of a good driver, %s",
    async (_, more) => {
      const { status, stdout } = await virtiolab(['watch', log, ...more, '--json']);
      const { format, findings, functions, good } = JSON.parse(stdout);
      expect([status, format, findings, good]).toEqual([0, 'qemu', [], true]);
      expect(functions).toEqual([{ function: '00:04.0', type: 'block', interface: 'modern' }]);
    },
    60_000,
  );

  it('wants a file that is a recording', async () => {
    expect(await virtiolab(['watch'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('wants a file'),
    });
    expect(await virtiolab(['watch', dump])).toMatchObject({ status: 2, stdout: '' });
  }, 60_000);
});
