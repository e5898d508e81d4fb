import { type FunctionAddress, functionAddress } from '../core/index.ts';
import { type FoundFunction, runFirmware } from '../driver/index.ts';
import {
  bareCapabilityDraft,
  type Draft,
  draft2023,
  fixedVectorsDraft,
  mmrFunction,
  presentLegacy,
  type TranslatedWayName,
  translatedWayNames,
  ways,
} from '../mmr/index.ts';
import { Machine, type PciFunction } from '../pci/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  type DeviceTypeName,
  EntropyDevice,
  type FunctionKind,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  ScsiDevice,
  unplugged,
  type VirtioFunction,
  virtioFunction,
} from '../virtio/index.ts';

/** A function on the machine of {@link everyFunction}, as its firmware found it. */
export interface ShownFunction {
  readonly found: FoundFunction;
  /** How it was built. */
  readonly label: string;
  /** The draft by which its capabilities are read. */
  readonly draft: Draft;
}

interface Built {
  readonly label: string;
  readonly pci: PciFunction;
  readonly draft?: Draft;
}

const DISK_BYTES = 1 << 20;

/**
 * lspci takes the upper half of a 64-bit BAR for a BAR of its own when it reads a dump and the half is not 0: it then
 * shows a region that is not there.
 */
const BELOW_4_GIB = { start: 0xd0000000, end: 0xe0000000 };

/** Device types that can be built; a new one is a new line. */
const devices: Readonly<Record<DeviceTypeName, () => DeviceBehaviour>> = {
  network: () => new NetworkDevice({ link: unplugged }),
  block: () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(DISK_BYTES)) }),
  console: () => new ConsoleDevice(),
  entropy: () => new EntropyDevice(),
  balloon: () => new BalloonDevice(),
  scsi: () => new ScsiDevice(),
  p9: () => new P9Device({ server: new P9MemoryServer({}) }),
};

/** A function of a host's machine, as its guest is shown it. */
function presented({ pci }: VirtioFunction, way: TranslatedWayName): PciFunction {
  const host = new Machine();
  const place = functionAddress(0, 1);
  host.plug(pci, place);
  runFirmware(host);
  return presentLegacy(host, place, { way }).pci;
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

/** Every kind of function around one type of device. */
function allKindsOf(device: () => DeviceBehaviour): Built[] {
  const express = virtioFunction(device(), { kind: 'transitional', express: true, powerManagement: true });
  return [
    ...(['legacy', 'transitional', 'modern'] as const).map((kind) => conventional(device, kind)),
    { label: 'transitional, PCI Express, power management', pci: express.pci },
    ...[draft2023, fixedVectorsDraft, bareCapabilityDraft].map((draft) => mmr(device, draft)),
    { label: 'mmr-2023, in the modern BAR', pci: mmrFunction(device(), { placement: 'shared' }).pci },
    ...translatedWayNames.map((way) => ({
      label: `a guest's view, by way of ${way}`,
      pci: presented(ways[way].build(device()), way),
    })),
  ];
}

/** The kinds in which types differ by more than ids: all of them would be more than a bus has places. */
const mainKindsOf = (device: () => DeviceBehaviour): Built[] => [
  conventional(device, 'transitional'),
  conventional(device, 'modern'),
  mmr(device, draft2023),
];

/**
 * A machine with one function of every kind that this project builds around a block device, and the main ones around every
 * other type, brought up by its firmware.
 */
export function everyFunction(): { machine: Machine; functions: ShownFunction[] } {
  const machine = new Machine();
  const built = new Map<FunctionAddress, Built>();
  const { block, ...others } = devices;
  const all = [...allKindsOf(block), ...Object.values(others).flatMap(mainKindsOf)];
  for (const [index, each] of all.entries()) {
    const address = functionAddress(0, index + 1);
    machine.plug(each.pci, address);
    built.set(address, each);
  }
  const functions = runFirmware(machine, { prefetchable64: BELOW_4_GIB }).map((found) => {
    const { label = 'host bridge', draft = draft2023 } = built.get(found.address) ?? {};
    return { found, label, draft };
  });
  return { machine, functions };
}
