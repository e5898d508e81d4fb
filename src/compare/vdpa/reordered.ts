import { GuestMemory } from '../../core/index.ts';
import { DriverSplitRing, type RingPlace } from '../../driver/index.ts';
import { EntropyDevice, linuxParentPolicy, SeededEntropy, VdpaParent } from '../../virtio/index.ts';
import { deviceStatus, legacyRingLayout } from '../../virtio/layout/index.ts';

const SIZE = 8;
const RAM_BYTES = 1 << 16;
const BUFFER = 0x8000;
const BUFFER_BYTES = 64;

/** A request's two stores: its descriptor, and the index that says that it is there. */
const stores = ['descriptor', 'driver'] as const;
const places = { descriptor: 0, driver: 1 } as const;

/**
 * One request of a legacy driver whose stores reach the memory that the device sees in one order or the other. It has barriers, but
 * between processors alone: without ORDER_PLATFORM nothing orders them for a device.
 * @returns bytes that the device says that it wrote.
 */
function inOrder(order: readonly (typeof stores)[number][]): number {
  const [cpu, seen] = [0, 1].map(() => GuestMemory.allocate({ start: 0, length: RAM_BYTES })) as [
    GuestMemory,
    GuestMemory,
  ];
  const layout = legacyRingLayout(SIZE);
  const place: RingPlace = { descriptor: 0, driver: layout.available, device: layout.used };
  const mode = { littleEndian: true, eventIndex: false, indirect: false, inOrder: false };
  const ring = new DriverSplitRing(cpu, SIZE, place, mode);
  const parent = new VdpaParent(new EntropyDevice({ source: new SeededEntropy(1) }), seen, {
    policy: { ...linuxParentPolicy, accessPlatform: 'optional' },
  });
  parent.map(0, RAM_BYTES);
  parent.setStatus(deviceStatus.acknowledge | deviceStatus.driver);
  parent.setFeatures([0, 0, 0, 0]);
  parent.rings.setAddress(0, place);
  parent.rings.setReady(0, true);
  parent.setStatus(parent.status | deviceStatus.featuresOk | deviceStatus.driverOk);
  ring.add([{ address: BUFFER, length: BUFFER_BYTES, writable: true }]);
  ring.publish();
  const ends = [layout.available, layout.used];
  // The device looks as soon as the index is there: it polls, or a kick of another queue brings it.
  for (const store of order) {
    const from = place[store];
    seen.write(from, cpu.read(from, ends[places[store]]! - from));
    parent.kick(0);
  }
  cpu.write(place.device, seen.read(place.device, RAM_BYTES / 2 - place.device));
  return ring.take()?.length ?? 0;
}

/** Every order of the stores of a request: in how many the device uses a descriptor that is not there yet. */
export function reorderedStores(): { readonly orders: number; readonly stale: number } {
  const orders = [stores, [...stores].reverse()];
  return { orders: orders.length, stale: orders.filter((order) => inOrder(order) !== BUFFER_BYTES).length };
}
