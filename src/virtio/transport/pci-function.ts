import { type BusTarget, expectSame } from '../../core/index.ts';
import {
  type FunctionDevice,
  type FunctionEvent,
  MAX_VECTORS,
  PciFunction,
  type PowerManagementOptions,
  type SavedFunction,
  VirtualFunction,
} from '../../pci/index.ts';
import type { DeviceAdministration, DeviceBehaviour } from '../behaviour.ts';
import type { ByteOrder } from '../config.ts';
import { VirtioDevice } from '../device.ts';
import {
  type FunctionKind,
  type FunctionShape,
  feature,
  functionKinds,
  hasFeature,
  LEGACY_BAR,
  LEGACY_CONFIG_OFFSET_MSIX,
  LEGACY_REVISION,
  MODERN_DEVICE_ID_BASE,
  MODERN_REVISION,
  MODERN_SUBSYSTEM_ID,
  ShapeError,
  transitionalIdOf,
  VIRTIO_VENDOR_ID,
} from '../layout/index.ts';
import { defaultTransportFeatures } from '../negotiation.ts';
import type { Stand } from './bar-plan.ts';
import { CommonConfigWindow } from './common-config.ts';
import {
  type FunctionLayout,
  type LayoutNeeds,
  type LegacyPlace,
  layOut,
  notifyOffsets,
} from './function-layout.ts';
import { FunctionPlace } from './function-place.ts';
import { VirtioInterrupts } from './interrupts.ts';
import { LegacyWindow, type MsixShift } from './legacy.ts';
import { LegacyFields, LegacyNotify } from './legacy-fields.ts';
import { addStructureCapabilities, structureTargets } from './modern-structures.ts';
import { addSharedMemory, type SharedMemoryRegion } from './shared-memory.ts';
import { addVendorData, type VendorData } from './vendor-data.ts';

export interface VirtioFunctionOptions {
  readonly kind: FunctionKind;
  readonly guestEndian?: ByteOrder;
  /** Ring and transport features that are offered, in place of the usual ones. */
  readonly transportFeatures?: readonly number[];
  /** MSI-X vectors, up to 2048; 0 for none; by default one a queue and one for configuration changes. */
  readonly vectors?: number;
  /** Power management with D0 and D3hot; by default none. `true` is with No_Soft_Reset. */
  readonly powerManagement?: boolean | PowerManagementOptions;
  /** Memory that the modern window shows beside its structures, in a BAR of its own. */
  readonly sharedMemory?: readonly SharedMemoryRegion[];
  readonly vendorData?: readonly VendorData[];
  /** Where things stand, and how the function is, where it is unlike most. */
  readonly shape?: FunctionShape;
  /** PCI Express instead of conventional PCI: extended configuration space, function-level reset. */
  readonly express?: boolean;
  /** The function owns groups: it has administration queues (ADMIN_VQ). */
  readonly administration?: DeviceAdministration;
  /** The function has no legacy block in a BAR: the owner of its group reaches one by commands (ADL-01). */
  readonly legacyCommands?: boolean;
}

/** Ids by which a function is known. */
export interface Identity {
  /** By default virtio's. */
  readonly vendorId?: number;
  readonly deviceId: number;
  readonly revisionId: number;
  readonly subsystemId: number;
}

/** Ids of a function of each kind (PCI-ID-03, PCI-ID-06, PCI-ID-07, LEG-ID-01..03). @throws ModernOnlyTypeError */
export function identityOf(behaviour: DeviceBehaviour, kind: FunctionKind): Identity {
  const { type } = behaviour;
  return functionKinds[kind].legacy === null
    ? {
        deviceId: MODERN_DEVICE_ID_BASE + type.typeNumber,
        revisionId: MODERN_REVISION,
        subsystemId: MODERN_SUBSYSTEM_ID,
      }
    : { deviceId: transitionalIdOf(type, kind), revisionId: LEGACY_REVISION, subsystemId: type.typeNumber };
}

/** Ports of a legacy BAR at the least, as other implementations have them; and a page of memory, to be mapped alone. */
const LEAST_LEGACY_PORTS = 32;
const LEAST_LEGACY_MEMORY = 4096;

/** Bytes of a legacy block: header with vectors and device configuration. */
export const legacyBytesOf = (behaviour: DeviceBehaviour): number =>
  LEGACY_CONFIG_OFFSET_MSIX + behaviour.config.length;

type FunctionOptions = Omit<VirtioFunctionOptions, 'kind'>;

/** Of all queues: those of the administration come after those of the type. */
const queueSizesOf = (
  { queueSizes }: DeviceBehaviour,
  { administration }: Pick<FunctionOptions, 'administration'>,
): readonly number[] =>
  administration === undefined ? queueSizes : [...queueSizes, ...administration.queueSizes];

/** Lays out what a function around a behaviour has to have room for. @throws as layOut */
export function layoutOf(
  behaviour: DeviceBehaviour,
  windows: Pick<LayoutNeeds, 'legacy' | 'modern' | 'prefetchable'>,
  options: FunctionOptions,
): FunctionLayout {
  const { transportFeatures = defaultTransportFeatures, shape = {}, sharedMemory = [] } = options;
  const queues = queueSizesOf(behaviour, options).length;
  return layOut({
    ...windows,
    queues,
    configBytes: behaviour.config.length,
    vectors: options.vectors ?? Math.min(queues + 1, MAX_VECTORS),
    notificationData: transportFeatures.includes(feature.notificationData),
    legacyCommands: options.legacyCommands ?? false,
    doorbellBytes: options.administration?.doorbells?.bytes ?? 0,
    sharedMemory: windows.modern ? sharedMemory : [],
    shape,
  });
}

/** What is special about the way a function is built. */
export interface BuiltSpecially {
  /** When the vector registers stand in the legacy block. */
  readonly msixShift?: MsixShift;
  /** The legacy block stands in memory under ids that promise an I/O BAR. */
  readonly legacyInMemory?: boolean;
  /** It is a virtual function. */
  readonly virtual?: boolean;
}

/** A virtio device on a PCI function: the parts from which a function of any kind is composed. */
export class VirtioFunction implements FunctionDevice {
  readonly pci: PciFunction;
  readonly device: VirtioDevice;
  readonly interrupts: VirtioInterrupts;
  /** Its legacy block, for the owner of its group. */
  readonly legacy: LegacyFields | null;
  /** Where that says that its queues are kicked. */
  readonly legacyNotify: Stand | null;
  readonly #built: BuiltSpecially;
  #common: CommonConfigWindow | null = null;

  /** @throws CapabilitySpaceError, SharedMemoryError, VendorDataError, and what `VirtioDevice` throws; the behaviour is then free for another try. */
  constructor(
    behaviour: DeviceBehaviour,
    identity: Identity,
    layout: FunctionLayout,
    options: FunctionOptions,
    built: BuiltSpecially = {},
  ) {
    const { functionName: name, classCode } = behaviour.type;
    const { shape = {}, guestEndian, transportFeatures, administration = null } = options;
    if (options.legacyCommands === true && layout.legacy !== null)
      throw new ShapeError('legacyCommands', true, 'a function without a legacy block of its own');
    this.#built = built;
    const vendor = { vendorId: VIRTIO_VENDOR_ID, subsystemVendorId: VIRTIO_VENDOR_ID };
    const ids = { name, classCode, ...vendor, ...identity };
    const { interruptPin = 1 } = shape;
    this.pci =
      built.virtual === true
        ? new VirtualFunction(ids)
        : new PciFunction({ ...ids, interruptPin, express: options.express ?? false });
    // What may be refused comes before the behaviour is taken.
    const targets = this.#addCapabilities(layout, options);
    this.device = new VirtioDevice(behaviour, {
      legacy: layout.legacy !== null || options.legacyCommands === true,
      administration,
      ...(shape.resetReads === undefined ? {} : { resetReads: shape.resetReads }),
      ...(guestEndian === undefined ? {} : { guestEndian }),
      ...(transportFeatures === undefined ? {} : { transportFeatures }),
    });
    const queueSizes = queueSizesOf(behaviour, options);
    this.interrupts = new VirtioInterrupts(this.pci, queueSizes);
    this.device.interrupts = this.interrupts;
    this.legacy = options.legacyCommands === true ? new LegacyFields(this.device, this.interrupts) : null;
    this.legacyNotify = layout.legacyNotify;
    this.#wire();
    this.#addWindows(layout, notifyOffsets(queueSizes.length, shape), targets);
    this.#addLegacyDoorbells(layout, targets);
    this.#addBars(layout, targets);
  }

  /** The common configuration; null where there is none. */
  get common(): CommonConfigWindow | null {
    return this.#common;
  }

  /** Everything that configuration space shows but BARs. @returns what answers in the places that are no windows of the device's. */
  #addCapabilities(layout: FunctionLayout, options: FunctionOptions): Map<Stand, BusTarget> {
    const { pci } = this;
    const { msix, structures, sharedMemory } = layout;
    const { shape = {} } = options;
    const { gap = 0 } = shape.capabilities ?? {};
    const targets = new Map<Stand, BusTarget>();
    if (msix !== null) {
      const { table, pendingBits } = pci.placeMsix(msix.vectors, msix.table, msix.pendingBits);
      targets.set(msix.table, table).set(msix.pendingBits, pendingBits);
      pci.capabilities.leave(gap);
    }
    if (options.powerManagement !== undefined && options.powerManagement !== false) {
      pci.addPowerManagement(options.powerManagement === true ? {} : options.powerManagement);
      pci.capabilities.leave(gap);
    }
    if (structures.length === 0) return targets;
    addStructureCapabilities(pci, structures, shape.capabilities ?? {});
    for (const [i, target] of addSharedMemory(pci, sharedMemory, options.sharedMemory ?? []).entries())
      targets.set(sharedMemory[i]!, target);
    for (const data of options.vendorData ?? []) addVendorData(pci, data);
    return targets;
  }

  #addWindows(
    { legacy, structures }: FunctionLayout,
    offsets: readonly number[] | null,
    targets: Map<Stand, BusTarget>,
  ): void {
    const { pci, device, interrupts } = this;
    if (legacy !== null) {
      const window = new LegacyWindow(device, interrupts, this.#built.msixShift);
      pci.parts.set('legacy', window);
      targets.set(legacy, window);
    }
    if (structures.length === 0) return;
    this.#common = new CommonConfigWindow(device, interrupts, offsets);
    for (const [stand, target] of structureTargets(pci, device, interrupts, structures, this.#common))
      targets.set(stand, target);
  }

  #addLegacyDoorbells({ legacyNotify, doorbells }: FunctionLayout, targets: Map<Stand, BusTarget>): void {
    if (legacyNotify !== null && this.legacy !== null)
      targets.set(legacyNotify, new LegacyNotify(this.legacy));
    const members = this.device.options.administration?.doorbells;
    if (doorbells === null || members === undefined) return;
    members.place(doorbells);
    targets.set(doorbells, members);
  }

  #addBars({ bars }: FunctionLayout, targets: ReadonlyMap<Stand, BusTarget>): void {
    const regions = [...targets].map(([{ name, bar, offset, length }, target]) => ({
      bar,
      name,
      offset,
      length,
      target,
    }));
    for (const bar of bars)
      this.pci.addBar({
        ...bar,
        regions: regions
          .filter((region) => region.bar === bar.index)
          .map(({ name, offset, length, target }) => ({ name, offset, length, target })),
      });
  }

  #wire(): void {
    const { pci, device, interrupts } = this;
    pci.parts.set('interrupts', interrupts);
    pci.parts.set('device', device);
    if (this.legacy !== null) pci.parts.set('legacy', this.legacy);
    pci.device = this;
  }

  /** What happens to the function is the device's business. */
  hear(event: FunctionEvent): void {
    const { pci, device, interrupts } = this;
    if (event === 'plug') device.connect(new FunctionPlace(pci));
    else if (event === 'unplug') device.disconnect();
    else if (event === 'reset') device.resetFunction();
    else if (event === 'msixEnable') interrupts.msixChanged();
    else if (event === 'load') device.setDmaEnabled(this.#reachesMemory, true);
    else if (event === 'halt') device.setDmaEnabled(this.#reachesMemory);
    else if (event === 'busMaster') {
      device.setDmaEnabled(this.#reachesMemory);
      if (pci.busMaster) this.#admit();
    }
  }

  get #reachesMemory(): boolean {
    const { pci } = this;
    return pci.busMaster && !(pci.plugged && pci.slot.halted);
  }

  /** Of it nothing waits that an access has not to come for. */
  asleep(): boolean {
    const { behaviour, queues, waitsForDma } = this.device;
    return behaviour.sleeps === true && queues.asleep && !waitsForDma && this.pci.msix?.waiting !== true;
  }

  /** A driver takes the function: what is wrong with the way it is built is said now. */
  #admit(): void {
    if (this.pci.virtualFunctions === null && hasFeature(this.device.features.offered, feature.singleRootIov))
      this.pci.report('device', 'RF-23', 'SR_IOV is offered without the capability', {
        what: 'feature bit',
        value: feature.singleRootIov,
      });
    if (this.#built.legacyInMemory === true)
      this.pci.report(
        'device',
        'LEG-DET-01',
        'the legacy block stands in a memory BAR, where an I/O BAR is due',
        {
          what: 'BAR',
          value: LEGACY_BAR,
        },
      );
  }

  /** What waits to be told is told by ISR, by the pin and by messages alike. */
  check({ parts, msix, pinLevel }: SavedFunction, path: string): void {
    const { isr, configVector, queueVectors } = this.interrupts.check(
      parts['interrupts']!,
      `${path}.parts.interrupts`,
    );
    expectSame(`${path}.pinLevel`, pinLevel, isr !== 0);
    for (const [i, { cause, vector }] of msix?.claims.entries() ?? [])
      expectSame(`${path}.msix.claims[${i}].vector`, vector, [...queueVectors, configVector][cause] ?? -1);
  }

  /** Bytes of the legacy block: header with vectors and device configuration. */
  get legacyBytes(): number {
    return legacyBytesOf(this.device.behaviour);
  }
}

/** How functions of one kind are built around behaviours that are alike: worked out once. */
export interface FunctionPlan {
  readonly identity: Identity;
  readonly layout: FunctionLayout;
  /** @throws CapabilitySpaceError, and what `VirtioDevice` throws; the behaviour is then free for another try. */
  build(behaviour: DeviceBehaviour): VirtioFunction;
}

/**
 * Plans functions of any kind around behaviours like one.
 * @param built what is special about them.
 * @throws ModernOnlyTypeError, LegacyBlockSizeError, ShapeError, StructurePlaceError, BarError
 */
export function planFunction(
  like: DeviceBehaviour,
  options: VirtioFunctionOptions,
  built: BuiltSpecially = {},
): FunctionPlan {
  const { kind } = options;
  const { legacy, modern, breaks } = functionKinds[kind];
  const identity = identityOf(like, kind);
  const place = legacy === null ? null : legacyPlace(legacy, legacyBytesOf(like));
  const layout = layoutOf(like, { legacy: place, modern }, options);
  // Field by field: a spread makes an object of a form of its own, each time.
  const special = { virtual: built.virtual === true, legacyInMemory: breaks !== null };
  return {
    identity,
    layout,
    build: (behaviour) => new VirtioFunction(behaviour, identity, layout, options, special),
  };
}

/**
 * A function of any kind around a device type.
 * @throws ModernOnlyTypeError, LegacyBlockSizeError, ShapeError, StructurePlaceError, BarError, CapabilitySpaceError, and what
 * `VirtioDevice` throws; the behaviour is then free for another try.
 */
export function virtioFunction(behaviour: DeviceBehaviour, options: VirtioFunctionOptions): VirtioFunction {
  return planFunction(behaviour, options).build(behaviour);
}

/** The legacy block in a BAR0 of its own: in I/O space, where it belongs (LEG-LAY-01), or in memory. */
function legacyPlace(kind: 'io' | 'memory32', bytes: number): LegacyPlace {
  const least = kind === 'io' ? LEAST_LEGACY_PORTS : LEAST_LEGACY_MEMORY;
  const leastBytes = Math.max(least, 2 ** Math.ceil(Math.log2(bytes)));
  return { bar: LEGACY_BAR, kind, leastBytes, bytes, whole: true, offset: 0 };
}
