import { GuestMemory } from '../../core/index.ts';
import { SteppedClock } from './clock.ts';
import type { CommandTarget } from './commands.ts';
import { Interception } from './interception.ts';
import { Pc } from './pc.ts';

/** A `pc` with what a test program has of it: accesses, a clock, and word of its interrupt lines. */
export class QtestMachine implements CommandTarget {
  readonly bus: Pc;
  readonly clock = new SteppedClock();
  readonly interception: Interception;

  constructor(ram: GuestMemory) {
    this.bus = new Pc(ram);
    this.interception = new Interception(this.bus.wires);
  }

  /** With so many bytes of RAM from address 0 on. */
  static ofBytes(bytes: number): QtestMachine {
    return new QtestMachine(GuestMemory.allocate({ start: 0, length: bytes }));
  }
}
