import {
  type BusTarget,
  type FunctionAddress,
  functionAddress,
  GuestMemory,
  type LabEvent,
  type Scheduler,
  type Width,
} from '../../src/core/index.ts';
import {
  type BarIndex,
  type BarKind,
  Machine,
  type MachineOptions,
  PciFunction,
  type PciFunctionOptions,
} from '../../src/pci/index.ts';

/** The slot that tests use where one is enough. */
export const SLOT = functionAddress(0, 4);

/** Configuration offsets, as the specification numbers them. */
export const at = {
  vendor: 0x00,
  command: 0x04,
  status: 0x06,
  bar: 0x10,
  capabilities: 0x34,
  line: 0x3c,
} as const;

/** A machine with little RAM, at 0 and above 4 GiB, which starts in no time. */
export const smallMachine = (options: Omit<MachineOptions, 'ram'> = {}): Machine =>
  new Machine({
    ram: GuestMemory.allocate({ start: 0, length: 1 << 20 }, { start: 2 ** 32, length: 1 << 16 }),
    ...options,
  });

/** Bytes behind a BAR, with a log of the accesses that arrive. */
export class Scratch implements BusTarget {
  readonly log: string[] = [];
  readonly bytes: Uint8Array;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  read(offset: number, width: Width): number {
    this.log.push(`r${width}@${offset.toString(16)}`);
    return Array.from({ length: width }, (_, i) => this.bytes[offset + i]! * 2 ** (8 * i)).reduce(
      (a, b) => a + b,
    );
  }

  write(offset: number, width: Width, value: number): void {
    this.log.push(`w${width}@${offset.toString(16)}=${value.toString(16)}`);
    for (let i = 0; i < width; i++) this.bytes[offset + i] = value / 2 ** (8 * i);
  }
}

const plain: PciFunctionOptions = {
  name: 'scratch',
  vendorId: 0x1234,
  deviceId: 0x5678,
  classCode: 0xff0102,
};

/** A function of no particular kind. */
export const bareFunction = (options: Partial<PciFunctionOptions> = {}): PciFunction =>
  new PciFunction({ ...plain, interruptPin: 1, ...options });

/** Adds a BAR filled by one scratch target. */
export function addScratch(
  fn: PciFunction,
  index: BarIndex,
  kind: BarKind,
  lengthBytes: number,
  regionBytes = lengthBytes,
): Scratch {
  const target = new Scratch(regionBytes);
  fn.addBar({
    index,
    kind,
    lengthBytes,
    regions: [{ name: `scratch${index}`, offset: 0, length: regionBytes, target }],
  });
  return target;
}

/** Configuration accesses to one function. */
export function configOf(machine: Machine, address = SLOT) {
  return {
    read: (offset: number, width: Width) => machine.configRead(address, offset, width),
    write: (offset: number, width: Width, value: number) =>
      machine.configWrite(address, offset, width, value),
    command: (value: number) => machine.configWrite(address, at.command, 2, value),
    setBar: (index: number, value: number) => machine.configWrite(address, at.bar + 4 * index, 4, value),
  };
}

/** Everything that a machine tells from now on, in the order of its happening. */
export function watch(machine: Machine): LabEvent[] {
  const events: LabEvent[] = [];
  machine.events = (event) => void events.push(event);
  return events;
}

/** Interrupts as `line 11 up`, `line 11 down` and `message 3`. */
export const interruptsIn = (events: readonly LabEvent[]): string[] =>
  events.flatMap((event) =>
    event.kind !== 'interrupt'
      ? []
      : event.signal === 'message'
        ? [`message ${event.vector}`]
        : [`line ${event.vector} ${event.asserted ? 'up' : 'down'}`],
  );

/** Memory and port accesses as `w2 00:04.0 BAR0 legacy+10=1`, without those of configuration space. */
export const accessesIn = (events: readonly LabEvent[]): string[] =>
  events.flatMap((event) =>
    event.kind !== 'access' || event.space === 'config'
      ? []
      : [
          `${event.operation === 'read' ? 'r' : 'w'}${event.width} ${event.target}+${event.offset.toString(16)}=${event.value.toString(16)}`,
        ],
  );

export const clausesIn = (events: readonly LabEvent[]): string[] =>
  events.flatMap((event) => (event.kind === 'finding' ? [event.clause] : []));

/** Runs tasks of both schedulers until neither has any. */
export const drain = (...schedulers: (Scheduler & { releaseAll(): boolean })[]): void => {
  for (const scheduler of schedulers) scheduler.releaseAll();
};

/** Registers of a bridge (PCI-to-PCI Bridge 1.2, section 3.2). */
export const bridgeAt = {
  primary: 0x18,
  secondary: 0x19,
  subordinate: 0x1a,
  ioBase: 0x1c,
  ioLimit: 0x1d,
  secondaryStatus: 0x1e,
  memoryBase: 0x20,
  memoryLimit: 0x22,
  prefetchableBase: 0x24,
  prefetchableLimit: 0x26,
  prefetchableBaseUpper: 0x28,
  prefetchableLimitUpper: 0x2c,
  ioBaseUpper: 0x30,
  ioLimitUpper: 0x32,
  control: 0x3e,
} as const;

/** Configuration accesses to a bridge, and what software does to it first of all. */
export function bridgeOf(machine: Machine, address: FunctionAddress) {
  const config = configOf(machine, address);
  const { write } = config;
  return {
    ...config,
    buses: (secondary: number, subordinate = secondary) => {
      write(bridgeAt.primary, 1, (address >> 8) & 0xff);
      write(bridgeAt.secondary, 1, secondary);
      write(bridgeAt.subordinate, 1, subordinate);
    },
    /** Ports from `start` up to `end`, multiples of 4 KiB below 64 KiB. */
    io: (start: number, end: number) => {
      write(bridgeAt.ioBase, 1, (start >> 8) & 0xf0);
      write(bridgeAt.ioLimit, 1, ((end - 1) >> 8) & 0xf0);
    },
    /** Addresses from `start` up to `end`, multiples of 1 MiB below 4 GiB. */
    memory: (start: number, end: number) => {
      write(bridgeAt.memoryBase, 2, (start >>> 16) & 0xfff0);
      write(bridgeAt.memoryLimit, 2, ((end - 1) >>> 16) & 0xfff0);
    },
    /** Addresses from `start` up to `end`, multiples of 1 MiB. */
    prefetchable: (start: number, end: number) => {
      const last = end - 1;
      write(bridgeAt.prefetchableBase, 2, ((start % 2 ** 32) >>> 16) & 0xfff0);
      write(bridgeAt.prefetchableLimit, 2, ((last % 2 ** 32) >>> 16) & 0xfff0);
      write(bridgeAt.prefetchableBaseUpper, 4, Math.floor(start / 2 ** 32));
      write(bridgeAt.prefetchableLimitUpper, 4, Math.floor(last / 2 ** 32));
    },
  };
}
