import { functionAddress, GuestMemory } from '../../core/index.ts';
import {
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  runFirmware,
  type Transport,
} from '../../driver/index.ts';
import type { MediatedDevice } from '../../mmr/index.ts';
import { mediatedFunction } from '../../mmr/index.ts';
import { Machine } from '../../pci/index.ts';
import type { DeviceBehaviour, DeviceOrders } from '../../virtio/index.ts';
import { availableRing } from '../../virtio/layout/index.ts';
import type { Position } from './positions.ts';

/** What drives the device in a guest. */
export const trialGuests = {
  'legacy LE': 'a legacy driver, little-endian',
  'legacy BE': 'a legacy driver, big-endian',
  transitional: 'a driver that knows both interfaces, and takes the newer one',
  modern: 'a driver of virtio 1.x',
} as const;
export type TrialGuest = keyof typeof trialGuests;
export const trialGuestNames = Object.keys(trialGuests) as readonly TrialGuest[];

/** Byte orders in which the device serves legacy drivers. */
export const trialDevices = { 'LE only': 'little only', 'both orders': 'both' } as const satisfies Record<
  string,
  DeviceOrders
>;
export type TrialDevice = keyof typeof trialDevices;
export const trialDeviceNames = Object.keys(trialDevices) as readonly TrialDevice[];

/** A guest's machine with a mediated function, as a trial wants it. */
export interface TrialWorld {
  readonly mediated: MediatedDevice;
  readonly memory: DmaMemory;
  readonly ram: GuestMemory;
  /** What the guest wrote at the head of the available ring of its first queue that is not empty; null without one. */
  available(): Uint8Array | null;
  /** The guest's driver finds the function. @throws NoDeviceError */
  open(): Transport;
}

const RAM_BYTES = 2 << 20;
/** Flags and index. */
const AVAILABLE_BYTES = availableRing.ring.offset;
const ADDRESS = functionAddress(0, 4);
/** Pauses that a driver waits for an answer: all work is done at once, or never. */
const PATIENCE = 8;

/** @throws VdpaError where the parent cannot be had. */
export function trialWorld(
  behaviour: DeviceBehaviour,
  guest: TrialGuest,
  { parent: policy, mediation }: Position,
  device: TrialDevice,
): TrialWorld {
  const order = guest === 'legacy BE' ? 'big' : 'little';
  const orders = trialDevices[device];
  const { fn, mediated } = mediatedFunction(behaviour, {
    policy,
    orders,
    mediation,
    guestOrder: order,
    hostOrder: order,
  });
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const machine = new Machine({ ram });
  machine.plug(fn.pci, ADDRESS);
  runFirmware(machine);
  const found = findFunction(machine, ADDRESS)!;
  const options = { patience: PATIENCE, bigEndian: order === 'big' };
  const isLegacy = guest === 'legacy LE' || guest === 'legacy BE';
  return {
    mediated,
    memory: new DmaMemory(ram, 0x100000),
    ram,
    available: () => {
      for (const index of mediated.queueSizes.keys()) {
        const ring = fn.device.queue(index);
        if (ring === null || !ring.ready) continue;
        const bytes = ram.read(ring.addresses.get('driver'), AVAILABLE_BYTES);
        if (bytes[2] !== 0 || bytes[3] !== 0) return bytes;
      }
      return null;
    },
    open: () =>
      isLegacy
        ? new LegacyTransport(machine, found, legacyAccess(machine, found), options)
        : new ModernTransport(machine, found, options),
  };
}
