import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkInternals } from '../../../src/hosts/v86/emulator.ts';
import {
  MachineOptionsError,
  SUPPORTED_V86,
  V86InternalMissingError,
} from '../../../src/hosts/v86/errors.ts';
import { loadV86 } from '../../../src/hosts/v86/load-v86.ts';
import { V86Machine } from '../../../src/hosts/v86/machine.ts';
import { fakeMachine } from './fake-machine.ts';

const emulator = () => ({ v86: { cpu: fakeMachine().cpu as unknown as Record<string, unknown> } });

describe("v86's internals", () => {
  it('are all there in the version that is installed', async () => {
    const library = await loadV86();
    expect(library.version).toBe(SUPPORTED_V86);
    const blank = new Uint8Array(0x10000);
    const machine = await V86Machine.create(await loadV86(), {
      bios: blank,
      vgaBios: blank,
      memoryBytes: 16 << 20,
    });
    expect(machine.cpu.memory_size[0]).toBe(16 << 20);
    expect(machine.running).toBe(false);
    await machine.destroy();
    await machine.destroy();
    await expect(machine.start()).rejects.toThrow('the v86 machine was destroyed');
  });

  it('are missing by name, with the version that works', () => {
    checkInternals(emulator(), '0.5.462');
    const other = emulator();
    delete other.v86.cpu['jit_dirty_cache'];
    expect(() => checkInternals(other, '0.6.0')).toThrow(V86InternalMissingError);
    expect(() => checkInternals(other, '0.6.0')).toThrow(
      'v86 0.6.0 has no cpu.jit_dirty_cache (function); the version that works is 0.5.462',
    );
    const renamed = emulator();
    renamed.v86.cpu['devices'] = {};
    expect(() => checkInternals(renamed, '0.6.0')).toThrow('has no cpu.devices.pci.pci_addr32 (Int32Array)');
    expect(() => checkInternals({}, '0.6.0')).toThrow('has no emulator.v86.cpu');
  });

  it('belong to the version that the package asks for', async () => {
    const manifest = JSON.parse(await readFile('package.json', 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    expect(manifest.devDependencies['v86']).toBe(SUPPORTED_V86);
  });
});

describe('a machine that v86 cannot be', () => {
  const blank = new Uint8Array(0x10000);
  const images = { bios: blank, vgaBios: blank };

  it.each([
    ['too little for an initrd at 64 MiB', { memoryBytes: 64 << 20, initrd: blank, kernel: blank }],
    ['too little for firmware', { memoryBytes: 8 << 20 }],
    ['a fraction of a MiB', { memoryBytes: (32 << 20) + 1 }],
    ['an initrd without a kernel', { memoryBytes: 96 << 20, initrd: blank }],
  ])('is refused: %s', async (_name, options) => {
    await expect(V86Machine.create(await loadV86(), { ...images, ...options })).rejects.toThrow(
      MachineOptionsError,
    );
  });
});
