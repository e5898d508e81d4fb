import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasTool, runTool } from '../../../src/hosts/guest/apt.ts';
import { readCompressed, unpackKernel } from '../../../src/hosts/guest/compressed.ts';

const KERNEL = new TextEncoder().encode('the kernel proper');
const SETUP_SECTORS = 3;
const PAYLOAD_AT = 0x40;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-compressed-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = (name: string) => join(folder, name);

/** A bzImage, as much of one as is read. */
function image(payload: Uint8Array): Uint8Array {
  const start = (SETUP_SECTORS + 1) * 512 + PAYLOAD_AT;
  const bytes = new Uint8Array(start + payload.length + 100);
  const view = new DataView(bytes.buffer);
  bytes[0x1f1] = SETUP_SECTORS;
  view.setUint32(0x248, PAYLOAD_AT, true);
  view.setUint32(0x24c, payload.length, true);
  bytes.set(payload, start);
  return bytes;
}

/** What a tool makes of the kernel, with its length behind it, as the kernel's build puts it there. */
async function packed(tool: string, suffix: string): Promise<Uint8Array> {
  writeFileSync(path('kernel'), KERNEL);
  await runTool(tool, ['-qk', path('kernel')]);
  return Uint8Array.from([...readFileSync(path(`kernel${suffix}`)), KERNEL.length, 0, 0, 0]);
}

describe('a packed kernel', () => {
  it('is unpacked by what its bytes begin with', async () => {
    expect(Buffer.from((await unpackKernel(image(gzipSync(KERNEL)), path('k')))!)).toEqual(
      Buffer.from(KERNEL),
    );
  });

  it.each([
    ['xz', '.xz'],
    ['zstd', '.zst'],
  ])('is unpacked by %s, where there is that', async (tool, suffix) => {
    if (!(await hasTool(tool))) return;
    const bytes = await unpackKernel(image(await packed(tool, suffix)), path('k'));
    expect(Buffer.from(bytes!)).toEqual(Buffer.from(KERNEL));
    expect(readdirSync(folder)).not.toContain(`k${suffix}`);
  });

  it('stays as it is where nobody knows how it is packed, or what it says leaves the file', async () => {
    expect(await unpackKernel(image(new TextEncoder().encode('LZO?')), path('k'))).toBeNull();
    expect(await unpackKernel(image(gzipSync(KERNEL)).subarray(0, 2130), path('k'))).toBeNull();
    expect(await unpackKernel(new Uint8Array(10), path('k'))).toBeNull();
  });

  it('is a file like any other where its name ends in nothing known', async () => {
    writeFileSync(path('a.ko'), KERNEL);
    writeFileSync(path('b.ko.gz'), gzipSync(KERNEL));
    for (const name of ['a.ko', 'b.ko.gz'])
      expect(Buffer.from(await readCompressed(path(name)))).toEqual(Buffer.from(KERNEL));
  });
});
