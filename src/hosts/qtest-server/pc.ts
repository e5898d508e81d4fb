import {
  AddressSpace,
  type Bus,
  DmaDomain,
  type GuestMemory,
  immediate,
  type Width,
} from '../../core/index.ts';
import {
  Board,
  ConfigPorts,
  hostBridgeFunction,
  IO_BYTES,
  mapRam,
  type PciFunction,
  type Place,
  RAM_PRIORITY,
  type0Header,
} from '../../pci/index.ts';
import { FwCfg } from './fw-cfg.ts';
import { Wires } from './wires.ts';

/** What the commands of qtest reach of a machine. */
export type CpuAccesses = Pick<Bus, 'ioRead' | 'ioWrite' | 'memoryRead' | 'memoryWrite' | 'ram'>;

/**
 * As much of QEMU's `pc` as software sees that has no firmware: RAM from address 0 on, configuration ports, a south bridge
 * that routes pins, fw_cfg. What it has of functions is plugged into it.
 */
export class Pc implements CpuAccesses {
  readonly ram: GuestMemory;
  readonly io = new AddressSpace('I/O', IO_BYTES);
  readonly memory = new AddressSpace('memory', Number.MAX_SAFE_INTEGER);
  readonly wires = new Wires();
  readonly board: Board;
  readonly #configPorts: ConfigPorts;
  readonly #fwCfg: FwCfg;
  /** Software on the machine has reset it. */
  onReset: () => void = () => {};

  constructor(ram: GuestMemory) {
    this.ram = ram;
    this.board = new Board({
      io: this.io,
      memory: this.memory,
      scheduler: immediate,
      // No processor takes them: those who wait for messages aim them at RAM.
      message: () => {},
    });
    // QEMU's host bridge keeps all bits, and software for it leaves the lowest in.
    this.#configPorts = new ConfigPorts(
      this.board,
      () => {
        this.reset();
        this.onReset();
      },
      0xffffffff,
    );
    this.#fwCfg = new FwCfg(ram.ranges.reduce((sum, { bytes }) => sum + bytes.length, 0));
    mapRam(this.memory, ram);
    this.io.map({
      name: 'configuration ports',
      start: ConfigPorts.start,
      length: ConfigPorts.length,
      target: this.#configPorts,
      priority: RAM_PRIORITY,
    });
    this.io.map({ ...this.#fwCfg.mapping, priority: RAM_PRIORITY });
    this.plug(hostBridgeFunction(), 0);
    this.plug(this.wires.bridge, this.wires.address);
  }

  /** @throws SlotError; PlaceError where software could not find it, or the place is taken. */
  plug(fn: PciFunction, place: Place): void {
    const { device, pin } = this.board.rootPin(place, fn.config.get(type0Header.interruptPin.offset, 1));
    this.board.plug(fn, place, new DmaDomain(this.ram), this.wires.wiring(fn, device, pin));
  }

  /** As after power-on, but for what RAM holds. */
  reset(): void {
    this.board.reset();
    this.#configPorts.reset();
    this.#fwCfg.reset();
    this.wires.follow();
  }

  ioRead(port: number, width: Width): number {
    return this.io.read(port, width);
  }

  ioWrite(port: number, width: Width, value: number): void {
    this.io.write(port, width, value);
  }

  memoryRead(address: number, width: Width): number {
    return this.memory.read(address, width);
  }

  memoryWrite(address: number, width: Width, value: number): void {
    this.memory.write(address, width, value);
  }
}
