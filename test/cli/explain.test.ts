import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, virtiolab } from './run.ts';

describe.concurrent('explain', () => {
  it('shows what is said of a case, and why it is one', async () => {
    const { status, stdout, stderr } = await virtiolab(['explain', 'block', '--case', 'kick-missing']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^What happened: the driver exposed a request and forgot the kick\.$/m);
    expect(stdout).toMatch(
      /^ {2}\? queue 0 \(requests 0\): 1 chain waits \(the next: read sector 0, 1 sector\)/m,
    );
  });

  it('gives one JSON document', async () => {
    const { stdout } = await virtiolab(['explain', 'network:mmr', '--case', 'waits-for-outside', '--json']);
    const { target, explanation } = JSON.parse(stdout);
    expect([target, explanation.interface, explanation.reasons[0].id]).toEqual([
      'network:mmr',
      'native-mmr',
      'waits-for-outside',
    ]);
  });

  it.each([
    [['explain'], /wants a device type; types are network, block/],
    [['explain', '--trace', 'x'], /--trace wants --functions DUMP/],
    [['explain', 'block', '--trace', 'x'], /no TYPE and no --case beside --trace/],
    [['explain', '--trace', '/nowhere', '--functions', '/nowhere'], /cannot be read \(ENOENT\)/],
    [['explain', 'lamp', '--case', 'failed'], /unknown device type 'lamp'/],
    [['explain', 'block:odd', '--case', 'failed'], /unknown kind 'odd'; kinds are/],
    [['explain', 'block'], /wants --case NAME; cases are no-function/],
    [['explain', 'block', '--case', 'tired'], /unknown case 'tired'; cases are/],
    [['explain', 'block', '--case', 'features-dependency'], /cannot be made on block; it is one of network/],
    [['explain', 'block', '--case', 'failed', '--setting', 'loud'], /unknown setting 'loud'/],
  ])('refuses %j', async (args, words) => {
    const { status, stdout, stderr } = await virtiolab(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(words);
  });

  it('says how far the driver of a recording got', async ({ expect }) => {
    const golden = (name: string) => join(root, 'test/golden/traces', name);
    const files = ['--trace', golden('qemu-virtio-blk.log'), '--functions', golden('qemu-virtio-blk.lspci')];
    const { status, stdout, stderr } = await virtiolab(['explain', ...files]);
    expect([status, stderr]).toEqual([0, '']);
    await expect(stdout).toMatchFileSnapshot(golden('qemu-virtio-blk.explained.txt'));
  });

  it('is what demo says at the end', async () => {
    const { status, stdout } = await virtiolab(['demo', '--explain'], { COLUMNS: '' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^00:04\.0 virtio-blk, legacy interface: why nothing happens$/m);
    expect(stdout).toMatch(/everything that was exposed was used/);
  });
});
