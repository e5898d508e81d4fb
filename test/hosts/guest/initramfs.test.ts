import { describe, expect, it } from 'vitest';
import { GuestImageError } from '../../../src/hosts/guest/errors.ts';
import { buildInitramfs } from '../../../src/hosts/guest/initramfs.ts';
import { moduleFile } from './elf-file.ts';

describe('initial file system', () => {
  it('holds init, busybox, modules in order and extra files with their folders', () => {
    const names = ['virtio', 'virtio_ring', 'spare'];
    const modules = names.map((name) => ({ name, bytes: moduleFile({ name }) }));
    const files = [{ path: 'opt/data/x', bytes: Uint8Array.of(1) }];
    const archive = new TextDecoder('latin1').decode(
      buildInitramfs({ architecture: 'i386', busybox: moduleFile({}), modules, modulesAtBoot: 2, files }),
    );
    expect(archive).toContain('virtio\nvirtio_ring\n\0');
    expect(archive).toContain('lib/modules/spare.ko\0');
    const at = (name: string) => archive.indexOf(`${name}\0`);
    expect(at('init')).toBeGreaterThan(0);
    expect(at('lib/modules/virtio_ring.ko')).toBeGreaterThan(at('lib/modules'));
    expect(at('opt/data/x')).toBeGreaterThan(at('opt/data'));
    expect(at('opt/data')).toBeGreaterThan(at('opt'));
  });

  it('refuses a busybox of another machine', () => {
    expect(() =>
      buildInitramfs({ architecture: 'amd64', busybox: new Uint8Array(100), modules: [] }),
    ).toThrow(GuestImageError);
  });
});
