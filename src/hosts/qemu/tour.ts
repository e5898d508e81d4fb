import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatFunctionAddress, functionAddress } from '../../core/index.ts';
import { scratchFolder } from '../guest/scratch-folder.ts';
import {
  showAround,
  TOUR_EVENTS,
  TOUR_SLOTS,
  type TouredBoard,
  type TourOptions,
  type TourResult,
  tourDevices,
} from '../guest/tour/tour.ts';
import { type GuestDevice, presentDevice } from '../present/present.ts';
import { GuestTrace } from '../present/trace.ts';
import { SERVED_ADDRESS, VfioUserServer } from '../vfio-user/index.ts';
import type { QemuGuestPieces } from './guest-pieces.ts';
import { QemuLinux } from './linux.ts';
import type { DeviceProperties } from './machine.ts';
import type { QemuProgram } from './program.ts';

export interface QemuTourOptions extends TourOptions {
  /** One that has vfio-user-pci. */
  readonly qemu: QemuProgram;
  readonly pieces: QemuGuestPieces;
}

/** A guest that has been shown around, and what came of it. */
export interface QemuTour {
  readonly guest: QemuLinux;
  readonly result: TourResult;
  /** Ends the guest and the server of its devices. */
  close(): Promise<void>;
}

/**
 * Boots a 64-bit Linux guest in QEMU with a disk and a source of random bytes behind a window, served to it over vfio-user
 * from this process, and shows it around. @throws NativeCallsError; as {@link QemuLinux.boot}; GuestCommandError
 */
export async function runQemuTour(options: QemuTourOptions): Promise<QemuTour> {
  const { qemu, pieces, window, progress } = options;
  const devices = await tourDevices(options.image);
  const server = await VfioUserServer.start();
  const scratch = await scratchFolder(tmpdir(), 'virtiolab-tour-');
  const end = async () => {
    await server.close();
    scratch.remove();
  };
  const boards: TouredBoard[] = [];
  const properties: DeviceProperties[] = [];
  let guest: QemuLinux | undefined;
  try {
    for (const [i, behaviour] of devices.behaviours.entries()) {
      const slot = TOUR_SLOTS[i]!;
      const path = join(scratch.path, `device${i}`);
      let presented: GuestDevice;
      const { device } = server.serve({
        socket: path,
        plug: (board) => {
          presented = presentDevice(board, behaviour, SERVED_ADDRESS, { window });
        },
      });
      boards.push({
        trace: new GuestTrace(device, [presented!], TOUR_EVENTS),
        slot: formatFunctionAddress(functionAddress(0, slot)),
      });
      properties.push({ driver: 'vfio-user-pci', addr: slot.toString(16), socket: { type: 'unix', path } });
    }
    options.watching?.(boards.map(({ trace }) => trace));
    const started = performance.now();
    guest = await QemuLinux.boot({
      qemu,
      pieces,
      devices: properties,
      ...(progress === undefined ? {} : { progress }),
    });
    const bootMs = performance.now() - started;
    const how = { machine: 'qemu', window, kernel: pieces.kernelPackage, restored: false, bootMs } as const;
    const booted = guest;
    const close = async () => {
      await booted.close();
      await end();
    };
    return { guest, result: await showAround(guest, how, devices, boards), close };
  } catch (error) {
    await guest?.close();
    await end();
    throw error;
  }
}
