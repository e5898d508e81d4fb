import type { ExplainedQueue, Explanation } from 'virtiolab/conformance';
import { formatBuffers } from 'virtiolab/conformance';
import type { GuestMemory } from 'virtiolab/core';
import {
  availableRing,
  DESCRIPTOR_BYTES,
  PACKED_DESCRIPTOR_BYTES,
  packedDescriptor,
  packedDescriptorFlag,
  splitDescriptor,
  splitDescriptorFlag,
  usedElement,
  usedRing,
} from 'virtiolab/layout';
import type { QueueView, SlotView } from '../protocol.ts';

type RingPicture = QueueView['rings'][number];

/** Places of a ring that a picture has at most. */
const MOST_SLOTS = 16;
const USED_BYTES = 8;
const AVAILABLE_BYTES = 2;

const hex = (value: number) => `0x${value.toString(16)}`;

/** Memory at an address, little-endian as rings of these drivers are. */
class Memory {
  readonly #ram: GuestMemory;

  constructor(ram: GuestMemory) {
    this.#ram = ram;
  }

  get(address: number, width: 2 | 4): number {
    if (this.#ram.find(address, width) === undefined) return 0;
    const view = new DataView(this.#ram.read(address, width).buffer);
    return width === 2 ? view.getUint16(0, true) : view.getUint32(0, true);
  }
}

/** The first places of a ring that is small, or those around where it stands. */
function around(index: number, size: number): readonly number[] {
  const count = Math.min(size, MOST_SLOTS);
  const here = index % size;
  const first = size <= MOST_SLOTS ? 0 : Math.max(0, Math.min(here - MOST_SLOTS / 2, size - count));
  return Array.from({ length: count }, (_, i) => first + i);
}

function splitRings(
  memory: Memory,
  size: number,
  descriptors: number,
  driver: number,
  device: number,
): RingPicture[] {
  const available = memory.get(driver + availableRing.index.offset, 2);
  const used = memory.get(device + usedRing.index.offset, 2);
  const behind = (slot: number, index: number) => (index - 1 - slot + 2 * size) % size;
  const waiting = (available - used + 0x10000) & 0xffff;
  const availableSlots = around(available, size).map((slot): SlotView => {
    const age = behind(slot, available % size);
    const written = age < available;
    const head = memory.get(driver + availableRing.ring.offset + slot * AVAILABLE_BYTES, 2);
    return {
      index: slot,
      text: written ? `head ${head}` : '',
      state: !written ? 'free' : age < waiting ? 'waiting' : 'used',
    };
  });
  const usedSlots = around(used, size).map((slot): SlotView => {
    const written = behind(slot, used % size) < used;
    const at = device + usedRing.ring.offset + slot * USED_BYTES;
    const [id, length] = [
      memory.get(at + usedElement.id.offset, 4),
      memory.get(at + usedElement.length.offset, 4),
    ];
    return {
      index: slot,
      text: written ? `id ${id}, ${length} bytes` : '',
      state: written ? 'used' : 'free',
    };
  });
  const table = Array.from({ length: Math.min(size, MOST_SLOTS) }, (_, slot): SlotView => {
    const at = descriptors + slot * DESCRIPTOR_BYTES;
    const [address, length, flags] = [
      memory.get(at + splitDescriptor.addressLow.offset, 4),
      memory.get(at + splitDescriptor.length.offset, 4),
      memory.get(at + splitDescriptor.flags.offset, 2),
    ];
    if (length === 0 && address === 0) return { index: slot, text: '', state: 'free' };
    const direction = (flags & splitDescriptorFlag.write) !== 0 ? 'W' : 'R';
    const indirect = (flags & splitDescriptorFlag.indirect) !== 0 ? ' table' : '';
    const next =
      (flags & splitDescriptorFlag.next) !== 0
        ? ` next ${memory.get(at + splitDescriptor.next.offset, 2)}`
        : '';
    return { index: slot, text: `${direction} ${hex(address)}+${length}${indirect}${next}`, state: 'used' };
  });
  return [
    { name: 'available ring', index: available, next: available % size, slots: availableSlots },
    { name: 'used ring', index: used, next: used % size, slots: usedSlots },
    { name: 'descriptor table', index: 0, next: null, slots: table },
  ];
}

function packedRings(memory: Memory, size: number, descriptors: number, next: number): RingPicture[] {
  const slots = around(next, size).map((slot): SlotView => {
    const at = descriptors + slot * PACKED_DESCRIPTOR_BYTES;
    const flags = memory.get(at + packedDescriptor.flags.offset, 2);
    const address = memory.get(at + packedDescriptor.addressLow.offset, 4);
    const length = memory.get(at + packedDescriptor.length.offset, 4);
    const id = memory.get(at + packedDescriptor.id.offset, 2);
    if (flags === 0 && address === 0) return { index: slot, text: '', state: 'free' };
    const available = (flags & packedDescriptorFlag.available) !== 0;
    const used = (flags & packedDescriptorFlag.used) !== 0;
    const direction = (flags & splitDescriptorFlag.write) !== 0 ? 'W' : 'R';
    const bits = `avail ${available ? 1 : 0} used ${used ? 1 : 0}`;
    return {
      index: slot,
      text: `id ${id} ${direction} ${hex(address)}+${length}, ${bits}`,
      state: available === used ? 'used' : 'waiting',
    };
  });
  return [{ name: 'packed ring', index: next, next, slots }];
}

function ringsOf(memory: Memory, { ring, size, descriptors, driver, device }: ExplainedQueue): RingPicture[] {
  if (ring === null || size === null || !descriptors || !driver || !device) return [];
  return ring.layout === 'packed'
    ? packedRings(memory, size, descriptors, ring.next)
    : splitRings(memory, size, descriptors, driver, device);
}

/** The queues of a function as memory shows them. @param ram the driver's */
export function queueViews({ queues }: Explanation, ram: GuestMemory): QueueView[] {
  const memory = new Memory(ram);
  return queues.map((queue) => ({
    index: queue.index,
    name: queue.name,
    size: queue.size ?? 0,
    enabled: queue.enabled === true,
    layout: queue.ring?.layout ?? null,
    areas: [queue.descriptors, queue.driver, queue.device].map((at) => (at ? hex(at) : '-')),
    position: queue.ring?.position ?? queue.fault?.says ?? '',
    events: queue.ring?.events ?? '',
    waiting: (queue.ring?.waiting ?? []).map(
      ({ head, buffers, request }) =>
        `chain ${head}: ${formatBuffers(buffers)}${request === '' ? '' : `: ${request}`}`,
    ),
    rings: ringsOf(memory, queue),
  }));
}
