#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { VirtiolabError } from '../core/errors.ts';
import { FileStorageError } from '../hosts/node/errors.ts';
import { SocketError } from '../hosts/node/socket-errors.ts';
import { CommandError, exitStatus, UsageError } from './command.ts';
import { commands } from './commands.ts';
import { endOnSignals } from './ending.ts';
import { documentPrinted, print, printJson } from './output.ts';
import { clearLine } from './progress.ts';
import { columns } from './text.ts';

const DEFAULT_COMMAND = 'demo';

const list = columns(Object.entries(commands).map(([name, { summary }]) => [`  ${name}`, summary]));

const help = `Usage: virtiolab [COMMAND] [OPTION]...

A laboratory for the virtio PCI transport. Without a command it runs ${DEFAULT_COMMAND}.

Commands:
${list.join('\n')}

  -h, --help   print this text; after a command, print that command's
  --version    print the version

Every command takes --json, writes diagnostics and progress to standard error,
and exits 0 when all is good, 1 when it found something or failed, 2 when it was
called wrongly. With --json a failure is a document too: { "error": ... }.

Example: drive a disk image through a port-to-memory translator
  virtiolab demo --window mmr`;

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Runs a command line without the program's name. @returns the exit status. */
async function main(args: readonly string[]): Promise<number> {
  const [name = DEFAULT_COMMAND, ...rest] = args;
  if (name === '--help' || name === '-h') {
    print(help);
    return exitStatus.good;
  }
  if (name === '--version') {
    print(version());
    return exitStatus.good;
  }
  if (name.startsWith('-'))
    throw new UsageError(`option '${name}' wants a command before it, as in ${DEFAULT_COMMAND} ${name}`);
  if (!Object.hasOwn(commands, name))
    throw new UsageError(`unknown command '${name}'; commands are ${Object.keys(commands).join(', ')}`);
  return (await commands[name]!.load()).run(rest);
}

/** Exit status of an error. */
function statusOf(error: unknown): number {
  const wrongCall = [UsageError, FileStorageError, SocketError].some((kind) => error instanceof kind);
  return wrongCall ? exitStatus.usage : exitStatus.failed;
}

/** What a user is told of an error: one line, never a stack. */
function lineOf(error: unknown): string {
  const { message = String(error), code } = (error ?? {}) as NodeJS.ErrnoException;
  const known =
    error instanceof UsageError ||
    error instanceof CommandError ||
    error instanceof VirtiolabError ||
    // Errors of the system say what failed and on which file.
    code !== undefined;
  return `virtiolab: ${known ? '' : 'internal error: '}${message.replace(/\p{Cc}+/gu, ' ')}`;
}

const wantsJson = process.argv.includes('--json');

/** Whoever asked for a document gets one where a command failed, too; not where it was called wrongly and did nothing. */
function tell(line: string, status: number): void {
  clearLine();
  process.stderr.write(`${line}\n`);
  if (wantsJson && status === exitStatus.failed && !documentPrinted())
    printJson({ error: line.replace(/^virtiolab: /, '') });
}

function fail(error: unknown): never {
  const status = statusOf(error);
  tell(lineOf(error), status);
  process.exit(status);
}

/** A device that does not answer keeps nothing running, and the program would end in silence. */
let ended = false;

endOnSignals();
process.on('uncaughtException', fail);
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  ended = true;
  // Whoever reads our output may stop early, as `head` does.
  if (code === 'EPIPE') process.exit(exitStatus.good);
  clearLine();
  // The system's own words name no file.
  process.stderr.write(`virtiolab: standard output cannot be written: ${message}\n`);
  process.exit(exitStatus.failed);
});

process.on('exit', (status) => {
  if (ended || status !== exitStatus.good) return;
  tell('virtiolab: gave up: the device does not answer', exitStatus.failed);
  process.exitCode = exitStatus.failed;
});

main(process.argv.slice(2)).then((status) => {
  ended = true;
  process.exitCode = status;
}, fail);
