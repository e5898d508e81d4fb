import { type Bus, lengthOf } from '../core/index.ts';
import {
  type FoundFunction,
  type FunctionReference,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  type Transport,
  type TransportOptions,
} from '../driver/index.ts';
import {
  type DeviceBehaviour,
  type DeviceType,
  type FunctionKind,
  functionKinds,
  type VirtioFunction,
  virtioFunction,
} from '../virtio/index.ts';
import { AdminBackend, type AdminMember } from './access/admin.ts';
import { type LegacyBackend, TranslatorError } from './access/backend.ts';
import { openIoBar, openMemoryBar } from './access/legacy-bar.ts';
import { MmrBackend } from './access/mmr.ts';
import { ModernShimBackend } from './access/modern-shim.ts';
import { memoryAccess } from './access/native.ts';
import { type Draft, draft2023, hasMmrId, type VirtioIdentity } from './layout/index.ts';
import { type MmrFunctionOptions, mmrFunction } from './mmr-function.ts';
import {
  type OwnedFunction,
  type OwnedFunctionOptions,
  ownedMember,
  ownedMmrFunction,
} from './owned-function.ts';

/** What is plugged into a host for a way: a function, or the owner of one that is virtual. */
export type HostFunction = VirtioFunction | OwnedFunction;

interface WayTraits {
  /** Where the way leads, to be read after "a guest's ports, " or "a driver in the host, on ". */
  readonly summary: string;
  /** The function is one of a draft's, and there is a choice of drafts and placements. */
  readonly drafts: boolean;
  /** The driver may be that of an ordinary operating system. */
  readonly ordinary: boolean;
  /** The driver speaks virtio 1.x: packed rings and all that legacy drivers have not. */
  readonly modern: boolean;
  /** The driver wants ids of the legacy interface, which not every type has. */
  readonly transitional: boolean;
  /** The clause that its function breaks by the way it is built, and says so; null for what the specification allows. */
  readonly breaks: string | null;
}

/** What a way to a function is opened with. */
export interface OpenedWith {
  readonly draft: Draft;
  readonly type: DeviceType;
  /** By whose commands it is reached. */
  readonly member?: AdminMember | undefined;
  /** Bytes of its configuration, where it does not tell. */
  readonly configBytes?: number | undefined;
}

/** A guest's accesses to a legacy I/O BAR are translated, and reach a function of the host. */
export interface TranslatedWay extends WayTraits {
  readonly translated: true;
  /** The host's function that the way is made for. A way without drafts has no use for one, nor for a placement. */
  build(behaviour: DeviceBehaviour, options?: OwnedFunctionOptions): HostFunction;
  /** It is a virtual function, which is built with its owner. */
  readonly virtual: boolean;
  /** What ids of a host's function call for this way. The first way of the table is taken where nobody names one. */
  readonly ids: VirtioIdentity['ids'];
  /** The space of BAR0 on which the way is taken where nobody names one; null where that says nothing. */
  readonly block: 'io' | 'memory' | null;
  /** It is reached by the commands of its owner, which has to be told. */
  readonly byCommands: boolean;
  /** @throws AlreadyPresentedError, TranslatorError */
  open(bus: Bus, fn: FunctionReference, given: OpenedWith): LegacyBackend;
  /** A guest cannot tell it from a legacy function in its own machine. One that it can is taken only where it is named. */
  readonly equal: boolean;
}

/** A driver has the function itself. */
export interface DirectWay extends WayTraits {
  readonly translated: false;
  /** As of a translated way. */
  build(behaviour: DeviceBehaviour, options?: MmrFunctionOptions): VirtioFunction;
  /** @throws NoDeviceError, and what else the transport throws. */
  transport(bus: Bus, fn: FoundFunction, options?: DirectOptions): Transport;
}

export interface DirectOptions extends TransportOptions {
  readonly draft?: Draft;
}

export type Way = TranslatedWay | DirectWay;

const mmr = { build: mmrFunction, drafts: true, transitional: false, breaks: null } as const;

const plain = (kind: FunctionKind) =>
  ({
    build: (behaviour: DeviceBehaviour, options: MmrFunctionOptions = {}) =>
      virtioFunction(behaviour, { ...options, kind }),
    drafts: false,
    transitional: functionKinds[kind].legacy !== null,
    breaks: functionKinds[kind].breaks,
  }) as const;

/** A guest's legacy driver, in front of a function whose own registers are translated. */
const translated = {
  translated: true,
  virtual: false,
  block: null,
  byCommands: false,
  ordinary: true,
  modern: false,
} as const;

const openMmr = (bus: Bus, fn: FunctionReference, { draft }: OpenedWith) => new MmrBackend(bus, fn, draft);

const modernDriver = {
  transport: (bus: Bus, fn: FoundFunction, options: DirectOptions = {}) =>
    new ModernTransport(bus, fn, options),
  ordinary: true,
  modern: true,
} as const;

/**
 * Every way from a driver to a device behind PCI: what demonstrations, guests, tests and comparisons choose from. A new way
 * is a new row.
 */
export const ways = {
  'io-bar': {
    ...translated,
    summary: 'passed on to the I/O BAR of a transitional function',
    ...plain('transitional'),
    ids: 'legacy',
    block: 'io',
    equal: true,
    open: openIoBar,
  },
  'memory-bar': {
    ...translated,
    summary: 'translated to the memory BAR0 of a legacy function, as clouds have it',
    ...plain('legacy-memory'),
    ids: 'legacy',
    block: 'memory',
    equal: true,
    open: (bus, fn, { type, configBytes }) => openMemoryBar(bus, fn, configBytes ?? lengthOf(type.config)),
  },
  mmr: {
    ...translated,
    summary: 'translated to the memory block of an MMR function',
    ...mmr,
    ids: 'mmr',
    equal: true,
    open: openMmr,
  },
  'mmr-virtual': {
    ...translated,
    summary: 'translated to the memory block of a virtual MMR function',
    ...mmr,
    build: ownedMmrFunction,
    virtual: true,
    ids: 'mmr',
    equal: true,
    open: openMmr,
  },
  admin: {
    ...translated,
    summary: "made administration commands of a virtual function's owner",
    ...plain('modern'),
    build: ownedMember,
    transitional: true,
    virtual: true,
    ids: 'modern',
    byCommands: true,
    equal: true,
    open: (bus, fn, { type, member }) => {
      if (member === undefined) throw new TranslatorError("no commands of the function's owner were given");
      return new AdminBackend(bus, fn, member, type);
    },
  },
  'modern-shim': {
    ...translated,
    summary: 'made up over the virtio 1.x structures of a modern function',
    ...plain('modern'),
    transitional: true,
    ids: 'modern',
    equal: false,
    open: (bus, fn, { type }) => new ModernShimBackend(bus, fn, type),
  },
  'native-mmr': {
    translated: false,
    summary: "the MMR function's memory block itself",
    ...mmr,
    transport: (bus, fn, { draft = draft2023, ...options } = {}) =>
      new LegacyTransport(bus, fn, memoryAccess(bus, fn, draft), options),
    ordinary: false,
    modern: false,
  },
  'legacy-memory': {
    translated: false,
    summary: 'the legacy block in a memory BAR of an ordinary legacy function, as clouds have it',
    ...plain('legacy-memory'),
    transport: (bus, fn, options = {}) => new LegacyTransport(bus, fn, legacyAccess(bus, fn), options),
    ordinary: true,
    modern: false,
  },
  'transitional-memory': {
    translated: false,
    summary: 'the virtio 1.x structures of a function that has such a block too',
    ...plain('transitional-memory'),
    ...modernDriver,
  },
  modern: {
    translated: false,
    summary: 'the virtio 1.x structures of a modern function',
    ...plain('modern'),
    ...modernDriver,
  },
} as const satisfies Readonly<Record<string, Way>>;

export type WayName = keyof typeof ways;
type NamesOf<Trait> = { [Name in WayName]: (typeof ways)[Name] extends Trait ? Name : never }[WayName];
/** Names of the ways that have a back end, which may be named where a function is presented. */
export type TranslatedWayName = NamesOf<{ readonly translated: true }>;
/** Names of the ways that an ordinary operating system has a driver for. */
export type OrdinaryWayName = NamesOf<{ readonly ordinary: true }>;

const names = Object.keys(ways) as WayName[];

/** Names of the ways to a virtual function, which is built with its owner. */
export type VirtualWayName = NamesOf<{ readonly virtual: true }>;

/** Each list is in the table's order. */
export const wayNames: readonly WayName[] = names;
export const isTranslated = (name: WayName): name is TranslatedWayName => ways[name].translated;
export const isVirtual = (name: WayName): name is VirtualWayName => isTranslated(name) && ways[name].virtual;
export const translatedWayNames: readonly TranslatedWayName[] = names.filter(isTranslated);
/** Names of those that lead to a function of its own. */
export const ownWayNames = translatedWayNames.filter(
  (name): name is Exclude<TranslatedWayName, VirtualWayName> => !ways[name].virtual,
);
/** Names of those that a guest cannot tell from a legacy function in its own machine. */
export const equalWayNames: readonly TranslatedWayName[] = translatedWayNames.filter(
  (name) => ways[name].equal,
);
export const ordinaryWayNames: readonly OrdinaryWayName[] = names.filter(
  (name): name is OrdinaryWayName => ways[name].ordinary,
);

/** Names of the ways that a function of a type can be built for: a modern-only one has no ids for the others. */
export const waysOf = (type: DeviceType, draft = draft2023): readonly WayName[] =>
  names.filter((name) => {
    const { drafts, transitional } = ways[name];
    return drafts ? hasMmrId(type, draft) : !transitional || type.transitionalId !== null;
  });
