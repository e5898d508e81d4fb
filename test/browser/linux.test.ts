import { expect, inject, it } from 'vitest';
import { describeLab } from './support/lab-page.ts';

/** Some ten times what it takes on a quiet machine: against hanging only. */
const PATIENCE_MS = 150_000;

describeLab('a real Linux', (lab) => {
  const here = inject('labGuest');
  it.skipIf(!here)(
    here
      ? 'boots in the page, and reads a disk by mmr'
      : 'boots in the page (skipped: no kernel is at hand, npm run fetch-guest gets one)',
    async () => {
      const page = await lab.open('#show=linux');
      await page.getByText(/^linux-image-.* stands beside the page\.$/).waitFor();
      await page.getByRole('button', { name: 'Boot Linux' }).click();
      const terminal = page.getByRole('log', { name: 'Terminal' });
      await terminal.getByText('virtiolab guest ready').waitFor({ timeout: PATIENCE_MS });
      await page.getByRole('textbox', { name: 'Command', exact: true }).fill('head -c 31 /dev/vda');
      await page.getByRole('button', { name: 'Enter' }).click();
      await terminal.getByText('This disk is behind virtiolab.').waitFor({ timeout: PATIENCE_MS });
      const kick = page.locator('table.accesses tbody tr').filter({ hasText: 'queueNotify' }).last();
      await expect.poll(() => kick.getByRole('cell').count()).toBe(2);
      const [linux, host] = await kick.getByRole('cell').allInnerTexts();
      expect(linux).toMatch(/write legacy queueNotify 0x0000[\s\S]*port 0x/);
      expect(linux).toMatch(/chain \d+: R 0x[0-9a-f]+\+16, W 0x[0-9a-f]+\+\d+.*read sector \d+/s);
      expect(host).toMatch(/write legacy queueNotify 0x0000/);
      expect(host).toMatch(/DMA write memory buffer \d+ bytes/);
      await page.getByRole('button', { name: 'Switch off' }).click();
    },
    2 * PATIENCE_MS,
  );

  it('is not started from what is no kernel, and it is said', async () => {
    const page = await lab.open('#show=linux');
    const junk = { name: 'junk', mimeType: 'application/octet-stream', buffer: Buffer.alloc(4096) };
    for (const part of ['Kernel (bzImage, 32 bits)', 'Initial RAM file system', 'SeaBIOS', 'VGA BIOS'])
      await page.getByLabel(part).setInputFiles(junk);
    await page.getByRole('button', { name: 'Boot Linux' }).click();
    await page.getByRole('alert').getByText('Linux does not start: kernel is no kernel image').waitFor();
  });

  it('is not there without WebAssembly, and all else is', async () => {
    const context = await lab.context();
    await context.addInitScript(() => {
      Reflect.deleteProperty(globalThis, 'WebAssembly');
    });
    const page = await context.newPage();
    lab.listen(page);
    await page.goto(`${inject('labUrl')}#do=up&show=linux`);
    await page.getByText('This browser has no WebAssembly').waitFor();
    await page.getByText('device is up').first().waitFor();
  });
});
