import fc from 'fast-check';
import {
  type Bus,
  functionAddress,
  GuestMemory,
  type HeldScheduler,
  immediate,
} from '../../../src/core/index.ts';
import {
  DmaMemory,
  type FoundFunction,
  findFunction,
  LegacyTransport,
  legacyAccess,
  runFirmware,
  type Transport,
} from '../../../src/driver/index.ts';
import {
  type DirectOptions,
  drafts,
  type HostFunction,
  type MmrFunctionOptions,
  mmrFunction,
  OWNER_MEMORY_BYTES,
  ways as table,
  translatedWayNames,
  twoMachines,
  type WayName,
  wayNames,
} from '../../../src/mmr/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { shapes } from '../../../src/testing/index.ts';
import {
  type DeviceBehaviour,
  type FunctionKind,
  type FunctionShape,
  functionKindNames,
  functionKinds,
  type VirtioFunction,
  virtioFunction,
} from '../../../src/virtio/index.ts';

/** A reading of the draft, by name, and where it puts its block. */
interface Choice {
  readonly draft: string;
  readonly placement: 'own' | 'shared';
}

/** How a driver reaches its device: by a row of the table of ways, or at a function that the table has no such row for. */
export type Way = (
  | { readonly by: 'legacy'; readonly kind: FunctionKind }
  | { readonly by: 'modern-of-transitional' }
  | ({ readonly by: 'modern-of-mmr' } & Choice)
  | ({ readonly by: WayName } & Partial<Choice>)
) & { readonly shape?: FunctionShape };

const choices: readonly Choice[] = Object.keys(drafts).flatMap((draft) =>
  (['own', 'shared'] as const).map((placement) => ({ draft, placement })),
);

/** Whether drivers and devices are the same to each other as without the way: of one that makes registers up that is not so. */
const isEqual = (name: WayName) => {
  const way = table[name];
  return !way.translated || way.equal;
};

/** Every way there is on which nothing is lost: what is on the others is in `modern-shim.test.ts`. */
export const ways: readonly Way[] = [
  ...functionKindNames
    .filter((kind) => functionKinds[kind].legacy !== null)
    .map((kind) => ({ by: 'legacy', kind }) as const),
  { by: 'modern-of-transitional' },
  ...choices.map((choice) => ({ by: 'modern-of-mmr', ...choice }) as const),
  ...wayNames
    .filter(isEqual)
    .flatMap((by): Way[] => (table[by].drafts ? choices.map((choice) => ({ by, ...choice })) : [{ by }])),
];

/** What kind of function a way goes to, as far as shapes care: MMR functions have their block in memory. */
function kindOf(way: Way): FunctionKind {
  if (way.by === 'legacy') return way.kind;
  if (way.by === 'modern-of-transitional' || way.by === 'io-bar') return 'transitional';
  return way.by === 'modern' || way.by === 'legacy-memory' ? way.by : 'transitional-memory';
}

/** Every way, and one of two with a function of an unusual shape. */
export const anyWay: fc.Arbitrary<Way> = fc.constantFrom(...ways).chain((way) => {
  const crowded = /mmr/.test(way.by);
  const shape = shapes({ kind: kindOf(way), crowded, notificationData: true });
  return fc.option(shape, { freq: 1 }).map((drawn) => (drawn === null ? way : { ...way, shape: drawn }));
});

/** The function that a way needs. */
function functionOf(way: Way, behaviour: DeviceBehaviour, options: MmrFunctionOptions): HostFunction {
  switch (way.by) {
    case 'legacy':
      return virtioFunction(behaviour, { ...options, kind: way.kind });
    case 'modern-of-transitional':
      return virtioFunction(behaviour, { ...options, kind: 'transitional' });
    case 'modern-of-mmr':
      return mmrFunction(behaviour, options);
    default:
      return table[way.by].build(behaviour, options);
  }
}

/** The transport of a driver that has the function itself. */
function direct(way: Way, bus: Bus, fn: FoundFunction, options: DirectOptions): Transport {
  if (way.by === 'legacy') return new LegacyTransport(bus, fn, legacyAccess(bus, fn), options);
  const row = way.by in table ? table[way.by as WayName] : table.modern;
  if (row.translated) throw new Error(`way ${way.by} is no direct one`);
  return row.transport(bus, fn, options);
}

/** The clause that the function of a way breaks by the way it is built, and says so; null where that is none. */
export const builtIn = (way: Way): string | null =>
  way.by === 'legacy'
    ? functionKinds[way.kind].breaks
    : way.by in table
      ? table[way.by as WayName].breaks
      : null;

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
  const draft = 'draft' in way && way.draft !== undefined ? { draft: drafts[way.draft]! } : {};
  const placement = 'placement' in way && way.placement !== undefined ? { placement: way.placement } : {};
  const shaped = way.shape === undefined ? {} : { shape: way.shape };
  const made = functionOf(way, behaviour, { ...common, ...draft, ...placement, ...shaped });
  const settings = { bigEndian, intx };
  const translated = translatedWayNames.find((name) => name === way.by);
  if (translated === undefined) {
    const fn = made as VirtioFunction;
    const plain = new Machine({ ram, ...shape });
    plain.plug(fn.pci, address);
    runFirmware(plain);
    const transport = () => direct(way, plain, findFunction(plain, address)!, { ...settings, ...draft });
    return { fn, machines: [plain], memory, transport };
  }
  const machines = twoMachines([{ fn: made, hostAddress: address, guestAddress: address }], {
    ram,
    host: { ram: GuestMemory.allocate({ start: 0, length: OWNER_MEMORY_BYTES }), ...shape },
    guest: shape,
    way: translated,
    ...draft,
  });
  const { fn } = machines.functions[0]!;
  const transport = () => machines.transport(0, settings);
  return { fn, machines: [machines.host, machines.guest], memory, transport };
}
