import { inject } from 'vitest';
import type { GuestPieces } from '../../src/hosts/guest/pieces.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import { readSnapshot, type Snapshot, snapshotPath } from '../../src/hosts/v86/snapshot.ts';

const shared = inject('guest');

/** The guest's pieces; null where they cannot be had, which {@link skipNote} then explains. */
export const pieces: GuestPieces | null = shared.pieces;

/** Goes into a suite's title, so that whoever reads the report sees why it was skipped. */
export const skipNote = shared.pieces === null ? ` (skipped: ${shared.reason})` : '';

/** How long this run's boot from power-on took, snapshot included, in milliseconds. */
export const bootMs = shared.pieces === null ? 0 : shared.bootMs;

/** Folder with the snapshot of this run. */
export const snapshots = shared.pieces === null ? '' : shared.snapshots;

/** A guest as this run's boot left it: modules loaded, no function plugged. */
export function startGuest(): Promise<LinuxGuest> {
  return LinuxGuest.start({ pieces: pieces!, cacheFolder: snapshots });
}

/** What {@link startGuest} continues. */
export async function cleanSnapshot(guest: LinuxGuest): Promise<Snapshot> {
  return (await readSnapshot(snapshotPath(snapshots, guest.key)))!;
}
