import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PrivateApt, unpackPackage } from '../guest/apt.ts';
import { GuestPiecesUnavailableError } from '../guest/errors.ts';
import { type PieceSet, type PiecesOptions, takeSet } from '../guest/piece-set.ts';

/** How a QEMU is started: what stands before the arguments of whoever starts it, and in its environment. */
export interface QemuCommand {
  readonly program: string;
  readonly leading: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The release whose backports carry a QEMU with the client, and what of it comes from there. */
const SUITE = 'trixie';
const BACKPORTS = 'trixie-backports';
const FROM_BACKPORTS = ['src:qemu', 'src:seabios', 'src:edk2', 'src:ipxe'];
const PACKAGES = ['qemu-system-x86', 'seabios', 'ipxe-qemu'];
const PROGRAM = 'usr/bin/qemu-system-x86_64';
const UNUSED = ['usr/share/doc', 'usr/share/man', 'usr/share/locale'];

/** What differs between the machines that Debian's QEMU runs on: its name of them, their libraries and their loader. */
const MACHINES: Readonly<Record<string, { debian: string; libraries: string; loader: string }>> = {
  x64: { debian: 'amd64', libraries: 'usr/lib/x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { debian: 'arm64', libraries: 'usr/lib/aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

interface QemuManifest {
  /** Debian's, such as `1:11.1.3+ds-1~bpo13+1`. */
  readonly packageVersion: string;
  readonly wanted: string;
}

function ownMachine() {
  const machine = process.platform === 'linux' ? MACHINES[process.arch] : undefined;
  if (machine === undefined)
    throw new GuestPiecesUnavailableError(
      `Debian's QEMU is not for ${process.platform} on ${process.arch}`,
      'Linux on an x86-64 or ARM64 machine',
    );
  return machine;
}

const SET: PieceSet<QemuManifest> = {
  name: 'qemu',
  what: "QEMU's packages",
  wanted: [process.arch, BACKPORTS, ...PACKAGES].join(' '),
  files: () => [PROGRAM],
  version: ({ packageVersion }) => `${process.arch}_${packageVersion.replaceAll(/[^\w.+~-]/g, '_')}`,
  fetch: async (scratch, into, progress) => {
    const apt = await PrivateApt.open(scratch, {
      architecture: ownMachine().debian,
      suites: [SUITE, BACKPORTS],
      pins: [{ packages: FROM_BACKPORTS, suite: BACKPORTS }],
    });
    progress(`asking the Debian mirror for ${BACKPORTS}`);
    await apt.update();
    progress(`fetching ${PACKAGES.join(', ')} and what they need`);
    const files = await apt.downloadAll(PACKAGES);
    progress(`unpacking ${files.length} packages`);
    for (const file of files) await unpackPackage(file, into);
    for (const path of UNUSED) await rm(join(into, path), { recursive: true, force: true });
    const packageVersion = (await apt.show('qemu-system-x86')).get('Version') ?? 'unknown';
    return { packageVersion, wanted: SET.wanted };
  },
};

/**
 * A QEMU that is installed nowhere: it runs from the cache folder with the libraries that it was built for, by their own
 * loader. @throws GuestPiecesUnavailableError, FolderNotWritableError
 */
export async function fetchedQemu(options: PiecesOptions = {}): Promise<QemuCommand> {
  const machine = ownMachine();
  const { folder } = await takeSet(SET, options);
  const path = (name: string) => join(folder, name);
  const libraries = path(machine.libraries);
  return {
    program: join(libraries, machine.loader),
    leading: [
      ...['--library-path', libraries, '--argv0', 'qemu-system-x86_64', path(PROGRAM)],
      ...['-L', path('usr/share/qemu'), '-L', path('usr/share/seabios')],
    ],
    environment: { QEMU_MODULE_DIR: join(libraries, 'qemu') },
  };
}
