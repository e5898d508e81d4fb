import { millionPerSecond } from '../measure.ts';
import {
  NETWORK_BATCH,
  NETWORK_QUEUE_SIZE,
  NetworkDrivers,
  RECEIVE_RING,
  SEND_RING,
} from '../network-workload.ts';
import { startV86, type V86Build, type VirtIO, type VirtQueue } from './v86-instance.ts';

/** Of v86's network device, besides what every virtio device of it has. */
interface VirtioNet {
  readonly virtio: VirtIO & { readonly queues: VirtQueue[] };
  readonly mac: Uint8Array;
  readonly bus: { send(name: string, value: Uint8Array): void };
}

interface NetworkCpu {
  readonly devices: { readonly virtio_net: VirtioNet };
  readonly bus: { register(name: string, listener: (value: Uint8Array) => void): void };
  readonly io: { port_write16(port: number, value: number): void };
}

/** Where v86 has its network device's notification register for queue 1: it is told of a queue by number. */
const NOTIFY_PORT = 0xc900 + 2;
const [RECEIVE_QUEUE, SEND_QUEUE] = [0, 1];
const VERSION_1_WORD = 1;
const VERSION_1_BIT = 1;

export interface V86NetworkBaseline {
  /** One run of the network workload; returns million packets per second. */
  run(batches?: number): number;
  release(): Promise<void>;
}

/**
 * The network workload on v86's own network device: its transmit handler takes the packets, its receive handler puts them
 * into buffers, and between them the shortest link there is: what goes out comes in again.
 */
export async function prepareV86Network(build: V86Build = 'published'): Promise<V86NetworkBaseline> {
  const { cpu, guest, release } = await startV86(build, 'virtio');
  const { devices, io } = cpu as unknown as NetworkCpu;
  const net = devices.virtio_net;
  if (net?.mac?.length !== 6) throw new Error('not the v86 this benchmark knows: no virtio network device');
  // Both ends of its bus: what the device sends goes to listeners on the other one, and the other way round.
  const pair = (net.bus as unknown as { pair: NetworkCpu['bus'] & VirtioNet['bus'] }).pair;
  pair.register('net0-send', (packet) => pair.send('net0-receive', packet));
  net.virtio.driver_feature.fill(0);
  net.virtio.driver_feature[VERSION_1_WORD] = VERSION_1_BIT;
  const Queue = net.virtio.queues[0]!.constructor;
  const drivers = new NetworkDrivers(guest);

  const queue = (index: number, { descriptor, driver, device }: typeof SEND_RING): void => {
    const made = new Queue(cpu, net.virtio, { size_supported: NETWORK_QUEUE_SIZE, notify_offset: index });
    made.desc_addr = descriptor;
    made.avail_addr = driver;
    made.used_addr = device;
    net.virtio.queues[index] = made;
  };

  const run = (batches = 4_000): number => {
    drivers.build(net.mac);
    queue(RECEIVE_QUEUE, RECEIVE_RING);
    queue(SEND_QUEUE, SEND_RING);
    const rate = millionPerSecond(batches * NETWORK_BATCH, () => {
      for (let batch = 0; batch < batches; batch++) {
        drivers.expose();
        io.port_write16(NOTIFY_PORT, SEND_QUEUE);
        drivers.take();
      }
    });
    drivers.verify('v86 VirtioNet', batches);
    return rate;
  };

  return { run, release };
}
