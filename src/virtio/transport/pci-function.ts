import { VirtiolabError } from '../../core/index.ts';
import {
  type BarIndex,
  type BarRegion,
  type FunctionDevice,
  type FunctionEvent,
  MAX_IO_BYTES,
  MAX_VECTORS,
  PciFunction,
} from '../../pci/index.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import type { ByteOrder } from '../config.ts';
import { VirtioDevice } from '../device.ts';
import {
  type FunctionKind,
  functionKinds,
  LEGACY_BAR,
  LEGACY_CONFIG_OFFSET_MSIX,
  LEGACY_REVISION,
  MODERN_DEVICE_ID_BASE,
  MODERN_REVISION,
  MODERN_SUBSYSTEM_ID,
  transitionalIdOf,
  VIRTIO_VENDOR_ID,
} from '../layout/index.ts';
import { FunctionPlace } from './function-place.ts';
import { VirtioInterrupts } from './interrupts.ts';
import { LegacyWindow } from './legacy.ts';
import { addModernStructures, type StructurePlaces } from './modern-structures.ts';
import { addPciConfigWindow } from './pci-config-window.ts';
import { addSharedMemory, type SharedMemoryRegion } from './shared-memory.ts';
import { addVendorData, type VendorData } from './vendor-data.ts';

export interface VirtioFunctionOptions {
  readonly kind: FunctionKind;
  readonly guestEndian?: ByteOrder;
  /** Ring and transport features that are offered, in place of the usual ones. */
  readonly transportFeatures?: readonly number[];
  /** MSI-X vectors, up to 2048; 0 for none; by default one a queue and one for configuration changes. */
  readonly vectors?: number;
  readonly powerManagement?: boolean;
  /** Memory that the modern window shows beside its structures, in a BAR of its own. */
  readonly sharedMemory?: readonly SharedMemoryRegion[];
  readonly vendorData?: readonly VendorData[];
  /** Which modern structures stand in I/O space, and which in memory, as all do by default. */
  readonly structures?: StructurePlaces;
  /** PCI Express instead of conventional PCI: extended configuration space, function-level reset. */
  readonly express?: boolean;
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

/**
 * BARs as the field's software expects them: legacy block, MSI-X, modern structures; in the gap shared memory, or the modern
 * structures that stand in I/O space.
 */
export const conventionalBars = {
  legacy: LEGACY_BAR,
  msix: 1,
  sharedMemory: 2,
  modernIo: 2,
  modern: 4,
} as const;

/** A legacy block that is longer than any I/O BAR. A memory BAR holds it: an MMR function, or a modern-only one, does. */
export class LegacyBlockSizeError extends VirtiolabError {
  readonly lengthBytes: number;

  constructor(lengthBytes: number) {
    super(
      `a legacy block of ${lengthBytes} bytes: an I/O BAR holds ${MAX_IO_BYTES}, device configuration in it ` +
        `${MAX_IO_BYTES - LEGACY_CONFIG_OFFSET_MSIX}`,
    );
    this.lengthBytes = lengthBytes;
  }
}

/** Ports of a legacy BAR at the least, as other implementations have them; and a page of memory, to be mapped alone. */
const LEAST_LEGACY_PORTS = 32;
const LEAST_LEGACY_MEMORY = 4096;

/** Bytes of a legacy block: header with vectors and device configuration. */
const legacyBytesOf = (behaviour: DeviceBehaviour) => LEGACY_CONFIG_OFFSET_MSIX + behaviour.config.length;

/** Length of a BAR that holds the regions. */
const powerOfTwo = (regions: readonly BarRegion[]) =>
  2 ** Math.ceil(Math.log2(Math.max(...regions.map(({ offset, length }) => offset + length))));

/** A virtio device on a PCI function: the parts from which a function of any kind is composed. */
export class VirtioFunction implements FunctionDevice {
  readonly pci: PciFunction;
  readonly device: VirtioDevice;
  readonly interrupts: VirtioInterrupts;
  #legacyInMemory = false;

  /** An empty function: no window yet. `legacy` tells whether one for legacy drivers will stand on it. */
  constructor(
    behaviour: DeviceBehaviour,
    identity: Identity,
    legacy: boolean,
    options: Omit<VirtioFunctionOptions, 'kind'>,
  ) {
    const { functionName: name, classCode } = behaviour.type;
    this.pci = new PciFunction({
      name,
      vendorId: VIRTIO_VENDOR_ID,
      subsystemVendorId: VIRTIO_VENDOR_ID,
      classCode,
      interruptPin: 1,
      express: options.express ?? false,
      ...identity,
    });
    // What may be refused comes before the behaviour is taken.
    const vectors = options.vectors ?? Math.min(behaviour.queueSizes.length + 1, MAX_VECTORS);
    if (vectors !== 0) this.pci.addMsix(conventionalBars.msix, vectors);
    const { guestEndian, transportFeatures } = options;
    this.device = new VirtioDevice(behaviour, {
      legacy,
      ...(guestEndian === undefined ? {} : { guestEndian }),
      ...(transportFeatures === undefined ? {} : { transportFeatures }),
    });
    this.interrupts = new VirtioInterrupts(this.pci, behaviour.queueSizes);
    this.device.interrupts = this.interrupts;
    if (options.powerManagement === true) this.pci.addPowerManagement();
    this.#wire();
  }

  #wire(): void {
    const { pci, device, interrupts } = this;
    pci.parts.set('interrupts', interrupts);
    pci.parts.set('device', device);
    pci.device = this;
  }

  /** What happens to the function is the device's business. */
  hear(event: FunctionEvent): void {
    const { pci, device, interrupts } = this;
    if (event === 'plug') device.connect(new FunctionPlace(pci));
    else if (event === 'unplug') device.disconnect();
    else if (event === 'reset') device.reset();
    else if (event === 'msixEnable') interrupts.msixChanged();
    else if (event === 'busMaster') {
      device.setDmaEnabled(pci.busMaster);
      if (pci.busMaster) this.#admit();
    }
  }

  /** A driver takes the function: what is wrong with the way it is built is said now. */
  #admit(): void {
    if (this.#legacyInMemory)
      this.pci.report(
        'device',
        'LEG-DET-01',
        'the legacy block stands in a memory BAR, where an I/O BAR is due',
        {
          what: 'BAR',
          value: conventionalBars.legacy,
        },
      );
  }

  /** Bytes of the legacy block: header with vectors and device configuration. */
  get legacyBytes(): number {
    return legacyBytesOf(this.device.behaviour);
  }

  /** The legacy block in a BAR0 of its own: in I/O space, where it belongs (LEG-LAY-01), or in memory. */
  addLegacyBar(kind: 'io' | 'memory32'): void {
    const window = new LegacyWindow(this.device, this.interrupts);
    this.pci.parts.set('legacy', window);
    this.#legacyInMemory = kind !== 'io';
    const least = kind === 'io' ? LEAST_LEGACY_PORTS : LEAST_LEGACY_MEMORY;
    const lengthBytes = Math.max(least, 2 ** Math.ceil(Math.log2(this.legacyBytes)));
    this.pci.addBar({
      index: conventionalBars.legacy,
      kind,
      lengthBytes,
      regions: [{ name: 'legacy', offset: 0, length: lengthBytes, target: window }],
    });
  }

  /**
   * The modern structures, to be put into a memory BAR `index` by the caller, with their capabilities. Those that `places`
   * puts into I/O space go into an I/O BAR of their own, the first that is free of {@link conventionalBars}.
   * @throws StructurePlaceError; BarError when an I/O BAR is too small for them, or none is free
   */
  modernRegions(index: BarIndex, places: StructurePlaces = {}): BarRegion[] {
    const legacyStands = this.pci.bars.some((bar) => bar.index === conventionalBars.legacy);
    const ioIndex = legacyStands ? conventionalBars.modernIo : conventionalBars.legacy;
    const { memory, io } = addModernStructures(this, { memory: index, io: ioIndex }, places);
    if (io.length > 0)
      this.pci.addBar({ index: ioIndex, kind: 'io', lengthBytes: powerOfTwo(io), regions: io });
    addPciConfigWindow(this.pci);
    return memory;
  }

  /** The modern structures in a 64-bit memory BAR of their own, or where `places` puts them. @throws as modernRegions */
  addModernBar(index: BarIndex = conventionalBars.modern, places: StructurePlaces = {}): void {
    const regions = this.modernRegions(index, places);
    if (regions.length === 0) return;
    const lengthBytes = powerOfTwo(regions);
    this.pci.addBar({ index, kind: 'memory64', prefetchable: true, lengthBytes, regions });
  }
}

/**
 * A function of any kind around a device type.
 * @throws ModernOnlyTypeError, LegacyBlockSizeError, and what `VirtioDevice` throws; the behaviour is then free for another try.
 */
export function virtioFunction(behaviour: DeviceBehaviour, options: VirtioFunctionOptions): VirtioFunction {
  const { kind } = options;
  const { legacy, modern } = functionKinds[kind];
  const legacyBytes = legacyBytesOf(behaviour);
  if (legacy === 'io' && legacyBytes > MAX_IO_BYTES) throw new LegacyBlockSizeError(legacyBytes);
  const fn = new VirtioFunction(behaviour, identityOf(behaviour, kind), legacy !== null, options);
  if (legacy !== null) fn.addLegacyBar(legacy);
  if (!modern) return fn;
  fn.addModernBar(conventionalBars.modern, options.structures);
  addSharedMemory(fn.pci, conventionalBars.sharedMemory, options.sharedMemory ?? []);
  for (const data of options.vendorData ?? []) addVendorData(fn.pci, data);
  return fn;
}
