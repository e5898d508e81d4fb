import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { GuestPiecesUnavailableError } from '../guest/errors.ts';
import { orReason, type PiecesOptions } from '../guest/piece-set.ts';
import { QemuUnavailableError } from './errors.ts';
import { fetchedQemu, type QemuCommand } from './fetched-qemu.ts';

/** A QEMU of this machine that has the vfio-user client. */
export interface QemuProgram extends QemuCommand {
  /** Such as `11.1.3`. */
  readonly version: string;
}

/** The client of vfio-user, in QEMU since {@link WANTED_VERSION}. */
const CLIENT = 'vfio-user-pci';
const WANTED_VERSION = '10.1';
const ON_PATH = 'qemu-system-x86_64';
const PROBE_MILLISECONDS = 20_000;

const execute = promisify(execFile);

/** What a QEMU says of itself. */
type Probe = { readonly version: string; readonly client: boolean } | { readonly trouble: string };

/** @returns the number that `qemu --version` says, or null where that is something else's answer. */
export function parseQemuVersion(text: string): string | null {
  return /^QEMU emulator version (\d+\.\d+\.\d+)/m.exec(text)?.[1] ?? null;
}

/** @param version such as `11.1.3`. */
export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [itsMajor = 0, itsMinor = 0] = version.split('.').map(Number);
  return itsMajor > major || (itsMajor === major && itsMinor >= minor);
}

async function run({ program, leading, environment }: QemuCommand, args: readonly string[]): Promise<string> {
  const { stdout } = await execute(program, [...leading, ...args], {
    env: { ...process.env, ...environment },
    timeout: PROBE_MILLISECONDS,
  });
  return stdout;
}

async function probe(command: QemuCommand): Promise<Probe> {
  try {
    const version = parseQemuVersion(await run(command, ['--version']));
    if (version === null) return { trouble: 'is no QEMU' };
    // A version alone says little: the client can be left out of a build.
    const client = await run(command, ['-machine', 'none', '-device', `${CLIENT},help`]).then(
      (text) => text.includes(CLIENT),
      () => false,
    );
    return { version, client };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { trouble: code === 'ENOENT' ? 'is not there' : `cannot be run (${code ?? message})` };
  }
}

const complaint = (found: Probe): string =>
  'trouble' in found ? found.trouble : `is QEMU ${found.version}, without ${CLIENT}`;

/** A program that needs nothing else to run. */
export const plainCommand = (program: string): QemuCommand => ({ program, leading: [], environment: {} });

/**
 * A QEMU with the vfio-user client: the one that `$VIRTIOLAB_QEMU` names, else the one on the path if it is new enough, else
 * a private copy in the cache folder, fetched from Debian's packages where it is not there yet (38 MB).
 * @throws QemuUnavailableError, whose message says what would help; FolderNotWritableError
 */
export async function findQemu(options: PiecesOptions = {}): Promise<QemuProgram> {
  const named = process.env['VIRTIOLAB_QEMU'] ?? '';
  const wanted = `QEMU ${WANTED_VERSION} or later with ${CLIENT}`;
  const first = plainCommand(named === '' ? ON_PATH : named);
  const found = await probe(first);
  if ('version' in found && found.client) return { ...first, version: found.version };
  if (named !== '') throw new QemuUnavailableError(`$VIRTIOLAB_QEMU (${named})`, complaint(found), wanted);
  let fetched: QemuCommand;
  try {
    fetched = await fetchedQemu(options);
  } catch (error) {
    if (!(error instanceof GuestPiecesUnavailableError)) throw error;
    const reason = `${complaint(found)}, and none can be fetched: ${error.message}`;
    throw new QemuUnavailableError(ON_PATH, reason, `${wanted} on the path or in $VIRTIOLAB_QEMU`);
  }
  const copy = await probe(fetched);
  if ('version' in copy && copy.client) return { ...fetched, version: copy.version };
  throw new QemuUnavailableError(fetched.program, complaint(copy), wanted);
}

/** For tests: a QEMU, or the reason to skip with. Errors of any other kind are thrown on. */
export function tryQemu(options: PiecesOptions = {}) {
  return orReason(findQemu(options), QemuUnavailableError);
}
