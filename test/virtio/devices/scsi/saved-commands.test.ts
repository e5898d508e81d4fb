import { describe, expect, it } from 'vitest';
import type { Transfer } from '../../../../src/virtio/index.ts';
import { BUFFERS } from '../../support/guests.ts';
import { outcomeOf, pattern, SlowStorage, settled } from './support.ts';

/* Commands whose disk works on them when they are saved: what they had been taken for, they stay. */

/** Where the data of the first slot's request begin. */
const DATA = BUFFERS + 19 + 32;
const WRITE_ONE = [0x2a, 0, 0, 0, 0, 3, 0, 0, 1, 0];
const WRITE_SAME_TWO = [0x41, 0, 0, 0, 0, 3, 0, 0, 2, 0];
const UNMAP_LIST = Uint8Array.from([
  0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 0,
]);
const STOP = [0x1b, 0, 0, 0, 0, 0];

/** Saves a machine in which a disk works, and goes on in another. */
function moved(lab: ReturnType<typeof settled>) {
  const storage = new SlowStorage();
  const after = settled({ storage });
  after.guest.machine.load(lab.guest.machine.save());
  return { ...after, storage };
}
const busy = (command: Parameters<ReturnType<typeof settled>['scsi']['send']>[0]) => {
  const slow = new SlowStorage();
  const lab = settled({ storage: slow });
  lab.scsi.send(command);
  return { ...lab, slow };
};

describe('a SCSI command that its disk works on', () => {
  it('is not refused by a disk that was stopped after it had begun', () => {
    const before = busy({ cdb: WRITE_ONE, out: pattern(1) });
    before.scsi.send({ cdb: STOP, slot: 1 });
    before.slow.waiting.pop()!.done(true);
    expect(outcomeOf(before.scsi.answer({ slot: 1 }))).toBe('good');
    const { scsi, storage } = moved(before);
    expect(storage.log).toEqual(['write 1536+512']);
    storage.end();
    expect(outcomeOf(scsi.answer())).toBe('good');
    scsi.rings[2]!.availableIndex = before.scsi.rings[2]!.availableIndex;
    expect(scsi.outcome({ cdb: WRITE_ONE, out: pattern(1), slot: 2 })).toBe('02/04/02');
  });

  it('gives back the extents of its list, whatever the list says by then', () => {
    const before = busy({ cdb: [0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], out: UNMAP_LIST });
    before.guest.machine.ram.fill(DATA, UNMAP_LIST.length, 0);
    const { storage } = moved(before);
    expect(storage.log).toEqual(['discard 2560+1024']);
  });

  it('writes the block that it was given over and over, whatever stands there by then', () => {
    const before = busy({ cdb: WRITE_SAME_TWO, out: pattern(1) });
    before.guest.machine.ram.fill(DATA, 512, 0);
    const { storage } = moved(before);
    const written = new Uint8Array(1024);
    expect((storage.waiting[0] as Transfer).take(0, written, 0, 1024)).toBe(true);
    expect(Buffer.from(written).equals(Buffer.concat([pattern(1), pattern(1)]))).toBe(true);
  });
});
