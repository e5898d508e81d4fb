import {
  BLOCK_ZONE_BYTES,
  BLOCK_ZONE_REPORT_BYTES,
  BLOCK_ZONED_OFFSET,
  blockFeature,
  blockStatus,
  blockZone,
  blockZonedConfig,
  blockZoneModel,
  blockZoneRequestType,
  blockZoneStatus,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { readLe } from '../bytes.ts';
import type { Check, Setting } from '../check.ts';
import { Disk } from '../types/block.ts';

const types = ['block'];
const settings: readonly Setting[] = ['modern', 'packed'];
const { report, open, resetAll } = blockZoneRequestType;

/** A disk with zones, of which its configuration says so much. */
function zonedDisk(bench: Bench) {
  bench.needs(blockFeature.zoned, 'ZONED');
  const disk = new Disk(bench, [blockFeature.zoned]);
  const field = (name: 'zoneSectors' | 'maxOpenZones') =>
    bench.config(BLOCK_ZONED_OFFSET + blockZonedConfig[name].offset, 4);
  const model = bench.config(BLOCK_ZONED_OFFSET + blockZonedConfig.model.offset, 1);
  if (model === blockZoneModel.none) bench.skip('the disk has no zones');
  return { disk, zoneSectors: field('zoneSectors'), maxOpenZones: field('maxOpenZones') };
}

/** Requests about zones. */
export const blockZonedChecks: readonly Check[] = [
  {
    id: 'block-zone-report',
    clauses: ['BLK-OP-26'],
    types,
    settings,
    says: 'a report from sector 0 on has zones, of which the first begins there and is no larger than a zone is',
    async run(bench) {
      const { disk, zoneSectors } = zonedDisk(bench);
      const inBytes = BLOCK_ZONE_REPORT_BYTES + 2 * BLOCK_ZONE_BYTES;
      const data = await disk.expect('BLK-OP-26', 'ok', report, { inBytes });
      bench.check('BLK-OP-26', readLe(data, 0, 4) > 0, 'a zone at least', 'none');
      const at = BLOCK_ZONE_REPORT_BYTES;
      bench.equal('BLK-OP-26', 'z_start', readLe(data, at + blockZone.start.offset, 4), 0);
      const capacity = readLe(data, at + blockZone.capacity.offset, 4);
      const fits = capacity > 0 && capacity <= zoneSectors;
      bench.check('BLK-OP-26', fits, `z_cap from 1 to ${zoneSectors}`, `${capacity}`);
    },
  },
  {
    id: 'block-zone-limit',
    clauses: ['BLK-OP-01'],
    types,
    settings,
    says: 'one zone more than may be open is refused for want of resources',
    async run(bench) {
      const { disk, zoneSectors, maxOpenZones } = zonedDisk(bench);
      if (maxOpenZones === 0) bench.skip('as many zones as there are may be open');
      if (disk.capacity < (maxOpenZones + 1) * zoneSectors)
        bench.skip('there are no more zones than may be open');
      await disk.ask('BLK-OP-01', resetAll);
      for (let zone = 0; zone < maxOpenZones; zone++) {
        const { status } = await disk.ask('BLK-OP-01', open, { sector: zone * zoneSectors });
        if (status !== blockStatus.ok) bench.skip(`zone ${zone} cannot be opened`);
      }
      const { status } = await disk.ask('BLK-OP-01', open, { sector: maxOpenZones * zoneSectors });
      const { openResource, activeResource } = blockZoneStatus;
      const refused = status === openResource || status === activeResource;
      bench.check('BLK-OP-01', refused, `status ${openResource} or ${activeResource}`, `status ${status}`);
    },
  },
];
