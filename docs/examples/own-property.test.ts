import fc from 'fast-check';
import { BlockDriver } from 'virtiolab/driver';
import { blockRequests, labProperty } from 'virtiolab/testing';
import { it } from 'vitest';

it('survives any requests on a device that is late', async () => {
  const requests = fc.array(blockRequests(64, 8), { maxLength: 10 });
  const property = labProperty({ type: 'block', lie: 'answers-late' }, [requests], async (world, list) => {
    const driver = new BlockDriver(world.transport(), world.memory());
    for (const request of list)
      if (request.kind === 'read') await driver.read(request.sector, request.sectors);
  });
  await fc.assert(property, { numRuns: 20 });
});
