import {
  type QemuGuestPieces,
  type QemuKernelName,
  QemuLinux,
  type QemuLinuxOptions,
  type QemuProgram,
  tryQemu,
  tryQemuGuestPieces,
} from '../../../src/hosts/qemu/index.ts';

/**
 * Of many ways the two that have least in common. `VIRTIOLAB_MACHINES=all` has the tests of this folder take every one, on every
 * kernel: a quarter of an hour.
 */
const all = process.env.VIRTIOLAB_MACHINES === 'all';
const USUAL: readonly string[] = ['mmr', 'modern'];
export const usually = <T extends string>(windows: readonly T[], usual = USUAL): readonly T[] =>
  all ? windows : windows.filter((window) => usual.includes(window));

const progress = (message: string) => console.log(`QEMU: ${message}`);
/** A QEMU, or why there is none. */
export const program = await tryQemu({ progress });

/** A kernel for {@link bootLinux}, or why there is none. */
export interface Kernel {
  readonly name: QemuKernelName;
  readonly reason: string | null;
  /** To be put behind a test's name. */
  readonly note: string;
  /** Only where {@link reason} is null. */
  readonly pieces: QemuGuestPieces;
}

async function kernel(name: QemuKernelName): Promise<Kernel> {
  const found = program.pieces === null ? program : await tryQemuGuestPieces(name, { progress });
  const reason = found.pieces === null ? found.reason : null;
  return {
    name,
    reason,
    note: reason === null ? '' : ` (skipped: ${reason})`,
    pieces: found.pieces as QemuGuestPieces,
  };
}

/** The QEMU of these tests, where there is one. */
export const qemu = program.pieces as QemuProgram;

/** Debian 12's kernel, and the newest of Debian's. */
export const old = await kernel('bookworm');
export const newest = await kernel('backports');
/** All of them, or the one that a test usually takes. */
export const kernels = (usual: Kernel): readonly Kernel[] => (all ? [old, newest] : [usual]);

/** Boots a kernel; `use` has the guest, which is gone afterwards. */
export async function withLinux<Result>(
  { pieces }: Kernel,
  options: Omit<QemuLinuxOptions, 'qemu' | 'pieces'>,
  use: (guest: QemuLinux) => Promise<Result>,
): Promise<Result> {
  const guest = await QemuLinux.boot({ qemu, pieces, ...options });
  try {
    return await use(guest);
  } finally {
    await guest.close();
  }
}
