/* Real guests need files, and Node: what else there is of this host runs in a browser too (index.ts). */
export * from '../guest/errors.ts';
export type { GuestFile } from '../guest/initramfs.ts';
export {
  cachedPieces,
  type GuestPieces,
  guestPieces,
  type PiecesOptions,
  tryGuestPieces,
} from '../guest/pieces.ts';
export type { CommandOptions, CommandResult } from '../guest/shell.ts';
export { handOver, type Terminal } from '../guest/terminal.ts';
export type { ListedFunction } from '../guest/tour/steps.ts';
export {
  type MachineName,
  TOUR_READ_BYTES,
  type TourImage,
  type TourOptions,
  type TourResult,
} from '../guest/tour/tour.ts';
export * from './boot-sector.ts';
export * from './linux-guest.ts';
export { loadV86 } from './load-v86.ts';
export * from './snapshot.ts';
export * from './tour.ts';
