import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { bringUp, describeLab, outcome, press } from './support/lab-page.ts';

/** Rows of the stream with a text in them, and their two cells. */
const rowsWith = (page: Page, text: string) =>
  page.locator('table.accesses tbody tr').filter({ hasText: text });
const cells = (page: Page, text: string) => rowsWith(page, text).last().getByRole('cell').allInnerTexts();

const position = (page: Page) =>
  page
    .locator('.player')
    .getByText(/^\d+ of \d+$/)
    .innerText();

/** The value of a register as the page shows it. */
const registerValue = (page: Page, table: string, register: string) =>
  page
    .getByRole('table', { name: new RegExp(table) })
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name: register, exact: true }) })
    .locator('code')
    .nth(1)
    .innerText();

describeLab('the stream', (lab) => {
  it("shows the guest's accesses on the left and what they become on the right, by register", async () => {
    const page = await lab.open();
    await bringUp(page);
    await press(page, 'Read');
    await outcome(page).getByText('512 bytes').waitFor();
    expect(await page.getByRole('columnheader').allInnerTexts()).toEqual(
      expect.arrayContaining(['Guest', 'Host']),
    );
    const [guest, host] = await cells(page, 'queueNotify');
    expect(guest).toMatch(/write legacy queueNotify 0x0000/);
    expect(guest).toMatch(/chain 0: R 0x[0-9a-f]+\+16, W 0x[0-9a-f]+\+512, W 0x[0-9a-f]+\+1/);
    expect(guest).toMatch(/read sector 0, 1 sector/);
    expect(guest).toMatch(/interrupt MSI-X vector 1/);
    expect(host).toMatch(/write legacy queueNotify 0x0000/);
    expect(host).toMatch(/DMA write memory buffer 512 bytes/);
  });

  it('is stepped through, with the function as it was at each place', async () => {
    const page = await lab.open();
    await press(page, 'Pause');
    await press(page, 'Bring up');
    await page.getByText('device is up').first().waitFor();
    expect(await position(page)).toMatch(/^0 of \d\d/);
    await page
      .getByRole('combobox', { name: 'Seen from' })
      .selectOption({ label: 'guest: 00:04.0 virtio-blk, legacy, 1af4:1001' });
    const seen = new Set<string>();
    await page.getByRole('slider', { name: 'Position' }).fill('12');
    for (let i = 0; i < 9; i++) {
      await press(page, 'Step');
      if ((await rowsWith(page, 'deviceStatus').count()) > 0)
        seen.add(await registerValue(page, 'BAR0 legacy', 'deviceStatus'));
    }
    expect([...seen].slice(0, 3)).toEqual(['0x00', '0x01', '0x03']);
    await press(page, 'To the end');
    await expect.poll(() => registerValue(page, 'BAR0 legacy', 'deviceStatus')).toBe('0x07');
    await press(page, 'Step back');
    const before = await position(page);
    await expect
      .poll(() => page.evaluate(() => location.hash))
      .toMatch(new RegExp(`&at=${Number.parseInt(before, 10)}$`));
    const link = page.url();
    const other = await lab.open(link.slice(link.indexOf('#')));
    await expect.poll(() => position(other)).toBe(before);
  });

  it('is played at a speed that a person can follow, and paused', async () => {
    const page = await lab.open();
    await page.getByRole('combobox', { name: 'Speed' }).selectOption('50 a second');
    await bringUp(page);
    await expect.poll(() => position(page)).toMatch(/^[5-9] of|^1\d of/);
    await press(page, 'Pause');
    const stopped = await position(page);
    await page.waitForTimeout(200);
    expect(await position(page)).toBe(stopped);
  });

  it('goes back, and on from there', async () => {
    const page = await lab.open('#do=up,write~0~1~90,read~0~1');
    await outcome(page).getByText('512 bytes: 5a 5a').waitFor();
    const moves = page.locator('tr.mark');
    expect(await moves.count()).toBe(3);
    await page.getByRole('slider', { name: 'Position' }).fill('20');
    await press(page, 'Go on from here');
    await expect.poll(() => page.evaluate(() => location.hash)).toBe('');
    await bringUp(page);
    await press(page, 'Read');
    await outcome(page).getByText('512 bytes: 00 00').waitFor();
  });

  it('is filtered by words, and by what is left out', async () => {
    const page = await lab.open('#do=up,read~0~1');
    await rowsWith(page, 'queueNotify').first().waitFor();
    const table = page.locator('table.accesses');
    expect(await table.innerText()).not.toContain('capabilitiesPointer');
    await page.getByRole('checkbox', { name: 'Configuration space' }).check();
    expect(await table.innerText()).toContain('capabilitiesPointer');
    await page.getByRole('checkbox', { name: 'DMA' }).uncheck();
    expect(await table.innerText()).not.toContain('DMA read');
    await page.getByRole('searchbox', { name: 'Filter' }).fill('queueAddress');
    await expect.poll(() => table.locator('tbody tr').count()).toBe(2);
  });

  it('shows a driver and its device where there is no translator', async () => {
    const page = await lab.open('#way=modern&ring=packed&do=up,read~0~1');
    await outcome(page).getByText('512 bytes').waitFor();
    expect(await page.getByRole('columnheader').allInnerTexts()).toEqual(
      expect.arrayContaining(['Driver', 'Device']),
    );
    const [driver, device] = await cells(page, 'queueNotify');
    expect(driver).toMatch(/write notify queueNotify 0x0000/);
    expect(device).toMatch(/DMA read memory queue 0 descriptors/);
  });
});
