import {
  type Bus,
  DmaDomain,
  type FunctionAddress,
  functionAddress,
  GuestMemory,
  VirtiolabError,
} from '../core/index.ts';
import {
  DmaMemory,
  type FoundFunction,
  findFunction,
  LegacyTransport,
  legacyAccess,
  runFirmware,
  type TransportOptions,
} from '../driver/index.ts';
import { Machine, type MachineOptions } from '../pci/index.ts';
import type { VirtioFunction } from '../virtio/index.ts';
import { HostedFunction } from './hosted-function.ts';
import type { PresentedFunction, PresentOptions } from './virtual-function.ts';
import type { HostFunction } from './ways.ts';

/** A DMA domain over other memory than the guest's: the function would read and write what is not its driver's. */
export class ForeignDomainError extends VirtiolabError {}

/** One of several functions, with a place or a domain of its own. */
export interface LabFunction {
  /** The function, or the owner of a virtual one. */
  readonly fn: HostFunction;
  /** Its place in the host, and that of the guest's function; by default 00:04.0 and the slots after it, in both. */
  readonly hostAddress?: FunctionAddress;
  readonly guestAddress?: FunctionAddress;
  /** What it may reach of the guest's RAM; by default all. */
  readonly domain?: DmaDomain;
  /** Of a virtual function: what its owner may reach of the host's; by default all. */
  readonly owners?: DmaDomain;
}

export interface TwoMachinesOptions extends PresentOptions {
  /** The guest's RAM; by default 64 MiB at 0. */
  readonly ram?: GuestMemory;
  readonly guest?: Omit<MachineOptions, 'ram'>;
  readonly host?: MachineOptions;
  /** Leaves the guest as it is before its firmware runs: its functions have no addresses then. */
  readonly guestFirmware?: boolean;
  /** What the translator works on, in place of the host's own bus. */
  readonly through?: (fn: HostedFunction) => Bus;
}

/** A function of the host, and what the guest is given in its place. */
export interface TranslatedFunction {
  readonly fn: VirtioFunction;
  readonly hosted: HostedFunction;
  readonly domain: DmaDomain;
  /** Of a virtual one its own, beside that of its owner. */
  readonly hostAddress: FunctionAddress;
  readonly guestAddress: FunctionAddress;
  readonly presented: PresentedFunction;
}

const DEFAULT_RAM_BYTES = 64 << 20;
const FIRST_SLOT = 4;

/**
 * A guest and its host: functions that stand in the host, do DMA to the guest's RAM, and are shown to the guest as ordinary
 * legacy ones by the translator.
 */
export class TwoMachines {
  readonly guest: Machine;
  readonly host: Machine;
  readonly functions: readonly TranslatedFunction[];

  constructor(guest: Machine, host: Machine, functions: readonly TranslatedFunction[]) {
    this.guest = guest;
    this.host = host;
    this.functions = functions;
  }

  /** The `nth` function as software finds it in the guest now, and in the host. */
  inGuest(nth = 0): FoundFunction {
    return findFunction(this.guest, this.functions[nth]!.guestAddress)!;
  }

  inHost(nth = 0): FoundFunction {
    return this.functions[nth]!.hosted.found;
  }

  /** A guest's driver takes the `nth` function, through the ports that the translator answers. */
  transport(nth = 0, options: TransportOptions = {}): LegacyTransport {
    const found = this.inGuest(nth);
    return new LegacyTransport(this.guest, found, legacyAccess(this.guest, found), options);
  }

  /** Memory for a driver in the guest: [start, end) of its RAM. */
  driverMemory(start = 0x100000, end?: number): DmaMemory {
    return new DmaMemory(this.guest.ram, start, end);
  }
}

const isRow = (fn: HostFunction | LabFunction): fn is LabFunction => !('pci' in fn);

/**
 * Sets a guest and a host up around one function or several: plugs them into the host with the guest's RAM as what their DMA
 * reaches, runs the host's firmware, presents each to the guest, and runs the guest's firmware. Of virtual functions the owners are
 * plugged in, and brought up in the host's RAM.
 * @throws ForeignDomainError for a domain over other memory; NotPresentableError, TranslatorError, ResourceError; what enabling virtual functions throws
 */
export function twoMachines(
  functions: HostFunction | readonly (HostFunction | LabFunction)[],
  options: TwoMachinesOptions = {},
): TwoMachines {
  const ram = options.ram ?? GuestMemory.allocate({ start: 0, length: DEFAULT_RAM_BYTES });
  const host = new Machine(options.host ?? {});
  const guest = new Machine({ ...options.guest, ram });
  const list = Array.isArray(functions) ? functions : [functions as HostFunction];
  const rows = list.map((each: HostFunction | LabFunction, i) => {
    const row = isRow(each) ? each : { fn: each };
    const slot = functionAddress(0, FIRST_SLOT + i);
    const { fn, domain = new DmaDomain(ram), hostAddress = slot, guestAddress = slot, owners } = row;
    if (domain.memory !== ram)
      throw new ForeignDomainError(
        `${fn.pci.name}: its domain is not over the guest's RAM, which its driver uses`,
      );
    return { guestAddress, hosted: new HostedFunction(host, fn, hostAddress, domain, owners) };
  });
  runFirmware(host);
  const memory = new DmaMemory(host.ram, 0);
  const translated = rows.map(({ hosted, guestAddress }) => {
    const presented = hosted.present(options, memory, options.through);
    guest.plug(presented.pci, guestAddress);
    const { fn, domain, found } = hosted;
    return { fn, hosted, domain, hostAddress: found.address, guestAddress, presented };
  });
  if (options.guestFirmware !== false) runFirmware(guest);
  return new TwoMachines(guest, host, translated);
}
