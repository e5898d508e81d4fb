import { describe, expect, it } from 'vitest';
import { GuestImageError, ModuleMissingError } from '../../../src/hosts/guest/errors.ts';
import { moduleInfo, resolveModules } from '../../../src/hosts/guest/modules.ts';
import { moduleFile } from './elf-file.ts';

const FILES: Readonly<Record<string, string>> = {
  virtio_pci: 'virtio_ring,virtio',
  virtio_ring: '',
  virtio: '',
  virtio_rng: 'virtio-ring,virtio,rng_core',
  broken: 'nowhere',
};

const source = {
  architecture: 'i386' as const,
  builtIn: new Set(['rng_core']),
  read: async (name: string) => {
    const depends = FILES[name];
    return depends === undefined ? undefined : moduleFile({ license: 'GPL', depends, name });
  },
};

describe('kernel modules', () => {
  it('come with their dependencies, dependencies first, each once, in either spelling', async () => {
    const modules = await resolveModules(['virtio_pci', 'virtio-rng'], source);
    expect(modules.map(({ name }) => name)).toEqual(['virtio_ring', 'virtio', 'virtio_pci', 'virtio_rng']);
  });

  it('are missing by name', async () => {
    await expect(resolveModules(['broken'], source)).rejects.toThrow(ModuleMissingError);
    await expect(resolveModules(['broken'], source)).rejects.toThrow('kernel module nowhere (for broken)');
  });

  it('are left out where they are missing and optional', async () => {
    const modules = await resolveModules(['none', 'virtio'], source, ['none']);
    expect(modules.map(({ name }) => name)).toEqual(['virtio']);
    await expect(resolveModules(['broken'], source, ['broken'])).rejects.toThrow(ModuleMissingError);
  });

  it('must be for the architecture', () => {
    expect(moduleInfo('y.ko', moduleFile({ name: 'y' }, 64), 'amd64').get('name')).toEqual(['y']);
    expect(() => moduleInfo('y.ko', moduleFile({}, 32), 'amd64')).toThrow('y.ko is a 32-bit i386 ELF file');
    const file = moduleFile({ name: 'x' });
    expect(moduleInfo('x.ko', file, 'i386').get('name')).toEqual(['x']);
    file[4] = 2;
    new DataView(file.buffer).setUint16(18, 62, true);
    expect(() => moduleInfo('x.ko', file, 'i386')).toThrow(GuestImageError);
    expect(() => moduleInfo('x.ko', file, 'i386')).toThrow('x.ko is a 64-bit x86-64 ELF file');
    expect(() => moduleInfo('x.ko', new Uint8Array(100), 'i386')).toThrow('x.ko is no ELF file');
  });
});
