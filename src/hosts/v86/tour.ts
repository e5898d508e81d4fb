import { functionAddress } from '../../core/index.ts';
import type { GuestPieces } from '../guest/pieces.ts';
import { findFunctions } from '../guest/tour/steps.ts';
import {
  showAround,
  TOUR_EVENTS,
  TOUR_SLOTS,
  type TourOptions,
  type TourResult,
  tourDevices,
} from '../guest/tour/tour.ts';
import { presentDevice } from '../present/present.ts';
import { GuestTrace } from '../present/trace.ts';
import { V86Board } from './board.ts';
import type { V86Bus } from './bus.ts';
import { LinuxGuest } from './linux-guest.ts';

export interface V86TourOptions extends TourOptions {
  readonly pieces: GuestPieces;
  /**
   * Boots from power-on, with the functions in their slots. By default the guest goes on from a snapshot of a kernel that has
   * booted, in the cache folder (made where there is none), and finds its functions when it looks for new ones.
   */
  readonly cold?: boolean;
  /** Told in a line of a snapshot that cannot be used or kept. */
  readonly warn?: (message: string) => void;
}

/** A guest that has been shown around, and what came of it. The caller ends the guest. */
export interface Tour {
  readonly guest: LinuxGuest;
  readonly result: TourResult;
}

/**
 * Boots a Linux guest in v86 with a disk and a source of random bytes behind a window, and shows it around.
 * @throws as {@link LinuxGuest.boot}; GuestCommandError
 */
export async function runTour(options: V86TourOptions): Promise<Tour> {
  const { pieces, window, progress, warn } = options;
  const devices = await tourDevices(options.image);
  let trace: GuestTrace | undefined;
  const started = performance.now();
  const plug = (bus: V86Bus) => {
    const board = new V86Board(bus);
    const presented = devices.behaviours.map((behaviour, i) =>
      presentDevice(board, behaviour, functionAddress(0, TOUR_SLOTS[i]!), { window }),
    );
    trace = new GuestTrace(board, presented, TOUR_EVENTS);
    options.watching?.([trace]);
  };
  const start = {
    pieces,
    ...(progress === undefined ? {} : { progress }),
    ...(warn === undefined ? {} : { warn }),
  };
  const guest =
    options.cold === true ? await LinuxGuest.boot({ ...start, plug }) : await LinuxGuest.start(start);
  if (options.cold !== true) plug(guest.bus);
  const bootMs = performance.now() - started;
  try {
    if (options.cold !== true) await findFunctions(guest);
    const { restored } = guest;
    const how = { machine: 'v86', window, kernel: pieces.kernelPackage, restored, bootMs } as const;
    return { guest, result: await showAround(guest, how, devices, [{ trace: trace!, slot: null }]) };
  } catch (error) {
    await guest.destroy();
    throw error;
  }
}
