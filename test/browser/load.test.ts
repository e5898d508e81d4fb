import { expect, inject, it } from 'vitest';
import { bringUp, describeLab, press } from './support/lab-page.ts';

/** Bytes on the wire until the page can be used. */
const FIRST_LOAD = 250_000;

describeLab('loading', (lab) => {
  it('takes less than 250 KB until it can be used', async () => {
    const context = await lab.context();
    const page = await context.newPage();
    lab.listen(page);
    const sizes = new Map<string, number>();
    page.on('response', (response) => {
      sizes.set(response.url(), Number(response.headers()['content-length']));
    });
    await page.goto(inject('labUrl')!);
    await page.getByRole('button', { name: 'Bring up' }).waitFor();
    const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    expect([...sizes.keys()].some((url) => url.includes('/assets/main-'))).toBe(true);
    expect(total).toBeGreaterThan(100_000);
    expect(total).toBeLessThan(FIRST_LOAD);
  });

  it('has no inline code, and says so in the page and in a header', async () => {
    const page = await lab.open();
    const response = await page.request.get(inject('labUrl')!);
    const text = await response.text();
    expect(response.headers()['content-security-policy']).toMatch(
      /script-src 'self' 'wasm-unsafe-eval';.*frame-ancestors 'none'/,
    );
    expect(text).toContain('http-equiv="Content-Security-Policy"');
    expect(text).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=|\sstyle=/);
    expect(await page.locator('[style]').count()).toBe(0);
  });

  it('works without a network once it was loaded, what is loaded late too', async () => {
    const page = await lab.open();
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
    await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
    await page.context().setOffline(true);
    await page.reload();
    await bringUp(page);
    await press(page, 'Read');
    await page.getByRole('status').getByText('512 bytes').waitFor();
  });
});
