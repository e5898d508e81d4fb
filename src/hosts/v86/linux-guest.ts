import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { State, Stateful } from '../../core/index.ts';
import { guestCacheFolder } from '../guest/cache-folder.ts';
import { QUIET_BOOT } from '../guest/command-line.ts';
import { checkBios, checkKernelImage, checkVgaBios } from '../guest/images.ts';
import { type GuestFile, guestInitramfs, READY_LINE } from '../guest/initramfs.ts';
import type { GuestPieces } from '../guest/pieces.ts';
import { readImage } from '../guest/read-image.ts';
import { SerialConsole } from '../guest/serial-console.ts';
import { type CommandOptions, type CommandResult, GuestShell } from '../guest/shell.ts';
import { V86Bus } from './bus.ts';
import { SnapshotDamagedError, SnapshotMismatchError } from './errors.ts';
import { RESERVE_EXTENDED_CONFIG } from './extended-config.ts';
import { loadV86 } from './load-v86.ts';
import { V86Machine } from './machine.ts';
import {
  checkSnapshot,
  pruneSnapshots,
  readSnapshot,
  type Snapshot,
  type SnapshotKey,
  snapshotPath,
  writeSnapshot,
} from './snapshot.ts';

/** Room for the initial file system, which v86 puts at 64 MiB, and for the guest's own use. */
const DEFAULT_MEMORY_BYTES = 96 << 20;
/** Some five times what a boot takes on a quiet machine. */
const DEFAULT_BOOT_TIMEOUT_MS = 120_000;

/** No probing for hardware of the 1990s, either. */
export const COMMAND_LINE = `${QUIET_BOOT} noisapnp pnpbios=off`;

export interface LinuxGuestOptions {
  readonly pieces: GuestPieces;
  /** RAM, by default 96 MiB. */
  readonly memoryBytes?: number;
  /** A local interrupt controller, for MSI-X. Boots slower. Default false. */
  readonly acpi?: boolean;
  /** Memory-mapped configuration space, so that the kernel reaches extended capabilities. Default false. */
  readonly extendedConfig?: boolean;
  /** Files to find in the guest, beside busybox and modules. */
  readonly files?: readonly GuestFile[];
  /** Bytes of a disk on v86's own IDE controller, whose driver is at hand in the guest. For {@link LinuxGuest.boot}. */
  readonly ideDisk?: Uint8Array;
  /** Words added to the kernel's command line. */
  readonly commandLine?: string;
  /** Puts functions on the bus before the guest runs, so that firmware and kernel find them at boot. */
  readonly plug?: (bus: V86Bus) => void;
  /** Called with every line that the guest prints. */
  readonly progress?: (line: string) => void;
  /** Default 120 s. */
  readonly bootTimeoutMs?: number;
}

export interface StartOptions extends Omit<LinuxGuestOptions, 'plug' | 'ideDisk'> {
  /** Where snapshots are kept; by default the folder of the pieces' cache. */
  readonly cacheFolder?: string;
  /** Told in a line of a snapshot that cannot be used or kept: the guest boots, or goes on, all the same. */
  readonly warn?: (message: string) => void;
}

export interface RestoreOptions extends Omit<LinuxGuestOptions, 'plug' | 'ideDisk'> {
  /** Puts functions on the bus before the guest goes on, and loads their state, as it was saved. */
  readonly plug?: (bus: V86Bus, functions: State) => void;
}

/** Everything a guest boots from, read and checked, and the key of a snapshot made from it. */
interface BootImages {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly bios: Uint8Array;
  readonly vgaBios: Uint8Array;
  readonly commandLine: string;
  readonly key: SnapshotKey;
}

const hashOf = (...parts: readonly (Uint8Array | string)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
};

async function readImages(options: Omit<LinuxGuestOptions, 'plug'>): Promise<BootImages> {
  const { pieces } = options;
  const [kernel, bios, vgaBios, initrd] = await Promise.all([
    readImage(pieces.kernel, 'a kernel'),
    readImage(pieces.bios, 'a PC BIOS'),
    readImage(pieces.vgaBios, 'a VGA BIOS'),
    guestInitramfs(pieces, options.files === undefined ? {} : { files: options.files }),
  ]);
  checkKernelImage(pieces.kernel, kernel);
  checkBios(pieces.bios, bios);
  checkVgaBios(pieces.vgaBios, vgaBios);
  const reserved = options.extendedConfig === true ? RESERVE_EXTENDED_CONFIG : '';
  const commandLine = [COMMAND_LINE, reserved, options.commandLine ?? ''].filter(Boolean).join(' ');
  const { version } = await loadV86();
  const key: SnapshotKey = {
    v86: version,
    kernel: `${pieces.kernelPackage}_${pieces.kernelVersion}`,
    memoryBytes: options.memoryBytes ?? DEFAULT_MEMORY_BYTES,
    acpi: options.acpi === true,
    initramfs: hashOf(initrd),
    boot: hashOf(bios, vgaBios, commandLine),
  };
  return { kernel, initrd, bios, vgaBios, commandLine, key };
}

/** A Linux guest with a shell, and the bus on which functions are plugged into it. */
export class LinuxGuest {
  readonly machine: V86Machine;
  readonly bus: V86Bus;
  /** What a snapshot of this guest is kept under. */
  readonly key: SnapshotKey;
  /** It goes on from a snapshot, and was not booted. */
  readonly restored: boolean;
  readonly #console: SerialConsole;
  readonly #shell: GuestShell;
  readonly #listeners = new Set<(byte: number) => void>();

  private constructor(
    machine: V86Machine,
    key: SnapshotKey,
    { progress, extendedConfig = false }: Pick<LinuxGuestOptions, 'progress' | 'extendedConfig'>,
    restored: boolean,
  ) {
    this.machine = machine;
    this.key = key;
    this.restored = restored;
    this.bus = new V86Bus(machine, { extendedConfig });
    this.#console = new SerialConsole((text) => machine.sendSerial(text));
    this.#console.onLine = progress;
    this.#shell = new GuestShell(this.#console);
    machine.onSerialByte((byte) => {
      this.#console.receive(byte);
      for (const listener of this.#listeners) listener(byte);
    });
    this.bus.onFault((fault) => this.#console.abort(fault));
  }

  /**
   * Boots from power-on: 6 to 10 s on a quiet machine.
   * @throws GuestImageError, MachineOptionsError, V86NotInstalledError, V86InternalMissingError, GuestTimeoutError,
   * GuestPanicError
   */
  static async boot(options: LinuxGuestOptions): Promise<LinuxGuest> {
    return LinuxGuest.#boot(await readImages(options), options);
  }

  static async #boot({ key, ...images }: BootImages, options: LinuxGuestOptions): Promise<LinuxGuest> {
    const machine = await V86Machine.create(await loadV86(), {
      ...images,
      ...(options.ideDisk === undefined ? {} : { ideDisk: options.ideDisk }),
      memoryBytes: key.memoryBytes,
      acpi: key.acpi,
    });
    const guest = new LinuxGuest(machine, key, options, false);
    try {
      options.plug?.(guest.bus);
      const ready = guest.#console.waitForLine(
        (line) => line.endsWith(READY_LINE),
        options.bootTimeoutMs ?? DEFAULT_BOOT_TIMEOUT_MS,
        'ready guest after power-on',
      );
      await Promise.all([ready, machine.start()]);
      // The shell prints a banner first; its first answer is the sign that it reads commands.
      await guest.#shell.run(':');
      return guest;
    } catch (error) {
      await machine.destroy();
      throw error;
    }
  }

  /**
   * Continues a snapshot in a new machine: some 0.2 s.
   * @throws SnapshotMismatchError when it is of another version, memory size or boot; errors as of {@link boot}
   */
  static async restore(snapshot: Snapshot, options: RestoreOptions): Promise<LinuxGuest> {
    return LinuxGuest.#restore(snapshot, await readImages(options), options);
  }

  static async #restore(
    snapshot: Snapshot,
    { key, bios, vgaBios }: BootImages,
    options: RestoreOptions,
  ): Promise<LinuxGuest> {
    checkSnapshot(snapshot, key);
    const machine = await V86Machine.create(await loadV86(), {
      bios,
      vgaBios,
      memoryBytes: key.memoryBytes,
      acpi: key.acpi,
    });
    const guest = new LinuxGuest(machine, key, options, true);
    try {
      await machine.restoreState(snapshot.state);
      guest.bus.ram.refresh();
      guest.bus.interrupts.reroute();
      options.plug?.(guest.bus, snapshot.functions);
      await machine.start();
      return guest;
    } catch (error) {
      await machine.destroy();
      throw error;
    }
  }

  /**
   * The usual way: continues the cached snapshot, or boots where there is none that is whole, and leaves one behind. No
   * function is plugged. @throws as {@link boot}; without `warn` also where no snapshot can be kept.
   */
  static async start(options: StartOptions): Promise<LinuxGuest> {
    const images = await readImages(options);
    const path = snapshotPath(options.cacheFolder ?? guestCacheFolder(), images.key);
    const cached = await LinuxGuest.#cached(path, images.key, options.warn);
    if (cached !== undefined) {
      const guest = await LinuxGuest.#restore(cached, images, options);
      await pruneSnapshots(path);
      return guest;
    }
    const guest = await LinuxGuest.#boot(images, options);
    try {
      await writeSnapshot(path, await guest.snapshot());
      await pruneSnapshots(path);
    } catch (error) {
      if (options.warn === undefined) {
        await guest.destroy();
        throw error;
      }
      options.warn(`no snapshot is kept: ${(error as Error).message}`);
    }
    return guest;
  }

  /** A snapshot that is whole; one that is not is thrown away. */
  static async #cached(
    path: string,
    key: SnapshotKey,
    warn: StartOptions['warn'],
  ): Promise<Snapshot | undefined> {
    try {
      const cached = await readSnapshot(path);
      if (cached !== undefined) checkSnapshot(cached, key);
      return cached;
    } catch (error) {
      if (!(error instanceof SnapshotDamagedError || error instanceof SnapshotMismatchError)) throw error;
      warn?.(`${error.message}: it is thrown away`);
      await rm(path, { force: true });
      return undefined;
    }
  }

  /**
   * The guest's state as it is now, and that of `functions`, which sit in its slots; without them, plug fresh ones
   * after a restore.
   */
  async snapshot(functions?: Stateful): Promise<Snapshot> {
    const wasRunning = this.machine.running;
    await this.machine.stop();
    const state = await this.machine.saveState();
    const snapshot = { key: this.key, state, functions: functions?.save() ?? null };
    if (wasRunning) await this.machine.start();
    return snapshot;
  }

  /** As {@link GuestShell.run}. */
  run(command: string, options?: CommandOptions): Promise<CommandResult> {
    return this.#shell.run(command, options);
  }

  /** As {@link GuestShell.runOk}. */
  runOk(command: string, options?: CommandOptions): Promise<string> {
    return this.#shell.runOk(command, options);
  }

  /** Calls `listener` with every byte that the guest prints. @returns a function that ends it. */
  onOutput(listener: (byte: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Types bytes on the guest's terminal, beside what {@link run} does. */
  sendInput(bytes: Uint8Array): void {
    this.machine.sendSerial(String.fromCharCode(...bytes));
  }

  /** What the guest printed last, oldest line first. */
  lastLines(): string[] {
    return this.#console.lastLines();
  }

  /** Ends the guest; nothing of it keeps the process alive. */
  destroy(): Promise<void> {
    return this.machine.destroy();
  }
}
