import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Command, CommandError, exitStatus, readOptions, UsageError } from './command.ts';
import { untilSignal } from './ending.ts';
import { labFiles } from './lab-files.ts';
import { labGuest } from './lab-guest.ts';
import { labServer } from './lab-server.ts';
import { print, printJson } from './output.ts';

const DEFAULT_PORT = '8686';
const HOST = '127.0.0.1';

const help = `Usage: virtiolab lab [--port N] [--guest] [--open] [--json]

Serves the lab, a page that shows a virtio function, its driver and every access
between them, on this machine, until it is ended. The page is static files: what
npm run build:lab writes can stand on any server.

  --port N         by default ${DEFAULT_PORT}; 0 for one that is free
  --guest          fetches a Linux kernel and what belongs to it (53 MB), which
                   the page can boot then; one that is there is served anyway
  --open           opens it in the browser
  --json           one JSON document on standard output once it serves: where
  -h, --help       print this text

Exit status: 0; 1 where it cannot be served, 2 when called wrongly.

Example:
  virtiolab lab --open`;

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 0xffff)
    throw new UsageError(`option '--port ${text}': wants a number of 0..65535`);
  return Number(text);
}

/** @throws CommandError for a port that cannot be had. */
async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new CommandError(`port ${port}: ${(error as Error).message}; --port 0 takes one that is free`);
  }
  return (server.address() as AddressInfo).port;
}

const openers: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/** A browser that cannot be opened is no reason not to serve. */
function openBrowser(url: string): void {
  const [program, ...before] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(program!, [...before, url], { stdio: 'ignore', detached: true });
  child.on('error', () => process.stderr.write(`virtiolab: no browser could be opened: go to ${url}\n`));
  child.unref();
}

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    port: { type: 'string' },
    guest: { type: 'boolean' },
    open: { type: 'boolean' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const port = portOf(options.port ?? DEFAULT_PORT);
  const folder = labFiles(() => process.stderr.write('virtiolab: the page is being built\n'));
  const guest = await labGuest(options.guest === true);
  const server = labServer(folder, guest);
  const url = `http://${HOST}:${await listen(server, port)}/`;
  if (options.json === true) printJson({ url, folder, guest: guest.size > 0 });
  else print(`The lab is at ${url}`);
  if (options.open === true) openBrowser(url);
  await untilSignal();
  server.closeAllConnections();
  server.close();
  return exitStatus.good;
}

export const lab: Command = { help, run };
