import type { TestProject } from 'vitest/node';
import { findChromium } from './chromium.ts';
import { serveLab } from './served-lab.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the lab is served; null without a browser. */
    labUrl: string | null;
    /** A kernel stands beside it. */
    labGuest: boolean;
  }
}

/** Serves the page by the command, as a user does, for all files. */
export default async function serve({ provide }: TestProject): Promise<() => void> {
  if (findChromium() === null) {
    provide('labUrl', null);
    provide('labGuest', false);
    return () => {};
  }
  const { url, guest, close } = await serveLab();
  provide('labUrl', url);
  provide('labGuest', guest);
  return close;
}
