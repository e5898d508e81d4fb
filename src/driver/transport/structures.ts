import { type Bus, FOUR_GIB, lengthOf, type Register, type Width } from '../../core/index.ts';
import { capabilityId, EXTENDED_START, type0Header } from '../../pci/layout/index.ts';
import {
  commonConfig,
  NOTIFICATION_BYTES,
  notifyCapability,
  pciConfigCapability,
  sharedMemoryCapability,
  structureCapability,
  structureType,
  vendorDataCapability,
} from '../../virtio/layout/index.ts';
import { NoStructureError } from '../errors.ts';
import { assertPresent, type FoundFunction } from '../pci.ts';

/** Address, in I/O space or guest-physical, and length in bytes of a structure. */
export interface Structure {
  readonly space: 'memory' | 'io';
  readonly address: number;
  readonly length: number;
  /** Where its capability stands. */
  readonly capability: number;
}

/** The structures that a driver works with. */
export interface Structures {
  readonly common: Structure;
  readonly notify: Structure;
  /** Unit of queue_notify_off: 0 or an even power of two. */
  readonly notifyMultiplier: number;
  readonly isr: Structure;
  /** Null for a type without configuration. */
  readonly device: Structure | null;
}

type TypeName = keyof typeof structureType;

interface Demands {
  /** Bytes of the capability (PCI-CAP-15). */
  readonly capability: number;
  /** Bytes of the structure, at least (PCI-CAP-13), and what its offset is a multiple of. */
  readonly length: number;
  readonly alignment: number;
}

/** Bytes of the common configuration without which no queue can be set up; what follows came with features. */
const COMMON_BYTES = commonConfig.queueDeviceHigh.offset + commonConfig.queueDeviceHigh.width;
const plain = lengthOf(structureCapability);

/** What has to hold for a structure of each type to be used (PCI-COM-01, PCI-NOT-02, PCI-NOT-04, PCI-DEV-02). */
const demands = {
  common: { capability: plain, length: COMMON_BYTES, alignment: 4 },
  notify: { capability: lengthOf(notifyCapability), length: NOTIFICATION_BYTES, alignment: 2 },
  isr: { capability: plain, length: 1, alignment: 1 },
  device: { capability: plain, length: 1, alignment: 4 },
  pciConfig: { capability: lengthOf(pciConfigCapability), length: 0, alignment: 1 },
  sharedMemory: { capability: lengthOf(sharedMemoryCapability), length: 1, alignment: 1 },
} as const satisfies Partial<Record<TypeName, Demands>>;

/** Offsets of a function's virtio capabilities of one type, in list order; unknown types are passed over (PCI-CAP-07). */
function* capabilitiesOf(bus: Bus, fn: FoundFunction, type: number): Generator<number> {
  const at = structureCapability.structureType.offset;
  for (const { id, offset } of fn.capabilities)
    if (id === capabilityId.vendorSpecific && bus.configRead(fn.address, offset + at, 1) === type)
      yield offset;
}

/** Whether the function has any virtio capability: one without is a legacy device (LEG-DET-02, LEG-DET-03). */
export function hasStructures(bus: Bus, fn: FoundFunction): boolean {
  return Object.values(structureType).some((type) => !capabilitiesOf(bus, fn, type).next().done);
}

const reader = (bus: Bus, fn: FoundFunction, capability: number) => (register: Register) =>
  bus.configRead(fn.address, capability + register.offset, register.width as Width);

/** Where something stands in a BAR, or why it cannot be used there. */
function place(fn: FoundFunction, bar: number, offset: number, length: number) {
  // PCI-CAP-10.
  if (bar >= type0Header.bar.count) return `BAR ${bar} is reserved`;
  const found = fn.bars.find(({ index }) => index === bar);
  if (found === undefined) return `there is no BAR ${bar}`;
  if (found.address === 0) return `BAR ${bar} has no address`;
  if (offset + length > found.size) return `it ends beyond BAR ${bar}`;
  const space = found.kind === 'io' ? ('io' as const) : ('memory' as const);
  return { space, address: found.address + offset, length };
}

/** The structure that a capability points at, or why it cannot be used. */
function structureAt(bus: Bus, fn: FoundFunction, name: keyof typeof demands, capability: number) {
  const read = reader(bus, fn, capability);
  const wants: Demands = demands[name];
  const capabilityLength = read(structureCapability.capabilityLength);
  if (capabilityLength < wants.capability)
    return `the capability has ${capabilityLength} bytes, wants ${wants.capability}`;
  if (capability + wants.capability > EXTENDED_START) return 'the capability ends beyond its space';
  const [offset, length] = [read(structureCapability.offset), read(structureCapability.length)];
  if (length < wants.length) return `it has ${length} bytes, wants ${wants.length}`;
  if (offset % wants.alignment !== 0) return `offset ${offset} is no multiple of ${wants.alignment}`;
  const found = place(fn, read(structureCapability.bar), offset, length);
  return typeof found === 'string' ? found : { ...found, capability };
}

/** Takes the first usable structure of each type that is asked for, one after the other (PCI-CAP-08). */
class Chooser {
  readonly #bus: Bus;
  readonly #fn: FoundFunction;
  readonly #taken: { readonly name: string; readonly structure: Structure; readonly bytes: number }[] = [];

  constructor(bus: Bus, fn: FoundFunction) {
    this.#bus = bus;
    this.#fn = fn;
  }

  /** @param also says why a structure that is usable so far is not after all. */
  find(
    name: keyof typeof demands,
    also: (structure: Structure) => string | null = () => null,
  ): { readonly structure: Structure | null; readonly reasons: readonly string[] } {
    const reasons: string[] = [];
    for (const capability of capabilitiesOf(this.#bus, this.#fn, structureType[name])) {
      const structure = structureAt(this.#bus, this.#fn, name, capability);
      const why =
        typeof structure === 'string' ? structure : (this.#overlap(name, structure) ?? also(structure));
      if (why === null && typeof structure !== 'string') {
        this.#taken.push({ name, structure, bytes: demands[name].length });
        return { structure, reasons };
      }
      reasons.push(`that of the capability at 0x${capability.toString(16)}: ${why}`);
    }
    return { structure: null, reasons };
  }

  /** Only what every driver needs of a structure counts: any may be longer than what is in use of it (PCI-CAP-05). */
  #overlap(name: keyof typeof demands, { space, address }: Structure): string | null {
    const end = address + demands[name].length;
    const other = this.#taken.find(
      ({ structure, bytes }) =>
        structure.space === space && address < structure.address + bytes && structure.address < end,
    );
    return other === undefined ? null : `it overlaps the ${other.name} structure`;
  }

  /** @throws NoStructureError, FunctionGoneError */
  need(name: keyof typeof demands, also?: (structure: Structure) => string | null): Structure {
    const { structure, reasons } = this.find(name, also);
    if (structure !== null) return structure;
    assertPresent(this.#bus, this.#fn);
    throw new NoStructureError(name, reasons);
  }
}

/** PCI-NOT-03. */
const evenPower = (value: number) => value % 2 === 0 && Number.isInteger(Math.log2(value));

/**
 * The structures of a modern function: the first of each type that can be used. A capability or a structure that is too short,
 * misaligned, beyond its BAR or in none, one that overlaps another, or with a multiplier that cannot be, is passed over.
 * @throws NoStructureError, FunctionGoneError
 */
export function findStructures(bus: Bus, fn: FoundFunction): Structures {
  const chooser = new Chooser(bus, fn);
  const common = chooser.need('common');
  let notifyMultiplier = 0;
  const notify = chooser.need('notify', ({ capability }) => {
    notifyMultiplier = reader(bus, fn, capability)(notifyCapability.notifyOffMultiplier);
    return notifyMultiplier === 0 || evenPower(notifyMultiplier)
      ? null
      : `multiplier ${notifyMultiplier} is neither 0 nor an even power of two`;
  });
  const isr = chooser.need('isr');
  return { common, notify, notifyMultiplier, isr, device: chooser.find('device').structure };
}

/** The first usable structure of a type, by its number (PCI-CAP-08); null where there is none. */
export function findStructure(bus: Bus, fn: FoundFunction, type: number): Structure | null {
  const name = (Object.keys(demands) as (keyof typeof demands)[]).find(
    (each) => structureType[each] === type,
  );
  return name === undefined ? null : new Chooser(bus, fn).find(name).structure;
}

/** A structure as a driver gets at it, in whichever space it stands. Offsets in bytes from its start. */
export class StructureAccess {
  readonly length: number;
  readonly #bus: Bus;
  readonly #io: boolean;
  readonly #address: number;

  constructor(bus: Bus, structure: Structure) {
    this.#bus = bus;
    this.#io = structure.space === 'io';
    this.#address = structure.address;
    this.length = structure.length;
  }

  /** The whole register lies inside. */
  holds(offset: number, width: number): boolean {
    return offset >= 0 && offset + width <= this.length;
  }

  /** `offset` is a multiple of `alignment` in its space too. */
  aligned(offset: number, alignment: number): boolean {
    return (this.#address + offset) % alignment === 0;
  }

  read(offset: number, width: Width): number {
    const at = this.#address + offset;
    return this.#io ? this.#bus.ioRead(at, width) : this.#bus.memoryRead(at, width);
  }

  write(offset: number, width: Width, value: number): void {
    const at = this.#address + offset;
    if (this.#io) this.#bus.ioWrite(at, width, value);
    else this.#bus.memoryWrite(at, width, value);
  }
}

/** A function's shared memory regions by id; the first of an id counts (PCI-SHM-02). One in I/O space is no memory. */
export function sharedMemoryOf(bus: Bus, fn: FoundFunction): Map<number, Structure> {
  const regions = new Map<number, Structure>();
  for (const capability of capabilitiesOf(bus, fn, structureType.sharedMemory)) {
    const read = reader(bus, fn, capability);
    const { bar, capabilityLength, offset, offsetHigh, length, lengthHigh, id } = sharedMemoryCapability;
    if (read(capabilityLength) < demands.sharedMemory.capability) continue;
    const wide = (high: Register, low: Register) => read(high) * FOUR_GIB + read(low);
    const bytes = wide(lengthHigh, length);
    const found = place(fn, read(bar), wide(offsetHigh, offset), bytes);
    if (bytes < demands.sharedMemory.length || typeof found === 'string' || found.space === 'io') continue;
    if (!regions.has(read(id))) regions.set(read(id), { ...found, capability });
  }
  return regions;
}

/** What one vendor tells of a function, padding included: for reports, not for use (PCI-VND-06, PCI-VND-07). */
export function vendorDataOf(bus: Bus, fn: FoundFunction, vendorId: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  const header = lengthOf(vendorDataCapability);
  for (const capability of capabilitiesOf(bus, fn, structureType.vendor)) {
    const read = reader(bus, fn, capability);
    if (read(vendorDataCapability.vendorId) !== vendorId) continue;
    const length = Math.max(0, read(vendorDataCapability.capabilityLength) - header);
    const byte = (_: unknown, i: number) => bus.configRead(fn.address, capability + header + i, 1);
    found.push(Uint8Array.from({ length }, byte));
  }
  return found;
}
