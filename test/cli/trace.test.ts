import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, virtiolab } from './run.ts';

const golden = (name: string) => join(root, 'test/golden/traces', name);
const [log, dump] = [golden('qemu-virtio-blk.log'), golden('qemu-virtio-blk.lspci')];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-trace-'));
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'binary'), new Uint8Array(200));
  writeFileSync(join(folder, 'cut'), '{"space":"io","operation":"re');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.concurrent('trace decode', () => {
  it("shows QEMU's accesses in the specification's words", async () => {
    const { status, stdout, stderr } = await virtiolab(['trace', 'decode', log, '--functions', dump]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^io +w +1 +0xc092 +00:04\.0 legacy +deviceStatus +0x03 +acknowledge driver$/m);
    expect(stdout).toMatch(
      /^memory +r +4 +0x8000000004 +00:04\.0 common +deviceFeature +0x00000101 +version1 ringReset$/m,
    );
  });

  it('gives one JSON document, also without a dump', async () => {
    const { stdout } = await virtiolab(['trace', 'decode', log, '--json']);
    const { format, accesses } = JSON.parse(stdout);
    expect([format, accesses.length > 400, accesses[0]]).toEqual([
      'qemu',
      true,
      expect.objectContaining({ space: 'config', address: 6, width: 2, line: 2, value: '0x0010' }),
    ]);
  });

  it('knows device types from outside', async () => {
    const types = join(root, 'docs/examples/lamp.ts');
    const functions = join(folder, 'lamp.lspci');
    writeFileSync(functions, (await virtiolab(['lspci', '--types', types, '-v', '-xxxx'])).stdout);
    const accesses = join(folder, 'lamp.jsonl');
    writeFileSync(
      accesses,
      '{"space":"memory","operation":"read","address":"0xd0002000","width":4,"value":50}\n' +
        '{"space":"io","operation":"read","address":"0xc014","width":4,"value":50}\n',
    );
    const call = ['trace', 'decode', accesses, '--functions', functions, '--types', types];
    const { stdout } = await virtiolab(call);
    expect(stdout).toMatch(
      /^memory +r +4 +0xd0002000 +00:01\.0 device +config\.brightness +0x00000032 +50$/m,
    );
    expect(stdout).toMatch(/^io +r +4 +0xc014 +00:01\.0 legacy +config\.brightness +0x00000032 +50$/m);
  });

  it.each([
    ['an empty file', ['decode', 'empty'], 'it is empty'],
    ['a binary file', ['decode', 'binary'], 'it is no text'],
    ['a file that is cut', ['decode', 'cut'], 'line 1: is no JSON object: it is cut, or of another kind'],
    ['no such file', ['decode', 'none'], 'cannot be read (ENOENT); wants a file'],
    ['a folder', ['decode', '.'], 'cannot be read (EISDIR); wants a file'],
    [
      'a dump that is none',
      ['decode', log, '--functions', log],
      'there is no function in it: wants what lspci',
    ],
    ['no file', ['decode'], 'decode wants a file'],
    ['no verb', [], 'wants decode FILE'],
    ['another verb', ['frobnicate'], "unknown verb 'frobnicate'; verbs are decode"],
  ])('says in one line what is wrong: %s', async (_, args, message) => {
    const paths = args.map((arg) => (/^(empty|binary|cut|none|\.)$/.test(arg) ? join(folder, arg) : arg));
    const { status, stdout, stderr } = await virtiolab(['trace', ...paths]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n').length).toBe(1);
  });
});
