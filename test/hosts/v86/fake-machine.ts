import type { V86Cpu, V86Port } from '../../../src/hosts/v86/emulator.ts';
import type { V86Machine } from '../../../src/hosts/v86/machine.ts';

const RAM_BYTES = 0x100000;
const RAM_AT = 0x1000;
const APIC_AT = 0x200;
export const PICS_AT = { first: 0x400, second: 0x420 } as const;
const PORTS = 0x10000;

const emptyRead = () => 0xff;
const emptyWrite = () => {};
const emptyEntry = (): V86Port => ({
  read8: emptyRead,
  read16: () => 0xffff,
  read32: () => -1,
  write8: emptyWrite,
  write16: emptyWrite,
  write32: emptyWrite,
  device: undefined,
});

/**
 * As much of v86 as the bus touches, without an emulator in it. `log` takes what reaches v86 itself: configuration
 * accesses, memory accesses, interrupt lines.
 */
export function fakeMachine(options: { readonly acpi?: boolean } = {}) {
  const log: string[] = [];
  const ports = Array.from({ length: PORTS }, emptyEntry);
  const say = (text: string, value = 0) => {
    log.push(text);
    return value;
  };
  for (let lane = 0; lane < 4; lane++)
    ports[0xcfc + lane] = {
      read8: () => say(`config read8 +${lane}`, 0x11),
      read16: () => say(`config read16 +${lane}`, 0x2211),
      read32: () => say(`config read32 +${lane}`, 0x44332211),
      write8: (value) => void say(`config write8 +${lane} ${value}`),
      write16: (value) => void say(`config write16 +${lane} ${value}`),
      write32: (value) => void say(`config write32 +${lane} ${value}`),
      device: undefined,
    };
  const masked = () => ((cpu.flags[0]! & 0x200) === 0 ? ' masked' : '');
  const wasm = { buffer: new ArrayBuffer(RAM_AT + RAM_BYTES) };
  const isaBridge = new Uint8Array(256);
  isaBridge.set([11, 10, 9, 0x80], 0x60);
  const deviceSpaces: (Int32Array | undefined)[] = [];
  deviceSpaces[8] = new Int32Array(isaBridge.buffer);
  const cpu = {
    io: { ports, empty_port_read8: emptyRead, empty_port_write: emptyWrite },
    devices: {
      pci: { pci_addr32: new Int32Array(1), isa_bridge_space8: isaBridge, device_spaces: deviceSpaces },
    },
    wasm_memory: wasm,
    mem8: { byteOffset: RAM_AT },
    memory_size: Uint32Array.of(RAM_BYTES),
    acpi_enabled: Uint8Array.of(options.acpi === true ? 1 : 0),
    flags: Int32Array.of(0x246),
    mmap_read8: (address: number) => say(`own read8 ${address >>> 0}`, 0xff),
    mmap_read32: (address: number) => say(`own read32 ${address >>> 0}`, -1),
    mmap_write8: (address: number) => void say(`own write8 ${address >>> 0}`),
    mmap_write16: (address: number) => void say(`own write16 ${address >>> 0}`),
    mmap_write32: (address: number) => void say(`own write32 ${address >>> 0}`),
    mmap_write64: () => {},
    mmap_write128: () => {},
    run_hardware_timers: () => 100,
    jit_dirty_cache: (start: number, end: number) => void say(`dirty ${start}..${end}`),
    codegen_finalize_finished: () => {},
    device_raise_irq: (line: number) => void say(`raise ${line}${masked()}`),
    device_lower_irq: (line: number) => void say(`lower ${line}${masked()}`),
    handle_irqs: () => void say(`take interrupts${masked()}`),
    reboot_internal: () => void say('reboot'),
    get_apic_addr: () => APIC_AT,
    get_pic_addr_master: () => PICS_AT.first,
    get_pic_addr_slave: () => PICS_AT.second,
  } satisfies V86Cpu;
  const machine = { cpu, acpi: options.acpi === true } as unknown as V86Machine;
  return {
    cpu: cpu as V86Cpu,
    machine,
    log,
    ports,
    isaBridge,
    deviceSpaces,
    /** Addresses a configuration register, as port 0xCF8 does. */
    select: (place: number, register: number, enabled = true) => {
      cpu.devices.pci.pci_addr32[0] = (enabled ? 0x80000000 : 0) | (place << 8) | register;
    },
    port: (port: number) => {
      const entry = () => ports[port]!;
      const device = () => entry().device as V86Port;
      return {
        read8: () => entry().read8.call(device(), port),
        read16: () => entry().read16.call(device(), port),
        read32: () => entry().read32.call(device(), port),
        write8: (value: number) => entry().write8.call(device(), value),
        write16: (value: number) => entry().write16.call(device(), value),
        write32: (value: number) => entry().write32.call(device(), value),
      };
    },
    /** Moves the emulator's memory, as growth does. */
    grow: () => {
      const before = new Uint8Array(wasm.buffer);
      wasm.buffer = new ArrayBuffer(RAM_AT + RAM_BYTES + 0x10000);
      new Uint8Array(wasm.buffer).set(before);
    },
    requested: () => [...new Uint32Array(wasm.buffer, APIC_AT + 64, 8)],
  };
}
