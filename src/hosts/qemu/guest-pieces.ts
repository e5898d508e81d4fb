import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AptOptions, PrivateApt, unpackPackage } from '../guest/apt.ts';
import { unpackKernel } from '../guest/compressed.ts';
import { fetchKernel, firstOf } from '../guest/fetch-kernel.ts';
import { GUEST_MODULES, GUEST_SPARES, OLD_MODULES } from '../guest/modules.ts';
import { orReason, type PieceSet, type PiecesOptions, takeSet } from '../guest/piece-set.ts';
import { type KernelManifest, type KernelPieces, kernelFiles, kernelIn } from '../guest/pieces.ts';

/** A Linux guest's files for a 64-bit PC: kernel and modules, busybox, a checker of ext4 file systems. */
export interface QemuGuestPieces extends KernelPieces {
  readonly busybox: string;
  readonly e2fsck: string;
}

/** UEFI firmware for a PC: its code, and its variables as they are in a new machine. */
export interface UefiFirmware {
  readonly code: string;
  readonly variables: string;
}

const ARCHITECTURE = 'amd64';

/** Where Debian has kernels: that of an old release, and the newest that there is. */
const KERNELS = {
  bookworm: { suites: ['bookworm'] },
  backports: {
    suites: ['trixie', 'trixie-backports'],
    pins: [{ packages: ['src:linux', 'src:linux-signed-amd64'], suite: 'trixie-backports' }],
  },
} as const satisfies Record<string, Omit<AptOptions, 'architecture'>>;

/** A kernel by the Debian suite that it comes from. */
export type QemuKernelName = keyof typeof KERNELS;
export const qemuKernels = Object.keys(KERNELS) as readonly QemuKernelName[];

interface GuestManifest extends KernelManifest {
  /** Whether there is the kernel proper beside the packed one. */
  readonly unpacked: boolean;
  readonly wanted: string;
}

const MODULES = {
  architecture: ARCHITECTURE,
  flavour: 'amd64',
  modules: GUEST_MODULES,
  spares: GUEST_SPARES,
  optional: OLD_MODULES,
} as const;

const guestSet = (name: QemuKernelName): PieceSet<GuestManifest> => {
  const set: PieceSet<GuestManifest> = {
    name: `${ARCHITECTURE}-${name}`,
    what: `the packages of the ${ARCHITECTURE} guest of ${name}`,
    wanted: [...GUEST_MODULES, '|', ...GUEST_SPARES].join(' '),
    files: (manifest) => [
      ...kernelFiles(manifest),
      ...(manifest.unpacked ? ['vmlinux'] : []),
      'busybox',
      'e2fsck',
    ],
    version: ({ kernelPackage, kernelVersion }) => `${kernelPackage}_${kernelVersion}`,
    fetch: async (scratch, into, progress) => {
      const apt = await PrivateApt.open(scratch, { architecture: ARCHITECTURE, ...KERNELS[name] });
      progress(`asking the Debian mirror for ${KERNELS[name].suites.join(' and ')}/${ARCHITECTURE}`);
      await apt.update();
      const root = join(scratch, 'root');
      const kernel = await fetchKernel(apt, MODULES, root, into, progress);
      progress('fetching busybox-static and e2fsck-static');
      const files = await apt.download(['busybox-static', 'e2fsck-static']);
      for (const file of files.values()) await unpackPackage(file, root);
      await copyFile(firstOf(root, 'usr/bin/busybox', 'bin/busybox'), join(into, 'busybox'));
      await copyFile(firstOf(root, 'usr/sbin/e2fsck.static', 'sbin/e2fsck.static'), join(into, 'e2fsck'));
      const proper = await unpackKernel(await readFile(join(into, 'vmlinuz')), join(scratch, 'vmlinux'));
      if (proper !== null) await writeFile(join(into, 'vmlinux'), proper);
      return { ...kernel, unpacked: proper !== null, wanted: set.wanted };
    },
  };
  return set;
};

/**
 * The pieces of a Linux guest for QEMU: from the cache, without touching the network, else from Debian's packages (about
 * 72 MB for `bookworm`, 125 MB for `backports`). The kernel is unpacked where that can be done here: it starts 3 s sooner.
 * @throws GuestPiecesUnavailableError, NetworkUnavailableError, FolderNotWritableError
 */
export async function qemuGuestPieces(
  name: QemuKernelName,
  options: PiecesOptions = {},
): Promise<QemuGuestPieces> {
  const { folder, manifest } = await takeSet(guestSet(name), options);
  const kernel = kernelIn(folder, ARCHITECTURE, manifest);
  return {
    ...kernel,
    kernel: manifest.unpacked ? join(folder, 'vmlinux') : kernel.kernel,
    busybox: join(folder, 'busybox'),
    e2fsck: join(folder, 'e2fsck'),
  };
}

/** For tests: the pieces, or the reason to skip with. Errors of any other kind are thrown on. */
export function tryQemuGuestPieces(name: QemuKernelName, options: PiecesOptions = {}) {
  return orReason(qemuGuestPieces(name, options));
}

interface FirmwareManifest {
  readonly packageVersion: string;
  readonly wanted: string;
}

/** Firmware from one package: its files there, by the names that they get here. */
const firmwareSet = (packageName: string, files: Readonly<Record<string, string>>) => {
  const set: PieceSet<FirmwareManifest> = {
    name: packageName,
    what: `the package ${packageName}`,
    wanted: Object.values(files).join(' '),
    files: () => Object.keys(files),
    version: ({ packageVersion }) => packageVersion,
    fetch: async (scratch, into, progress) => {
      const apt = await PrivateApt.open(scratch, { architecture: ARCHITECTURE, suites: ['trixie'] });
      progress(`fetching ${packageName}`);
      await apt.update();
      const root = join(scratch, 'root');
      for (const file of (await apt.download([packageName])).values()) await unpackPackage(file, root);
      await mkdir(into, { recursive: true });
      for (const [name, from] of Object.entries(files)) await copyFile(join(root, from), join(into, name));
      const packageVersion = (await apt.show(packageName)).get('Version') ?? 'unknown';
      return { packageVersion, wanted: set.wanted };
    },
  };
  return set;
};

const UEFI = firmwareSet('ovmf', {
  'code.fd': 'usr/share/OVMF/OVMF_CODE_4M.fd',
  'variables.fd': 'usr/share/OVMF/OVMF_VARS_4M.fd',
});

const NETWORK_BOOT = firmwareSet('ipxe-qemu', { 'network.rom': 'usr/share/qemu/pxe-virtio.rom' });

const U_BOOT = firmwareSet('u-boot-qemu', { 'u-boot.rom': 'usr/lib/u-boot/qemu-x86/u-boot.rom' });

/**
 * OVMF, the UEFI firmware for QEMU's PCs (6 MB). @throws GuestPiecesUnavailableError, NetworkUnavailableError,
 * FolderNotWritableError
 */
export async function uefiFirmware(options: PiecesOptions = {}): Promise<UefiFirmware> {
  const { folder } = await takeSet(UEFI, options);
  return { code: join(folder, 'code.fd'), variables: join(folder, 'variables.fd') };
}

/**
 * iPXE for virtio network functions (1 MB): the path of an option ROM, which {@link optionRomFor} gives another device id.
 * Errors as of {@link uefiFirmware}.
 */
export async function networkBootRom(options: PiecesOptions = {}): Promise<string> {
  return join((await takeSet(NETWORK_BOOT, options)).folder, 'network.rom');
}

/** U-Boot for QEMU's PCs (2 MB), in SeaBIOS' place: the path for `-bios`. Errors as of {@link uefiFirmware}. */
export async function uBootRom(options: PiecesOptions = {}): Promise<string> {
  return join((await takeSet(U_BOOT, options)).folder, 'u-boot.rom');
}

/** For tests: the firmware, or the reason to skip with. Errors of any other kind are thrown on. */
export function tryUefiFirmware(options: PiecesOptions = {}) {
  return orReason(uefiFirmware(options));
}

/** As {@link tryUefiFirmware}. */
export function tryNetworkBootRom(options: PiecesOptions = {}) {
  return orReason(networkBootRom(options));
}

/** As {@link tryUefiFirmware}. */
export function tryUBootRom(options: PiecesOptions = {}) {
  return orReason(uBootRom(options));
}
