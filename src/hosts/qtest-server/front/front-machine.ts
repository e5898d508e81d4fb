import { functionAddress, type GuestMemory } from '../../../core/index.ts';
import { type PciFunction, PlaceError, RAM_PRIORITY } from '../../../pci/index.ts';
import {
  defaultTransportFeatures,
  type FunctionKind,
  feature,
  ModernOnlyTypeError,
  virtioFunction,
} from '../../../virtio/index.ts';
import { QtestMachine } from '../machine.ts';
import { QemuOptionError } from './errors.ts';
import { Named } from './named.ts';
import type { Nodes } from './nodes.ts';
import type { Properties } from './properties.ts';
import { UnplugPorts } from './unplug-ports.ts';
import { addConsolePort, addDisk, type MadeDevice, type Remove, virtioDevices } from './virtio-devices.ts';

/** A device that is there, by the id that it was given, or by one of ours. */
interface Plugged {
  readonly id: string;
  /** Null for what sits in another device. */
  readonly pci: { readonly fn: PciFunction; readonly device: number } | null;
  readonly remove: Remove;
  /** Somebody wants it out, and its driver has to let it go. */
  leaving: boolean;
}

/** Devices that sit in others. */
const PORTS: readonly string[] = ['virtconsole', 'virtserialport'];
const DISKS: readonly string[] = ['scsi-hd'];

const SUFFIX = /-(non-transitional|transitional)$/;
const FIRST_DEVICE = 2;
const DEVICES = 32;

/** Names of all devices that can be asked for. */
export const deviceNames: readonly string[] = [
  ...Object.keys(virtioDevices).flatMap((name) => [name, `${name}-transitional`, `${name}-non-transitional`]),
  ...PORTS,
  ...DISKS,
];

/** A `pc` to which devices are added as QEMU's command line and monitor do. */
export class FrontMachine extends QtestMachine {
  readonly #nodes: Nodes;
  readonly #plugged = new Map<string, Plugged>();
  readonly #hosts = new Named<MadeDevice>('bus');
  #unnamed = 0;
  /** Told of a device that is gone. */
  onRemoved: (id: string) => void = () => {};
  /** Told of a reset that the monitor did not ask for. */
  onReset: () => void = () => {};

  constructor(ram: GuestMemory, nodes: Nodes) {
    super(ram);
    this.#nodes = nodes;
    this.bus.onReset = () => {
      this.#eject(null);
      this.onReset();
    };
    this.bus.io.map({
      ...new UnplugPorts((device) => this.#eject(device)).mapping,
      priority: RAM_PRIORITY,
    });
  }

  /** What sits on the PCI bus. */
  get hosts(): Iterable<MadeDevice> {
    return this.#hosts.values();
  }

  /** @returns undefined where there is none of that id. */
  host(id: string): MadeDevice | undefined {
    return this.#hosts.get(`${id}.0`);
  }

  get nodes(): Nodes {
    return this.#nodes;
  }

  /** `-device DRIVER,id=,...`. @throws QemuOptionError, SocketError */
  async add(properties: Properties): Promise<void> {
    const driver = properties.text('driver');
    const id = properties.maybe('id') ?? `#${this.#unnamed++}`;
    if (this.#plugged.has(id))
      throw new QemuOptionError(properties.owner, `there is a device '${id}' already`);
    if (PORTS.includes(driver)) {
      const host = this.#hostOf(properties, ({ ports }) => ports, 'virtio-serial-pci');
      this.#keep(id, null, await addConsolePort(properties, host, this.#nodes));
    } else if (DISKS.includes(driver)) {
      const host = this.#hostOf(properties, ({ units }) => units, 'virtio-scsi-pci');
      this.#keep(id, null, addDisk(properties, host, this.#nodes));
    } else this.#addFunction(id, driver, properties);
  }

  #keep(id: string, pci: Plugged['pci'], remove: Remove): void {
    this.#plugged.set(id, { id, pci, remove, leaving: false });
  }

  /** What a device sits in: the bus that it names, or the last that takes it. */
  #hostOf<T>(properties: Properties, of: (made: MadeDevice) => T | undefined, wants: string): T {
    const named = properties.maybe('bus') !== undefined;
    const hosts = named ? [this.#hosts.of(properties, 'bus')] : [...this.#hosts.values()];
    const found = hosts.map(of).findLast((each) => each !== undefined);
    if (found === undefined) throw new QemuOptionError(properties.owner, `wants a ${wants} before it`);
    return found;
  }

  #addFunction(id: string, driver: string, properties: Properties): void {
    const suffix = SUFFIX.exec(driver);
    const make = virtioDevices[driver.replace(SUFFIX, '')];
    if (make === undefined)
      throw new QemuOptionError(properties.owner, `no such device here; there are ${deviceNames.join(', ')}`);
    const kind = kindOf(properties, suffix?.[1]);
    const transportFeatures = featuresOf(properties);
    const vectors =
      properties.maybe('vectors') === undefined ? {} : { vectors: properties.number('vectors', 0, 0, 2048) };
    if ((properties.maybe('bus') ?? 'pci.0') !== 'pci.0') properties.wrong('bus', 'pci.0');
    const address = this.#addressOf(properties);
    const made = make(properties, this.#nodes);
    properties.ignore('ioeventfd', 'romfile', 'multifunction', 'iommu_platform', 'any_layout', 'rombar');
    properties.finish();
    const { pci } = ours(properties, () =>
      virtioFunction(made.behaviour, { kind, transportFeatures, ...vectors }),
    );
    ours(properties, () => this.bus.plug(pci, address));
    this.#hosts.add(properties.owner, `${id}.0`, made);
    this.#keep(id, { fn: pci, device: address >> 3 }, () => {
      this.bus.board.unplug(pci);
      this.#hosts.remove(`${id}.0`);
    });
  }

  /** `4`, `04.0`: hexadecimal digits, as QEMU has them; else the first free place. */
  #addressOf(properties: Properties): number {
    const text = properties.maybe('addr');
    if (text === undefined) {
      for (let device = FIRST_DEVICE; device < DEVICES; device++)
        if (this.bus.board.at(functionAddress(0, device)) === undefined) return functionAddress(0, device);
      throw new QemuOptionError(properties.owner, 'the bus has no free place');
    }
    const [, device = '', fn = '0'] = /^(?:0x)?([\da-f]{1,2})(?:\.([0-7]))?$/i.exec(text) ?? [];
    const number = Number.parseInt(device, 16);
    return number < DEVICES
      ? functionAddress(0, number, Number(fn))
      : properties.wrong('addr', '00.0 to 1f.7');
  }

  /** `device_del`: what sits in another leaves at once, what sits on the PCI bus when its driver lets it. @throws QemuOptionError */
  remove(id: string): void {
    const found = this.#plugged.get(id);
    if (found === undefined) throw new QemuOptionError('device_del', `Device '${id}' not found`);
    if (found.pci === null) this.#take(found);
    else found.leaving = true;
  }

  #take(each: Plugged): void {
    each.remove();
    this.#plugged.delete(each.id);
    this.onRemoved(each.id);
  }

  /** Who waits to leave a slot does; all others stay. */
  #eject(device: number | null): void {
    for (const each of [...this.#plugged.values()])
      if (each.leaving && (device === null || each.pci?.device === device)) this.#take(each);
  }

  /** A reset lets go whoever wants to leave. */
  reset(): void {
    this.bus.reset();
    this.#eject(null);
  }
}

/** What our own classes refuse is an option that makes no sense. */
function ours<T>(properties: Properties, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof PlaceError || error instanceof ModernOnlyTypeError)
      throw new QemuOptionError(properties.owner, error.message);
    throw error;
  }
}

function kindOf(properties: Properties, suffix: string | undefined): FunctionKind {
  const auto = properties.maybe('disable-legacy') === 'auto';
  const legacy = suffix !== 'non-transitional' && (auto || !properties.flag('disable-legacy', false));
  const modern = !properties.flag('disable-modern', false);
  if (!legacy && !modern)
    throw new QemuOptionError(properties.owner, 'neither legacy nor modern: wants one of both');
  return legacy ? (modern ? 'transitional' : 'legacy') : 'modern';
}

/** Ring features that are offered, by QEMU's names for them. */
function featuresOf(properties: Properties): number[] {
  const switched: readonly (readonly [name: string, bit: number, otherwise: boolean])[] = [
    ['indirect_desc', feature.ringIndirectDescriptors, true],
    ['event_idx', feature.ringEventIndex, true],
    ['packed', feature.ringPacked, false],
    ['in_order', feature.inOrder, false],
    ['queue_reset', feature.ringReset, true],
  ];
  const off = new Set(
    switched.filter(([name, , otherwise]) => !properties.flag(name, otherwise)).map(([, bit]) => bit),
  );
  return [...new Set([...defaultTransportFeatures, ...switched.map(([, bit]) => bit)])].filter(
    (bit) => !off.has(bit),
  );
}
