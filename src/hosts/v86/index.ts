export * from '../guest/errors.ts';
export type { GuestFile } from '../guest/initramfs.ts';
export {
  cachedPieces,
  type GuestPieces,
  guestPieces,
  type PiecesOptions,
  tryGuestPieces,
} from '../guest/pieces.ts';
export * from './board.ts';
export * from './boot-sector.ts';
export * from './bus.ts';
export type { FaultSink } from './claims.ts';
export type { ConfigTarget } from './config-ports.ts';
export { loadV86, type V86Cpu, type V86Module } from './emulator.ts';
export * from './errors.ts';
export type { GuestRam } from './guest-ram.ts';
export type { InterruptLines, InterruptPin } from './interrupts.ts';
export * from './linux-guest.ts';
export * from './machine.ts';
export * from './present.ts';
export type { CommandOptions, CommandResult } from './shell.ts';
export * from './snapshot.ts';
export * from './terminal.ts';
export * from './tour.ts';
export type { ListedFunction } from './tour-steps.ts';
export * from './trace.ts';
