import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { scratchFolder } from '../guest/scratch-folder.ts';
import { endsWithUs } from './ending.ts';
import { QemuUnavailableError } from './errors.ts';
import { OutputFile } from './output-file.ts';
import { isAtLeast, type QemuProgram } from './program.ts';

/** QEMU ends with its parent, however that ends, from this version on. */
const EXIT_WITH_PARENT = [10, 2] as const;
/** Descriptors from this one on are lines to character devices. */
const FIRST_LINE = 3;

/** Character devices that QEMU gets, by their ids. */
export interface CharacterDevices {
  /** Those to talk to: sockets that have no name, so that nobody else finds them. */
  readonly lines: readonly string[];
  /** One that only writes, and is never to wait for us: a file. */
  readonly log: string;
}

/** A QEMU process, with lines to its character devices. */
export class QemuChild {
  readonly name: string;
  readonly pid: number;
  /** In the order of their ids. */
  readonly lines: readonly Duplex[];
  readonly log: OutputFile;
  /** Settles when the process has ended, with how. */
  readonly ended: Promise<string>;
  readonly #output: OutputFile;
  readonly #end: () => void;

  /** @throws QemuUnavailableError where the program cannot be run; FolderNotWritableError */
  static async start(
    qemu: QemuProgram,
    args: readonly string[],
    { lines, log }: CharacterDevices,
  ): Promise<QemuChild> {
    const scratch = await scratchFolder(tmpdir(), 'virtiolab-machine-');
    const path = (name: string) => join(scratch.path, name);
    const [logFile, output] = [new OutputFile(path('log')), new OutputFile(path('output'))];
    const devices = [
      ...lines.flatMap((id, number) => ['-chardev', `socket,id=${id},fd=${FIRST_LINE + number}`]),
      ...['-chardev', `file,id=${log},path=/dev/fd/${FIRST_LINE + lines.length},append=on`],
    ];
    const leaving = isAtLeast(qemu.version, EXIT_WITH_PARENT) ? ['-run-with', 'exit-with-parent=on'] : [];
    const child = spawn(qemu.program, [...qemu.leading, ...leaving, ...devices, ...args], {
      stdio: ['ignore', output.fd, output.fd, ...lines.map(() => 'pipe' as const), logFile.fd],
      env: { ...process.env, ...qemu.environment },
    });
    // Both have them open.
    scratch.remove();
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new QemuUnavailableError(qemu.program, `cannot be run (${error.code ?? error.message})`, 'QEMU'),
        ),
      );
    });
    return new QemuChild(child, lines.length, logFile, output);
  }

  private constructor(child: ChildProcess, lines: number, log: OutputFile, output: OutputFile) {
    this.pid = child.pid!;
    this.name = `QEMU (process ${this.pid})`;
    this.log = log;
    this.#output = output;
    this.#end = endsWithUs(child);
    this.lines = Array.from({ length: lines }, (_, number) => child.stdio[FIRST_LINE + number] as Duplex);
    for (const line of this.lines) line.on('error', () => {});
    this.ended = new Promise((resolve) => {
      child.once('exit', (_, signal) => {
        this.#end();
        resolve(signal === null ? 'it has ended' : `it has ended by ${signal}`);
      });
    });
  }

  /** What QEMU said last, on its standard output and error, on one line; empty where that is nothing. */
  lastWords(): string {
    return this.#output.lastWords();
  }

  /** Ends the process, and waits until it has. */
  async close(): Promise<void> {
    this.#end();
    for (const line of this.lines) line.destroy();
    await this.ended;
    this.log.close();
    this.#output.close();
  }
}
