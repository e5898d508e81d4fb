import type { Hands } from '../conformance/device/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  EntropyDevice,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  type NetworkPort,
  P9Device,
  P9MemoryServer,
  RtcDevice,
  ScsiDevice,
  SeededEntropy,
  VsockDevice,
} from '../virtio/index.ts';

/** A device of ours, and what can be done to it from its own side. */
export interface SampleDevice {
  readonly behaviour: DeviceBehaviour;
  readonly hands: Hands;
}

const DISK_BYTES = 64 * 512;

function block(): SampleDevice {
  // Each sector begins with its number.
  const storage = new MemoryStorage(new Uint8Array(DISK_BYTES).map((_, i) => (i % 512 === 0 ? i >> 9 : 0)));
  const behaviour = new BlockDevice({ storage, serial: 'virtiolab', queues: 2 });
  const changeConfig = () => {
    storage.resize(storage.length + 512);
    behaviour.resize();
  };
  return { behaviour, hands: { changeConfig } };
}

function network(): SampleDevice {
  let port: NetworkPort | null = null;
  const link = {
    offloads: true,
    attach: (its: NetworkPort) => {
      port = its;
    },
    transmit: () => {},
  };
  const behaviour = new NetworkDevice({ link });
  return {
    behaviour,
    hands: {
      changeConfig: () => behaviour.setLink(!behaviour.linkUp),
      receiveFrame: (frame) => void port?.receive(frame, 0, frame.length, null),
    },
  };
}

function console(): SampleDevice {
  const backend = new MemoryConsole();
  const behaviour = new ConsoleDevice({
    ports: [{ backend, size: { columns: 80, rows: 25 } }],
    offersSize: true,
  });
  let rows = 25;
  return {
    behaviour,
    hands: {
      changeConfig: () => backend.resize({ columns: 80, rows: ++rows }),
      receiveText: (bytes) => void backend.send(bytes),
    },
  };
}

function balloon(): SampleDevice {
  const behaviour = new BalloonDevice({ statistics: true });
  let pages = 0;
  return { behaviour, hands: { changeConfig: () => behaviour.setTarget(++pages) } };
}

function scsi(): SampleDevice {
  const storage = new MemoryStorage(new Uint8Array(DISK_BYTES));
  const unit = new DiskUnit({ storage, serial: 'virtiolab' });
  return { behaviour: new ScsiDevice({ units: [{ target: 0, lun: 0, unit }] }), hands: {} };
}

function p9(): SampleDevice {
  const server = new P9MemoryServer({ greeting: new TextEncoder().encode('hello\n') });
  return { behaviour: new P9Device({ server, mountTag: 'virtiolab' }), hands: {} };
}

const samples: Readonly<Record<string, () => SampleDevice>> = {
  network,
  block,
  console,
  entropy: () => ({ behaviour: new EntropyDevice({ source: new SeededEntropy(0x1234567) }), hands: {} }),
  balloon,
  scsi,
  p9,
  rtc: () => ({ behaviour: new RtcDevice(), hands: {} }),
  vsock: () => ({ behaviour: new VsockDevice(), hands: {} }),
};

/** Names of the types that there is a sample of. */
export const sampleNames: readonly string[] = Object.keys(samples);

/** A device of a type, with something behind it. @param name one of {@link sampleNames}. */
export const sampleDevice = (name: string): SampleDevice => samples[name]!();
