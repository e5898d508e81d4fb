import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { findChromium } from '../test/browser/support/chromium.ts';
import { serveLab } from '../test/browser/support/served-lab.ts';
import { smallerPng } from './smaller-png.ts';

/** Takes the picture of the lab that README.md shows: a disk by mmr, read once. */
const root = fileURLToPath(new URL('..', import.meta.url));
const picture = join(root, 'docs/lab.png');
const MOST_BYTES = 150 * 1024;

const { url, close } = await serveLab();
const browser = await chromium.launch({
  executablePath: findChromium() ?? 'chromium',
  // Grey edges of letters take less room than coloured ones.
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-lcd-text'],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
await page.goto(`${url}#do=up,read~0~1`);
await page.getByText('512 bytes').first().waitFor();
await page.getByRole('checkbox', { name: 'DMA' }).uncheck();
await page
  .getByRole('combobox', { name: 'Seen from' })
  .selectOption({ label: 'guest: 00:04.0 virtio-blk, legacy, 1af4:1001' });
await page.evaluate(() => document.querySelector('.stream')?.scrollIntoView());
await page.waitForTimeout(1500);
writeFileSync(picture, smallerPng(await page.screenshot()));
await browser.close();
close();
const { size } = statSync(picture);
console.log(`${picture}: ${size} bytes`);
if (size > MOST_BYTES) {
  console.error(`wants at most ${MOST_BYTES}`);
  process.exitCode = 1;
}
