import { DmaDomain, functionAddress } from '../core/index.ts';
import { type FoundFunction, runFirmware } from '../driver/index.ts';
import {
  bareCapabilityDraft,
  type Draft,
  draft2023,
  fixedVectorsDraft,
  HostedFunction,
  type HostFunction,
  hasMmrId,
  mmrFunction,
  type TranslatedWayName,
  translatedWayNames,
  ways,
} from '../mmr/index.ts';
import { Machine, type PciFunction } from '../pci/index.ts';
import {
  type DeviceBehaviour,
  type DeviceType,
  deviceTypes,
  type FunctionKind,
  type FunctionShape,
  functionKindNames,
  functionKinds,
  virtioFunction,
} from '../virtio/index.ts';
import { type BridgeLayout, bridgeLayouts } from './bridge-layouts.ts';
import { blockDemo } from './demos/block.ts';
import type { DeviceDemo } from './demos/device-demo.ts';
import { deviceDemos } from './demos/index.ts';

/** A function on the machine of {@link everyFunction}, as its firmware found it. */
export interface ShownFunction {
  readonly found: FoundFunction;
  /** How it was built. */
  readonly label: string;
  /** The draft by which its capabilities are read. */
  readonly draft: Draft;
}

/** A machine that its firmware has brought up, with functions to be shown. */
export interface EveryFunction {
  readonly machine: Machine;
  readonly functions: readonly ShownFunction[];
  readonly types: readonly DeviceType[];
}

interface Built {
  readonly label: string;
  readonly pci: PciFunction;
  readonly draft?: Draft;
}

/**
 * lspci takes the upper half of a 64-bit BAR for a BAR of its own when it reads a dump and the half is not 0: it then
 * shows a region that is not there.
 */
export const BELOW_4_GIB = { start: 0xd0000000, end: 0xe0000000 };

/** Enough ports for the windows of many bridges: each takes 4 KiB. */
const PORTS = { start: 0x1000, end: 0x10000 };

/** A function of a host's machine, as its guest is shown it. */
function presented(made: HostFunction, way: TranslatedWayName): PciFunction {
  const host = new Machine();
  const hosted = new HostedFunction(host, made, functionAddress(0, 1), new DmaDomain(host.ram));
  runFirmware(host);
  return hosted.present({ way }).pci;
}

const mmr = (device: () => DeviceBehaviour, draft: Draft): Built => ({
  label: `${draft.name}, a BAR of its own`,
  draft,
  pci: mmrFunction(device(), { draft, placement: 'own' }).pci,
});

const conventional = (device: () => DeviceBehaviour, kind: FunctionKind): Built => ({
  label: kind,
  pci: virtioFunction(device(), { kind }).pci,
});

const lawful = functionKindNames.filter((kind) => functionKinds[kind].breaks === null);
const unlawful = functionKindNames.filter((kind) => functionKinds[kind].breaks !== null);

/** Every kind of function around one type of device, last those that the specification forbids. */
function allKindsOf(device: () => DeviceBehaviour): Built[] {
  const express = virtioFunction(device(), { kind: 'transitional', express: true, powerManagement: true });
  return [
    ...lawful.map((kind) => conventional(device, kind)),
    { label: 'transitional, PCI Express, power management', pci: express.pci },
    ...[draft2023, fixedVectorsDraft, bareCapabilityDraft].map((draft) => mmr(device, draft)),
    { label: 'mmr-2023, in the modern BAR', pci: mmrFunction(device(), { placement: 'shared' }).pci },
    ...translatedWayNames.map((way) => ({
      label: `a guest's view, by way of ${way}`,
      pci: presented(ways[way].build(device()), way),
    })),
    ...unlawful.map((kind) => conventional(device, kind)),
  ];
}

/**
 * The kinds in which types differ by more than ids: all of them would be more than a bus has places. A type without the id
 * of a kind cannot be of it.
 */
function mainKindsOf({ type, sample }: DeviceDemo): Built[] {
  return [
    ...(type.transitionalId === null ? [] : [conventional(sample, 'transitional')]),
    conventional(sample, 'modern'),
    ...(hasMmrId(type, draft2023) ? [mmr(sample, draft2023)] : []),
  ];
}

/** A function of each kind around a block device, in a shape of somebody's choice. @throws what `virtioFunction` throws */
const shapedFunctions = (shape: FunctionShape): Built[] =>
  functionKindNames.map((kind) => ({
    label: kind,
    pci: virtioFunction(blockDemo.sample(), { kind, shape }).pci,
  }));

/** Every kind of function around a block device, then the main ones of the other types by their numbers. */
function ownFunctions(): Built[] {
  const others = deviceDemos.filter((each) => each !== blockDemo);
  others.sort((a, b) => a.type.typeNumber - b.type.typeNumber);
  return [...allKindsOf(blockDemo.sample), ...others.flatMap(mainKindsOf)];
}

/**
 * A machine with one function of every kind that this project builds around a block device, and the main ones around every
 * other type, brought up by its firmware.
 * @param outside device types from outside; where there are any, a machine with the main kinds of function of those.
 * @param layout the bridges that they stand behind.
 * @param shape of functions; where there is one, a machine with functions of that shape around a block device.
 * @throws what `virtioFunction` throws of a shape that cannot be.
 */
export function everyFunction(
  outside: readonly DeviceDemo[] = [],
  layout: BridgeLayout = 'none',
  shape: FunctionShape | null = null,
): EveryFunction {
  const machine = new Machine();
  const places = bridgeLayouts[layout](machine);
  const own = () => (shape === null ? ownFunctions() : shapedFunctions(shape));
  const all = outside.length > 0 ? outside.flatMap(mainKindsOf) : own();
  for (const each of all) machine.plug(each.pci, places.next().value!);
  const io = layout === 'none' ? {} : { io: PORTS };
  const functions = runFirmware(machine, { prefetchable64: BELOW_4_GIB, ...io }).map((found) => {
    const pci = machine.functions.get(found.address)!;
    const { label = pci.bridge?.kind ?? 'host bridge', draft = draft2023 } =
      all.find((each) => each.pci === pci) ?? {};
    return { found, label, draft };
  });
  return { machine, functions, types: [...outside.map(({ type }) => type), ...deviceTypes] };
}
