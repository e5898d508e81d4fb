import { chromium, type Page } from 'playwright-core';
import type { Move } from '../lab/protocol.ts';
import { firstSetup } from '../lab/src/address.ts';
import { findChromium } from '../test/browser/support/chromium.ts';
import { serveLab } from '../test/browser/support/served-lab.ts';
import type { Contest, Skip } from './frame.ts';
import { WorkloadError } from './workload.ts';

/** Reads of a sector, behind a translator. */
const TIMES = 300;
const moves: readonly Move[] = [
  { name: 'up', values: [] },
  { name: 'read', values: [0, 1] },
];

/** What the emulator says of its own speed. */
function speedIn(said: string): number {
  const speed = /(\d+) accesses a second/.exec(said);
  if (speed === null) throw new WorkloadError(`no speed in: ${said}`);
  return Number(speed[1]) / 1000;
}

/** As the page makes its emulator, without what it does with the answers. */
const bareWorker = (program: string) => `
  globalThis.emulator = new Worker(${JSON.stringify(program)}, { type: 'module' });
  globalThis.calls = 0;
  globalThis.call = (call, given) => new Promise((resolve, reject) => {
    const id = --calls;
    const hear = ({ data }) => {
      if (data.id !== id) return;
      emulator.removeEventListener('message', hear);
      if (data.kind === 'failed') reject(new Error(data.message)); else resolve(data.answer);
    };
    emulator.addEventListener('message', hear);
    emulator.postMessage({ id, call, given });
  });
  call('open', ${JSON.stringify({ setup: firstSetup, moves })}).then(() => true);
`;

/** Presses the button of the page, and waits for what it says. */
async function throughPage(page: Page): Promise<number> {
  const outcome = page.locator('.outcome');
  // What was said before must not be taken for the answer.
  await page.getByRole('button', { name: 'Flush', exact: true }).click();
  await outcome.getByText('flushed').waitFor();
  await page.getByRole('button', { name: 'The last one again', exact: true }).click();
  const said = outcome.getByText(`${TIMES} times in`);
  await said.waitFor();
  return speedIn((await said.textContent()) ?? '');
}

/** Thousand accesses a second of the emulator in a browser's worker: with the page open, and with nobody who looks at them. */
export async function prepareLab(): Promise<Contest | Skip> {
  const executablePath = findChromium();
  if (executablePath === null) return { skip: 'no Chromium is installed' };
  const { url, close } = await serveLab();
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  const page = await browser.newPage();
  await page.goto(`${url}#do=up,read~0~1`);
  await page.locator('.outcome').getByText('512 bytes').waitFor();
  await page.getByRole('spinbutton', { name: 'The last one again: Times' }).fill(`${TIMES}`);
  const bare = await browser.newPage();
  await bare.goto(`${url}nothing-here`);
  await bare.evaluate(bareWorker(page.workers()[0]!.url()));
  return {
    ours: () => throughPage(page),
    baseline: async () => {
      const again: Move = { name: 'again', values: [TIMES] };
      const { result } = await bare.evaluate<{ result: string }>(`call('move', ${JSON.stringify(again)})`);
      return speedIn(result);
    },
    release: async () => {
      await browser.close();
      close();
    },
  };
}
