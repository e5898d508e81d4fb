import { expect, it } from 'vitest';
import { type Heaps, heapMeter } from './support/heap.ts';
import { describeLab, outcome, press } from './support/lab-page.ts';

/** How long there is traffic; VIRTIOLAB_LAB_MINUTES says more. */
const SECONDS = 60 * Number(process.env['VIRTIOLAB_LAB_MINUTES'] ?? 0.25);
const REQUESTS = 300;
const ROUNDS_UNTIL_FULL = 3;
/** Against what a collector leaves behind. */
const MOST_GROWTH = 1.25;
/** Two thousand views and the saved states take half of it. */
const MOST_WORKER_BYTES = 80 << 20;

describeLab('memory', (lab) => {
  it(
    'of page and emulator stays what it is, however long there is traffic',
    async () => {
      const page = await lab.open('#do=up,read~0~1');
      await outcome(page).getByText('512 bytes').waitFor();
      const measure = await heapMeter(page);
      await page.getByRole('spinbutton', { name: 'The last one again: Times' }).fill(`${REQUESTS}`);
      const work = async (): Promise<Heaps> => {
        await press(page, 'The last one again');
        await outcome(page).getByText(`${REQUESTS} times in`).waitFor({ timeout: 60_000 });
        await press(page, 'Flush');
        await outcome(page).getByText('flushed').waitFor();
        await press(page, 'Read');
        await outcome(page).getByText('512 bytes').waitFor();
        return measure();
      };
      const end = performance.now() + 1000 * SECONDS;
      // The log is full then: from now on its oldest lines go.
      for (let round = 0; round < ROUNDS_UNTIL_FULL; round++) await work();
      const before = await work();
      const seen: Heaps[] = [before];
      do seen.push(await work());
      while (performance.now() < end);
      const last = seen.at(-1)!;
      expect(last.page, JSON.stringify(seen)).toBeLessThan(before.page * MOST_GROWTH);
      expect(last.worker, JSON.stringify(seen)).toBeLessThan(MOST_WORKER_BYTES);
    },
    1000 * SECONDS + 120_000,
  );
});
