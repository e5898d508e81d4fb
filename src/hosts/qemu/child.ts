import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { endsWithUs } from './ending.ts';
import { QemuUnavailableError } from './errors.ts';
import { isAtLeast, type QemuProgram } from './program.ts';

/** Characters of QEMU's output, from its end, that an error repeats. */
const LAST_WORDS = 4096;
/** QEMU ends with its parent, however that ends, from this version on. */
const EXIT_WITH_PARENT = [10, 2] as const;
/** Descriptors from this one on are lines to character devices. */
const FIRST_LINE = 3;

/** A QEMU process, with lines to its character devices: sockets that have no name, so that nobody else finds them. */
export class QemuChild {
  readonly name: string;
  readonly pid: number;
  /** In the order in which {@link start} was given their names. */
  readonly lines: readonly Duplex[];
  /** Settles when the process has ended. */
  readonly ended: Promise<void>;
  readonly #end: () => void;
  #words = '';
  #hasEnded = false;

  /**
   * @param lines ids of character devices that QEMU gets.
   * @throws QemuUnavailableError where the program cannot be run
   */
  static async start(
    qemu: QemuProgram,
    args: readonly string[],
    lines: readonly string[],
  ): Promise<QemuChild> {
    const devices = lines.flatMap((id, number) => ['-chardev', `socket,id=${id},fd=${FIRST_LINE + number}`]);
    const leaving = isAtLeast(qemu.version, EXIT_WITH_PARENT) ? ['-run-with', 'exit-with-parent=on'] : [];
    const child = spawn(qemu.program, [...qemu.leading, ...leaving, ...devices, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', ...lines.map(() => 'pipe' as const)],
      env: { ...process.env, ...qemu.environment },
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new QemuUnavailableError(qemu.program, `cannot be run (${error.code ?? error.message})`, 'QEMU'),
        ),
      );
    });
    return new QemuChild(child, lines.length);
  }

  private constructor(child: ChildProcess, lines: number) {
    this.pid = child.pid!;
    this.name = `QEMU (process ${this.pid})`;
    this.#end = endsWithUs(child);
    this.lines = Array.from({ length: lines }, (_, number) => child.stdio[FIRST_LINE + number] as Duplex);
    for (const line of this.lines) line.on('error', () => {});
    for (const stream of [child.stdout, child.stderr] as Readable[]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        this.#words = (this.#words + text).slice(-LAST_WORDS);
      });
    }
    this.ended = new Promise((resolve) => {
      // All that it wrote has been read then.
      child.once('close', () => {
        this.#hasEnded = true;
        this.#end();
        resolve();
      });
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** What QEMU said last, on its standard output and error, on one line; empty where that is nothing. */
  lastWords(): string {
    return this.#words.trim().replaceAll(/\s*\n\s*/g, '; ');
  }

  /** Ends the process, and waits until it has. */
  async close(): Promise<void> {
    this.#end();
    for (const line of this.lines) line.destroy();
    await this.ended;
  }
}
