import { DmaDomain, functionAddress, type GuestMemory } from '../core/index.ts';
import { runFirmware } from '../driver/index.ts';
import { FileStorage } from '../hosts/node/index.ts';
import { isTranslated, presentLegacy, type WayName, wayNames, ways, waysOf } from '../mmr/index.ts';
import { Machine, type PciFunction } from '../pci/index.ts';
import { sampleDevice, sampleNames } from '../testing/devices.ts';
import {
  BlockDevice,
  blockDeviceType,
  type DeviceBehaviour,
  functionKindNames,
  functionKinds,
  NetworkDevice,
  networkDeviceType,
  Responder,
  virtioFunction,
  withType,
} from '../virtio/index.ts';
import { oneOf, UsageError } from './command.ts';
import { complain } from './output.ts';

/** The options by which the devices of a server are chosen. */
export const deviceOptions = {
  device: { type: 'string', multiple: true },
  window: { type: 'string' },
  image: { type: 'string' },
} as const;

interface DeviceChoice {
  readonly device?: string[] | undefined;
  readonly window?: string | undefined;
  readonly image?: string | undefined;
}

/** A device that somebody asked for. */
export interface ServedDevice {
  /** As it was asked for. */
  readonly name: string;
  readonly behaviour: DeviceBehaviour;
  /** The way to it, where one was named. */
  readonly window: string | undefined;
  /** The function that a driver sees. @param ram of the machine that it is for. */
  build(ram: GuestMemory): PciFunction;
  /** Gives back what is not memory. */
  close(): Promise<void>;
}

/** The guest's function in front of one that stands in a machine of its own, whose DMA reaches the guest's RAM. */
function presented(behaviour: DeviceBehaviour, way: WayName, ram: GuestMemory): PciFunction {
  if (!isTranslated(way)) return ways[way].build(behaviour).pci;
  const host = new Machine();
  const place = functionAddress(0, 4);
  host.plug(ways[way].build(behaviour).pci, place, new DmaDomain(ram));
  runFirmware(host);
  return presentLegacy(host, place, { way, types: withType(behaviour.type) }).pci;
}

/** A device with something behind it: a station that gives out addresses is at the other end of a network device's cable. */
const behaviourOf = (sample: string): DeviceBehaviour =>
  sample === networkDeviceType.name
    ? new NetworkDevice({ link: new Responder() })
    : sampleDevice(sample).behaviour;

/** What a device's function is: of a kind, or what a window leads to. @throws UsageError */
function builder(behaviour: DeviceBehaviour, kind: string | undefined, window: string | undefined) {
  const { type } = behaviour;
  if (window !== undefined) {
    if (kind !== undefined)
      throw new UsageError(`device '${type.name}:${kind}': --window says what it is already`);
    const way = oneOf('window', window, wayNames);
    const possible = waysOf(type);
    if (!possible.includes(way))
      throw new UsageError(
        `window '${way}' leads to no ${type.name}, which is modern only; wants ${possible.join(', ')}`,
      );
    return (ram: GuestMemory) => presented(behaviour, way, ram);
  }
  const modernOnly = type.transitionalId === null;
  const found = oneOf('kind', kind ?? (modernOnly ? 'modern' : 'transitional'), functionKindNames);
  if (modernOnly && functionKinds[found].legacy !== null)
    throw new UsageError(`no function of ${type.name} is ${found}: it is modern only`);
  return () => virtioFunction(behaviour, { kind: found }).pci;
}

/** Tells equal troubles once: a guest tries again and again. */
function once(tell: (line: string) => void): (error: Error) => void {
  const told = new Set<string>();
  return ({ message }) => {
    if (told.has(message)) return;
    told.add(message);
    tell(message);
  };
}

/**
 * The devices that options name, `TYPE[:KIND]` each, behind a window or as they are. An image belongs to the block device.
 * @throws UsageError, FileStorageError
 */
export async function devicesOf({ device = [], window, image }: DeviceChoice): Promise<ServedDevice[]> {
  const blocks = device.filter((name) => name.split(':')[0] === blockDeviceType.name);
  if (image !== undefined && blocks.length !== 1)
    throw new UsageError(`option '--image' belongs to one block device; there are ${blocks.length}`);
  const made: ServedDevice[] = [];
  for (const name of device) {
    const [type = '', kind, more] = name.split(':');
    if (more !== undefined) throw new UsageError(`device '${name}': wants TYPE[:KIND]`);
    const sample = oneOf('device', type, sampleNames);
    const storage =
      image === undefined || name !== blocks[0]
        ? null
        : await FileStorage.open(image, { onTrouble: once(complain) });
    const behaviour = storage === null ? behaviourOf(sample) : new BlockDevice({ storage });
    made.push({
      name,
      behaviour,
      window,
      build: builder(behaviour, kind, window),
      close: async () => storage?.close(),
    });
  }
  return made;
}
