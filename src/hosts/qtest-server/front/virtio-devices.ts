import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  EntropyDevice,
  NetworkDevice,
  P9Device,
  ScsiDevice,
  unplugged,
  VsockDevice,
} from '../../../virtio/index.ts';
import { nobody } from './chardevs.ts';
import { QemuOptionError } from './errors.ts';
import type { Nodes } from './nodes.ts';
import type { Properties } from './properties.ts';

/** A device of ours by QEMU's name, and what it gives others to be plugged into. */
export interface MadeDevice {
  readonly behaviour: DeviceBehaviour;
  /** The bus that it has for others: `vs0.0`. */
  readonly ports?: ConsoleDevice;
  readonly units?: ScsiBus;
  /** What the monitor works on. */
  readonly balloon?: BalloonDevice;
  readonly network?: NetworkDevice;
}

/** What a device that sits in another leaves by. */
export type Remove = () => void;

const TARGETS = 256;

/** A SCSI host as disks are added to it: without a number, each becomes a target of its own. */
export class ScsiBus {
  readonly host: ScsiDevice;
  readonly #taken = new Set<string>();

  constructor(host: ScsiDevice) {
    this.host = host;
  }

  /** @param target -1 for the first that has no such unit. @throws ScsiAddressError */
  add(unit: DiskUnit, target: number, lun: number): Remove {
    let at = Math.max(target, 0);
    while (target < 0 && at < TARGETS && this.#taken.has(`${at} ${lun}`)) at++;
    this.host.attachLun(at, lun, unit);
    this.#taken.add(`${at} ${lun}`);
    return () => {
      this.host.detachLun(at, lun);
      this.#taken.delete(`${at} ${lun}`);
    };
  }
}

/** Sectors and ranges of one discard, as QEMU has them where nothing is said. */
const SEGMENTS = { sectors: 0x3fffff, segments: 1 } as const;
const MOST_QUEUES = 64;
const DEFAULT_PORTS = 31;
const DEFAULT_MAC = '52:54:00:12:34:56';

function macOf(properties: Properties): Uint8Array {
  const text = properties.maybe('mac') ?? DEFAULT_MAC;
  if (!/^[\da-f]{2}(?::[\da-f]{2}){5}$/i.test(text)) properties.wrong('mac', `six bytes, as ${DEFAULT_MAC}`);
  return Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
}

function block(properties: Properties, { drives }: Nodes): MadeDevice {
  const drive = drives.of(properties, 'drive');
  const serial = properties.maybe('serial');
  const blockSize = properties.bytes('logical_block_size', 512);
  properties.ignore('physical_block_size', 'write-cache', 'bootindex', 'scsi', 'config-wce', 'share-rw');
  const behaviour = new BlockDevice({
    storage: drive.storage,
    queues: properties.number('num-queues', 1, 1, MOST_QUEUES),
    queueSize: properties.number('queue-size', 256, 2, 1024),
    ...(serial === undefined ? {} : { serial }),
    ...(blockSize === 512 ? {} : { blockSize }),
    ...(properties.flag('discard', true) ? { discard: SEGMENTS } : {}),
    ...(properties.flag('write-zeroes', true) ? { writeZeroes: SEGMENTS } : {}),
  });
  drive.onResize = () => behaviour.resize();
  return { behaviour };
}

function network(properties: Properties, { links }: Nodes): MadeDevice {
  const link = properties.maybe('netdev') === undefined ? undefined : links.of(properties, 'netdev');
  properties.ignore('vhost', 'mrg_rxbuf', 'bootindex');
  const behaviour = new NetworkDevice({
    link: link ?? unplugged,
    macAddress: macOf(properties),
    queueSize: properties.number('rx_queue_size', 256, 256, 1024),
  });
  return { behaviour, network: behaviour };
}

function serial(properties: Properties): MadeDevice {
  const ports = new ConsoleDevice({
    maxPorts: properties.number('max_ports', DEFAULT_PORTS, 1, DEFAULT_PORTS),
  });
  properties.ignore('emergency-write');
  return { behaviour: ports, ports };
}

function balloon(properties: Properties): MadeDevice {
  const behaviour = new BalloonDevice({
    statistics: true,
    deflateOnOutOfMemory: properties.flag('deflate-on-oom', false),
    freePageHints: properties.flag('free-page-hint', false),
    freePageReports: properties.flag('free-page-reporting', false),
    pagePoison: properties.flag('page-poison', true),
    // Queues of features that are not there take no number.
    numbering: 'contiguous',
  });
  return { behaviour, balloon: behaviour };
}

function scsi(properties: Properties): MadeDevice {
  const behaviour = new ScsiDevice({ requestQueues: properties.number('num_queues', 1, 1, MOST_QUEUES) });
  properties.ignore('iothread');
  return { behaviour, units: new ScsiBus(behaviour) };
}

function p9(properties: Properties, { fileSystems }: Nodes): MadeDevice {
  const server = fileSystems.of(properties, 'fsdev');
  return { behaviour: new P9Device({ server, mountTag: properties.text('mount_tag') }) };
}

function entropy(properties: Properties): MadeDevice {
  properties.ignore('rng', 'max-bytes', 'period');
  return { behaviour: new EntropyDevice() };
}

function vsock(properties: Properties): MadeDevice {
  return { behaviour: new VsockDevice({ guestCid: properties.number('guest-cid', 3, 3) }) };
}

/** Devices on the PCI bus, by QEMU's names without what says how a driver reaches them. */
export const virtioDevices: Readonly<Record<string, (properties: Properties, nodes: Nodes) => MadeDevice>> = {
  'virtio-blk-pci': block,
  'virtio-net-pci': network,
  'virtio-serial-pci': serial,
  'virtio-rng-pci': entropy,
  'virtio-balloon-pci': balloon,
  'virtio-scsi-pci': scsi,
  'virtio-9p-pci': p9,
  'vhost-vsock-pci': vsock,
};

/** A port of a console. @throws QemuOptionError */
export async function addConsolePort(
  properties: Properties,
  host: ConsoleDevice,
  nodes: Nodes,
): Promise<Remove> {
  const driver = properties.text('driver');
  const chardev = properties.maybe('chardev') === undefined ? null : nodes.chardevs.of(properties, 'chardev');
  const console = driver === 'virtconsole';
  const name = properties.maybe('name');
  const number = properties.number('nr', -1);
  properties.finish();
  const backend = chardev === null ? nobody(false) : await chardev.console();
  const numbered = number < 0 ? {} : { number };
  try {
    const port = host.addPort({ backend, console, ...numbered, ...(name === undefined ? {} : { name }) });
    return () => host.removePort(port.number);
  } catch (error) {
    throw new QemuOptionError(properties.owner, (error as Error).message);
  }
}

/** A disk of a SCSI host. @throws QemuOptionError */
export function addDisk(properties: Properties, bus: ScsiBus, nodes: Nodes): Remove {
  const drive = nodes.drives.of(properties, 'drive');
  const serial = properties.maybe('serial');
  const wanted = properties.number('scsi-id', -1, 0, 255);
  const lun = properties.number('lun', 0, 0, 16383);
  const blockBytes = properties.bytes('logical_block_size', 512);
  properties.ignore('channel', 'physical_block_size', 'write-cache', 'bootindex', 'share-rw');
  if (blockBytes !== 512 && blockBytes !== 4096) properties.wrong('logical_block_size', '512 or 4096');
  properties.finish();
  const unit = new DiskUnit({
    storage: drive.storage,
    blockBytes,
    vendor: 'QEMU',
    product: 'QEMU HARDDISK',
    ...(serial === undefined ? {} : { serial }),
  });
  try {
    const remove = bus.add(unit, wanted, lun);
    drive.onResize = () => unit.capacityChanged();
    return remove;
  } catch (error) {
    throw new QemuOptionError(properties.owner, (error as Error).message);
  }
}
