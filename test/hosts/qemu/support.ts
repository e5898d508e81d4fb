import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  QemuMachine,
  type QemuMachineOptions,
  type QemuProgram,
  tryQemu,
} from '../../../src/hosts/qemu/index.ts';

const found = await tryQemu({ progress: (message) => console.log(`QEMU: ${message}`) });

/** Why there is no QEMU here, or null. */
export const reason = found.pieces === null ? found.reason : null;

/** To be put behind a test's name. */
export const note = reason === null ? '' : ` (skipped: ${reason})`;

/** Only where {@link reason} is null. */
export const qemu = found.pieces as QemuProgram;

/** A folder for what a test needs files for, and its machines. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'virtiolab-qemu-'));
  readonly #machines: QemuMachine[] = [];

  file(name: string, bytes: Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  async create(options: Omit<QemuMachineOptions, 'qemu'> = {}): Promise<QemuMachine> {
    const machine = await QemuMachine.create({ qemu, ...options });
    this.#machines.push(machine);
    return machine;
  }

  async close(): Promise<void> {
    for (const machine of this.#machines) await machine.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
