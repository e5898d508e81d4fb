import { describe, expect, test } from 'vitest';
import { FaultyStorage, MemoryStorage } from '../../../../src/virtio/index.ts';
import { image, outcomeOf, settled } from './support.ts';

const [READ, WRITE] = [
  [0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0],
  [0x2a, 0, 0, 0, 0, 5, 0, 0, 1, 0],
];
const FAILURE = 9;

// Commands are used again: what one came to must not show in the next.
describe('a command after one whose data could not be reached', () => {
  test.each([
    ['READ', READ, '03/11/00'],
    ['WRITE', WRITE, '03/0c/00'],
  ])('tells what the disk did, not what the buffers were: %s', (name, cdb, sense) => {
    const storage = new FaultyStorage(new MemoryStorage(image(64)));
    const { scsi, guest } = settled({ storage, windows: [{ start: 0, length: 0xf0000, write: true }] });
    const { ram } = guest.machine;
    ram.write(0x80000, scsi.request({ cdb: cdb! }));
    const head = { address: 0x80000, length: 51 };
    const answer = { address: 0x84000, length: 108, flags: 2 };
    const data = { address: 0xf0000, length: 512, flags: name === 'READ' ? 2 : 0 };
    scsi.rings[2]!.chain(0, name === 'READ' ? [head, answer, data] : [head, data, answer]);
    scsi.rings[2]!.offer(0);
    guest.kick(2);
    expect(scsi.answer({}).response).toBe(FAILURE);
    storage.inject({ does: 'fail' });
    const room = name === 'READ' ? { inBytes: 512 } : { out: new Uint8Array(512) };
    expect(outcomeOf(scsi.do({ cdb: cdb!, ...room }))).toBe(sense);
  });
});
