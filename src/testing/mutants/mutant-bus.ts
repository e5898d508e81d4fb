import {
  type AccessEvent,
  type Bus,
  type FunctionAddress,
  formatFunctionAddress,
  type GuestMemory,
  type Interrupts,
  type Width,
} from '../../core/index.ts';
import { type AccessPlace, placeAt, placesOf } from '../../trace/index.ts';
import type { BusLies, MutantAccess } from './mutant.ts';

/** The end of a place's name: `00:04.0 BAR0 legacy`. */
const REGION = / ([a-z][a-z-]*)$/;

/** A bus on which the accesses to one function are lied about. */
export class MutantBus implements Bus {
  readonly interrupts: Interrupts;
  readonly dmaMemory?: NonNullable<Bus['dmaMemory']>;
  readonly watchFunction?: NonNullable<Bus['watchFunction']>;
  readonly #bus: Bus;
  readonly #fn: FunctionAddress;
  readonly #lies: BusLies;
  #places: readonly AccessPlace[] | null = null;

  constructor(bus: Bus, fn: FunctionAddress, lies: () => BusLies) {
    this.#bus = bus;
    this.#fn = fn;
    this.#lies = lies();
    this.interrupts = bus.interrupts;
    if (bus.dmaMemory !== undefined) this.dmaMemory = (each) => bus.dmaMemory!(each);
    if (bus.watchFunction !== undefined)
      this.watchFunction = (each, watcher) => bus.watchFunction!(each, watcher);
  }

  get ram(): GuestMemory {
    return this.#bus.ram;
  }

  pause(): void {
    this.#lies.pause?.();
    this.#bus.pause();
  }

  /** Null for what is none of the function's. */
  #access(space: AccessEvent['space'], address: number, width: Width): MutantAccess | null {
    if (space === 'config') return { place: 'config', offset: address, width };
    this.#places ??= placesOf(this.#bus);
    const { target, offset } = placeAt(this.#places, space, address);
    if (!target.startsWith(`${formatFunctionAddress(this.#fn)} `)) return null;
    return { place: REGION.exec(target)?.[1] ?? '', offset, width };
  }

  #read(space: AccessEvent['space'], address: number, width: Width, value: number): number {
    const access = this.#access(space, address, width);
    return access === null ? value : (this.#lies.read?.(access, value) ?? value);
  }

  #written(space: AccessEvent['space'], address: number, width: Width, value: number): number | null {
    const access = this.#access(space, address, width);
    return access === null || this.#lies.write === undefined ? value : this.#lies.write(access, value);
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    const value = this.#bus.configRead(fn, offset, width);
    return fn === this.#fn ? this.#read('config', offset, width, value) : value;
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    const written = fn === this.#fn ? this.#written('config', offset, width, value) : value;
    this.#places = null;
    if (written !== null) this.#bus.configWrite(fn, offset, width, written);
  }

  ioRead(port: number, width: Width): number {
    return this.#read('io', port, width, this.#bus.ioRead(port, width));
  }

  ioWrite(port: number, width: Width, value: number): void {
    const written = this.#written('io', port, width, value);
    if (written !== null) this.#bus.ioWrite(port, width, written);
  }

  memoryRead(address: number, width: Width): number {
    return this.#read('memory', address, width, this.#bus.memoryRead(address, width));
  }

  memoryWrite(address: number, width: Width, value: number): void {
    const written = this.#written('memory', address, width, value);
    if (written !== null) this.#bus.memoryWrite(address, width, written);
  }
}
