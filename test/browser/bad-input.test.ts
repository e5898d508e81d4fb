import type { BrowserContext } from 'playwright-core';
import { expect, inject, it } from 'vitest';
import { bringUp, describeLab, outcome, press } from './support/lab-page.ts';

describeLab('bad input', (lab) => {
  it('is said, of every address, and the lab works all the same', async () => {
    const page = await lab.open();
    const alert = page.getByRole('alert');
    for (const [hash, words] of [
      ['type=lamp', /unknown device type 'lamp'.*this is a disk/s],
      ['way=tunnel', /way tunnel: wants one of io-bar/],
      ['type=vsock&way=io-bar', /way io-bar: wants for vsock one of modern/],
      ['type=%3Cscript%3Ealert(1)%3C/script%3E', /type "%3Cscript%3E.*" is no name/],
      ['do=up,%E0%A4%A,read~0~1', /"%E0%A4%A" is no move/],
      ['mistake=all', /mistake all: wants one of no-acknowledge/],
      ['lie=everything', /lie everything: wants the name of a lie/],
      ['draft=AAAA', /The draft in the address: it is torn/],
      [`do=${'x'.repeat(40_000)}`, /the address has \d+ characters; wants at most 32000/],
      [`do=${Array(200).fill('up').join()}`, /200 moves; the first 100 are made/],
    ] as const) {
      await page.evaluate((to) => {
        location.hash = to;
      }, hash);
      await expect.poll(() => alert.innerText()).toMatch(words);
      await press(page, 'Dismiss');
      await bringUp(page);
      await press(page, 'Read');
      await outcome(page).getByText('512 bytes').waitFor();
    }
  });

  it('is a button that there is not, or one too early, or too large a number', async () => {
    const page = await lab.open('#do=fly,read~0~1,up,read~99999999~1');
    await outcome(page)
      .getByText(/sector/i)
      .waitFor();
    const failed = await page.locator('tr.mark').filter({ hasText: 'failed' }).allInnerTexts();
    expect(failed.join()).toMatch(/button fly: wants one that there is/);
    expect(failed.join()).toMatch(/bring the device up first/);
  });

  it('is a browser that refuses the service worker: said, and all else works', async () => {
    const context = await lab.context();
    await context.addInitScript(() => {
      ServiceWorkerContainer.prototype.register = () =>
        Promise.reject(new DOMException('registration is refused', 'SecurityError'));
    });
    const page = await context.newPage();
    lab.listen(page);
    await page.goto(inject('labUrl')!);
    await page.getByText('not kept for times without a network (registration is refused)').waitFor();
    await bringUp(page);
  });

  const worksUnkept = async (context: BrowserContext) => {
    const page = await context.newPage();
    lab.listen(page);
    await page.goto(`${inject('labUrl')}#show=drafts`);
    await page.getByRole('textbox', { name: /A draft document/ }).fill('struct a { u8 b; };');
    await page
      .getByRole('alert')
      .getByText(/The browser keeps nothing of this page/)
      .waitFor();
    await page.getByRole('img', { name: 'Picture of a' }).waitFor();
  };

  it('is a storage that is full: said, and the draft is worked on all the same', async () => {
    const context = await lab.context();
    await context.addInitScript(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('the quota has been exceeded', 'QuotaExceededError');
      };
    });
    await worksUnkept(context);
  });

  it('is a browser that keeps nothing', async () => {
    const context = await lab.context();
    await context.addInitScript(() => {
      Object.defineProperty(globalThis, 'localStorage', {
        get: () => {
          throw new DOMException('forbidden', 'SecurityError');
        },
      });
    });
    await worksUnkept(context);
  });
});
