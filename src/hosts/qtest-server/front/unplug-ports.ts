import type { BusTarget, MappingOptions, Width } from '../../../core/index.ts';

/** Where `pc` has the registers by which its firmware takes devices out, and the one that does it. */
const PORT = 0xae00;
const PORTS = 0x14;
const EJECT = 8;

/** The registers of hot unplugging: software writes a bit for each slot whose device may leave. */
export class UnplugPorts implements BusTarget {
  readonly #eject: (device: number) => void;

  constructor(eject: (device: number) => void) {
    this.#eject = eject;
  }

  get mapping(): MappingOptions {
    return { name: 'hot unplugging', start: PORT, length: PORTS, target: this };
  }

  /** Nothing waits to be looked at. */
  read(): number {
    return 0;
  }

  write(offset: number, width: Width, value: number): void {
    if (offset !== EJECT || width !== 4) return;
    for (let device = 0; device < 32; device++) if (((value >>> device) & 1) === 1) this.#eject(device);
  }
}
