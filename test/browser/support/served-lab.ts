import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The page, served by the command as a user does. */
export interface ServedLab {
  readonly url: string;
  /** A kernel stands beside it. */
  readonly guest: boolean;
  close(): void;
}

/** Serves the page from a process of its own, at any port that is free. */
export async function serveLab(): Promise<ServedLab> {
  const args = ['--import', 'tsx', 'src/cli/main.ts', 'lab', '--port', '0', '--json'];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  const said = await new Promise<{ url: string; guest: boolean }>((resolve, reject) => {
    child.on('exit', (status) => reject(new Error(`the lab is not served: exit status ${status}`)));
    child.stdout.on('data', (bytes) => {
      printed += String(bytes);
      if (printed.includes('}')) resolve(JSON.parse(printed));
    });
  });
  return { ...said, close: () => void child.kill() };
}
