import type { GuestMemory, Ram } from '../core/index.ts';
import { ResourceError } from './errors.ts';

/** The RAM in which a ring stands: found again where other ranges were put in place, as when a guest moves. */
export class FoundRam {
  readonly #memory: GuestMemory;
  readonly #address: number;
  #ranges: readonly Ram[];
  #ram: Ram;

  /** @throws ResourceError where there is no RAM */
  constructor(memory: GuestMemory, address: number) {
    this.#memory = memory;
    this.#address = address;
    this.#ranges = memory.ranges;
    this.#ram = this.#find();
  }

  #find(): Ram {
    const ram = this.#memory.find(this.#address, 1);
    if (ram === undefined) throw new ResourceError(`ring at 0x${this.#address.toString(16)} is not RAM`);
    return ram;
  }

  /** @throws ResourceError where there is none any more */
  get now(): Ram {
    const { ranges } = this.#memory;
    if (ranges !== this.#ranges) {
      this.#ram = this.#find();
      this.#ranges = ranges;
    }
    return this.#ram;
  }
}
