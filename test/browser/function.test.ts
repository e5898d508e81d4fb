import { expect, it } from 'vitest';
import { bringUp, describeLab } from './support/lab-page.ts';

describeLab('the function', (lab) => {
  it('shows configuration space, capabilities, BARs and registers by name', async () => {
    const page = await lab.open('#do=up');
    await page.getByText('device is up').first().waitFor();
    const hex = page.getByRole('table', { name: 'Configuration space' });
    expect(await hex.getByRole('row').first().innerText()).toMatch(/^000\s+f4\s+1a\s+fa\s+10/);
    const chain = page.getByRole('list', { name: 'Capability chain' });
    expect((await chain.getByRole('button').allInnerTexts()).at(-1)).toMatch(/virtio mmr-2023 0x100/);
    await chain.getByRole('button', { name: /^msix/ }).click();
    await chain.getByText('messageControl').waitFor();
    const bars = page.getByRole('table', { name: 'BARs in the address map' });
    expect(await bars.innerText()).toMatch(/0xc0000000[\s\S]*legacy at 0x1000/);
    const legacy = page.getByRole('table', { name: /BAR0 legacy/ });
    const status = legacy.getByRole('row').filter({ hasText: 'deviceStatus' });
    expect(await status.innerText()).toMatch(/0x12[\s\S]*0x07/);
  });

  it('flashes what changes, and tells of a bit by name, meaning and clause', async () => {
    const page = await lab.open();
    await bringUp(page);
    const bit = page.getByRole('button', { name: /^bit 2, driverOk, set/ }).first();
    await expect.poll(() => bit.getAttribute('title')).toMatch(/the driver is ready.*INIT-08: \w+/);
    expect(await page.locator('tr.flash').filter({ hasText: 'deviceStatus' }).count()).toBeGreaterThan(0);
    await bit.click();
    await page.getByRole('dialog', { name: 'INIT-08' }).waitFor();
  });

  it('shows the owner of a virtual function beside it', async () => {
    const page = await lab.open('#way=admin&do=up');
    const seen = page.getByRole('combobox', { name: 'Seen from' });
    expect(await seen.getByRole('option').allInnerTexts()).toEqual([
      'guest: 00:04.0 virtio-blk, legacy, 1af4:1001',
      'host: 00:04.1 virtio-blk, modern, 1af4:1042',
      expect.stringMatching(/^host: 00:04\.0 .*1af4:1044$/),
    ]);
  });
});

describeLab('virtual functions', (lab) => {
  it('are a grid, and each can be given a driver', async () => {
    const page = await lab.open('#show=virtual');
    await page.getByRole('button', { name: 'Enable them' }).click();
    await page.getByText('32 virtual functions of 00:04.0, 0 with a driver').waitFor();
    const second = page.getByRole('button', { name: /^VF2 at 00:04\.2, 1af4:10fa/ });
    await second.click();
    await page.getByRole('button', { name: /^VF2 .*status 0x07$/ }).waitFor();
    await page.getByText('1 with a driver').waitFor();
    await second.click();
    await page.getByText('0 with a driver').waitFor();
    await page.getByRole('spinbutton', { name: 'How many' }).fill('1000');
    await page.getByRole('button', { name: 'Enable them' }).click();
    await page
      .getByRole('alert')
      .getByText('virtual functions 1000: wants a whole number of 1..256')
      .waitFor();
  });
});

describeLab('queues', (lab) => {
  it('shows rings as pictures whose indices move, and why nothing happens', async () => {
    const page = await lab.open('#do=up&show=queues');
    await page.getByRole('img', { name: 'available ring of queue 0, index 0' }).waitFor();
    await page.getByRole('button', { name: 'Read', exact: true }).click();
    await page.getByRole('img', { name: 'available ring of queue 0, index 1' }).waitFor();
    await page.getByRole('img', { name: 'used ring of queue 0, index 1' }).waitFor();
    const queues = page.getByRole('table', { name: 'Queues' });
    expect(await queues.innerText()).toMatch(/0 requests 0[\s\S]*256[\s\S]*available index 1, used index 1/);
    expect(await page.locator('.explanation').innerText()).toMatch(
      /why nothing happens[\s\S]*everything that was exposed was used/,
    );
  });

  it('shows a packed ring, and a chain that nobody kicked', async () => {
    const page = await lab.open('#way=modern&ring=packed&mistake=kick-forgotten&do=up,read~0~1&show=queues');
    await page.getByRole('img', { name: /^packed ring of queue 0/ }).waitFor();
    const waiting = page.getByRole('list', { name: 'Chains that wait in queue 0' });
    expect(await waiting.innerText()).toMatch(/read sector 0, 1 sector/);
  });
});
