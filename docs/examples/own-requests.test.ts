import fc from 'fast-check';
import {
  deviceRequests,
  hostileRequests,
  lab,
  labReporter,
  postRequest,
  requestChain,
} from 'virtiolab/testing';
import { it } from 'vitest';

it('takes whatever a driver asks of it, and answers after a reset', async () => {
  const request = fc.oneof(deviceRequests('scsi'), hostileRequests('scsi'));
  const property = fc.asyncProperty(fc.array(request, { maxLength: 8 }), async (requests) => {
    // Of a device of your own: new Bench(subject, 'modern').
    const { bench } = lab({ type: 'scsi', setting: 'modern' });
    const { driver } = bench.start();
    for (const each of requests) postRequest(driver, requestChain(each));
    // Once more from the start: the least that a device of the type has to answer.
    await bench.ask(bench.start(), 'CONF-02');
  });
  await fc.assert(property, { numRuns: 30, plugins: [labReporter] });
});
