import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { bringUp, describeLab } from './support/lab-page.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe finds wrong with the page as it stands. */
async function violations(page: Page, rules: readonly string[] | null): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(async (runOnly) => {
    const { axe } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: Violation[] }> };
    };
    return (await axe.run(runOnly === null ? {} : { runOnly })).violations;
  }, rules);
  return found.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
  );
}

/** Elements with text of their own that is smaller than a person can read. */
const smallText = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('body *')]
      .filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim() !== ''),
      )
      .filter((element) => Number.parseFloat(getComputedStyle(element).fontSize) < 12)
      .map((element) => element.outerHTML.slice(0, 100)),
  );

/** Every view beside the stream. */
async function eachTab(page: Page, visit: (name: string) => Promise<void>): Promise<void> {
  for (const tab of await page.getByRole('tab').all()) {
    await tab.click();
    await visit(await tab.innerText());
  }
}

describeLab('access for everybody', (lab) => {
  // Colours alone are others in the dark.
  it.each([
    ['light', null],
    ['dark', ['color-contrast']],
  ] as const)('axe finds nothing wrong, %s', async (colorScheme, rules) => {
    const page = await lab.open('#do=up,read~0~1', { colorScheme });
    await page.getByText('512 bytes').first().waitFor();
    await eachTab(page, async (name) => {
      expect(await violations(page, rules), name).toEqual([]);
      expect(await smallText(page), name).toEqual([]);
    });
  });

  it('is as wide as a phone, and scrolls downwards only', async () => {
    const page = await lab.open('#do=up,read~0~1', { viewport: { width: 360, height: 740 } });
    await page.getByText('512 bytes').first().waitFor();
    await eachTab(page, async (name) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wide, name).toBeLessThanOrEqual(0);
    });
  });

  it('is used by the keyboard alone', async () => {
    const page = await lab.open();
    await page.getByRole('button', { name: 'Bring up' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('device is up').first().waitFor();
    await page.getByRole('tab', { name: 'Function', exact: true }).focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('tab', { selected: true }).innerText()).toBe('Virtual functions');
    await page.getByRole('heading', { name: 'Virtual functions' }).waitFor();
    const focused = await page.evaluate(() => document.activeElement?.textContent);
    expect(focused).toBe('Virtual functions');
  });

  it('tells what happens to who cannot see it', async () => {
    const page = await lab.open();
    await bringUp(page);
    await page.getByRole('status').getByText('the block device is up').waitFor();
    await page.getByRole('button', { name: 'bit 2, driverOk, set: the driver is ready' }).first().waitFor();
  });
});
