import type { Check } from '../check.ts';

const types = ['entropy'];
const ASKED = 64;
/** What stands in the buffer before. */
const BEFORE = 0xa5;
/** So many bytes in a row are no accident. */
const MANY = 8;

/** The entropy device. */
export const entropyChecks: readonly Check[] = [
  {
    id: 'entropy-gives-a-byte',
    clauses: ['RNG-03', 'RNG-04'],
    types,
    says: 'a buffer comes back with at least one byte, and as many were written as its used length says',
    async run(bench) {
      const { driver, request } = bench.start({ tolerate: ['packed-used-without-write'] });
      const buffers = bench.buffers(new Uint8Array(), ASKED);
      const { address } = buffers[0]!;
      bench.memory.ram.fill(address, ASKED, BEFORE);
      driver.add(request.queue, buffers);
      driver.kick(request.queue);
      const { length } = await bench.taken(driver, request.queue, 'RNG-03');
      bench.check('RNG-03', length >= 1, 'a used length of at least 1', `${length}`);
      bench.check('RNG-04', length <= ASKED, `a used length of at most ${ASKED}`, `${length}`);
      const end = bench.memory.ram.read(address, length).subarray(-MANY);
      const untouched = end.length === MANY && end.every((byte) => byte === BEFORE);
      bench.check('RNG-04', !untouched, `${length} bytes written`, `the last ${MANY} of them as before`);
    },
  },
];
