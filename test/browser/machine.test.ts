import { expect, it } from 'vitest';
import { bringUp, describeLab, outcome, press } from './support/lab-page.ts';

describeLab('the machine', (lab) => {
  it('lets a disk be read, written and grow by every way', async () => {
    const page = await lab.open();
    const way = page.getByRole('combobox', { name: 'Way' });
    const names = await way.getByRole('option').allInnerTexts();
    expect(names).toEqual(
      expect.arrayContaining([
        'io-bar',
        'memory-bar',
        'mmr',
        'mmr-virtual',
        'admin',
        'modern-shim',
        'modern',
      ]),
    );
    for (const name of names) {
      await way.selectOption(name);
      await outcome(page).getByText('down').waitFor();
      await bringUp(page);
      await press(page, 'Write');
      await outcome(page).getByText('1 sectors written').waitFor();
      await press(page, 'Read');
      await outcome(page).getByText('512 bytes: 5a 5a').waitFor();
      await press(page, 'Resize the disk');
      await outcome(page).getByText('the driver knows of 80 sectors').waitFor();
    }
  });

  it('has devices of every type, each with buttons of its own', async () => {
    const page = await lab.open();
    const device = page.getByRole('combobox', { name: 'Device' });
    const use = async (type: string, button: string, came: string | RegExp) => {
      await device.selectOption(type);
      await outcome(page).getByText('down').waitFor();
      await bringUp(page);
      await press(page, button);
      await outcome(page).getByText(came).waitFor();
    };
    await use('network', 'Send a frame', 'a frame of 60 bytes left the device');
    await press(page, 'A frame arrives');
    await outcome(page).getByText('the driver got 1 frames').waitFor();
    await use('console', 'Write', 'outside: hello');
    await use('entropy', 'Read', '32 bytes');
    await use('balloon', 'Ask for pages', '8 pages are in the balloon');
    await use('p9', 'List the files', 'greeting');
    await use('scsi', 'Read', '512 bytes');
    await use('rtc', 'Read the clock', / ns$/);
  });

  it('is made by other readings of the draft, too', async () => {
    const page = await lab.open('#do=up,read~0~1');
    const draft = page.getByRole('combobox', { name: 'Draft' });
    expect(await draft.getByRole('option').allInnerTexts()).toContain('mmr-fixed-vectors');
    for (const name of ['mmr-bare-capability', 'mmr-fixed-vectors']) {
      await draft.selectOption(name);
      await expect.poll(() => page.evaluate(() => location.hash)).toBe(`#reading=${name}&do=up,read~0~1`);
      await outcome(page).getByText('512 bytes').waitFor();
      const chain = page.getByRole('list', { name: 'Capability chain' });
      expect((await chain.getByRole('button').allInnerTexts()).at(-1)).toContain(name);
    }
    await page.getByRole('combobox', { name: 'Way' }).selectOption('io-bar');
    await outcome(page).getByText('down').waitFor();
    expect(await draft.count()).toBe(0);
  });

  it('takes MSI-X away and gives it back, and resets', async () => {
    const page = await lab.open('#do=up');
    await press(page, 'MSI-X off');
    await outcome(page).getByText('INTx').waitFor();
    await press(page, 'Read');
    await outcome(page).getByText('512 bytes').waitFor();
    await page.getByText('interrupt INTx line 11').first().waitFor();
    await press(page, 'MSI-X on');
    await outcome(page).getByText('MSI-X').waitFor();
    await press(page, 'Reset');
    await outcome(page).getByText('the device is reset').waitFor();
    expect(await page.getByRole('button', { name: 'Read', exact: true }).isDisabled()).toBe(true);
    expect(await page.evaluate(() => location.hash)).toBe('#do=up,msix-off,read~0~1,msix-on,down');
  });
});
