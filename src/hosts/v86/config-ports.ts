import { maskOf, type Width } from '../../core/index.ts';
import type { TargetCalls } from './claims.ts';
import type { V86Cpu, V86Port } from './emulator.ts';

/** Configuration space of a function, as software reaches it: offset in bytes, aligned to the width. */
export interface ConfigTarget {
  configRead(offset: number, width: Width): number;
  configWrite(offset: number, width: Width, value: number): void;
}

const DATA_PORT = 0xcfc;
const DATA_PORTS = 4;
const PLACES = 256;
/** The PCI to ISA bridge, whose registers from 0x60 route the interrupt pins. */
const ISA_BRIDGE = 1 << 3;
const ROUTES_DWORD = 0x60;

/** A configuration target as the kind of target that is called safely. */
class Space {
  readonly function: ConfigTarget;

  constructor(target: ConfigTarget) {
    this.function = target;
  }

  read(offset: number, width: Width): number {
    return this.function.configRead(offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    this.function.configWrite(offset, width, value);
  }
}

/**
 * The configuration data ports 0xCFC..0xCFF. Accesses to places where a function of ours sits go to it with their
 * exact offset and width; all others to v86's own functions, as before.
 */
export class ConfigPorts {
  readonly #cpu: V86Cpu;
  readonly #calls: TargetCalls;
  readonly #spaces: (Space | undefined)[] = new Array(PLACES).fill(undefined);
  readonly #onRoutes: () => void;

  /** `onRoutes` is called after the guest wrote to the interrupt routing registers. */
  constructor(cpu: V86Cpu, calls: TargetCalls, onRoutes: () => void) {
    this.#cpu = cpu;
    this.#calls = calls;
    this.#onRoutes = onRoutes;
    for (let lane = 0; lane < DATA_PORTS; lane++)
      cpu.io.ports[DATA_PORT + lane] = this.#entry(lane, cpu.io.ports[DATA_PORT + lane]!);
  }

  /** The function at device << 3 | function of bus 0. */
  at(place: number): ConfigTarget | undefined {
    return this.#spaces[place]?.function;
  }

  put(place: number, target: ConfigTarget): void {
    this.#spaces[place] = new Space(target);
  }

  remove(place: number): void {
    this.#spaces[place] = undefined;
  }

  /** v86's port entry for one of the four bytes. The methods take v86's own entry for what is not ours. */
  #entry(lane: number, own: V86Port): V86Port {
    const ownRead = (width: Width): number => {
      const device = own.device as V86Port;
      const port = DATA_PORT + lane;
      if (width === 4) return own.read32.call(device, port);
      return width === 2 ? own.read16.call(device, port) : own.read8.call(device, port);
    };
    const ownWrite = (width: Width, data: number): void => {
      const device = own.device as V86Port;
      // v86 itself fails on a write to a function that is not there.
      if (this.#cpu.devices.pci.device_spaces[this.#place()] === undefined) return;
      if (width === 4) own.write32.call(device, data);
      else if (width === 2) own.write16.call(device, data);
      else own.write8.call(device, data);
      if (this.#place() === ISA_BRIDGE && this.#register() === ROUTES_DWORD) this.#onRoutes();
    };
    const read = (width: Width): number => {
      const space = this.#selected();
      if (space === undefined) return ownRead(width);
      if (lane + width > DATA_PORTS) return maskOf(width);
      return this.#calls.read(space, this.#register() + lane, width);
    };
    const write = (width: Width, data: number): void => {
      const space = this.#selected();
      if (space === undefined) ownWrite(width, data);
      else if (lane + width <= DATA_PORTS) this.#calls.write(space, this.#register() + lane, width, data);
    };
    return {
      device: undefined,
      read8: () => read(1) & 0xff,
      read16: () => read(2) & 0xffff,
      read32: () => read(4) | 0,
      write8: (data) => write(1, data & 0xff),
      write16: (data) => write(2, data & 0xffff),
      write32: (data) => write(4, data >>> 0),
    };
  }

  #address(): number {
    return this.#cpu.devices.pci.pci_addr32[0]!;
  }

  #register(): number {
    return this.#address() & 0xfc;
  }

  /** bus << 8 | device << 3 | function. */
  #place(): number {
    return (this.#address() >>> 8) & 0xffff;
  }

  #selected(): Space | undefined {
    if (this.#address() >= 0) return undefined;
    const place = this.#place();
    return place < PLACES ? this.#spaces[place] : undefined;
  }
}
