import {
  type BusTarget,
  type FunctionAddress,
  functionAddress,
  group,
  maskOf,
  readPieces,
  u8,
  u32,
  type ValueOf,
  type Width,
  writePieces,
} from '../core/index.ts';
import { PciFunction } from './function.ts';
import { configPorts, resetControl } from './layout/index.ts';

/** Configuration accesses by function, as a bus offers them. Offsets are aligned to the width. */
export interface ConfigAccess {
  configRead(fn: FunctionAddress, offset: number, width: Width): number;
  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void;
}

const PORTS = 8;
/** Where the data register stands behind the address register. */
const DATA = configPorts.data - configPorts.address;

const RESET_CONTROL = resetControl.port - configPorts.address;

export const configPortsState = group({ address: u32, resetControl: u8 }, (ports, expect) => {
  const { address, resetControl: control } = ports;
  expect((address & ~configPorts.mask) === 0, 'address', address, 'no reserved bits');
  expect((control & ~resetControl.mask) === 0, 'resetControl', control, 'no reserved bits');
});
type SavedConfigPorts = ValueOf<typeof configPortsState>;

/** An access of both registers. */
const straddles = (offset: number, width: Width) => offset < DATA && offset + width > DATA;

/**
 * Ports 0xCF8 and 0xCFC (PCI Local Bus 3.0, section 3.2.2.3.2): a four-byte write to 0xCF8 takes the address, other
 * widths there belong to other devices, of which 0xCF9 is the reset control register of a PC; 0xCFC..0xCFF pass accesses of any width to the addressed register's bytes.
 */
export class ConfigPorts implements BusTarget {
  static readonly start = configPorts.address;
  static readonly length = PORTS;
  address = 0;
  #resetControl = 0;

  readonly config: ConfigAccess;
  readonly #onReset: () => void;
  readonly #mask: number;

  /**
   * `onReset` resets the machine.
   * @param mask of the address register's bits. Some host bridges keep the reserved ones; where the lowest two are kept, they
   * count, as the data register's own address does.
   */
  constructor(config: ConfigAccess, onReset: () => void = () => {}, mask: number = configPorts.mask) {
    this.config = config;
    this.#onReset = onReset;
    this.#mask = mask;
  }

  reset(): void {
    this.address = this.#resetControl = 0;
  }

  save(): SavedConfigPorts {
    return { address: this.address, resetControl: this.#resetControl };
  }

  load({ address, resetControl }: SavedConfigPorts): void {
    this.address = address;
    this.#resetControl = resetControl;
  }

  /** The machine is reset where the bit that does it rises; what kind of reset is asked for makes no difference here. */
  #writeResetControl(value: number): void {
    const rises = (value & ~this.#resetControl & resetControl.reset) !== 0;
    this.#resetControl = value & resetControl.mask;
    if (rises) this.#onReset();
  }

  #target(offset: number): { fn: FunctionAddress; register: number } | null {
    if ((this.address & configPorts.enable) === 0) return null;
    const register = (this.address & 0xff) | (offset - DATA);
    return { fn: (this.address >>> 8) & 0xffff, register };
  }

  read(offset: number, width: Width): number {
    if (offset === 0 && width === 4) return this.address;
    if (offset === RESET_CONTROL && width === 1) return this.#resetControl;
    if (straddles(offset, width)) return readPieces(this, offset, width);
    const target = offset >= DATA ? this.#target(offset) : null;
    return target === null ? maskOf(width) : this.config.configRead(target.fn, target.register, width);
  }

  write(offset: number, width: Width, value: number): void {
    if (offset === 0 && width === 4) {
      this.address = (value & this.#mask) >>> 0;
      return;
    }
    if (offset === RESET_CONTROL && width === 1) {
      this.#writeResetControl(value);
      return;
    }
    if (straddles(offset, width)) {
      writePieces(this, offset, width, value);
      return;
    }
    const target = offset >= DATA ? this.#target(offset) : null;
    if (target !== null) this.config.configWrite(target.fn, target.register, width, value);
  }
}

/** Bytes of memory-mapped configuration space that one function and one bus take. */
const FUNCTION_BYTES = 4096;
export const ECAM_BUS_BYTES = 256 * FUNCTION_BYTES;

/** An access of two functions' spaces. */
const leavesFunction = (offset: number, width: Width) => (offset % FUNCTION_BYTES) + width > FUNCTION_BYTES;

/**
 * Memory-mapped configuration of one segment (PCI Express 5.0, section 7.2.2), for the buses it is mapped over. An access over the edge
 * of a function's space is carried out as aligned pieces: each byte belongs to its function.
 */
export class Ecam implements BusTarget {
  readonly config: ConfigAccess;
  readonly #first: FunctionAddress;

  constructor(config: ConfigAccess, segment = 0) {
    this.config = config;
    this.#first = functionAddress(0, 0, 0, segment);
  }

  read(offset: number, width: Width): number {
    if (leavesFunction(offset, width)) return readPieces(this, offset, width);
    const fn = this.#first + Math.floor(offset / FUNCTION_BYTES);
    return this.config.configRead(fn, offset % FUNCTION_BYTES, width);
  }

  write(offset: number, width: Width, value: number): void {
    if (leavesFunction(offset, width)) {
      writePieces(this, offset, width, value);
      return;
    }
    const fn = this.#first + Math.floor(offset / FUNCTION_BYTES);
    this.config.configWrite(fn, offset % FUNCTION_BYTES, width, value);
  }
}

/** The host bridge's own function at 00:00.0, with the ids that QEMU uses for a generic PCI Express host bridge. */
export function hostBridgeFunction(): PciFunction {
  return new PciFunction({ name: 'host-bridge', vendorId: 0x1b36, deviceId: 0x0008, classCode: 0x060000 });
}
