import { functionAddress, GuestMemory, type HeldScheduler, immediate } from '../../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  LegacyTransport,
  ModernTransport,
  portAccess,
  runFirmware,
  type Transport,
} from '../../../src/driver/index.ts';
import { drafts, memoryAccess, mmrFunction, twoMachines } from '../../../src/mmr/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { type DeviceBehaviour, type VirtioFunction, virtioFunction } from '../../../src/virtio/index.ts';

/** How a driver reaches its device. */
export type Way =
  | { readonly by: 'legacy'; readonly kind: 'legacy' | 'transitional' }
  | { readonly by: 'modern'; readonly kind: 'transitional' | 'modern' }
  | {
      readonly by: 'native-mmr' | 'modern-of-mmr' | 'virtual-mmr';
      readonly draft: string;
      readonly placement: 'own' | 'shared';
    }
  | { readonly by: 'virtual-io-bar' };

/** Every way there is. */
export const ways: readonly Way[] = [
  { by: 'legacy', kind: 'legacy' },
  { by: 'legacy', kind: 'transitional' },
  { by: 'modern', kind: 'transitional' },
  { by: 'modern', kind: 'modern' },
  { by: 'virtual-io-bar' },
  ...Object.keys(drafts).flatMap((draft) =>
    (['own', 'shared'] as const).flatMap((placement) =>
      (['native-mmr', 'modern-of-mmr', 'virtual-mmr'] as const).map((by) => ({ by, draft, placement })),
    ),
  ),
];

export interface RigOptions {
  readonly way: Way;
  readonly bigEndian: boolean;
  readonly intx: boolean;
  /** Interrupts wait for release too, not only the device's work. */
  readonly lateInterrupts: boolean;
  /** Memory writes wait for release, or for a read that pushes them. */
  readonly lateWrites: boolean;
  /** Ring and transport features that are offered; the device's defaults where this is left out. */
  readonly transportFeatures?: readonly number[];
}

/** A device, the machine or machines between it and its driver, and the transport that the driver is given. */
export interface Rig {
  readonly fn: VirtioFunction;
  readonly machines: readonly Machine[];
  readonly memory: DmaMemory;
  /** A transport for a new driver. */
  transport(): Transport;
}

const RAM_BYTES = 0x60000;
const DRIVER_MEMORY = 0x1000;
const address = functionAddress(0, 4);

export function buildRig(behaviour: DeviceBehaviour, options: RigOptions, tasks: HeldScheduler): Rig {
  const { way, bigEndian, intx } = options;
  const common = {
    guestEndian: bigEndian ? ('big' as const) : ('little' as const),
    ...(options.transportFeatures === undefined ? {} : { transportFeatures: options.transportFeatures }),
  };
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const memory = new DmaMemory(ram, DRIVER_MEMORY);
  const shape = {
    scheduler: tasks,
    interruptScheduler: options.lateInterrupts ? tasks : immediate,
    holdPostedWrites: options.lateWrites,
  };
  const fn =
    way.by === 'legacy' || way.by === 'modern'
      ? virtioFunction(behaviour, { kind: way.kind, ...common })
      : way.by === 'virtual-io-bar'
        ? virtioFunction(behaviour, { kind: 'transitional', ...common })
        : mmrFunction(behaviour, { draft: drafts[way.draft]!, placement: way.placement, ...common });
  const settings = { bigEndian, intx };
  if (way.by !== 'virtual-io-bar' && way.by !== 'virtual-mmr') {
    const plain = new Machine({ ram, ...shape });
    plain.plug(fn.pci, address);
    runFirmware(plain);
    const transport = () => {
      const found = findFunction(plain, address)!;
      if (way.by === 'legacy') return new LegacyTransport(plain, found, portAccess(plain, found), settings);
      if (way.by !== 'native-mmr') return new ModernTransport(plain, found, settings);
      return new LegacyTransport(plain, found, memoryAccess(plain, found, drafts[way.draft]!), settings);
    };
    return { fn, machines: [plain], memory, transport };
  }
  const draft = way.by === 'virtual-mmr' ? { draft: drafts[way.draft]! } : {};
  const machines = twoMachines([{ fn, hostAddress: address, guestAddress: address }], {
    ram,
    host: { ram: GuestMemory.allocate({ start: 0, length: 4096 }), ...shape },
    guest: shape,
    ...draft,
  });
  const transport = () => machines.transport(0, settings);
  return { fn, machines: [machines.host, machines.guest], memory, transport };
}
