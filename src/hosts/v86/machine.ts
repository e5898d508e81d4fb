import { checkInternals, type V86Cpu, type V86Emulator, type V86Module } from './emulator.ts';
import { MachineGoneError, MachineOptionsError } from './errors.ts';

const MIB = 1 << 20;
/** v86 puts the initial file system here, whatever the memory size. */
const INITRD_ADDRESS = 64 * MIB;
/** Least RAM that firmware and a boot sector want. */
const LEAST_MEMORY = 16 * MIB;
const MOST_MEMORY = 2048 * MIB;
const VGA_MEMORY = 2 * MIB;

/** A PC: i440FX and PIIX3 without network of its own, one serial line. */
export interface V86MachineOptions {
  readonly bios: Uint8Array;
  readonly vgaBios: Uint8Array;
  /** RAM in bytes, a whole number of MiB; with `initrd` more than 64 MiB and its length. */
  readonly memoryBytes: number;
  readonly kernel?: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly commandLine?: string;
  /** A local interrupt controller: MSI-X works, and booting is slower. Default false. */
  readonly acpi?: boolean;
  /** A floppy disk's bytes. */
  readonly floppy?: Uint8Array;
  /** Bytes of a disk on v86's own IDE controller. */
  readonly ideDisk?: Uint8Array;
}

/** v86 writes into some of what it is given and takes whole buffers only. */
const ownBuffer = (bytes: Uint8Array): { buffer: ArrayBuffer } => ({ buffer: new Uint8Array(bytes).buffer });

function checkOptions({ memoryBytes, initrd, kernel }: V86MachineOptions): void {
  const least = initrd === undefined ? LEAST_MEMORY : INITRD_ADDRESS + initrd.length;
  if (!Number.isInteger(memoryBytes / MIB) || memoryBytes < least || memoryBytes > MOST_MEMORY)
    throw new MachineOptionsError(
      'memoryBytes',
      memoryBytes,
      `a whole number of MiB, at least ${Math.ceil(least / MIB)} and at most ${MOST_MEMORY / MIB}`,
    );
  if (initrd !== undefined && kernel === undefined)
    throw new MachineOptionsError('kernel', kernel, 'an image, since there is an initrd');
}

/** A v86 machine, stopped until it is started. Its internals have been checked. */
export class V86Machine {
  /** Version of v86. */
  readonly version: string;
  readonly cpu: V86Cpu;
  readonly memoryBytes: number;
  readonly acpi: boolean;
  readonly #emulator: V86Emulator;
  #gone = false;

  private constructor(library: V86Module, emulator: V86Emulator, options: V86MachineOptions) {
    this.version = library.version;
    this.cpu = emulator.v86.cpu;
    this.memoryBytes = options.memoryBytes;
    this.acpi = options.acpi === true;
    this.#emulator = emulator;
  }

  /**
   * @param library v86: `v86Module(...)` of what a page has loaded, or in Node what `loadV86` finds.
   * @throws MachineOptionsError, V86InternalMissingError
   */
  static async create(library: V86Module, options: V86MachineOptions): Promise<V86Machine> {
    checkOptions(options);
    const emulator = library.create({
      memory_size: options.memoryBytes,
      vga_memory_size: VGA_MEMORY,
      bios: ownBuffer(options.bios),
      vga_bios: ownBuffer(options.vgaBios),
      ...(options.kernel === undefined ? {} : { bzimage: ownBuffer(options.kernel) }),
      ...(options.initrd === undefined ? {} : { initrd: ownBuffer(options.initrd) }),
      ...(options.floppy === undefined ? {} : { fda: ownBuffer(options.floppy) }),
      ...(options.ideDisk === undefined ? {} : { hda: ownBuffer(options.ideDisk) }),
      cmdline: options.commandLine ?? '',
      net_device: { type: 'none' },
      disable_keyboard: true,
      disable_mouse: true,
      disable_speaker: true,
      acpi: options.acpi === true,
      autostart: false,
    });
    await new Promise<void>((resolve) => emulator.add_listener('emulator-loaded', () => resolve()));
    checkInternals(emulator, library.version);
    return new V86Machine(library, emulator, options);
  }

  get running(): boolean {
    return this.#emulator.is_running();
  }

  /** Calls `listener` with every byte that the guest sends on its first serial line. */
  onSerialByte(listener: (byte: number) => void): void {
    this.#emulator.add_listener('serial0-output-byte', listener);
  }

  /** Sends bytes to the first serial line; characters above 0xff lose their high bits. */
  sendSerial(text: string): void {
    this.#alive().serial0_send(text);
  }

  async start(): Promise<void> {
    await this.#alive().run();
  }

  /** Stops between two instructions. */
  async stop(): Promise<void> {
    await this.#alive().stop();
  }

  /** The stopped machine's state, without any function that is plugged into it. */
  async saveState(): Promise<ArrayBuffer> {
    return this.#alive().save_state();
  }

  /** Puts the stopped machine into a saved state of one with the same memory size and `acpi`. */
  async restoreState(state: ArrayBuffer): Promise<void> {
    await this.#alive().restore_state(state);
  }

  /** Stops for good and lets the process end. May be called twice. */
  async destroy(): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    await this.#emulator.destroy();
  }

  #alive(): V86Emulator {
    if (this.#gone) throw new MachineGoneError();
    return this.#emulator;
  }
}
