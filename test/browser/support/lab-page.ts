import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject } from 'vitest';
import { findChromium } from './chromium.ts';

/** A browser for the tests of one file, and pages in it. */
export class LabBrowser {
  #browser: Browser | null = null;
  readonly #contexts: BrowserContext[] = [];
  /** What pages said on their consoles that no page should, since the last test. */
  readonly complaints: string[] = [];

  async start(): Promise<void> {
    this.#browser = await chromium.launch({
      executablePath: findChromium()!,
      // In containers there is neither the kernel's sandbox for it nor much shared memory.
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
  }

  async closePages(): Promise<void> {
    for (const context of this.#contexts.splice(0)) await context.close();
  }

  async context(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.#browser!.newContext({ viewport: { width: 1400, height: 1000 }, ...options });
    context.setDefaultTimeout(15_000);
    this.#contexts.push(context);
    return context;
  }

  /** Opens the lab and waits until it can be used. @param hash of its address */
  async open(hash = '', options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await this.context(options)).newPage();
    this.listen(page);
    await page.goto(`${inject('labUrl')}${hash}`);
    await page.getByRole('heading', { name: 'The machine' }).waitFor();
    return page;
  }

  listen(page: Page): void {
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
  }
}

/** Tests of the page, with a browser of their own; skipped where there is none. A complaint on the console fails a test. */
export function describeLab(name: string, tests: (lab: LabBrowser) => void): void {
  const missing = inject('labUrl') === null;
  describe.skipIf(missing)(missing ? `${name} (skipped: no Chromium is installed)` : name, () => {
    const lab = new LabBrowser();
    beforeAll(() => lab.start());
    afterEach(async () => {
      const complaints = lab.complaints.splice(0);
      await lab.closePages();
      expect(complaints).toEqual([]);
    });
    afterAll(() => lab.stop());
    tests(lab);
  });
}

/** Presses a button by its name. */
export const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

/** The text of what came of the last move. */
export const outcome = (page: Page) => page.locator('.outcome');

/** Brings the device up and waits for that. */
export async function bringUp(page: Page): Promise<void> {
  await press(page, 'Bring up');
  await page.getByText('device is up').first().waitFor();
}
