import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PrivateApt } from '../../../src/hosts/guest/apt.ts';

let folder: string;
const path = (name: string) => join(folder, name);

/** A tool that writes down how it was called, and does something. */
function tool(name: string, does = ''): void {
  writeFileSync(path(name), `#!/bin/sh\necho "${name} $@" >>${path('calls')}\n${does}\n`);
  chmodSync(path(name), 0o755);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-apt-'));
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`);
  vi.stubEnv('VIRTIOLAB_DEBIAN_MIRROR', 'http://mirror.example/debian');
  for (const name of ['apt-cache', 'apt-config', 'dpkg-deb']) tool(name);
  // What is left of an earlier try is no package.
  tool('apt-get', `cd ${path('apt/cache/archives')} 2>/dev/null && touch a_1_all.deb lock; exit 0`);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('a private apt', () => {
  it('asks for several suites, pins packages, and touches nothing of the machine', async () => {
    await PrivateApt.open(path('apt'), {
      architecture: 'amd64',
      suites: ['trixie', 'trixie-backports'],
      pins: [{ packages: ['src:qemu', 'src:ipxe'], suite: 'trixie-backports' }],
    });
    const sources = readFileSync(path('apt/parts/debian.sources'), 'utf8');
    expect(sources.match(/^Suites: .*$/gm)).toEqual(['Suites: trixie', 'Suites: trixie-backports']);
    expect(readFileSync(path('apt/preferences'), 'utf8')).toBe(
      'Package: src:qemu src:ipxe\nPin: release n=trixie-backports\nPin-Priority: 900\n',
    );
    const configuration = readFileSync(path('apt/apt.conf'), 'utf8');
    for (const key of ['Dir::State', 'Dir::State::status', 'Dir::Cache', 'Dir::Etc::preferences'])
      expect(configuration).toContain(`${key} "${path('apt')}`);
    expect(configuration).toContain('APT::Architecture "amd64"');
    expect(configuration).toContain('Dir::Etc::preferencesparts "/dev/null"');
  });

  it('fetches packages with what they depend on, installing none', async () => {
    const apt = await PrivateApt.open(path('apt'), { architecture: 'amd64', suites: ['trixie'] });
    expect(await apt.downloadAll(['qemu-system-x86', 'seabios'])).toEqual([
      path('apt/cache/archives/a_1_all.deb'),
    ]);
    const call = readFileSync(path('calls'), 'utf8').split('\n').at(-2);
    expect(call).toBe(
      `apt-get -c ${path('apt/apt.conf')} -qy --download-only install qemu-system-x86 seabios`,
    );
  });
});
