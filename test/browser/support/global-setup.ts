import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { findChromium } from './chromium.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the lab is served; null without a browser. */
    labUrl: string | null;
    /** A kernel stands beside it. */
    labGuest: boolean;
  }
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Serves the page by the command, as a user does, for all files. */
export default async function serve({ provide }: TestProject): Promise<() => void> {
  if (findChromium() === null) {
    provide('labUrl', null);
    provide('labGuest', false);
    return () => {};
  }
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/cli/main.ts', 'lab', '--port', '0', '--json'],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let printed = '';
  const { url, guest } = await new Promise<{ url: string; guest: boolean }>((resolve, reject) => {
    child.on('exit', (status) => reject(new Error(`the lab is not served: exit status ${status}`)));
    child.stdout.on('data', (bytes) => {
      printed += String(bytes);
      if (printed.includes('}')) resolve(JSON.parse(printed));
    });
  });
  provide('labUrl', url);
  provide('labGuest', guest);
  return () => void child.kill();
}
