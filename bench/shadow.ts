import { DmaDomain, GuestMemory, immediate } from '../src/core/index.ts';
import { fullMediation, MediatedDevice, type Mediation } from '../src/mmr/index.ts';
import {
  type Chain,
  type DeviceBehaviour,
  DeviceConfig,
  type DevicePort,
  entropyDeviceType,
  feature,
  VirtioDevice,
} from '../src/virtio/index.ts';
import { bytesPerOperation, millionPerSecond } from './measure.ts';
import {
  AVAILABLE_RING,
  BATCH,
  buildChains,
  DATA_BYTES,
  DESCRIPTOR_TABLE,
  exposeBatch,
  HEADER_BYTES,
  QUEUE_SIZE,
  STATUS_BYTES,
  USED_RING,
  verifyRun,
  WorkloadError,
} from './workload.ts';

const GUEST_BYTES = 1 << 20;

/** What a block device does with each chain, for whoever's ring it came from. */
class Copier implements DeviceBehaviour {
  readonly type = entropyDeviceType;
  readonly features: readonly number[] = [];
  readonly config = new DeviceConfig({});
  readonly queueSizes = [QUEUE_SIZE];
  sum = 0;
  readonly #data = new Uint8Array(DATA_BYTES);
  #port!: DevicePort;

  attach(port: DevicePort): void {
    this.#port = port;
  }

  handle(chain: Chain): void {
    const view = chain.header(HEADER_BYTES)!;
    const at = chain.headerAt;
    const type = view.getUint32(at, true);
    const sector = view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true);
    chain.read(HEADER_BYTES, this.#data, 0, DATA_BYTES);
    chain.writeLast(0);
    this.sum += (type & 0xff) + sector + this.#data[DATA_BYTES - 1]!;
    this.#port.complete(chain, STATUS_BYTES);
  }

  reset(): void {}
  save() {
    return null;
  }
  load(): void {}
}

/** The queue workload of a guest on a vDPA parent, whose ring is the parent's, or shadowed by the mediator. */
export function prepareShadow(rings: Mediation['rings'], packed = false) {
  const memory = GuestMemory.allocate({ start: 0, length: GUEST_BYTES });
  const { bytes, view } = memory.ranges[0]!;
  const guest16 = new Uint16Array(bytes.buffer);
  const copier = new Copier();
  const mediated = new MediatedDevice(copier, {
    mediation: { ...fullMediation, rings },
    transportFeatures: packed ? [feature.ringPacked] : [],
    packed,
  });
  const device = new VirtioDevice(mediated, { legacy: true, transportFeatures: [] });
  const report = ({ clause, message }: { clause: string; message: string }) => {
    throw new WorkloadError(`${clause}: ${message}`);
  };
  device.connect({
    dma: new DmaDomain(memory),
    scheduler: immediate,
    subject: 'bench',
    address: null,
    report,
  });
  device.setDmaEnabled(true);
  let available = 0;

  const setUp = (): void => {
    device.reset();
    buildChains(view);
    available = 0;
    copier.sum = 0;
    device.statusRegister.write(3);
    device.speak('modern');
    device.bringUp.acceptFeatures(1, 1);
    device.statusRegister.write(11);
    const ring = device.queue(0)!;
    ring.addresses.set('descriptor', DESCRIPTOR_TABLE);
    ring.addresses.set('driver', AVAILABLE_RING);
    ring.addresses.set('device', USED_RING);
    ring.relocate();
    ring.ready = true;
    device.statusRegister.write(15);
    if (mediated.refusal !== null) throw mediated.refusal;
  };

  const batches = (count: number): void => {
    for (let batch = 0; batch < count; batch++) {
      available = exposeBatch(guest16, available);
      device.notify(0);
    }
  };

  return {
    /** One run; returns million chains per second. */
    run(count = 2_000): number {
      setUp();
      const rate = millionPerSecond(count * BATCH, () => batches(count));
      verifyRun(rings, count, copier.sum, view.getUint16(USED_RING + 2, true));
      return rate;
    },

    /** Heap bytes per chain in steady state. */
    heap(count = 200): number {
      setUp();
      return bytesPerOperation(count * BATCH, () => batches(count));
    },
  };
}
