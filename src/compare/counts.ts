import type { LabEvent } from '../core/index.ts';
import type { Machine } from '../pci/index.ts';
import type { DmaMeter } from './metered-dma.ts';

/** What is counted of a way, and what each number is of. `guest` numbers are 0 where a driver has the function itself. */
export const countNames = {
  portExits: 'guest port accesses, each of which leaves the guest',
  memoryExits: 'guest accesses to memory of a function that is shown to it (its MSI-X table)',
  configExits: 'guest configuration accesses',
  memoryReads: 'memory reads of the device (non-posted)',
  postedWrites: 'memory writes to the device (posted)',
  portAccesses: 'port accesses of the device (non-posted)',
  configAccesses: 'configuration accesses of the device (non-posted)',
  adminCommands: 'administration commands',
  dmaReads: 'transfers from memory to the device',
  dmaReadBytes: 'bytes from memory to the device',
  dmaWrites: 'transfers from the device to memory',
  dmaWrittenBytes: 'bytes from the device to memory',
  interrupts: 'interrupts of the device',
  guestInterrupts: 'interrupts that the guest is given',
} as const;

export type CountName = keyof typeof countNames;
export type Counts = Readonly<Record<CountName, number>>;

const names = Object.keys(countNames) as CountName[];

const mapped = (value: (name: CountName) => number): Counts =>
  Object.fromEntries(names.map((name) => [name, value(name)])) as Counts;

export const difference = (after: Counts, before: Counts): Counts =>
  mapped((name) => after[name] - before[name]);

/** The same, spread over several requests. */
export const per = (counts: Counts, requests: number): Counts => mapped((name) => counts[name] / requests);

/** What is counted beside the accesses and interrupts of machines. */
export interface Counted {
  readonly guest: Machine | null;
  readonly host: Machine;
  readonly dma: readonly DmaMeter[];
  /** Administration commands so far. */
  adminCommands(): number;
}

/** Counts from its making on, until it is closed. */
export class Meter {
  readonly #counted: Counted;
  readonly #events: Record<CountName, number> = { ...mapped(() => 0) };

  constructor(counted: Counted) {
    this.#counted = counted;
    const { guest, host } = counted;
    if (guest !== null) guest.events = (event) => this.#count(event, guestNames);
    host.events = (event) => this.#count(event, hostNames);
  }

  #count(event: LabEvent, of: typeof guestNames | typeof hostNames): void {
    if (event.kind === 'access') this.#events[of[event.space][event.operation]]++;
    else if (event.kind === 'interrupt' && event.asserted) this.#events[of.interrupt]++;
  }

  /** Everything so far. */
  take(): Counts {
    const { dma, adminCommands } = this.#counted;
    const sum = (name: keyof DmaMeter['counts']) =>
      dma.reduce((total, { counts }) => total + counts[name], 0);
    return {
      ...this.#events,
      dmaReads: sum('reads'),
      dmaReadBytes: sum('readBytes'),
      dmaWrites: sum('writes'),
      dmaWrittenBytes: sum('writtenBytes'),
      adminCommands: adminCommands(),
    };
  }

  close(): void {
    const { guest, host } = this.#counted;
    if (guest !== null) guest.events = null;
    host.events = null;
  }
}

const both = (name: CountName) => ({ read: name, write: name });
const guestNames = {
  io: both('portExits'),
  memory: both('memoryExits'),
  config: both('configExits'),
  interrupt: 'guestInterrupts',
} as const;
const hostNames = {
  io: both('portAccesses'),
  memory: { read: 'memoryReads', write: 'postedWrites' },
  config: both('configAccesses'),
  interrupt: 'interrupts',
} as const;
