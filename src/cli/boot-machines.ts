import type { SerialGuest } from '../hosts/guest/terminal.ts';
import type { MachineName, TourOptions, TourResult } from '../hosts/v86/node.ts';

/** A guest that was shown around. */
export interface Booted {
  readonly guest: SerialGuest;
  readonly result: TourResult;
  /** Ends the guest, and what stood behind it. */
  end(): Promise<void>;
}

/** Everything that a machine and its guest are made of is there. */
export interface BootMachine {
  readonly kernel: string;
  boot(options: TourOptions): Promise<Booted>;
}

export interface BootMachineOptions {
  /** Boots from power-on, as a machine without snapshots always does. */
  readonly cold: boolean;
  /** Told in a line of a snapshot that cannot be used or kept. */
  readonly warn: (message: string) => void;
  /** Told what is fetched. */
  readonly progress: (message: string) => void;
}

async function v86({ cold, warn, progress }: BootMachineOptions): Promise<BootMachine> {
  const { loadV86, runTour } = await import('../hosts/v86/node.ts');
  const { guestPieces } = await import('../hosts/guest/index.ts');
  // Before anything is fetched for it.
  await loadV86();
  const pieces = await guestPieces({ progress });
  return {
    kernel: pieces.kernelPackage,
    boot: async (options) => {
      const { guest, result } = await runTour({ ...options, pieces, cold, warn });
      return { guest, result, end: () => guest.destroy() };
    },
  };
}

async function qemu({ progress }: BootMachineOptions): Promise<BootMachine> {
  const { findQemu, qemuGuestPieces, runQemuTour } = await import('../hosts/qemu/index.ts');
  const { loadLibrary } = await import('../hosts/posix/library.ts');
  await loadLibrary();
  const program = await findQemu({ progress });
  const pieces = await qemuGuestPieces('bookworm', { progress });
  return {
    kernel: pieces.kernelPackage,
    boot: async (options) => {
      const { guest, result, close } = await runQemuTour({ ...options, qemu: program, pieces });
      return { guest, result, end: close };
    },
  };
}

interface MachineRow {
  /** What help says of it. */
  readonly summary: string;
  prepare(options: BootMachineOptions): Promise<BootMachine>;
}

/** The machines that `boot` has, the usual one first. */
export const bootMachines: Readonly<Record<MachineName, MachineRow>> = {
  v86: { summary: 'v86, a 32-bit PC in this process; wants the package v86 (default)', prepare: v86 },
  qemu: {
    summary:
      "QEMU, a 64-bit PC, from 10.1 on with vfio-user-pci: $VIRTIOLAB_QEMU, the path's or a private copy of Debian's; wants the package koffi",
    prepare: qemu,
  },
};
