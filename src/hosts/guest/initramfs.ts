import { join } from 'node:path';
import { type ArchiveMember, cpioArchive } from './cpio.ts';
import { checkElf, type GuestArchitecture } from './elf.ts';
import { type KernelModule, type ModuleSource, OLD_MODULES, resolveModules } from './modules.ts';
import type { KernelPieces } from './pieces.ts';
import { readImage } from './read-image.ts';

/** The line that tells that modules are loaded and the shell is about to read commands. */
export const READY_LINE = 'virtiolab guest ready';

/**
 * The guest's first process. The terminal neither echoes nor translates, which also turns busybox's line editor off,
 * and the prompts are empty: what comes back over the serial line is what commands print and nothing else. Kernel
 * messages stay in dmesg, except those of a dying kernel. A shell that ends is followed by another: busybox's ends where a
 * job in the background does while it reads a line without echo.
 */
export const INIT_SCRIPT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ TERM=dumb PS1= PS2=
stty -echo -onlcr
while read -r module; do
  insmod "/lib/modules/$module.ko" || echo "insmod $module failed"
done < /lib/modules/order
dmesg -n 1
ip link set lo up
echo '${READY_LINE}'
while :; do setsid cttyhack sh; done
`;

/** A file that is put into the guest beside what it needs itself. `path` without leading slash. */
export interface GuestFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly executable?: boolean;
}

const FOLDERS = ['bin', 'dev', 'etc', 'lib', 'lib/modules', 'mnt', 'proc', 'root', 'sys', 'tmp'];

/** The parent folders of files that lie in none of the usual ones. */
function foldersOf(files: readonly GuestFile[]): string[] {
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) folders.add(parts.slice(0, depth).join('/'));
  }
  return [...folders].filter((folder) => !FOLDERS.includes(folder)).sort();
}

export interface InitramfsContents {
  readonly architecture: GuestArchitecture;
  readonly busybox: Uint8Array;
  readonly modules: readonly KernelModule[];
  /** How many modules, from the first, are loaded at boot; by default all. */
  readonly modulesAtBoot?: number;
  readonly files?: readonly GuestFile[];
}

/**
 * An initial RAM file system: busybox, modules in the order they are loaded, {@link INIT_SCRIPT}, `files`. Equal
 * contents make equal bytes.
 * @throws GuestImageError when busybox is for another architecture; ArchiveMemberError
 */
export function buildInitramfs({
  architecture,
  busybox,
  modules,
  modulesAtBoot = modules.length,
  files = [],
}: InitramfsContents): Uint8Array {
  checkElf('busybox', busybox, architecture);
  const order = modules.slice(0, modulesAtBoot).map(({ name }) => `${name}\n`);
  const text = (contents: string) => new TextEncoder().encode(contents);
  const file = (path: string, bytes: Uint8Array, permissions = 0o644): ArchiveMember => ({
    kind: 'file',
    path,
    permissions,
    bytes,
  });
  return cpioArchive([
    ...[...FOLDERS, ...foldersOf(files)].map(
      (path): ArchiveMember => ({ kind: 'folder', path, permissions: 0o755 }),
    ),
    // Open before devtmpfs is mounted: the kernel gives it to the first process.
    { kind: 'device', path: 'dev/console', permissions: 0o600, major: 5, minor: 1 },
    file('init', text(INIT_SCRIPT), 0o755),
    file('bin/busybox', busybox, 0o755),
    file('lib/modules/order', text(order.join(''))),
    ...modules.map(({ name, bytes }) => file(`lib/modules/${name}.ko`, bytes)),
    ...files.map(({ path, bytes, executable }) => file(path, bytes, executable === true ? 0o755 : 0o644)),
  ]);
}

export interface InitramfsWish {
  readonly files?: readonly GuestFile[];
  /** Modules to load at boot, and what they depend on, instead of those that the pieces have for it; the others stay at hand. */
  readonly modules?: readonly string[];
}

/** The archive of a set of pieces. @throws GuestImageError, ArchiveMemberError; ModuleMissingError for a wished one */
export async function guestInitramfs(
  pieces: KernelPieces & { readonly busybox: string },
  { files = [], modules: wished }: InitramfsWish = {},
): Promise<Uint8Array> {
  const { architecture } = pieces;
  const read = (name: string) => readImage(join(pieces.modulesFolder, `${name}.ko`), 'a kernel module');
  const has = (name: string) => pieces.modules.includes(name);
  const source: ModuleSource = {
    architecture,
    builtIn: new Set(pieces.builtIn),
    read: async (name) => (has(name) ? read(name) : undefined),
  };
  const first =
    wished === undefined
      ? pieces.modules.slice(0, pieces.modulesAtBoot)
      : (await resolveModules(wished, source, OLD_MODULES)).map(({ name }) => name);
  const modules: KernelModule[] = [];
  for (const name of new Set([...first, ...pieces.modules])) modules.push({ name, bytes: await read(name) });
  const busybox = await readImage(pieces.busybox, `a busybox for ${architecture}`);
  return buildInitramfs({ architecture, busybox, modules, modulesAtBoot: first.length, files });
}
