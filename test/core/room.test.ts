import { describe, expect, it } from 'vitest';
import { concatenated, Room } from '../../src/core/index.ts';

describe('a room', () => {
  it('is the same bytes each time, as a view too, whichever is asked for first', () => {
    for (const first of ['bytes', 'view'] as const) {
      const room = new Room(6);
      void room[first];
      room.view.setUint16(4, 0x1234, true);
      expect([room.length, [...room.bytes]]).toEqual([6, [0, 0, 0, 0, 0x34, 0x12]]);
      const { bytes, view } = room;
      expect([room.bytes === bytes, room.view === view]).toEqual([true, true]);
      expect(room.view.byteLength).toBe(6);
    }
  });
});

describe('pieces of bytes', () => {
  it('become one array of their own, in order', () => {
    const piece = Uint8Array.of(3);
    const whole = concatenated([Uint8Array.of(1, 2), new Uint8Array(0), piece, Uint8Array.of(4)]);
    expect([...whole]).toEqual([1, 2, 3, 4]);
    const alone = concatenated([piece]);
    alone[0] = 9;
    expect(piece[0]).toBe(3);
    expect(concatenated([])).toEqual(new Uint8Array(0));
  });
});
