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

  it('has several wrong at once, each of it in the address, and in a link', async () => {
    const page = await lab.open('#do=up,read~0~1&show=break');
    const turn = (name: string) => page.getByRole('switch', { name: new RegExp(`^${name}`) });
    await turn('isr-read-twice').check();
    await turn('no-acknowledge').check();
    await turn('used-length-wrong').check();
    const hash = () => page.evaluate(() => location.hash);
    await expect.poll(hash).toContain('lie=used-length-wrong&mistake=isr-read-twice,no-acknowledge&');
    const findings = page.getByRole('list', { name: 'Findings of the watch' });
    await findings
      .getByText(/ACKNOWLEDGE/)
      .first()
      .waitFor();
    const other = await lab.open(await hash());
    await other.getByText('On: isr-read-twice, no-acknowledge').waitFor();
    expect(await other.getByRole('switch', { name: /^used-length-wrong/ }).isChecked()).toBe(true);
    await other.getByRole('button', { name: 'The driver: all off' }).click();
    await expect.poll(() => other.evaluate(() => location.hash)).not.toContain('mistake');
    await other.getByRole('combobox', { name: 'Device' }).selectOption('entropy');
    await expect
      .poll(() => other.evaluate(() => location.hash))
      .toContain('type=entropy&lie=used-length-wrong');
  });

  it('lets a device lie, and the driver ends with an error', async () => {
    const page = await lab.open('#do=up,read~0~1&show=break');
    await page.getByRole('switch', { name: /^never-answers/ }).check();
    await outcome(page).getByText('no answer: the driver waits still').waitFor();
    await page.getByRole('switch', { name: /^never-answers/ }).uncheck();
    await outcome(page).getByText('512 bytes').waitFor();
  });
});
