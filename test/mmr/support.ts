import {
  type FunctionAddress,
  functionAddress,
  GuestMemory,
  type LabEvent,
  type Register,
  registers,
  rw,
  type Width,
} from '../../src/core/index.ts';
import { type FoundFunction, runFirmware } from '../../src/driver/index.ts';
import {
  type Draft,
  draft2023,
  type MmrFunctionOptions,
  ownWayNames,
  type PresentedFunction,
  type TranslatedWayName,
  twoMachines,
  ways,
} from '../../src/mmr/index.ts';
import { Machine, type MachineOptions, type PciFunction } from '../../src/pci/index.ts';
import {
  type DeviceBehaviour,
  DeviceConfig,
  legacyHeaderWithVectors,
  type VirtioFunction,
} from '../../src/virtio/index.ts';
import { accessesIn, configOf, interruptsIn, SLOT, watch } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { legacyParts, RawRing } from '../virtio/support/ring.ts';

/** Where the guest sees the function. */
export const GUEST_SLOT = functionAddress(0, 5);
/** Line of that slot. */
export const GUEST_LINE = 10;

export const UP = `line ${GUEST_LINE} up`;
export const DOWN = `line ${GUEST_LINE} down`;

const configMap = registers({ wide: rw(0, 4), half: rw(4, 2) });

/** A device with two queues and six bytes of configuration: 11 22 33 44 55 66. */
export function configProbe(): Probe {
  const config = new DeviceConfig(configMap);
  config.set('wide', 0x44332211);
  config.set('half', 0x6655);
  return new Probe({ type: 'block', config, features: [3], queueSizes: [8, 8] });
}

/** A driver has one for configuration changes, and one for all queues. */
const OWNERS_VECTORS = 2;

/** Ways to a function of its own that a guest cannot tell. */
export const equalOwnWayNames = ownWayNames.filter((way) => ways[way].equal);

export interface PairOptions extends MmrFunctionOptions {
  /** The translator's way to the function, and so what function it is; by default `mmr`. */
  readonly way?: TranslatedWayName;
  readonly host?: Omit<MachineOptions, 'ram'>;
  readonly guest?: Omit<MachineOptions, 'ram'>;
}

/** A host with a function in it, and a guest that is given that function as a legacy one; they share the guest's RAM. */
export class Pair {
  readonly ram = GuestMemory.allocate({ start: 0, length: 1 << 20 });
  readonly host: Machine;
  readonly guest: Machine;
  readonly function: VirtioFunction;
  /** Presents it once more. */
  readonly presentAgain: () => PresentedFunction;
  /** Vectors of the host's that the driver of the function's owner has. */
  readonly firstVector: number;
  /** Where it is: of a virtual one, not where its owner was plugged in. */
  readonly hostAddress: FunctionAddress;
  readonly presented: PresentedFunction;
  readonly found: FoundFunction;
  readonly hostEvents: LabEvent[];
  readonly guestEvents: LabEvent[];
  readonly config: ReturnType<typeof configOf>;

  constructor(behaviour: DeviceBehaviour, options: PairOptions = {}) {
    const { way = 'mmr' } = options;
    const made = ways[way].build(behaviour, options);
    const machines = twoMachines([{ fn: made, hostAddress: SLOT, guestAddress: GUEST_SLOT }], {
      ram: this.ram,
      host: { ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }), ...options.host },
      ...(options.guest === undefined ? {} : { guest: options.guest }),
      draft: options.draft ?? draft2023,
      way,
    });
    this.host = machines.host;
    this.guest = machines.guest;
    const { fn, presented, hostAddress, hosted } = machines.functions[0]!;
    this.presentAgain = () => hosted.present({ way });
    this.firstVector = ways[way].virtual ? OWNERS_VECTORS : 0;
    this.function = fn;
    this.presented = presented;
    this.hostAddress = hostAddress;
    this.found = machines.inGuest();
    this.config = configOf(this.guest, GUEST_SLOT);
    this.config.command(0x7);
    this.hostEvents = watch(this.host);
    this.guestEvents = watch(this.guest);
  }

  /** The device, as the test made it. */
  get probe(): Probe {
    return this.function.device.behaviour as Probe;
  }

  get ports(): number {
    return this.found.bars[0]!.address;
  }

  in(offset: number, width: Width): number {
    return this.guest.ioRead(this.ports + offset, width);
  }

  out(offset: number, width: Width, value: number): void {
    this.guest.ioWrite(this.ports + offset, width, value);
  }

  #register(name: keyof typeof legacyHeaderWithVectors): Register {
    return legacyHeaderWithVectors[name];
  }

  get(name: keyof typeof legacyHeaderWithVectors): number {
    const { offset, width } = this.#register(name);
    return this.in(offset, width as Width);
  }

  set(name: keyof typeof legacyHeaderWithVectors, value: number): void {
    const { offset, width } = this.#register(name);
    this.out(offset, width as Width, value);
  }

  /** Sets a queue up on a page, as a legacy driver does. */
  setUp(queue = 0, page = 0x10 + 0x10 * queue): RawRing {
    this.set('queueSelect', queue);
    const size = this.get('queueSize');
    this.set('queueAddress', page);
    const ring = new RawRing(this.ram, size, legacyParts(page, size));
    for (let i = 0; i < size; i++) ring.describe(i, { address: 0x80000 + i, length: 1, flags: 2 });
    return ring;
  }

  /** Enables the guest's MSI-X, vector n aimed at `message n`. */
  enableMsix(): void {
    const at = this.found.capabilities.find(({ id }) => id === 0x11)!.offset;
    const table = this.found.bars.find(({ index }) => index === 1)!.address;
    for (let vector = 0; vector < this.presented.backend.vectors; vector++) {
      this.guest.memoryWrite(table + 16 * vector, 4, 0xfee00000);
      this.guest.memoryWrite(table + 16 * vector + 8, 4, vector);
      this.guest.memoryWrite(table + 16 * vector + 12, 4, 0);
    }
    this.config.write(at + 2, 2, 0x8000);
  }

  disableMsix(): void {
    this.config.write(this.found.capabilities.find(({ id }) => id === 0x11)!.offset + 2, 2, 0);
  }

  /** What reached the function's legacy block since the last call, as `w2 +10=1`. */
  block(): string[] {
    const seen = accessesIn(this.hostEvents).flatMap((access) => {
      const found = /^(\S+) \S+ BAR\d legacy(\S+)$/.exec(access);
      return found === null ? [] : [`${found[1]} ${found[2]}`];
    });
    this.hostEvents.length = 0;
    return seen;
  }

  /** The guest's interrupts since the last call. */
  interrupts(): string[] {
    const seen = interruptsIn(this.guestEvents);
    this.guestEvents.length = 0;
    return seen;
  }
}

/** A host with any function in it, its BARs assigned. */
export function hostWith(fn: PciFunction, options: Omit<MachineOptions, 'ram'> = {}): Machine {
  const machine = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }), ...options });
  machine.plug(fn, SLOT);
  runFirmware(machine);
  return machine;
}

export const named = (drafts: readonly Draft[]) => drafts.map((draft) => [draft.name, draft] as const);
