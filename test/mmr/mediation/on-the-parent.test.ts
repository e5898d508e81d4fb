import { describe, expect, it } from 'vitest';
import { GuestMemory } from '../../../src/core/index.ts';
import {
  BlockDriver,
  ConsoleDriver,
  DeviceFailedError,
  DmaMemory,
  EntropyDriver,
  NetworkDriver,
} from '../../../src/driver/index.ts';
import { VdpaTransport } from '../../../src/mmr/mediation/vdpa-transport.ts';
import { Machine } from '../../../src/pci/index.ts';
import {
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  EntropyDevice,
  feature,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  type NetworkLink,
  SeededEntropy,
  VdpaParent,
  type VdpaParentOptions,
} from '../../../src/virtio/index.ts';

const RAM_BYTES = 4 << 20;

/** A parent whose memory is mapped, and a driver's way to it. */
function open(behaviour: DeviceBehaviour, options: VdpaParentOptions = {}) {
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const parent = new VdpaParent(behaviour, ram, options);
  parent.map(0, RAM_BYTES);
  const transport = new VdpaTransport(new Machine({}), parent, { patience: 50 });
  return { parent, transport, memory: new DmaMemory(ram, 0x100000) };
}

const everyRing = [
  { name: 'split', transportFeatures: [feature.ringIndirectDescriptors, feature.ringEventIndex] },
  { name: 'packed', transportFeatures: [feature.ringPacked] },
];

describe.each(everyRing)('a driver of the host on a parent, $name rings', ({ transportFeatures }) => {
  const ringFeatures = transportFeatures;

  it('writes a disk and reads it back', async () => {
    const bytes = new Uint8Array(64 * 512);
    const { transport, memory } = open(new BlockDevice({ storage: new MemoryStorage(bytes) }), {
      transportFeatures,
    });
    const driver = new BlockDriver(transport, memory, { ringFeatures });
    const data = Uint8Array.from({ length: 1024 }, (_, i) => i * 7);
    await driver.write(3, data);
    expect(bytes.subarray(3 * 512, 5 * 512)).toEqual(data);
    expect(await driver.read(3, 2)).toEqual(data);
    driver.close();
  });

  it('sends frames, and gets them', async () => {
    const sent: Uint8Array[] = [];
    const frames: Uint8Array[] = [];
    const link: NetworkLink = {
      offloads: false,
      attach: () => {},
      transmit: (bytes, offset, length) => {
        sent.push(bytes.slice(offset, offset + length));
      },
    };
    const device = new NetworkDevice({ link });
    const { transport, memory } = open(device, { transportFeatures });
    const driver = new NetworkDriver(transport, memory, {
      ringFeatures,
      onFrame: (frame) => frames.push(frame),
    });
    const frame = Uint8Array.from({ length: 80 }, (_, i) => (i < 6 ? 0xff : i));
    await driver.send(frame);
    device.receive(frame, 0, frame.length, null);
    expect(sent).toEqual([frame]);
    expect(frames).toEqual([frame]);
    driver.close();
  });

  it('reads random bytes and writes to a console', async () => {
    const { transport, memory } = open(new EntropyDevice({ source: new SeededEntropy(7) }), {
      transportFeatures,
    });
    const entropy = new EntropyDriver(transport, memory, { ringFeatures });
    const wanted = new Uint8Array(32);
    new SeededEntropy(7).fill(wanted);
    expect(await entropy.read(32)).toEqual(wanted);
    const backend = new MemoryConsole();
    const other = open(new ConsoleDevice({ ports: [{ backend }] }), { transportFeatures });
    const console = new ConsoleDriver(other.transport, other.memory);
    await console.ports.get(0)!.write(new TextEncoder().encode('hello'));
    expect(new TextDecoder().decode(backend.take())).toBe('hello');
  });
});

describe('what a driver of the host sees of a refusal', () => {
  it('is a device that failed, with the number that Linux gives', () => {
    const { transport, memory } = open(new EntropyDevice());
    transport.writeFeatures = function writeFeatures(words) {
      // Without ACCESS_PLATFORM, which today's parents want.
      VdpaTransport.prototype.writeFeatures.call(this, Uint32Array.of(words[0]!, 1, 0, 0));
    };
    expect(() => new EntropyDriver(transport, memory)).toThrow(DeviceFailedError);
    expect(() => new EntropyDriver(transport, memory)).toThrow('set_features 0x130000000: EINVAL');
  });
});
