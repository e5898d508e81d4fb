import { TargetGoneError, TargetTimeoutError } from '../../core/index.ts';
import { SerialConsole } from '../guest/serial-console.ts';
import { QemuChild } from './child.ts';
import { QemuOptionsError, QemuStartError } from './errors.ts';
import type { QemuProgram } from './program.ts';
import { Qmp, type QmpOptions } from './qmp.ts';

/** Properties of a device as QEMU's JSON has them: `{ driver: 'virtio-rng-pci', id: 'rng', addr: '4' }`. */
export type DeviceProperties = { readonly driver: string; readonly id?: string } & Readonly<
  Record<string, unknown>
>;

/** A Linux kernel, started by QEMU's own loader: paths of files. */
export interface KernelBoot {
  readonly kernel: string;
  readonly initrd?: string;
  readonly commandLine?: string;
}

export interface QemuMachineOptions {
  readonly qemu: QemuProgram;
  /** Default `pc`: PCI, with I/O ports for everyone. `q35` is PCI Express. */
  readonly machine?: 'pc' | 'q35';
  /** Default 64 MiB. */
  readonly memoryBytes?: number;
  /** Whether other processes can map the guest's RAM: QEMU hands them its descriptor. Default true. */
  readonly sharedMemory?: boolean;
  readonly devices?: readonly DeviceProperties[];
  /** QEMU's own arguments, after those of the machine: what stands behind devices. */
  readonly arguments?: readonly string[];
  /** Without it the firmware looks for something to boot. */
  readonly boot?: KernelBoot;
  /** Firmware in flash, as OVMF is: its code, and a file for its variables, which it writes. Without it, SeaBIOS. */
  readonly flash?: { readonly code: string; readonly variables: string };
  /** Called with every line on the serial port. */
  readonly progress?: (line: string) => void;
  /** For so long QEMU may take to start, devices included. Default 30 s. */
  readonly startTimeoutMs?: number;
}

const MEBIBYTE = 1 << 20;
/** So long a QEMU takes to end whose monitor hung up. */
const END_MILLISECONDS = 2000;
const DEFAULT_START_TIMEOUT_MS = 30_000;
/** Firmware writes its log to this port. */
const DEBUG_PORT = 0x402;
const DEVICES = { lines: ['monitor', 'serial'], log: 'firmware' } as const;

/** A device as QEMU's command line has it. */
const deviceArguments = (device: DeviceProperties): string[] => ['-device', JSON.stringify(device)];

function commandLine(options: QemuMachineOptions): string[] {
  const { machine = 'pc', memoryBytes = 64 * MEBIBYTE, sharedMemory = true, boot, flash } = options;
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes <= 0 || memoryBytes % MEBIBYTE !== 0)
    throw new QemuOptionsError('memoryBytes', memoryBytes, 'a whole number of MiB');
  const memory = sharedMemory ? 'memory-backend-memfd,share=on' : 'memory-backend-ram';
  // A comma ends a value unless it is doubled.
  const path = (name: string) => name.replaceAll(',', ',,');
  const drive = (file: string, readOnly: boolean) => [
    '-drive',
    `if=pflash,format=raw,readonly=${readOnly ? 'on' : 'off'},file=${path(file)}`,
  ];
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-S'],
    // Never another: a machine with KVM behaves as one without.
    ...['-accel', 'tcg', '-cpu', 'max', '-m', `${memoryBytes / MEBIBYTE}M`],
    ...['-object', `${memory},id=ram,size=${memoryBytes}`, '-machine', `${machine},memory-backend=ram`],
    ...['-qmp', 'chardev:monitor', '-serial', 'chardev:serial'],
    ...['-device', `isa-debugcon,iobase=${DEBUG_PORT},chardev=firmware`],
    ...(flash === undefined ? [] : [...drive(flash.code, true), ...drive(flash.variables, false)]),
    ...(boot === undefined ? [] : ['-kernel', boot.kernel]),
    ...(boot?.initrd === undefined ? [] : ['-initrd', boot.initrd]),
    ...(boot?.commandLine === undefined ? [] : ['-append', boot.commandLine]),
    ...(options.arguments ?? []),
    ...(options.devices ?? []).flatMap(deviceArguments),
  ];
}

/**
 * A PC of QEMU's, emulated instruction by instruction, with a serial port, a monitor and the firmware's log. It ends with
 * this process at the latest.
 */
export class QemuMachine {
  readonly pid: number;
  readonly qmp: Qmp;
  readonly serial: SerialConsole;
  readonly #child: QemuChild;
  readonly #listeners = new Set<(byte: number) => void>();
  #gone: TargetGoneError | null = null;

  private constructor(child: QemuChild, options: QemuMachineOptions) {
    this.#child = child;
    this.pid = child.pid;
    const [monitor, serial] = child.lines;
    this.qmp = new Qmp(monitor!, child.name);
    this.serial = new SerialConsole((text) => void serial!.write(text));
    this.serial.onLine = options.progress;
    serial!.on('data', (bytes: Uint8Array) => {
      for (const byte of bytes) {
        this.serial.receive(byte);
        for (const listener of this.#listeners) listener(byte);
      }
    });
    void child.ended.then((how) => this.#lose(how));
    // Most likely it is about to end, and says why.
    this.qmp.onEnd = () => void setTimeout(() => this.#lose('its monitor hung up'), END_MILLISECONDS);
  }

  /**
   * Starts QEMU. The machine is at its first instruction, and goes on with {@link run}.
   * @throws QemuUnavailableError, QemuOptionsError; QemuStartError with what QEMU says about its arguments
   */
  static async create(options: QemuMachineOptions): Promise<QemuMachine> {
    const child = await QemuChild.start(options.qemu, commandLine(options), DEVICES);
    const machine = new QemuMachine(child, options);
    try {
      await machine.qmp.open({ timeoutMs: options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS });
      return machine;
    } catch (error) {
      // What it says comes before its end does.
      if (error instanceof TargetGoneError) await child.ended;
      await machine.close();
      if (error instanceof TargetGoneError || error instanceof TargetTimeoutError)
        throw new QemuStartError('QEMU did not start', child.lastWords() || error.message);
      throw error;
    }
  }

  /** Why there is no machine any more, or null. */
  get gone(): TargetGoneError | null {
    return this.#gone;
  }

  /** Lines of the firmware's own log so far. */
  get firmwareLog(): readonly string[] {
    return this.#child.log.lines();
  }

  /** What QEMU said last on its standard output and error, on one line. */
  get output(): string {
    return this.#child.lastWords();
  }

  /** Sends bytes to the serial port, as somebody who types beside {@link serial}. */
  sendSerial(bytes: Uint8Array): void {
    this.#child.lines[1]!.write(bytes);
  }

  /** Calls `listener` with every byte on the serial port. @returns a function that ends it. */
  onOutput(listener: (byte: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets the processor run: from its first instruction, or from where {@link pause} held it. @throws as {@link Qmp.execute} */
  async run(): Promise<void> {
    await this.qmp.execute('cont');
  }

  async pause(): Promise<void> {
    await this.qmp.execute('stop');
  }

  /** The reset button. */
  async reset(): Promise<void> {
    await this.qmp.execute('system_reset');
  }

  /** Plugs a device while the machine runs. @throws QmpError, TargetTimeoutError, TargetGoneError */
  async addDevice(device: DeviceProperties, options?: QmpOptions): Promise<void> {
    await this.qmp.execute('device_add', device, options);
  }

  /**
   * Asks the guest to let go of a device, and waits until QEMU has taken it out.
   * @throws QmpError; TargetTimeoutError where the guest does not let go; TargetGoneError
   */
  async removeDevice(id: string, options?: QmpOptions): Promise<void> {
    const since = this.qmp.eventCount;
    await this.qmp.execute('device_del', { id }, options);
    await this.qmp.event('DEVICE_DELETED', since, ({ device }) => device === id, options);
  }

  #lose(reason: string): void {
    const words = this.#child.lastWords();
    this.#gone ??= new TargetGoneError(
      this.#child.name,
      words === '' ? reason : `${reason}; its last words: ${words}`,
    );
    this.serial.abort(this.#gone);
    this.qmp.close(this.#gone);
  }

  /** Ends QEMU, and waits until it has ended. May be called twice. */
  async close(): Promise<void> {
    this.#lose('it was closed');
    await this.#child.close();
  }
}
