import type { GuestPieces } from '../../src/hosts/guest/pieces.ts';
import type { GuestWindow } from '../../src/hosts/present/present.ts';
import { V86Board } from '../../src/hosts/v86/board.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import { readSnapshot } from '../../src/hosts/v86/snapshot.ts';
import { md5 } from './ext4.ts';
import { presentDisks, type ResumedDisks } from './resumed-disks.ts';

/** The other process: continues a guest whose disks had requests in flight, and says how that ended. */
const [path, window, pieces] = process.argv.slice(2) as [string, GuestWindow, string];
const snapshot = (await readSnapshot(path))!;
const findings: unknown[] = [];
let disks: ResumedDisks | undefined;
const inFlight = JSON.stringify(snapshot.functions).match(/"inFlight":\[\{/g)?.length ?? 0;
const guest = await LinuxGuest.restore(snapshot, {
  pieces: JSON.parse(pieces) as GuestPieces,
  plug: (bus, functions) => {
    const board = new V86Board(bus);
    board.events = (event) => {
      if (event.kind === 'finding') findings.push(event);
    };
    disks = presentDisks(board, window);
    board.load(functions);
  },
});
await guest.runOk('wait; sync', { timeoutMs: 30_000 });
await guest.destroy();
console.log(JSON.stringify({ inFlight, written: md5(disks!.target), findings }));
