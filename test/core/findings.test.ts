import { describe, expect, it } from 'vitest';
import { findingOf, formatFinding, functionAddress } from '../../src/core/index.ts';

const place = { address: functionAddress(0, 4), subject: 'virtio-blk' };

describe('a finding', () => {
  it('says who broke what where, and what its number is', () => {
    const about = { what: 'length in bytes', value: 7, queue: 1, descriptor: 3 };
    const finding = findingOf(place, 'driver', 'BLK-OP-06', 'too short', about);
    expect(finding).toEqual({
      kind: 'finding',
      clause: 'BLK-OP-06',
      party: 'driver',
      address: 0x20,
      subject: 'virtio-blk',
      queue: 1,
      descriptor: 3,
      message: 'too short',
      value: 7,
      what: 'length in bytes',
    });
    expect(formatFinding(finding)).toBe(
      '00:04.0 virtio-blk, queue 1, descriptor 3: BLK-OP-06, driver: too short (length in bytes 7)',
    );
  });

  it('leaves out what there is not', () => {
    const finding = findingOf({ ...place, address: null }, 'device', 'BF-RST-01', 'it hangs');
    expect(finding).toMatchObject({ address: null, queue: null, descriptor: null, value: null, what: null });
    expect(formatFinding(finding)).toBe('unplugged virtio-blk: BF-RST-01, device: it hangs');
    const numbered = findingOf(place, 'driver', 'INIT-08', 'a kick', {
      what: 'queue number',
      value: 0,
      queue: 0,
    });
    expect(formatFinding(numbered)).toBe(
      '00:04.0 virtio-blk, queue 0: INIT-08, driver: a kick (queue number 0)',
    );
  });
});
