import { describe, expect, it, test } from 'vitest';
import {
  type EventSink,
  type Finding,
  findingOf,
  formatFinding,
  type LabEvent,
  sinkFor,
  wanting,
} from '../../src/core/index.ts';

const finding = findingOf({ address: null, subject: 'virtio-blk' }, 'driver', 'A-01', 'seen');
const line: LabEvent = { kind: 'interrupt', signal: 'line', vector: 3, asserted: true, source: null };

describe('a sink for some kinds of events', () => {
  it('is told of those and of no other', () => {
    const told: Finding[] = [];
    const sink = sinkFor(['finding'], (event) => told.push(event));
    for (const event of [line, finding, { kind: 'enter' }, { kind: 'leave' }] as const) sink(event);
    expect(told).toEqual([finding]);
    expect([...sink.kinds!]).toEqual(['finding']);
  });

  it('is asked for where it wants any of the kinds that would be made', () => {
    const sink = sinkFor(['finding', 'enter'], () => {});
    expect(wanting(sink, 'finding')).toBe(sink);
    expect(wanting(sink, 'access', 'enter')).toBe(sink);
    expect(wanting(sink, 'enter', 'access')).toBe(sink);
    expect(wanting(sink, 'access')).toBeNull();
    expect(wanting(sink, 'access', 'interrupt')).toBeNull();
    expect(wanting(sink)).toBeNull();
  });

  it('that says nothing of kinds wants all, and where there is none nothing is wanted', () => {
    const all: EventSink = () => {};
    expect(wanting(all, 'access')).toBe(all);
    expect(wanting(null, 'access')).toBeNull();
  });
});

describe('the number of a finding', () => {
  const about = (what: string, value: number) =>
    formatFinding(findingOf({ address: null, subject: 'x' }, 'device', 'A-01', 'seen', { what, value }));

  test.each([
    ['ring address', '0x1f'],
    ['flags', '0x1f'],
    ['feature bits', '0x1f'],
    ['queue number', '31'],
    ['addresses seen', '31'],
    ['length in bytes', '31'],
  ])('that is a %s is %s', (what, digits) => {
    expect(about(what, 31)).toBe(`unplugged x: A-01, device: seen (${what} ${digits})`);
  });

  it('is left out where there is none', () => {
    expect(formatFinding(finding)).toBe('unplugged virtio-blk: A-01, driver: seen');
  });

  it('has a descriptor without a queue, and the other way round', () => {
    const at = (place: { queue?: number; descriptor?: number }) =>
      formatFinding(
        findingOf({ address: 8, subject: 'x' }, 'device', 'A-01', 'seen', {
          what: 'index',
          value: 0,
          ...place,
        }),
      );
    expect(at({ queue: 0 })).toBe('00:01.0 x, queue 0: A-01, device: seen (index 0)');
    expect(at({ descriptor: 0 })).toBe('00:01.0 x, descriptor 0: A-01, device: seen (index 0)');
  });
});
