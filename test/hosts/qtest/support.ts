import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DmaMemory } from '../../../src/driver/index.ts';
import { Qemu, type QemuOptions } from '../../../src/hosts/qtest/index.ts';

const PROGRAM = 'qemu-system-x86_64';

/** Why there is no QEMU here, or null. */
export const reason = (() => {
  try {
    execFileSync(PROGRAM, ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return `no ${PROGRAM}: apt-get install qemu-system-x86`;
  }
})();

/** To be put behind a test's name. */
export const note = reason === null ? '' : ` (skipped: ${reason})`;

export const SECTORS = 2048;

export const GREETING = new Uint8Array(20_000).map((_, i) => i * 7);

/** A folder for what a test needs files for, with a disk image of {@link SECTORS} sectors in it. */
export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'virtiolab-qtest-'));
  readonly disk = this.file(
    'disk',
    new Uint8Array(SECTORS * 512).map((_, i) => i >> 9),
  );
  /** A folder in it, with one file `greeting`. */
  readonly exported = this.path('exported');
  readonly #running: Qemu[] = [];

  constructor() {
    mkdirSync(this.exported);
    writeFileSync(join(this.exported, 'greeting'), GREETING);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  file(name: string, bytes: Uint8Array): string {
    const path = this.path(name);
    writeFileSync(path, bytes);
    return path;
  }

  async start(...args: string[]): Promise<Qemu> {
    return this.startWith({ arguments: args });
  }

  async startWith(options: QemuOptions): Promise<Qemu> {
    const qemu = await Qemu.start(options);
    this.#running.push(qemu);
    return qemu;
  }

  close(): void {
    for (const qemu of this.#running) qemu.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const MEBIBYTE = 1 << 20;

/** Driver memory of 8 MiB; each number has its own. */
export function memoryOf(qemu: Qemu, number: number): DmaMemory {
  const start = (1 + 8 * (number % 7)) * MEBIBYTE;
  return new DmaMemory(qemu.bus.ram, start, Math.min(start + 8 * MEBIBYTE, 63 * MEBIBYTE));
}

const UNTIL_MILLISECONDS = 30_000;

/** Pauses and lets others have their turn until something is so: how many pauses that takes is up to who else runs here. */
export async function until(qemu: Qemu, what: () => boolean): Promise<void> {
  for (const end = performance.now() + UNTIL_MILLISECONDS; !what(); ) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    qemu.bus.pause();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
