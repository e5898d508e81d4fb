import { type Bus, type FunctionAddress, type GuestMemory, maskOf, type Width } from '../../core/index.ts';
import { configPorts } from '../../pci/layout/index.ts';
import type { QtestChannel } from './channel.ts';
import type { QtestInterrupts } from './interrupts.ts';

/** The command letters of accesses, by their width. */
const letters = { 1: 'b', 2: 'w', 4: 'l' } as const satisfies Record<Width, string>;

/** Bytes of configuration space that the two ports reach. */
const CONFIG_BYTES = 256;

/** Pauses in a row, nothing having happened, that only look; that wait a little; all others wait longer. */
const LOOKS = 20;
const SHORT_WAITS = 200;
const SHORT_WAIT_MILLISECONDS = 0.05;
const WAIT_MILLISECONDS = 1;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

const hex = (value: number) => `0x${value.toString(16)}`;

/** The bus of a QEMU machine, as its CPU would see it if it had a program. RAM is not asked for: it is shared. */
export class QtestBus implements Bus {
  readonly ram: GuestMemory;
  readonly interrupts: QtestInterrupts;
  readonly #channel: QtestChannel;
  /** What was written last to the configuration address port; -1 where that is not known. */
  #selected = -1;
  #idle = 0;

  constructor(channel: QtestChannel, ram: GuestMemory, interrupts: QtestInterrupts) {
    this.#channel = channel;
    this.ram = ram;
    this.interrupts = interrupts;
    channel.onLine = (line, asserted) => interrupts.setLine(line, asserted);
  }

  /** Selects four bytes of configuration space. */
  #select(fn: FunctionAddress, offset: number): void {
    const address = configPorts.enable + fn * CONFIG_BYTES + (offset & ~3);
    if (address === this.#selected) return;
    this.#selected = -1;
    this.ioWrite(configPorts.address, 4, address);
    this.#selected = address;
  }

  /** All ones from 256 on: the machine has no memory-mapped configuration. */
  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    if (offset >= CONFIG_BYTES) return maskOf(width);
    this.#select(fn, offset);
    return this.ioRead(configPorts.data + (offset & 3), width);
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    if (offset >= CONFIG_BYTES) return;
    this.#select(fn, offset);
    this.ioWrite(configPorts.data + (offset & 3), width, value);
  }

  ioRead(port: number, width: Width): number {
    return this.#channel.number(`in${letters[width]} ${hex(port)}`);
  }

  ioWrite(port: number, width: Width, value: number): void {
    if (port === configPorts.address) this.#selected = -1;
    this.#channel.command(`out${letters[width]} ${hex(port)} ${hex((value & maskOf(width)) >>> 0)}`);
  }

  memoryRead(address: number, width: Width): number {
    return this.#channel.number(`read${letters[width]} ${hex(address)}`);
  }

  memoryWrite(address: number, width: Width, value: number): void {
    this.#channel.command(`write${letters[width]} ${hex(address)} ${hex((value & maskOf(width)) >>> 0)}`);
  }

  /** Delivers what has arrived. The longer nothing has, the longer it waits: a millisecond at most. */
  pause(): void {
    this.#channel.listen(this.#idle < SHORT_WAITS ? 0 : WAIT_MILLISECONDS);
    if (this.interrupts.deliver()) this.#idle = 0;
    else if (this.#idle++ >= LOOKS && this.#idle <= SHORT_WAITS)
      Atomics.wait(sleeper, 0, 0, SHORT_WAIT_MILLISECONDS);
  }
}
