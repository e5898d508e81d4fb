import { type ConfigAccess, Ecam } from '../../pci/index.ts';
import type { V86Bus } from './bus.ts';
import type { V86Cpu, V86Port } from './emulator.ts';

/** Where the window stands: above RAM, and below v86's own display memory at 0xe0000000. It has room for buses 0 to 63. */
export const EXTENDED_CONFIG = { start: 0xd0000000, length: 64 << 20 } as const;

/** A word for the kernel's command line: it believes only in a window that its memory map has reserved. */
export const RESERVE_EXTENDED_CONFIG = `memmap=${EXTENDED_CONFIG.length >> 20}M$0x${EXTENDED_CONFIG.start.toString(16)}`;

/** v86's host bridge is a 440FX, which has no such window, and for which firmware looks. */
const HOST_BRIDGE = 0;
const PLAIN_IDS = 0x12378086;
/** An Intel 945G, which Linux knows to have one, and its register: bit 0 opens the window, 2 in bits 2:1 makes it 64 MiB. */
const EXPRESS_IDS = 0x27708086;
const WINDOW_DWORD = 0x48 / 4;
const OPEN_64_MIB = 0x5;

/** Linux writes this byte before it looks for a way to configuration space; firmware does not. */
const PROBE = { port: 0xcfb, value: 0x01 } as const;

/**
 * Memory-mapped configuration space for a kernel in v86, whose machine has none: the window, and a host bridge that tells of
 * it as soon as a kernel asks. Without it nothing beyond the first 256 bytes of a function can be reached.
 */
export class ExtendedConfig {
  readonly #cpu: V86Cpu;

  constructor(cpu: V86Cpu, bus: Pick<V86Bus, 'claimMemory' | 'onReboot'>, access: ConfigAccess) {
    this.#cpu = cpu;
    bus.claimMemory(EXTENDED_CONFIG.start, EXTENDED_CONFIG.length, new Ecam(access));
    bus.onReboot(() => this.#show(PLAIN_IDS, 0));
    const own = cpu.io.ports[PROBE.port]!;
    cpu.io.ports[PROBE.port] = { ...own, write8: (value) => this.#probed(own, value) };
  }

  #probed(own: V86Port, value: number): void {
    own.write8.call(own.device as V86Port, value);
    if (value === PROBE.value) this.#show(EXPRESS_IDS, (EXTENDED_CONFIG.start | OPEN_64_MIB) >>> 0);
  }

  #show(ids: number, window: number): void {
    const bridge = this.#cpu.devices.pci.device_spaces[HOST_BRIDGE]!;
    bridge[0] = ids;
    bridge[WINDOW_DWORD] = window;
  }
}
