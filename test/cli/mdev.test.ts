import { describe, expect, it } from 'vitest';
import { virtiolab } from './run.ts';

describe.concurrent('mdev', () => {
  it('shows types, slices and what either composition takes', async () => {
    const { status, stdout, stderr } = await virtiolab(['mdev', '--slices', '3']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ {2}virtiolab-disk-1 +2 +32 +29 /m);
    expect(stdout).toMatch(/^ {2}00000000-0000-4000-8000-000000000003 +4 5 +4 5 +3 +1 +0$/m);
    expect(stdout).toMatch(/^ {2}user, posted +0 +1 +0 /m);
  });

  it('gives one document', async () => {
    const args = ['mdev', '--queues', '8192', '--slices', '4096', '--posted', '--memory', '--json'];
    const { status, stdout, stderr } = await virtiolab(args);
    expect([status, stderr]).toEqual([0, '']);
    const document = JSON.parse(stdout);
    expect(document.types[0]).toMatchObject({ available: 4096, availableAfter: 0 });
    expect(document.slices.made).toBe(4096);
    expect(document.slices.used[0]).toMatchObject({ pasid: 1, delivered: 0, posted: 1 });
    expect(document.messages).toEqual({ delivered: 0, posted: 4, written: 0, dropped: 0 });
    expect(document.compositions).toHaveLength(4);
    expect(Object.keys(document.legend)).toContain('kernelInputs');
  });

  it.each([
    [['--slices', '0'], 2, "option '--slices 0': wants a whole number of 1..65536"],
    [['--queues', 'many'], 2, "option '--queues many': wants a whole number of 1..65536"],
    [['--type', 'gpu'], 2, 'type "gpu": the parent has'],
    [['--slices', '33'], 1, 'no instance is left, for want of queues; 32 were made'],
  ] as const)('says in a line what is wrong with %j', async (args, wants, line) => {
    const { status, stdout, stderr } = await virtiolab(['mdev', ...args]);
    expect([status, stdout]).toEqual([wants, '']);
    expect(stderr).toContain(line);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});
