import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { describeLab } from './support/lab-page.ts';

const golden = (name: string) => join(import.meta.dirname, '../golden/traces', name);
const text = (page: Page) => page.getByRole('textbox', { name: /A draft document/ });

/** A draft with so many registers. */
function draftOf(registers: number): string {
  const fields = Array.from({ length: registers }, (_, i) => ({ name: `register ${i}`, width: 4 }));
  return JSON.stringify({
    draft: 1,
    name: 'long',
    ids: { vendor: '0x1af4', devices: [{ type: 'block', id: '0x10f3' }] },
    structures: [{ name: 'registers', fields }],
    blocks: [{ name: 'registers', structure: 'registers', space: 'memory' }],
  });
}

describeLab('drafts', (lab) => {
  it('are judged, drawn and run, and stand in the address', async () => {
    const page = await lab.open('#show=drafts');
    await page.getByRole('combobox', { name: 'Begin with' }).selectOption('mmr-no-handshake');
    await page
      .getByRole('heading', { name: 'mmr-no-handshake: Nothing tells a driver that a reset is done' })
      .waitFor();
    const warnings = page.getByRole('region', { name: 'Warnings' });
    expect(await warnings.innerText()).toMatch(/reset-unconfirmed[\s\S]*BF-RST-01/);
    await page
      .getByRole('img', { name: /^Picture of / })
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Run the draft' }).click();
    const running = page.getByRole('region', { name: 'The draft running' });
    await running.getByText(/a driver made from the draft: differs/).waitFor();
    expect(await running.innerText()).toMatch(/what the driver sees: expected .*, seen /);
    await expect.poll(() => page.evaluate(() => location.hash)).toMatch(/&draft=[\w-]+$/);
    const link = page.url();
    const other = await lab.open(link.slice(link.indexOf('#')));
    await other.getByRole('heading', { name: /^mmr-no-handshake:/ }).waitFor();
  });

  it('are C structures, too, and what is wrong with them is said with what would be right', async () => {
    const page = await lab.open('#show=drafts');
    await text(page).fill('struct doorbell { le16 queue; u8 reserved[2]; le64 cookie; };');
    await page.getByRole('img', { name: 'Picture of doorbell' }).waitFor();
    await text(page).fill('struct doorbell { le24 queue; };\nstruct other { le16 x; };');
    await page.getByText(/"le24" is no type/).waitFor();
    await text(page).fill('{ "draft": 1, "name": "x", "ids": 7 }');
    await page
      .getByRole('list', { name: 'What could not be read' })
      .getByText(/^ids: found 7; wants/)
      .waitFor();
  });

  it('may have ten thousand rows, and are kept over a reload', async () => {
    const page = await lab.open('#show=drafts');
    await text(page).fill(draftOf(10_000));
    await page.getByRole('heading', { name: 'long' }).waitFor();
    await page.getByText('registers: 201 fields are too many for a picture').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'long' }).waitFor();
    expect((await text(page).inputValue()).length).toBeGreaterThan(300_000);
  });
});

describeLab('dumps and traces', (lab) => {
  const paste = async (page: Page, pasted: string) => {
    await page.getByRole('textbox', { name: /What lspci -xxxx printed/ }).fill(pasted);
    await page.getByRole('button', { name: 'Decode' }).click();
  };

  it('are decoded: what lspci printed, and then a trace by it', async () => {
    const page = await lab.open('#show=files');
    await paste(page, readFileSync(golden('qemu-virtio-blk.lspci'), 'utf8'));
    await page
      .getByRole('list', { name: 'Functions of the dump' })
      .getByText(/virtio-blk \[1af4:10/)
      .waitFor();
    await page
      .getByLabel('Or a file, which may be dropped here')
      .setInputFiles(golden('qemu-virtio-blk.log'));
    await page
      .getByRole('table', { name: /^Registers/ })
      .getByRole('row', { name: /deviceStatus/ })
      .first()
      .waitFor();
    expect(await page.getByRole('table', { name: /^Accesses/ }).innerText()).toMatch(
      /deviceStatus 0x0f .*driverOk/,
    );
  });

  it('may be broken, or anything, and it is said what is wrong', async () => {
    const page = await lab.open('#show=files');
    await paste(page, 'hello');
    const problems = page.getByRole('list', { name: 'Why it could not be read' });
    expect(await problems.innerText()).toMatch(/as a dump: [\s\S]*as a trace: it is no trace/);
    await paste(page, '{"space":"io","operation":"read","address":1,"width":1,"value":0}\n{"space":"io"');
    await page.getByText(/It could not be read to its end: line 2/).waitFor();
  });

  it('may be long: a hundred megabytes are read in pieces, and the page goes on', async () => {
    const page = await lab.open('#show=files');
    const lines = await page.evaluate(() => {
      const line = '{"space":"io","operation":"write","address":49170,"width":1,"value":3}\n';
      const piece = new Blob([line.repeat(20_000)]);
      const file = new File(
        Array.from({ length: 75 }, () => piece),
        'long.jsonl',
      );
      const transfer = new DataTransfer();
      transfer.items.add(file);
      const place = document.querySelector('.drop')!;
      place.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
      return file.size > 100_000_000 ? 75 * 20_000 : 0;
    });
    await page.getByText('long.jsonl is read').waitFor();
    await page.getByRole('progressbar', { name: 'How far the file is read' }).waitFor();
    await page.getByRole('button', { name: 'Bring up' }).click();
    await page.getByText('device is up').first().waitFor();
    await page.getByText(`${lines} accesses, json-lines`).waitFor({ timeout: 50_000 });
  });
});

describeLab('the comparison', (lab) => {
  it('shows the ways side by side, with counts', async () => {
    const page = await lab.open('#show=compare');
    await page.getByRole('button', { name: 'Count' }).click();
    await page
      .getByRole('img', { name: /^One request, modelled time: io-bar / })
      .waitFor({ timeout: 40_000 });
    const counts = page.getByRole('table', { name: 'Bring-up' });
    const header = await counts.getByRole('columnheader').allInnerTexts();
    const cells = await counts
      .getByRole('row')
      .filter({ hasText: /^io-bar/ })
      .getByRole('cell')
      .allInnerTexts();
    const count = (name: string) => Number(cells[header.indexOf(name) - 1]);
    expect(count('portExits')).toBeGreaterThan(10);
    expect(count('portExits')).toBe(count('portAccesses'));
  });
});
