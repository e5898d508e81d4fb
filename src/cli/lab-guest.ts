import { readFile } from 'node:fs/promises';
import { QUIET_BOOT } from '../hosts/guest/command-line.ts';
import { guestInitramfs } from '../hosts/guest/initramfs.ts';
import { cachedPieces, type GuestPieces, guestPieces } from '../hosts/v86/node.ts';

/** What the page asks for, beside it. */
const path = (name: string) => `/guest/${name}`;

async function filesOf(pieces: GuestPieces): Promise<ReadonlyMap<string, Uint8Array>> {
  const description = {
    available: true,
    name: `${pieces.kernelPackage} ${pieces.kernelVersion}`,
    commandLine: `${QUIET_BOOT} noisapnp pnpbios=off`,
  };
  return new Map<string, Uint8Array>([
    [path('pieces.json'), new TextEncoder().encode(JSON.stringify(description))],
    [path('kernel'), await readFile(pieces.kernel)],
    [path('initrd'), await guestInitramfs(pieces)],
    [path('bios'), await readFile(pieces.bios)],
    [path('vgaBios'), await readFile(pieces.vgaBios)],
  ]);
}

/**
 * What a PC in the page boots from, by path: where it was fetched before, or is wished for now. Empty where there is nothing.
 * @throws GuestPiecesUnavailableError and others of the pieces where they are wished for and cannot be had
 */
export async function labGuest(wished: boolean): Promise<ReadonlyMap<string, Uint8Array>> {
  const pieces = wished ? await guestPieces() : await cachedPieces();
  return pieces === undefined ? new Map() : filesOf(pieces);
}
