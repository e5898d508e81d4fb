import { expect, it } from 'vitest';
import { describeLab, outcome } from './support/lab-page.ts';

describeLab('break it', (lab) => {
  it('finds what a driver does wrong, by its clause, and leads to the access that did it', async () => {
    const page = await lab.open('#do=up,read~0~1&show=break');
    await page.getByText('The driver broke no rule so far.').waitFor();
    await page.getByRole('switch', { name: /^no-driver-ok/ }).check();
    const findings = page.getByRole('list', { name: 'Findings of the watch' });
    const finding = findings.getByRole('listitem').filter({ hasText: 'a kick before DRIVER_OK' });
    expect(await finding.innerText()).toMatch(/^note 00:04\.0 virtio-blk, queue 0: LEG-INIT-01, driver/);
    await finding.getByRole('button', { name: /^access \d+$/ }).click();
    const row = page.locator('tr.marked');
    expect(await row.innerText()).toMatch(/write legacy queueNotify/);
    await finding.getByRole('button', { name: 'LEG-INIT-01' }).click();
    const dialog = page.getByRole('dialog', { name: 'LEG-INIT-01' });
    expect(await dialog.innerText()).toMatch(/MUST of the driver|driver/);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(await page.evaluate(() => location.hash)).toContain('mistake=no-driver-ok');
  });

  it('lets a device lie, and the driver ends with an error', async () => {
    const page = await lab.open('#do=up,read~0~1&show=break');
    await page.getByRole('switch', { name: /^never-answers/ }).check();
    await outcome(page).getByText('no answer: the driver waits still').waitFor();
    await page.getByRole('switch', { name: /^never-answers/ }).uncheck();
    await outcome(page).getByText('512 bytes').waitFor();
  });
});
