import { GuestMemory, TargetGoneError } from '../../core/index.ts';
import { QemuStartError } from '../qemu/errors.ts';
import type { QemuCommand } from '../qemu/fetched-qemu.ts';
import { plainCommand } from '../qemu/program.ts';
import { QtestBus } from './bus.ts';
import { QtestChannel } from './channel.ts';
import { QtestInterrupts } from './interrupts.ts';
import { routePins } from './pins.ts';
import { QemuProcess, type StartFiles } from './process.ts';
import { loadSystemCalls } from './system-calls.ts';

export interface QemuOptions {
  /** QEMU's own, after those of the machine: devices and what stands behind them, e.g. `-device`, `virtio-rng-pci,addr=4`. */
  readonly arguments?: readonly string[];
  /** By default `qemu-system-x86_64`, from the path; or how a QEMU is started that was found otherwise. */
  readonly program?: string | QemuCommand;
  /** RAM; by default 64 MiB. A multiple of 4096, 2 MiB at least. */
  readonly ramBytes?: number;
  /** For so long an answer is waited for; by default 10 s. */
  readonly milliseconds?: number;
  /** For so long the machine may take to start; by default 30 s. */
  readonly startMilliseconds?: number;
}

/** Where RAM gives way to the display, and where it goes on. */
const LOW_END = 0xa0000;
const HIGH_START = 0x100000;
/** Bytes at the end of RAM at which messages are aimed. */
const MESSAGE_BYTES = 4096;

function commandLine(files: StartFiles, ramBytes: number, more: readonly string[]): readonly string[] {
  const ram = `memory-backend-file,id=ram,size=${ramBytes},mem-path=${files.ram},share=on`;
  return [
    ...['-machine', 'pc,accel=tcg,memory-backend=ram', '-object', ram, '-m', `${ramBytes}B`],
    ...['-bios', files.firmware, '-display', 'none', '-nodefaults', '-no-user-config'],
    ...['-qtest', `pipe:${files.pipe}`, '-qtest-log', 'none'],
    ...more,
  ];
}

/** A machine of QEMU's (`pc`), whose CPU does nothing: the bus is ours. */
export class Qemu {
  readonly bus: QtestBus;
  readonly pid: number;
  readonly #process: QemuProcess;
  readonly #channel: QtestChannel;
  #closed = false;

  private constructor(process: QemuProcess, channel: QtestChannel, bus: QtestBus) {
    this.#process = process;
    this.#channel = channel;
    this.pid = process.pid;
    this.bus = bus;
  }

  /**
   * Starts QEMU. Interrupt lines are wired and written into the functions then, and everything else is as after power-on.
   * @throws QemuUnavailableError where there is none, or no koffi; QemuStartError with what QEMU says of its arguments
   */
  static async start(options: QemuOptions = {}): Promise<Qemu> {
    const { program = 'qemu-system-x86_64', ramBytes = 64 << 20, milliseconds = 10_000 } = options;
    const command = typeof program === 'string' ? plainCommand(program) : program;
    const calls = await loadSystemCalls();
    let bytes: Uint8Array = new Uint8Array();
    const process = new QemuProcess(
      command,
      (files) => commandLine(files, ramBytes, options.arguments ?? []),
      (files) => {
        bytes = calls.mapFile(files.ram, ramBytes);
      },
    );
    const channel = new QtestChannel(process, calls, milliseconds);
    try {
      channel.command('irq_intercept_in ioapic', options.startMilliseconds ?? 30_000);
      process.removeFiles();
      const ends = ramBytes - MESSAGE_BYTES;
      const ram = (start: number, end: number) => ({ start, bytes: bytes.subarray(start, end) });
      const memory = new GuestMemory([ram(0, LOW_END), ram(HIGH_START, ends)]);
      memory.shared = true;
      const messages = new QtestInterrupts(new GuestMemory([ram(ends, ramBytes)]), ends, MESSAGE_BYTES);
      const bus = new QtestBus(channel, memory, messages);
      routePins(bus);
      return new Qemu(process, channel, bus);
    } catch (error) {
      const words = process.lastWords();
      process.close();
      if (error instanceof TargetGoneError)
        throw new QemuStartError(`${command.program} did not start`, words);
      throw error;
    }
  }

  /** Why there is no machine any more, or null. */
  get gone(): TargetGoneError | null {
    return this.#channel.gone;
  }

  /** What QEMU wrote to its standard error last: it complains there of what drivers do. */
  get output(): string {
    return this.#process.lastWords();
  }

  /** Ends QEMU. Whoever accesses the bus later hears that it is gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#channel.close('it was closed');
    this.#process.close();
  }
}
