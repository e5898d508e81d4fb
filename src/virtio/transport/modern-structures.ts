import { type BusTarget, lengthOf, OptionError } from '../../core/index.ts';
import { type BarIndex, type BarRegion, capabilityId, type PciFunction } from '../../pci/index.ts';
import type { VirtioDevice } from '../device.ts';
import { commonConfig, notifyCapability, structureCapability, structureType } from '../layout/index.ts';
import { COMMON_BYTES, CommonConfigWindow } from './common-config.ts';
import { DeviceConfigWindow } from './device-config.ts';
import type { VirtioInterrupts } from './interrupts.ts';
import { IsrWindow } from './isr.ts';
import { NOTIFY_MULTIPLIER, NotifyWindow } from './notify.ts';

/** Which BAR of the function a structure stands in: the memory BAR, or an I/O BAR beside it. */
export type StructurePlace = 'memory' | 'io';
const structureNames = ['common', 'isr', 'device', 'notify'] as const;
export type StructureName = (typeof structureNames)[number];

/**
 * Where each structure of the modern window stands, the preferred place first (PCI-CAP-03, PCI-CAP-17); in memory where
 * nothing is said. `{ notify: ['io', 'memory'] }` offers both places for kicks, and ports before memory.
 */
export type StructurePlaces = { readonly [N in StructureName]?: readonly StructurePlace[] };

/** A structure that there is not, or that stands nowhere, twice in one place, or in a place that there is not. */
export class StructurePlaceError extends OptionError {
  constructor(name: string, places: unknown) {
    super(`place of structure ${name}`, JSON.stringify(places), '"memory", "io" or both, each once');
  }
}

/** Bytes from one structure to the next in memory: one page each, so that each can be mapped alone. */
const STRUCTURE_BYTES = 0x1000;

/** Ports are few: a structure takes what its registers take, and one kick register serves all queues (multiplier 0). */
const ISR_PORTS = 4;
const NOTIFY_PORTS = 4;
const IO_ALIGNMENT = 4;

const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit;

interface Stand {
  readonly target: BusTarget;
  readonly length: number;
  readonly notifyOffMultiplier?: number;
}

interface Structure {
  readonly name: StructureName;
  readonly type: number;
  readonly memory: Stand;
  readonly io: Stand;
}

/** What a capability needs of the parts of a function. */
interface Parts {
  readonly pci: PciFunction;
  readonly device: VirtioDevice;
  readonly interrupts: VirtioInterrupts;
}

/** The structures in the order of their capabilities. Both stands of one share its state. */
function structuresOf({ device, interrupts, pci }: Parts): Structure[] {
  const common = new CommonConfigWindow(device, interrupts);
  pci.parts.set('common', common);
  const isr = new IsrWindow(interrupts);
  const config = new DeviceConfigWindow(device);
  const configPorts = Math.max(IO_ALIGNMENT, roundUp(device.config.length, IO_ALIGNMENT));
  const notifyBytes = Math.max(STRUCTURE_BYTES, device.queueCount * NOTIFY_MULTIPLIER);
  return [
    {
      name: 'common',
      type: structureType.common,
      memory: { target: common, length: COMMON_BYTES },
      io: { target: common, length: lengthOf(commonConfig) },
    },
    {
      name: 'isr',
      type: structureType.isr,
      memory: { target: isr, length: STRUCTURE_BYTES },
      io: { target: isr, length: ISR_PORTS },
    },
    {
      name: 'device',
      type: structureType.device,
      memory: { target: config, length: STRUCTURE_BYTES },
      io: { target: config, length: configPorts },
    },
    {
      name: 'notify',
      type: structureType.notify,
      memory: {
        target: new NotifyWindow(device, NOTIFY_MULTIPLIER),
        length: notifyBytes,
        notifyOffMultiplier: NOTIFY_MULTIPLIER,
      },
      io: { target: new NotifyWindow(device, 0), length: NOTIFY_PORTS, notifyOffMultiplier: 0 },
    },
  ];
}

/** @throws StructurePlaceError */
function placesOf(name: StructureName, places: StructurePlaces): readonly StructurePlace[] {
  const wanted = places[name] ?? ['memory'];
  const known =
    structureNames.includes(name) && wanted.every((place) => place === 'memory' || place === 'io');
  if (!known || wanted.length === 0 || new Set(wanted).size !== wanted.length)
    throw new StructurePlaceError(name, wanted);
  return wanted;
}

/**
 * Lays the modern structures out in two BARs, to be added by the caller, and adds the capabilities that lead to them.
 * @throws StructurePlaceError
 */
export function addModernStructures(
  parts: Parts,
  bars: { readonly [P in StructurePlace]: BarIndex },
  places: StructurePlaces,
): { readonly [P in StructurePlace]: BarRegion[] } {
  for (const name of Object.keys(places)) placesOf(name as StructureName, places);
  const regions = { memory: [] as BarRegion[], io: [] as BarRegion[] };
  const ends = { memory: 0, io: 0 };
  for (const structure of structuresOf(parts))
    for (const place of placesOf(structure.name, places)) {
      const { target, length, notifyOffMultiplier } = structure[place];
      const offset = roundUp(ends[place], place === 'io' ? IO_ALIGNMENT : STRUCTURE_BYTES);
      regions[place].push({ name: structure.name, offset, length, target });
      ends[place] = offset + length;
      const map = notifyOffMultiplier === undefined ? structureCapability : notifyCapability;
      parts.pci.capabilities.add(capabilityId.vendorSpecific, map, {
        capabilityLength: lengthOf(map),
        structureType: structure.type,
        bar: bars[place],
        offset,
        length,
        ...(notifyOffMultiplier === undefined ? {} : { notifyOffMultiplier }),
      });
    }
  return regions;
}
