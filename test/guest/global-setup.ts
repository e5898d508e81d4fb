import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { guestCacheFolder } from '../../src/hosts/guest/cache-folder.ts';
import { type GuestPieces, tryGuestPieces } from '../../src/hosts/guest/pieces.ts';
import { takeTurn } from '../../src/hosts/guest/turn.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';

/** What the guest tests of one run share: the guest's pieces, or the reason why there are none. */
export type SharedGuest =
  | { readonly pieces: GuestPieces; readonly snapshots: string; readonly bootMs: number }
  | { readonly pieces: null; readonly reason: string };

declare module 'vitest' {
  export interface ProvidedContext {
    guest: SharedGuest;
  }
}

/** A whole suite of guests of somebody else. */
const PATIENCE_MS = 15 * 60_000;

/**
 * Waits for the turn of this process: two guests at once take five times as long as two in a row, and run into their
 * limits. @returns a function that gives the turn up.
 */
async function guestTurn(): Promise<() => void> {
  const lock = join(guestCacheFolder(), 'guest.lock');
  mkdirSync(dirname(lock), { recursive: true });
  const giveUp = await takeTurn(lock, PATIENCE_MS);
  if (giveUp === null)
    throw new Error(`another process has kept the guest's turn for ${PATIENCE_MS} ms (${lock})`);
  return giveUp;
}

/**
 * Before the guest tests: fetches the pieces where they are not cached, and boots once from power-on. The snapshot that
 * this leaves, modules loaded and no function plugged, is what every test continues.
 */
export default async function setUp(project: TestProject): Promise<() => void> {
  const giveUpTurn = await guestTurn();
  // For whoever writes such tests: VIRTIOLAB_WARM=1 continues the snapshot of an earlier run.
  const warm = process.env['VIRTIOLAB_WARM'] === '1';
  const snapshots = warm ? guestCacheFolder() : mkdtempSync(join(tmpdir(), 'virtiolab-guest-'));
  const tearDown = () => {
    if (!warm) rmSync(snapshots, { recursive: true, force: true });
    giveUpTurn();
  };
  try {
    const found = await tryGuestPieces({ progress: (message) => console.log(`guest pieces: ${message}`) });
    if (found.pieces === null) {
      console.warn(`guest tests are skipped: ${found.reason}`);
      project.provide('guest', { pieces: null, reason: found.reason });
      return tearDown;
    }
    const { pieces } = found;
    const started = performance.now();
    const guest = await LinuxGuest.start({ pieces, cacheFolder: snapshots });
    const bootMs = performance.now() - started;
    await guest.destroy();
    const what = warm ? 'ready' : 'cold boot and snapshot';
    console.log(`guest: ${pieces.kernelPackage}, ${what} in ${(bootMs / 1000).toFixed(1)} s`);
    project.provide('guest', { pieces, snapshots, bootMs });
    return tearDown;
  } catch (error) {
    tearDown();
    throw error;
  }
}
