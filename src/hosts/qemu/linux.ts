import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QUIET_BOOT } from '../guest/command-line.ts';
import { type GuestFile, guestInitramfs, READY_LINE } from '../guest/initramfs.ts';
import { scratchFolder } from '../guest/scratch-folder.ts';
import { type CommandOptions, type CommandResult, GuestShell } from '../guest/shell.ts';
import type { QemuGuestPieces } from './guest-pieces.ts';
import { QemuMachine, type QemuMachineOptions } from './machine.ts';

export interface QemuLinuxOptions extends Omit<QemuMachineOptions, 'boot' | 'flash'> {
  readonly pieces: QemuGuestPieces;
  /** Files to find in the guest, beside busybox and modules. */
  readonly files?: readonly GuestFile[];
  /** Modules to load at boot, by default all that drive devices and file systems; fewer boot faster, and the others are at hand. */
  readonly modules?: readonly string[];
  /** Words added to the kernel's command line. */
  readonly commandLine?: string;
  /** Default 120 s. */
  readonly bootTimeoutMs?: number;
}

/** The kernel is unpacked in it, beside the initial file system. */
const DEFAULT_MEMORY_BYTES = 256 << 20;
/** Some thirty times what a boot takes on a quiet machine. */
const DEFAULT_BOOT_TIMEOUT_MS = 120_000;

/** A 64-bit Linux in a QEMU machine, with a shell on its serial port. */
export class QemuLinux {
  readonly machine: QemuMachine;
  readonly #shell: GuestShell;
  readonly #bootTimeoutMs: number;

  private constructor(machine: QemuMachine, bootTimeoutMs: number) {
    this.machine = machine;
    this.#shell = new GuestShell(machine.serial);
    this.#bootTimeoutMs = bootTimeoutMs;
  }

  /**
   * Boots from power-on: some 3 s on a quiet machine.
   * @throws GuestTimeoutError, GuestPanicError, TargetGoneError where QEMU ends; GuestImageError, ModuleMissingError; errors as
   * of {@link QemuMachine.create}
   */
  static async boot(options: QemuLinuxOptions): Promise<QemuLinux> {
    const { pieces, files, modules, bootTimeoutMs = DEFAULT_BOOT_TIMEOUT_MS } = options;
    const scratch = await scratchFolder(tmpdir(), 'virtiolab-linux-');
    let guest: QemuLinux;
    try {
      const initrd = join(scratch.path, 'initrd');
      const wish = { ...(files && { files }), ...(modules && { modules }) };
      await writeFile(initrd, await guestInitramfs(pieces, wish));
      const machine = await QemuMachine.create({
        memoryBytes: DEFAULT_MEMORY_BYTES,
        ...options,
        boot: {
          kernel: pieces.kernel,
          initrd,
          commandLine: [QUIET_BOOT, options.commandLine ?? ''].join(' ').trim(),
        },
      });
      guest = new QemuLinux(machine, bootTimeoutMs);
    } finally {
      // QEMU has read it by now.
      scratch.remove();
    }
    try {
      await guest.#untilReady(() => guest.machine.run());
      return guest;
    } catch (error) {
      await guest.close();
      throw error;
    }
  }

  /** Starts the machine and waits until the guest's shell reads commands. */
  async #untilReady(start: () => Promise<unknown>): Promise<void> {
    const { serial } = this.machine;
    const ready = serial.waitForLine(
      (line) => line.endsWith(READY_LINE),
      this.#bootTimeoutMs,
      'ready guest after power-on',
    );
    await Promise.all([ready, start()]);
    // The shell prints a banner first; its first answer is the sign that it reads commands.
    await this.#shell.run(':');
  }

  /** As {@link GuestShell.run}. */
  run(command: string, options?: CommandOptions): Promise<CommandResult> {
    return this.#shell.run(command, options);
  }

  /** As {@link GuestShell.runOk}. */
  runOk(command: string, options?: CommandOptions): Promise<string> {
    return this.#shell.runOk(command, options);
  }

  /** Has the guest restart its machine, and waits until it is ready again. Errors as of {@link boot}. */
  async reboot(): Promise<void> {
    await this.#untilReady(async () => this.machine.serial.send('reboot -f\n'));
  }

  /** Calls `listener` with every byte that the guest prints. @returns a function that ends it. */
  onOutput(listener: (byte: number) => void): () => void {
    return this.machine.onOutput(listener);
  }

  /** Types bytes on the guest's terminal, beside what {@link run} does. */
  sendInput(bytes: Uint8Array): void {
    this.machine.sendSerial(bytes);
  }

  /** What the guest printed last, oldest line first. */
  lastLines(): string[] {
    return this.machine.serial.lastLines();
  }

  /** Ends the machine, and waits until it has ended. May be called twice. */
  close(): Promise<void> {
    return this.machine.close();
  }
}
