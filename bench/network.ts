import { DmaDomain, functionAddress, GuestMemory } from '../src/core/index.ts';
import { findFunction, ModernTransport, runFirmware } from '../src/driver/index.ts';
import { Machine } from '../src/pci/index.ts';
import {
  deviceStatus,
  feature,
  featureWords,
  Hub,
  NetworkDevice,
  networkFeature,
  networkQueue,
  virtioFunction,
} from '../src/virtio/index.ts';
import { bytesPerOperation, millionPerSecond } from './measure.ts';
import {
  NETWORK_BATCH,
  NETWORK_QUEUE_SIZE,
  NetworkDrivers,
  RECEIVE_RING,
  type RingParts,
  SEND_RING,
} from './network-workload.ts';

const GUEST_BYTES = 1 << 20;
const SENDER = functionAddress(0, 4);
const RECEIVER = functionAddress(0, 5);

/** Two functions on one bus, their devices on one hub; every step of a driver goes over the bus. */
export function prepareNetwork() {
  const machine = new Machine({ ram: GuestMemory.allocate({ start: 0, length: GUEST_BYTES }) });
  const hub = new Hub();
  const devices = [SENDER, RECEIVER].map((address, i) => {
    const macAddress = Uint8Array.of(2, 0, 0, 0, 0, i + 1);
    const device = new NetworkDevice({ link: hub.socket(), macAddress });
    machine.plug(virtioFunction(device, { kind: 'modern' }).pci, address, new DmaDomain(machine.ram));
    return device;
  });
  runFirmware(machine);
  const [sender, receiver] = [SENDER, RECEIVER].map(
    (address) => new ModernTransport(machine, findFunction(machine, address)!),
  ) as [ModernTransport, ModernTransport];
  const drivers = new NetworkDrivers(machine.ram.ranges[0]!.view);
  const [send, receive] = [networkQueue.transmit(0), networkQueue.receive(0)];

  const start = (transport: ModernTransport, queue: number, place: RingParts): void => {
    transport.reset();
    transport.setStatus(deviceStatus.acknowledge | deviceStatus.driver);
    const mergeable = networkFeature.mergeableBuffers;
    transport.writeFeatures(featureWords([feature.version1, networkFeature.mac, mergeable]));
    transport.setStatus(deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.featuresOk);
    transport.setUpQueue(queue, NETWORK_QUEUE_SIZE, place);
    transport.setStatus(transport.status | deviceStatus.driverOk);
  };

  const setUp = (): void => {
    drivers.build(devices[1]!.macAddress);
    start(sender, send, SEND_RING);
    start(receiver, receive, RECEIVE_RING);
  };

  const batches = (count: number): void => {
    for (let batch = 0; batch < count; batch++) {
      drivers.expose();
      receiver.notify(receive, 0);
      sender.notify(send, 0);
      drivers.take();
    }
  };

  return {
    /** One run; returns million packets per second. */
    run(count = 10_000): number {
      setUp();
      const rate = millionPerSecond(count * NETWORK_BATCH, () => batches(count));
      drivers.verify('network', count);
      return rate;
    },

    /** Heap bytes per packet in steady state. */
    heap(count = 1_000): number {
      setUp();
      return bytesPerOperation(count * NETWORK_BATCH, () => batches(count));
    },
  };
}
