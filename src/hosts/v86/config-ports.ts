import { type BusTarget, type FunctionAddress, maskOf, type Width } from '../../core/index.ts';
import {
  BUS_PLACES,
  CONVENTIONAL_BYTES,
  type ConfigAccess,
  configPorts,
  readConfigPieces,
  resetControl,
} from '../../pci/index.ts';
import type { TargetCalls } from './claims.ts';
import type { V86Cpu, V86Port } from './emulator.ts';

/** Configuration space of a function, as software reaches it: offset in bytes, aligned to the width. */
export interface ConfigTarget {
  configRead(offset: number, width: Width): number;
  configWrite(offset: number, width: Width, value: number): void;
}

const DATA_PORTS = 4;

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

/** A board, which also has functions that nobody has plugged: on other buses, and virtual ones. */
export interface BoardAccess extends ConfigAccess {
  at(address: FunctionAddress): object | undefined;
}

/** Functions that were plugged nowhere on bus 0, as the kind of target that is called safely. */
class Beyond {
  address: FunctionAddress = 0;
  readonly access: BoardAccess;

  constructor(access: BoardAccess) {
    this.access = access;
  }

  read(offset: number, width: Width): number {
    return this.access.configRead(this.address, offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    this.access.configWrite(this.address, offset, width, value);
  }
}

/**
 * The configuration data ports 0xCFC..0xCFF. Accesses to places where a function of ours sits go to it with their
 * exact offset and width; all others to v86's own functions, as before. What other buses than 0 have, and virtual
 * functions, is for the board to say. Port 0xCF9, which v86 does not have, resets the machine as a PC's does.
 */
export class ConfigPorts {
  readonly #cpu: V86Cpu;
  readonly #calls: TargetCalls;
  readonly #spaces: (Space | undefined)[] = new Array(BUS_PLACES).fill(undefined);
  readonly #onRoutes: () => void;
  #beyond: Beyond | null = null;
  #resetControl = 0;

  /** `onRoutes` is called after the guest wrote to the interrupt routing registers. */
  constructor(cpu: V86Cpu, calls: TargetCalls, onRoutes: () => void) {
    this.#cpu = cpu;
    this.#calls = calls;
    this.#onRoutes = onRoutes;
    for (let lane = 0; lane < DATA_PORTS; lane++)
      cpu.io.ports[configPorts.data + lane] = this.#entry(lane, cpu.io.ports[configPorts.data + lane]!);
    const { port } = resetControl;
    cpu.io.ports[port] = this.#resetEntry(cpu.io.ports[port]!);
  }

  /** Who answers for all buses but bus 0, and on that where nobody was put. */
  answerBeyond(access: BoardAccess): void {
    this.#beyond = new Beyond(access);
  }

  /** The byte at 0xCF9 resets the machine where the bit that does it rises; wider accesses are v86's own. */
  #resetEntry(own: V86Port): V86Port {
    const device = own.device as V86Port;
    const { port, reset, mask } = resetControl;
    return {
      device: undefined,
      read8: () => this.#resetControl,
      read16: () => own.read16.call(device, port),
      read32: () => own.read32.call(device, port),
      write8: (value) => {
        const rises = (value & ~this.#resetControl & reset) !== 0;
        this.#resetControl = rises ? 0 : value & mask;
        if (rises) this.#cpu.reboot_internal();
      },
      write16: (value) => own.write16.call(device, value),
      write32: (value) => own.write32.call(device, value),
    };
  }

  /**
   * The way to every function past the ports: with all its bytes where it is one of ours, and of v86's own the 256 that
   * they have, and 0 behind them.
   */
  readonly everything: ConfigAccess = {
    configRead: (address, offset, width) => {
      const ours = this.#oursAt(address);
      if (ours !== undefined) return ours.read(offset, width);
      if (this.#cpu.devices.pci.device_spaces[address] === undefined) return maskOf(width);
      return readConfigPieces((at, piece) => this.#ownRead(address, at, piece), offset, width);
    },
    configWrite: (address, offset, width, value) => {
      const ours = this.#oursAt(address);
      if (ours !== undefined) ours.write(offset, width, value);
      else if (offset % width === 0 && offset < CONVENTIONAL_BYTES)
        this.#ownWrite(address, offset, width, value);
    },
  };

  #ownRead(address: FunctionAddress, offset: number, width: Width): number {
    const dwords = this.#cpu.devices.pci.device_spaces[address]!;
    const dword = offset < CONVENTIONAL_BYTES ? dwords[offset >> 2]! : 0;
    return ((dword >>> (8 * (offset & 3))) & maskOf(width)) >>> 0;
  }

  /** Through the ports, which do what the write leads to. What the guest has selected there stays selected. */
  #ownWrite(address: FunctionAddress, offset: number, width: Width, value: number): void {
    const selected = this.#cpu.devices.pci.pci_addr32;
    const before = selected[0]!;
    selected[0] = configPorts.enable | (address << 8) | (offset & ~3);
    const port = this.#cpu.io.ports[configPorts.data + (offset & 3)]!;
    if (width === 4) port.write32(value | 0);
    else if (width === 2) port.write16(value);
    else port.write8(value);
    selected[0] = before;
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
      const port = configPorts.data + lane;
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

  #selected(): BusTarget | undefined {
    return this.#address() >= 0 ? undefined : this.#oursAt(this.#place());
  }

  /** Who answers at bus << 8 | device << 3 | function, unless that is v86 itself. */
  #oursAt(place: FunctionAddress): BusTarget | undefined {
    const plugged = this.#spaces[place];
    if (plugged !== undefined) return plugged;
    const beyond = this.#beyond;
    if (beyond === null || (place < BUS_PLACES && beyond.access.at(place) === undefined)) return undefined;
    beyond.address = place;
    return beyond;
  }
}
