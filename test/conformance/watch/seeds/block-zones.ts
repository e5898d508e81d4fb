import type { RegisterMap } from '../../../../src/core/index.ts';
import {
  BLOCK_ZONED_OFFSET,
  BlockDevice,
  blockConfig,
  blockFeature,
  blockZonedConfig,
  DeviceConfig,
  MemoryStorage,
} from '../../../../src/virtio/index.ts';
import { type Lab, zeros } from '../support/lab.ts';
import { type Seed, seeds } from './seed.ts';
import { header, room, STATUS } from './types.ts';

const ZONE = { sectors: 16, granularity: 4096, appendSectors: 16 };
/** A disk of zones of 16 sectors, as far as its driver sees. */
export function zonedDisk() {
  const behaviour = new BlockDevice({ storage: new MemoryStorage(new Uint8Array(64 * 512)) });
  const at = Object.entries(blockZonedConfig).map(
    ([name, register]) =>
      [`zoned ${name}`, { ...register, offset: BLOCK_ZONED_OFFSET + register.offset }] as const,
  );
  const config = new DeviceConfig<RegisterMap>({ ...blockConfig, ...Object.fromEntries(at) });
  config.set('capacity', 64);
  config.set('zoned zoneSectors', ZONE.sectors);
  config.set('zoned maxAppendSectors', ZONE.appendSectors);
  config.set('zoned writeGranularity', ZONE.granularity);
  config.set('zoned model', 1);
  return Object.defineProperties(behaviour, {
    features: { value: [...behaviour.features, blockFeature.zoned] },
    config: { value: config },
  });
}
const zoned = seeds(zonedDisk, { features: [blockFeature.zoned] });
/** A request about a zone of a driver that has read what the device says of its zones. */
export const zoneRequest =
  (type: number, sector: number, length = 0, informed = true) =>
  (lab: Lab) => {
    const end = BLOCK_ZONED_OFFSET + (informed ? 24 : 0);
    for (let at = BLOCK_ZONED_OFFSET; at < end; at += 4) lab.config(at, 4);
    const data = length === 0 ? [] : [{ bytes: zeros(length) }, room(8)];
    lab.post(0, [header(type, sector), ...data, STATUS]);
  };

/** Requests about zones. */
export const zoneSeeds: readonly Seed[] = [
  zoned('block-zone-reset-all', 'all zones from the second on', zoneRequest(26, 16)),
  zoned('block-zone-sector', 'a zone is opened in its middle', zoneRequest(18, 24)),
  zoned('block-zone-sector', 'an append behind the first sector', zoneRequest(15, 17, 4096)),
  zoned('block-zone-append-granularity', 'an append of a sector', zoneRequest(15, 16, 512)),
  zoned('block-zone-append-length', 'an append of two zones', zoneRequest(15, 16, 16384)),
];
