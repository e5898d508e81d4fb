import { expect, it } from 'vitest';
import { blockFeature } from '../../../src/virtio/index.ts';
import { zonedDisk, zoneRequest } from './seeds/block-zones.ts';
import { Lab } from './support/lab.ts';

const [APPEND, REPORT, OPEN, RESET_ALL] = [15, 16, 18, 26];

const ofZones = (lab: Lab) => lab.broken.filter((rule) => rule.startsWith('block-'));

it.each<[what: string, type: number, sector: number, length: number]>([
  ['an append of a whole zone', APPEND, 16, 8192],
  ['a report from the middle of a zone', REPORT, 24, 0],
  ['the opening of a zone', OPEN, 32, 0],
  ['a reset of all', RESET_ALL, 0, 0],
])('a right request about zones is no finding: %s', (_, type, sector, length) => {
  const lab = new Lab(zonedDisk(), { features: [blockFeature.zoned] });
  zoneRequest(type, sector, length)(lab);
  expect(ofZones(lab)).toEqual([]);
});

it('a driver that has not read how large zones are is not accused of it', () => {
  const lab = new Lab(zonedDisk(), { features: [blockFeature.zoned] });
  zoneRequest(OPEN, 24, 0, false)(lab);
  expect(ofZones(lab)).toEqual([]);
});
