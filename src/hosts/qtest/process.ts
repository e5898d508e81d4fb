import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endsWithUs } from '../qemu/ending.ts';
import { QemuUnavailableError } from '../qemu/errors.ts';
import type { QemuCommand } from '../qemu/fetched-qemu.ts';
import { OutputFile } from '../qemu/output-file.ts';

const FIRMWARE_BYTES = 0x10000;
/** Where the CPU starts, in firmware of that size: `cli`, and then `hlt` over and over. */
const RESET_VECTOR = 0xfff0;
const HALT = [0xfa, 0xf4, 0xeb, 0xfd];

/** How a Debian system gets it. */
export const INSTALL_QEMU = 'apt-get install qemu-system-x86';

/** What a machine needs files for while it starts. They have no names afterwards. */
export interface StartFiles {
  readonly firmware: string;
  readonly ram: string;
  /** QEMU's name for the two pipes, which are this with `.in` and `.out`. */
  readonly pipe: string;
}

/** A QEMU process with two pipes to it. */
export class QemuProcess {
  readonly input: number;
  readonly output: number;
  readonly pid: number;
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #log: OutputFile;

  /**
   * @param argumentsOf the command line, once it is known where files are.
   * @param use is called with them before anybody else has them. @throws QemuUnavailableError
   */
  constructor(
    { program, leading, environment }: QemuCommand,
    argumentsOf: (files: StartFiles) => readonly string[],
    use: (files: StartFiles) => void,
  ) {
    // Of memory rather than of a disk, where there is such a thing: RAM is among the files.
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'virtiolab-qemu-'));
    this.#folder = folder;
    const files = { firmware: join(folder, 'halt'), ram: join(folder, 'ram'), pipe: join(folder, 'qtest') };
    try {
      const firmware = new Uint8Array(FIRMWARE_BYTES);
      firmware.set(HALT, RESET_VECTOR);
      writeFileSync(files.firmware, firmware);
      execFileSync('mkfifo', [`${files.pipe}.in`, `${files.pipe}.out`]);
      use(files);
      // Opened so, neither waits for the other side; and the end of the other side is seen at the one that is read.
      this.input = openSync(`${files.pipe}.out`, constants.O_RDONLY | constants.O_NONBLOCK);
      this.output = openSync(`${files.pipe}.in`, constants.O_RDWR | constants.O_NONBLOCK);
      this.#log = new OutputFile(join(folder, 'log'));
      this.#child = spawn(program, [...leading, ...argumentsOf(files)], {
        stdio: ['ignore', this.#log.fd, this.#log.fd],
        env: { ...process.env, ...environment },
      });
    } catch (error) {
      this.removeFiles();
      throw error;
    }
    // Without a listener it would be thrown at nobody; that there is no process is seen below.
    this.#child.on('error', () => {});
    if (this.#child.pid === undefined) {
      this.close();
      throw new QemuUnavailableError(program, 'cannot be run', INSTALL_QEMU);
    }
    this.pid = this.#child.pid;
    this.name = `QEMU (process ${this.pid})`;
    this.#end = endsWithUs(this.#child);
    this.#child.unref();
  }

  #folder: string;
  #end: () => void = () => {};

  /** Takes the names of files away: whoever has them open keeps them. */
  removeFiles(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Asked of the system, since Node hears of it only when nothing else is done. */
  ended(): boolean {
    try {
      const status = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
      return /\) [ZX] /.test(status);
    } catch {
      return true;
    }
  }

  lastWords(): string {
    return this.#log.lastWords();
  }

  /** Ends the process, at once. */
  close(): void {
    this.removeFiles();
    this.#end();
    for (const fd of [this.input, this.output]) closeSync(fd);
    this.#log.close();
  }
}
