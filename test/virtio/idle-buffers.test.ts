import { describe, expect, it } from 'vitest';
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
  P9Device,
  P9MemoryServer,
  RtcDevice,
  ScsiDevice,
  unplugged,
  VsockDevice,
  virtioFunction,
} from '../../src/virtio/index.ts';

const BYTES = 4096;
const DEVICES = 40;
const storage = new MemoryStorage(new Uint8Array(1 << 20));
const server = new P9MemoryServer({});
const terminal = new MemoryConsole();

const idle: Readonly<Record<string, () => DeviceBehaviour>> = {
  balloon: () => new BalloonDevice(),
  block: () => new BlockDevice({ storage }),
  console: () => new ConsoleDevice({ ports: [{ backend: terminal }] }),
  entropy: () => new EntropyDevice(),
  network: () => new NetworkDevice({ link: unplugged }),
  p9: () => new P9Device({ server }),
  rtc: () => new RtcDevice(),
  scsi: () => new ScsiDevice({ units: [{ target: 0, lun: 0, unit: new DiskUnit({ storage }) }] }),
  vsock: () => new VsockDevice(),
};

/*
 * Bytes of arrays are counted by the engine when they are made: as long as the devices are held, what they have is in the
 * difference.
 */
describe('a device that does nothing has no buffers', () => {
  it.each(Object.entries(idle))('%s', (_, make) => {
    const build = () => {
      const behaviour = make();
      const kind = behaviour.type.transitionalId === null ? 'modern' : 'transitional';
      return virtioFunction(behaviour, { kind });
    };
    build();
    const before = process.memoryUsage().arrayBuffers;
    const held = Array.from({ length: DEVICES }, build);
    const bytes = (process.memoryUsage().arrayBuffers - before) / held.length;
    expect(bytes).toBeLessThanOrEqual(BYTES);
  });
});
