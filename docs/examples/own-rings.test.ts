import fc from 'fast-check';
import {
  applyHostileTable,
  hostileConfigWrites,
  hostileTables,
  lab,
  labReporter,
  ringWriter,
} from 'virtiolab/testing';
import { it } from 'vitest';

const memory = { buffers: [0x2f0000, 0x2f1000], table: 0x2f8000 };

it('survives rings and configuration writes that no driver may make', async () => {
  const tables = fc.array(hostileTables({ size: 8, ring: 'split', ...memory }), { maxLength: 3 });
  const writes = fc.array(hostileConfigWrites('block'), { maxLength: 3 });
  const property = fc.asyncProperty(tables, writes, async (rings, accesses) => {
    const { bench } = lab({ type: 'block', setting: 'modern' });
    const { driver, request } = bench.start({ maxQueueSize: 8 });
    for (const { offset, width, value } of accesses) driver.transport.writeConfig(offset, width, value);
    for (const ring of rings) {
      applyHostileTable(ringWriter(driver, request.queue), ring);
      driver.transport.notify(request.queue, 0);
    }
    await bench.ask(bench.start(), 'CONF-02');
  });
  await fc.assert(property, { numRuns: 30, plugins: [labReporter] });
});
