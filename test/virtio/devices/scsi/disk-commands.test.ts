import { describe, expect, it, test } from 'vitest';
import { DiskUnit, MemoryStorage } from '../../../../src/virtio/index.ts';
import { sameBytes } from '../../../core/bytes.ts';
import { image, pattern, type RawCommand, READY, SlowStorage, settled } from './support.ts';

/* What a disk does with commands. CDBs are written by hand from SPC-4 and SBC-3. */

const reads = {
  6: (lba: number, blocks: number) => [0x08, (lba >> 16) & 0x1f, (lba >> 8) & 0xff, lba & 0xff, blocks, 0],
  10: (lba: number, blocks: number) => [0x28, 0, 0, 0, lba >> 8, lba & 0xff, 0, 0, blocks, 0],
  12: (lba: number, blocks: number) => [0xa8, 0, 0, 0, lba >> 8, lba & 0xff, 0, 0, 0, blocks, 0, 0],
  16: (lba: number, blocks: number) => [
    ...[0x88, 0, 0, 0, 0, 0, 0, 0, lba >> 8, lba & 0xff, 0, 0, 0, blocks, 0, 0],
  ],
} as const;
const asWrite = ([opcode, ...rest]: readonly number[]) => [opcode! + 2, ...rest];
const sizes = [6, 10, 12, 16] as const;

describe.each(sizes)('READ and WRITE of %d bytes', (size) => {
  it('move whole blocks and nothing beside them', () => {
    const { scsi, storage, guest } = settled();
    const answer = scsi.do({ cdb: reads[size](61, 3), inBytes: 1536 });
    expect([answer.status, sameBytes(answer.data, image(64).subarray(61 * 512))]).toEqual([0, true]);
    expect(scsi.outcome({ cdb: asWrite(reads[size](7, 2)), out: pattern(2) })).toBe('good');
    const expected = image(64);
    expected.set(pattern(2), 7 * 512);
    expect(sameBytes(storage.bytes, expected)).toBe(true);
    expect(guest.clauses()).toEqual([]);
  });

  test.each([
    [64, 1],
    [63, 2],
    [0, 65],
  ])('from block %d, %d of them, leave the disk', (lba, blocks) => {
    const { scsi, storage } = settled();
    const room = blocks * 512;
    // LOGICAL BLOCK ADDRESS OUT OF RANGE.
    if (room < 16384) expect(scsi.outcome({ cdb: reads[size](lba, blocks), inBytes: room })).toBe('05/21/00');
    if (room < 16384)
      expect(scsi.outcome({ cdb: asWrite(reads[size](lba, blocks)), out: new Uint8Array(room) })).toBe(
        '05/21/00',
      );
    expect(sameBytes(storage.bytes, image(64))).toBe(true);
  });

  if (size !== 6)
    it('of no blocks are good, even right behind the last', () => {
      const { scsi } = settled();
      expect(scsi.outcome({ cdb: reads[size](64, 0) })).toBe('good');
      expect(scsi.outcome({ cdb: reads[size](65, 0) })).toBe('05/21/00');
      expect(scsi.outcome({ cdb: asWrite(reads[size](0, 0)), out: pattern(1) })).toBe('good');
    });

  it('do not write to a protected disk', () => {
    const storage = new MemoryStorage(image(64), true);
    const { scsi } = settled({ storage });
    expect(scsi.outcome({ cdb: reads[size](1, 1), inBytes: 512 })).toBe('good');
    expect(scsi.outcome({ cdb: asWrite(reads[size](1, 1)), out: pattern(1) })).toBe('07/27/00');
    expect(sameBytes(storage.bytes, image(64))).toBe(true);
  });
});

describe('a block address', () => {
  test.each([
    ['10, of 32 bits', [0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0]],
    ['10, whose sum is too much for 32 bits', [0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0]],
    ['12', [0xa8, 0, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0]],
    ['16, of 64 bits', [0x88, 0, ...Array(8).fill(0xff), 0, 0, 0, 1, 0, 0]],
    ['16, just beyond what a Number holds', [0x88, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]],
    ['6, of 21 bits', [0x08, 0x1f, 0xff, 0xff, 1, 0]],
  ])('READ %s', (_, cdb) => {
    expect(settled().scsi.outcome({ cdb, inBytes: 1024 })).toBe('05/21/00');
  });

  it('READ 6: the high bits of byte 1 are no part of it, and 0 blocks are 256', () => {
    const storage = new SlowStorage();
    Object.assign(storage, { length: 300 * 512 });
    const { scsi } = settled({ storage });
    const ram = scsi.guest.machine.ram;
    ram.write(0x80000, scsi.request({ cdb: [0x08, 0xe0, 0, 7, 0, 0] }));
    const ring = scsi.rings[2]!;
    // Room for 256 blocks, all in one place.
    ring.chain(0, [
      { address: 0x80000, length: 51 },
      { address: 0x84000, length: 108, flags: 2 },
      { address: 0xa0000, length: 0x20000, flags: 2 },
    ]);
    ring.offer(0);
    scsi.guest.kick(2);
    expect(storage.log).toEqual([`read ${7 * 512}+${256 * 512}`]);
  });

  it('counts blocks of 4096 bytes on a disk that has them', () => {
    const storage = new MemoryStorage(image(65));
    const units = [{ target: 0, lun: 0, unit: new DiskUnit({ storage, blockBytes: 4096 }) }];
    const { scsi } = settled({ units });
    const answer = scsi.do({ cdb: reads[10](7, 1), inBytes: 4096 });
    expect(sameBytes(answer.data, image(65).subarray(7 * 4096, 8 * 4096))).toBe(true);
    // The odd block of 512 bytes at the end belongs to nothing.
    expect(scsi.outcome({ cdb: reads[10](8, 1), inBytes: 4096 })).toBe('05/21/00');
    expect(scsi.do({ cdb: reads[10](0, 1), inBytes: 4095 }).response).toBe(1);
  });
});

describe('what cannot be had', () => {
  const last = (cdb: number[], value: number) => [...cdb.slice(0, -1), value];
  test.each<[string, RawCommand, string, number | null]>([
    [
      'protection information of a READ',
      { cdb: [0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0], inBytes: 512 },
      '05/24/00',
      1,
    ],
    [
      'protection of a WRITE',
      { cdb: [0x8a, 0x80, ...Array(11).fill(0), 1, 0, 0], out: pattern(1) },
      '05/24/00',
      1,
    ],
    ['ACA', { cdb: last(reads[10](0, 1), 4), inBytes: 512 }, '05/24/00', 9],
    ['ACA, 6', { cdb: last(READY, 4) }, '05/24/00', 5],
    ['a comparison', { cdb: [0x2f, 0x02, 0, 0, 0, 0, 0, 0, 1, 0] }, '05/24/00', 1],
    ['a comparison, 16', { cdb: [0x8f, 0x06, ...Array(14).fill(0)] }, '05/24/00', 1],
    ['a capacity from somewhere', { cdb: [0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0], inBytes: 8 }, '05/24/00', 2],
    ['descriptor sense data', { cdb: [3, 1, 0, 0, 18, 0], inBytes: 18 }, '05/24/00', 1],
    ['an ejection', { cdb: [0x1b, 0, 0, 0, 2, 0] }, '05/24/00', 4],
    ['a power condition', { cdb: [0x1b, 0, 0, 0, 0x30, 0] }, '05/24/00', 4],
    ['a service action that there is not', { cdb: [0x9e, 0x11, ...Array(14).fill(0)] }, '05/24/00', 1],
    ['a management service that there is not', { cdb: [0xa3, 0x0a, ...Array(10).fill(0)] }, '05/24/00', 1],
    ['PERSISTENT RESERVE IN', { cdb: [0x5e, ...Array(9).fill(0)] }, '05/20/00', 0],
    ['PERSISTENT RESERVE OUT', { cdb: [0x5f, ...Array(9).fill(0)] }, '05/20/00', 0],
    ['FORMAT UNIT', { cdb: [0x04, 0, 0, 0, 0, 0] }, '05/20/00', 0],
    ['an opcode of a vendor', { cdb: [0xff, 1, 2, 3, 4, 5] }, '05/20/00', 0],
    ['the list of unmap with an anchor', { cdb: [0x42, 1, 0, 0, 0, 0, 0, 0, 0, 0] }, '05/24/00', 1],
  ])('%s', (_, command, expected, field) => {
    const { scsi, guest } = settled();
    expect(scsi.outcome(command)).toBe(expected);
    const { sense } = scsi.answer({});
    expect([sense[15], sense[16], sense[17]]).toEqual([0xc0, 0, field]);
    expect(guest.clauses()).toEqual([]);
  });

  it('is checked where it can be: DPO, groups, VERIFY and PREVENT are taken', () => {
    const { scsi } = settled();
    expect(scsi.outcome({ cdb: [0x28, 0x18, 0, 0, 0, 0, 0x1f, 0, 1, 0], inBytes: 512 })).toBe('good');
    expect(scsi.outcome({ cdb: [0x2f, 0x10, 0, 0, 0, 0, 0, 0, 64, 0] })).toBe('good');
    expect(scsi.outcome({ cdb: [0x2f, 0, 0, 0, 0, 1, 0, 0, 64, 0] })).toBe('05/21/00');
    expect(scsi.outcome({ cdb: [0x8f, 0, ...Array(12).fill(0), 0, 0] })).toBe('good');
    expect(scsi.outcome({ cdb: [0x1e, 0, 0, 0, 1, 0] })).toBe('good');
  });
});

describe('what is stable', () => {
  const write = { cdb: [0x2a, 0, 0, 0, 0, 2, 0, 0, 1, 0], out: pattern(1) };
  const forced = { cdb: [0x2a, 8, 0, 0, 0, 2, 0, 0, 1, 0], out: pattern(1) };
  const uncached = {
    cdb: [0x15, 0x10, 0, 0, 24, 0],
    out: Uint8Array.of(0, 0, 0, 0, 8, 18, ...Array(18).fill(0)),
  };

  test.each<[string, RawCommand[], string[]]>([
    ['a WRITE stays in the cache', [write], ['write 1024+512']],
    ['FUA does not', [forced], ['write 1024+512', 'flush']],
    ['SYNCHRONIZE CACHE', [{ cdb: [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0] }], ['flush']],
    ['SYNCHRONIZE CACHE 16', [{ cdb: [0x91, 2, ...Array(14).fill(0)] }], ['flush']],
    ['without a cache no WRITE stays there', [uncached, write], ['flush', 'write 1024+512', 'flush']],
    ['a disk that stops', [{ cdb: [0x1b, 0, 0, 0, 0, 0] }], ['flush']],
    ['a disk that stops without', [{ cdb: [0x1b, 0, 0, 0, 4, 0] }], []],
    [
      'a WRITE SAME without a cache',
      [uncached, { cdb: [0x41, 0, 0, 0, 0, 0, 0, 0, 2, 0], out: pattern(1) }],
      ['flush', 'write 0+1024', 'flush'],
    ],
  ])('%s', (_, commands, expected) => {
    const storage = new SlowStorage();
    const { scsi } = settled({ storage });
    for (const [i, command] of commands.entries()) {
      scsi.send({ ...command, slot: i });
      while (storage.waiting.length > 0) {
        expect(scsi.answer({ slot: i }).response).toBe(0xee);
        storage.end();
      }
      expect(scsi.answer({ slot: i })).toMatchObject({ response: 0, status: 0 });
    }
    expect(storage.log.map((line) => (line.startsWith('flush') ? 'flush' : line))).toEqual(expected);
  });

  it('is not a flush of blocks that there are not', () => {
    expect(settled().scsi.outcome({ cdb: [0x35, 0, 0, 0, 0, 1, 0, 0, 64, 0] })).toBe('05/21/00');
  });

  test.each<[string, RawCommand, string]>([
    ['READ', { cdb: reads[10](0, 1), inBytes: 512 }, '03/11/00'],
    ['WRITE', write, '03/0c/00'],
    ['the WRITE of a forced one', forced, '03/0c/00'],
    ['SYNCHRONIZE CACHE', { cdb: [0x35, ...Array(9).fill(0)] }, '03/0c/00'],
    ['START STOP', { cdb: [0x1b, 0, 0, 0, 0, 0] }, '03/0c/00'],
    ['MODE SELECT', uncached, '03/0c/00'],
    [
      'UNMAP',
      {
        cdb: [0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0],
        out: Uint8Array.of(0, 22, 0, 16, ...Array(15).fill(0), 1, 0, 0, 0, 0),
      },
      '03/0c/00',
    ],
  ])('an error of the medium is told: %s', (_, command, expected) => {
    const storage = new SlowStorage();
    const { scsi, disk } = settled({ storage });
    scsi.send(command);
    if (expected !== '03/11/00' || command.inBytes === undefined) expect(storage.waiting).toHaveLength(1);
    storage.end(false);
    const { status, senseLength, sense, residual } = scsi.answer(command);
    expect([status, senseLength, [sense[2], sense[12], sense[13]]]).toEqual([
      2,
      18,
      expected.split('/').map((byte) => Number.parseInt(byte, 16)),
    ]);
    expect(residual).toBe(Math.max(command.inBytes ?? 0, command.out?.length ?? 0));
    expect([disk.writeCache, disk.started]).toEqual([true, true]);
  });

  it('an error of the flush that FUA wants is one of the WRITE', () => {
    const storage = new SlowStorage();
    const { scsi } = settled({ storage });
    scsi.send(forced);
    storage.end(true);
    storage.end(false);
    expect(scsi.answer({}).sense[12]).toBe(0x0c);
  });
});

describe('START STOP UNIT', () => {
  it('stops a disk until it is started, or reset', () => {
    const { scsi, guest } = settled();
    const read = { cdb: reads[10](0, 1), inBytes: 512 };
    expect(scsi.outcome({ cdb: [0x1b, 1, 0, 0, 0, 0] })).toBe('good');
    // NOT READY, INITIALIZING COMMAND REQUIRED.
    for (const command of [read, { cdb: READY }, { cdb: [0x35, ...Array(9).fill(0)] }])
      expect(scsi.outcome(command)).toBe('02/04/02');
    expect(scsi.outcome({ cdb: [0x12, 0, 0, 0, 36, 0], inBytes: 36 })).toBe('good');
    expect(scsi.outcome({ cdb: [0x1a, 0, 8, 0, 36, 0], inBytes: 36 })).toBe('good');
    expect(scsi.outcome({ cdb: [0x1b, 0, 0, 0, 1, 0] })).toBe('good');
    expect(scsi.outcome(read)).toBe('good');
    scsi.outcome({ cdb: [0x1b, 0, 0, 0, 0, 0] });
    expect(scsi.manage(5, [1])).toBe(0);
    expect(scsi.outcome(read)).toBe('06/29/03');
    expect([scsi.outcome(read), guest.clauses()]).toEqual(['good', []]);
  });
});
