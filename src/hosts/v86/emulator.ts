import { V86InternalMissingError } from './errors.ts';

/** One I/O port: v86 calls these with `device` as `this`. Reads get the port number, writes the data alone. */
export interface V86Port {
  read8(port: number): number;
  read16(port: number): number;
  /** A signed 32-bit value. */
  read32(port: number): number;
  write8(data: number): void;
  write16(data: number): void;
  write32(data: number): void;
  device: unknown;
}

/** What this host reaches into v86 for, on `emulator.v86.cpu`. Addresses and 32-bit values arrive signed. */
export interface V86Cpu {
  readonly io: {
    readonly ports: V86Port[];
    readonly empty_port_read8: unknown;
    readonly empty_port_write: unknown;
  };
  readonly devices: {
    readonly pci: {
      /** The address register at port 0xCF8; negative while enabled. Its low two bits are 0. */
      readonly pci_addr32: Int32Array;
      /** Configuration space of the PCI to ISA bridge, which routes the interrupt pins. */
      readonly isa_bridge_space8: Uint8Array;
      /** v86's own functions, by bus << 8 | device << 3 | function. */
      readonly device_spaces: (Int32Array | undefined)[];
    };
  };
  readonly wasm_memory: { readonly buffer: ArrayBuffer };
  /** Guest RAM; a proxy and slow, used for its place in wasm memory only. */
  readonly mem8: { readonly byteOffset: number };
  readonly memory_size: Uint32Array;
  readonly acpi_enabled: Uint8Array;
  /** The processor's flags; the arithmetic ones may be out of date, the others are not. */
  readonly flags: Int32Array;
  mmap_read8(address: number): number;
  mmap_read32(address: number): number;
  mmap_write8(address: number, value: number): void;
  mmap_write16(address: number, value: number): void;
  mmap_write32(address: number, value: number): void;
  mmap_write64(address: number, low: number, high: number): void;
  mmap_write128(address: number, a: number, b: number, c: number, d: number): void;
  /** Between instructions. `now` in milliseconds. @returns milliseconds until the next timer is due. */
  run_hardware_timers(acpi: boolean | number, now: number): number;
  /** Forgets code compiled from RAM [start, end). */
  jit_dirty_cache(start: number, end: number): void;
  /** Called when code that was compiled in the background is ready. */
  codegen_finalize_finished(index: number, address: number, flags: number): void;
  device_raise_irq(line: number): void;
  device_lower_irq(line: number): void;
  /** Takes the interrupt that is due, if any. */
  handle_irqs(): void;
  /** What the guest's reset does: processor and devices of v86 itself. */
  reboot_internal(): void;
  /** Addresses in wasm memory of the states of the local interrupt controller and of the two old ones. */
  get_apic_addr(): number;
  get_pic_addr_master(): number;
  get_pic_addr_slave(): number;
}

/** The documented part of v86's own interface, as far as it is used here. */
export interface V86Emulator {
  readonly v86: { readonly cpu: V86Cpu };
  run(): Promise<void>;
  stop(): Promise<void>;
  destroy(): Promise<void>;
  is_running(): boolean;
  save_state(): Promise<ArrayBuffer>;
  restore_state(state: ArrayBuffer): Promise<void>;
  add_listener(event: string, listener: (value: number) => void): void;
  serial0_send(text: string): void;
}

/** A loaded v86. */
export interface V86Module {
  /** Such as `0.5.462`. */
  readonly version: string;
  /** Makes an emulator. `options` as in v86's own documentation, without `wasm_path`. */
  create(options: Readonly<Record<string, unknown>>): V86Emulator;
}

type Kind =
  | 'function'
  | 'array'
  | 'number'
  | 'object'
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Uint8ArrayConstructor;

/** Every internal that is relied on, from `cpu` down. */
const INTERNALS: readonly (readonly [path: string, kind: Kind])[] = [
  ['io.ports', 'array'],
  ['io.empty_port_read8', 'function'],
  ['io.empty_port_write', 'function'],
  ['devices.pci.pci_addr32', Int32Array],
  ['devices.pci.isa_bridge_space8', Uint8Array],
  ['devices.pci.device_spaces', 'array'],
  ['wasm_memory.buffer', 'object'],
  ['mem8.byteOffset', 'number'],
  ['memory_size', 'object'],
  ['acpi_enabled', 'object'],
  ['flags', 'object'],
  ['mmap_read8', 'function'],
  ['mmap_read32', 'function'],
  ['mmap_write8', 'function'],
  ['mmap_write16', 'function'],
  ['mmap_write32', 'function'],
  ['mmap_write64', 'function'],
  ['mmap_write128', 'function'],
  ['run_hardware_timers', 'function'],
  ['jit_dirty_cache', 'function'],
  ['codegen_finalize_finished', 'function'],
  ['device_raise_irq', 'function'],
  ['device_lower_irq', 'function'],
  ['handle_irqs', 'function'],
  ['reboot_internal', 'function'],
  ['get_apic_addr', 'function'],
  ['get_pic_addr_master', 'function'],
  ['get_pic_addr_slave', 'function'],
];

function fits(value: unknown, kind: Kind): boolean {
  if (typeof kind === 'function') return value instanceof kind;
  if (kind === 'array') return Array.isArray(value);
  return typeof value === kind && value !== null;
}

/**
 * Asserts that an emulator has everything in {@link V86Cpu}, so that another version of v86 fails at start and by
 * name, not somewhere in a guest.
 * @throws V86InternalMissingError
 */
export function checkInternals(emulator: unknown, version: string): asserts emulator is V86Emulator {
  const step = (from: unknown, name: string): unknown =>
    from === null || from === undefined ? undefined : (from as Record<string, unknown>)[name];
  const cpu = step(step(emulator, 'v86'), 'cpu');
  if (cpu === undefined) throw new V86InternalMissingError('emulator.v86.cpu', 'object', version);
  for (const [path, kind] of INTERNALS) {
    const wanted = typeof kind === 'function' ? kind.name : kind;
    const value = path.split('.').reduce(step, cpu);
    if (!fits(value, kind)) throw new V86InternalMissingError(`cpu.${path}`, wanted, version);
  }
}

/** Where a {@link V86Module} gets its code: as v86's own options of these names, all but one of them unused. */
export interface V86Code {
  /** Address of `v86.wasm`. */
  readonly wasm_path?: string;
  /** Makes an instance of it. */
  readonly wasm_fn?: (imports: object) => Promise<object>;
}

/**
 * Makes a module of v86's constructor, such as a web page has it. `version` as `0.5.462`: it stands in errors.
 * @throws V86InternalMissingError where it is none.
 */
export function v86Module(V86: unknown, version: string, code: V86Code): V86Module {
  if (typeof V86 !== 'function') throw new V86InternalMissingError('V86', 'a constructor', version);
  const Emulator = V86 as new (options: object) => V86Emulator;
  return { version, create: (options) => new Emulator({ ...options, ...code }) };
}
