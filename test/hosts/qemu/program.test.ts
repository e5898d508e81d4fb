import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findQemu, QemuUnavailableError, tryQemu } from '../../../src/hosts/qemu/index.ts';
import { isAtLeast, parseQemuVersion } from '../../../src/hosts/qemu/program.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-program-'));
  // Nothing that could fetch is found.
  vi.stubEnv('PATH', folder);
  vi.stubEnv('VIRTIOLAB_QEMU', '');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Something that says that it is a QEMU, with that device or without. */
function program(name: string, says: string, device?: string): string {
  const path = join(folder, name);
  const help =
    device === undefined ? 'echo "not a valid device model name" >&2; exit 1' : `echo "${device} options:"`;
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = --version ]; then echo "${says}"; else ${help}; fi\n`);
  chmodSync(path, 0o755);
  return path;
}

const NEW = 'QEMU emulator version 10.1.2 (Debian 1:10.1.2)';
const OLD = 'QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)';
const options = () => ({ cacheFolder: join(folder, 'cache') });

describe('a QEMU', () => {
  it('is the one that the environment names, before the one on the path', async () => {
    program('qemu-system-x86_64', NEW, 'vfio-user-pci');
    const named = program('mine', 'QEMU emulator version 11.0.50 (v11.0.0-1-gabc)', 'vfio-user-pci');
    vi.stubEnv('VIRTIOLAB_QEMU', named);
    expect(await findQemu(options())).toEqual({
      program: named,
      leading: [],
      environment: {},
      version: '11.0.50',
    });
  });

  it('is the one on the path, if it has the client', async () => {
    program('qemu-system-x86_64', NEW, 'vfio-user-pci');
    expect(await findQemu(options())).toMatchObject({ program: 'qemu-system-x86_64', version: '10.1.2' });
  });

  it.each([
    ['is not there', undefined],
    ['is QEMU 7.2.22, without vfio-user-pci', OLD],
    ['is QEMU 10.1.2, without vfio-user-pci', NEW],
    ['is no QEMU', 'something else 1.0.0'],
  ])('that is named and %s is refused, without looking further', async (reason, says) => {
    program('qemu-system-x86_64', NEW, 'vfio-user-pci');
    const named = says === undefined ? join(folder, 'nothing') : program('mine', says);
    vi.stubEnv('VIRTIOLAB_QEMU', named);
    await expect(findQemu(options())).rejects.toThrow(
      `$VIRTIOLAB_QEMU (${named}) ${reason}; wants QEMU 10.1 or later with vfio-user-pci`,
    );
    await expect(findQemu(options())).rejects.toThrow(QemuUnavailableError);
  });

  it('that is too old on the path, and cannot be fetched, is a reason to skip that says what would help', async () => {
    program('qemu-system-x86_64', OLD);
    const { pieces, reason } = (await tryQemu(options())) as { pieces: null; reason: string };
    expect(pieces).toBeNull();
    expect(reason).toMatch(
      /^qemu-system-x86_64 is QEMU 7\.2\.22, without vfio-user-pci, and none can be fetched: /,
    );
    expect(reason).toMatch(
      /wants QEMU 10\.1 or later with vfio-user-pci on the path or in \$VIRTIOLAB_QEMU$/,
    );
  });

  it('has a version that is compared as numbers', () => {
    expect(parseQemuVersion(`${OLD}\nCopyright`)).toBe('7.2.22');
    expect(parseQemuVersion('qemu-img version 7.2.22')).toBeNull();
    expect(isAtLeast('10.10.0', [10, 2])).toBe(true);
    expect(isAtLeast('10.1.9', [10, 2])).toBe(false);
    expect(isAtLeast('9.9.9', [10, 0])).toBe(false);
    expect(isAtLeast('11.0.0', [10, 2])).toBe(true);
  });
});
