import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { bringUp, describeLab, outcome, press } from './support/lab-page.ts';

const text = (page: Page) => page.getByRole('textbox', { name: /A draft document/ });
const machine = (page: Page) => page.getByRole('region', { name: 'The draft in the machine' });
const hash = (page: Page) => page.evaluate(() => location.hash);

/** What became of the driver's last access to a register, on the host's side. */
const hostCell = (page: Page, register: string) =>
  page
    .locator('table.accesses tbody tr')
    .filter({ hasText: register })
    .last()
    .getByRole('cell')
    .nth(1)
    .innerText();

/** Takes a draft of the package, and makes the machine of it. */
async function begin(page: Page, name: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Begin with' }).selectOption(name);
  await page.getByRole('heading', { name: new RegExp(`^${name}`) }).waitFor();
  await press(page, 'Make the machine of it');
  await machine(page).getByText(`The machine above is ${name}`).waitFor();
}

const inC = (status: string) => `struct my_header {
  le32 device_features; le32 driver_features; le32 queue_address; le16 queue_size; le16 queue_select;
  le16 queue_notify; ${status}; u8 isr_status; le16 config_msix_vector; le16 queue_msix_vector;
};`;

describeLab('drafts of one’s own', (lab) => {
  it('are the machine, live in both columns, and follow what is written', async () => {
    const page = await lab.open('#show=drafts');
    await begin(page, 'mmr-no-handshake');
    await bringUp(page);
    await press(page, 'Read');
    await outcome(page).getByText('512 bytes').waitFor();
    expect(await hostCell(page, 'queueNotify')).toMatch(/write legacy queueNotify 0x0000.*DMA write/s);
    const document = JSON.parse(await text(page).inputValue());
    const notify = document.structures[0].fields.find(({ name }: { name: string }) => name === 'queueNotify');
    Object.assign(notify, { name: 'doorbell', means: 'queueNotify', offset: 0x40 });
    await text(page).fill(JSON.stringify(document));
    await expect
      .poll(() => hostCell(page, 'queueNotify'))
      .toMatch(/write legacy doorbell 0x0000 .*0xc000\w040/);
    await outcome(page).getByText('512 bytes').waitFor();
    await page.getByRole('tab', { name: 'Function', exact: true }).click();
    const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'doorbell' }) });
    expect(await row.innerText()).toMatch(/0x40[\s\S]*2/);
    await expect.poll(() => hash(page)).toMatch(/reading=own&do=up,read~0~1.*&draft=[\w-]+$/);
    const other = await lab.open(await hash(page));
    await expect.poll(() => hostCell(other, 'queueNotify')).toMatch(/write legacy doorbell/);
  });

  it('may be harmful, and the driver suffers it: a write that no read pushes comes late', async () => {
    const page = await lab.open('#show=drafts');
    await begin(page, 'mmr-2023');
    const document = JSON.parse(await text(page).inputValue());
    document.rules.postedWrites = 'unordered';
    await text(page).fill(JSON.stringify(document));
    await page.getByRole('region', { name: 'Errors' }).getByText('writes-unordered').waitFor();
    await press(page, 'Bring up');
    await outcome(page).getByText('the device cannot map vector 0').waitFor();
  });

  it('are made of structures in C, too', async () => {
    const page = await lab.open('#show=drafts');
    await text(page).fill(inC('u8 device_status'));
    await press(page, 'Make a draft of them');
    await page.getByRole('heading', { name: /^my-draft/ }).waitFor();
    await press(page, 'Make the machine of it');
    await machine(page).getByText('The machine above is my-draft').waitFor();
    await bringUp(page);
    await press(page, 'Read');
    await outcome(page).getByText('512 bytes').waitFor();
    expect(await hostCell(page, 'queueNotify')).toMatch(/write legacy queue_notify 0x0000/);
  });

  it('are not the machine where no function can be made of them, and it is said why', async () => {
    const page = await lab.open('#show=drafts');
    await begin(page, 'mmr-2023');
    await page.getByRole('combobox', { name: 'Begin with' }).selectOption('io-bar');
    await machine(page)
      .getByText(/No function can be made of it: .*I\/O space.* The machine is the draft as it was before/)
      .waitFor();
    await bringUp(page);
    const broken = await lab.open('#reading=own&do=up');
    await broken
      .getByRole('alert')
      .getByText(/What the address asks for could not be shown/)
      .waitFor();
  });
});
