import { describe, expect, it } from 'vitest';
import { BlockDriver } from '../../../src/driver/index.ts';
import { MediatedDevice, translatedWayNames, twoMachines, ways } from '../../../src/mmr/index.ts';
import { BlockDevice, MemoryStorage } from '../../../src/virtio/index.ts';

/*
 * A mediated parent is a device like any other: what a host presents of it by a way is a legacy function for a guest, whose rings the
 * mediator has in between.
 */
describe.each(translatedWayNames.filter((way) => ways[way].equal))(
  'a mediated parent presented by %s',
  (way) => {
    it('serves a legacy guest', async () => {
      const disk = new Uint8Array(64 * 512);
      const mediated = new MediatedDevice(new BlockDevice({ storage: new MemoryStorage(disk) }));
      const world = twoMachines(ways[way].build(mediated), { way });
      const driver = new BlockDriver(world.transport(0, { patience: 50 }), world.driverMemory());
      const data = Uint8Array.from({ length: 1024 }, (_, i) => i * 3);
      await driver.write(9, data);
      expect(disk.subarray(9 * 512, 11 * 512)).toEqual(data);
      expect(await driver.read(9, 2)).toEqual(data);
      expect(mediated.counts.chains).toBe(2);
      driver.close();
    });
  },
);
