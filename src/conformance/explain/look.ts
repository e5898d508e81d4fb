import {
  type Bus,
  FOUR_GIB,
  type FunctionAddress,
  formatFunctionAddress,
  type Register,
  type Width,
} from '../../core/index.ts';
import {
  configOf,
  type FoundFunction,
  type FunctionConfig,
  isPoweredDown,
  type StructureAccess,
} from '../../driver/index.ts';
import { type Draft, draft2023, identify } from '../../mmr/layout/index.ts';
import {
  capabilityId,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  msixEntry,
  status as pciStatus,
  type0Header,
  VECTOR_MASKED,
} from '../../pci/layout/index.ts';
import {
  commonConfig,
  type DeviceType,
  deviceStatus,
  deviceTypes,
  FEATURE_WORDS,
  feature,
  hasFeature,
  legacyHeader,
  legacyRingLayout,
  legacyVectors,
  QUEUE_ADDRESS_UNIT,
} from '../../virtio/layout/index.ts';
import type { Seen, SeenInterface, SeenMsix, SeenQueue } from './observed.ts';
import { accessTo, type PlacedStructure, placesIn } from './places.ts';

/** How a function is to be looked at. */
export interface LookOptions {
  /** By which MMR functions were made; by default {@link draft2023}. */
  readonly draft?: Draft;
  /** Device types that it may be of. */
  readonly types?: readonly DeviceType[];
  /** Of a transitional function: the interface to read. By default the one that its driver seems to use. */
  readonly interface?: 'legacy' | 'modern';
}

/** Numbers up to here are asked for, and in a legacy block no more after so many that are none. */
const MOST_QUEUES = 1024;
const GAP = 8;
/** The status of a function that is gone. */
export const ALL_ONES = 0xff;

/** A block of registers whose selectors are put back where they were. */
class Reader {
  readonly #access: StructureAccess;
  readonly effects: string[] = [];

  constructor(access: StructureAccess) {
    this.#access = access;
  }

  get({ offset, width }: Register): number {
    return this.#access.read(offset, width as Width);
  }

  holds({ offset, width }: Register): boolean {
    return this.#access.holds(offset, width);
  }

  /** Puts a selector on each of some values in turn, and back. */
  selecting<T>(name: string, selector: Register, values: Iterable<number>, each: (value: number) => T): T[] {
    const before = this.get(selector);
    const put = (value: number) => this.#access.write(selector.offset, selector.width as Width, value);
    const found: T[] = [];
    for (const value of values) {
      put(value);
      found.push(each(value));
    }
    put(before);
    this.effects.push(`${name} was moved over ${found.length} values and put back to ${before}`);
    return found;
  }
}

type Registers = Pick<Seen, 'status' | 'offered' | 'accepted' | 'configVector' | 'queues' | 'adminQueues'> & {
  readonly effects: readonly string[];
  readonly unseen: readonly string[];
};

const counting = (count: number) => Array.from({ length: count }, (_, i) => i);
const exists = (queue: SeenQueue | null): queue is SeenQueue => queue !== null;

/** What is left of a function whose registers read all ones: its status says so. */
const gone = (status: number): Registers => ({
  status,
  offered: null,
  accepted: null,
  configVector: null,
  queues: [],
  adminQueues: null,
  effects: [],
  unseen: [],
});

function readModern(access: StructureAccess): Registers {
  const block = new Reader(access);
  const status = block.get(commonConfig.deviceStatus);
  if (status === ALL_ONES) return gone(status);
  const words = (name: string, select: Register, register: Register) =>
    Uint32Array.from(block.selecting(name, select, counting(FEATURE_WORDS), () => block.get(register)));
  const { deviceFeatureSelect, deviceFeature, driverFeatureSelect, driverFeature } = commonConfig;
  const offered = words('device_feature_select', deviceFeatureSelect, deviceFeature);
  const accepted = words('driver_feature_select', driverFeatureSelect, driverFeature);
  const resets = hasFeature(accepted, feature.ringReset) && block.holds(commonConfig.queueReset);
  const wide = (low: Register, high: Register) => block.get(high) * FOUR_GIB + block.get(low);
  const all = block.get(commonConfig.numQueues);
  const queues = block.selecting(
    'queue_select',
    commonConfig.queueSelect,
    counting(Math.min(all, MOST_QUEUES)),
    (index): SeenQueue | null => {
      const size = block.get(commonConfig.queueSize);
      if (size === 0) return null;
      return {
        index,
        size,
        enabled: block.get(commonConfig.queueEnable) === 1,
        resetting: resets && block.get(commonConfig.queueReset) === 1,
        descriptors: wide(commonConfig.queueDescriptorLow, commonConfig.queueDescriptorHigh),
        driver: wide(commonConfig.queueDriverLow, commonConfig.queueDriverHigh),
        device: wide(commonConfig.queueDeviceLow, commonConfig.queueDeviceHigh),
        vector: block.get(commonConfig.queueMsixVector),
        kicks: null,
      };
    },
  );
  return {
    status,
    offered,
    accepted,
    configVector: block.get(commonConfig.configMsixVector),
    queues: queues.filter(exists),
    adminQueues: hasFeature(accepted, feature.adminQueue)
      ? { first: block.get(commonConfig.adminQueueIndex), count: block.get(commonConfig.adminQueueNum) }
      : null,
    effects: block.effects,
    unseen: all > MOST_QUEUES ? [`queues from number ${MOST_QUEUES} on: there are ${all}`] : [],
  };
}

/** Where a legacy queue of that page has its parts. */
export function legacyAreas(page: number, size: number) {
  const start = page * QUEUE_ADDRESS_UNIT;
  const { available, used } = legacyRingLayout(size);
  return page === 0
    ? { descriptors: 0, driver: 0, device: 0 }
    : { descriptors: start, driver: start + available, device: start + used };
}

function readLegacy(access: StructureAccess, vectors: boolean): Registers {
  const block = new Reader(access);
  const status = block.get(legacyHeader.deviceStatus);
  if (status === ALL_ONES) return gone(status);
  let missing = 0;
  function* numbers() {
    for (let index = 0; index < MOST_QUEUES && missing < GAP; index++) yield index;
  }
  const queues = block.selecting(
    'queue_select',
    legacyHeader.queueSelect,
    numbers(),
    (index): SeenQueue | null => {
      const size = block.get(legacyHeader.queueSize);
      missing = size === 0 ? missing + 1 : 0;
      if (size === 0) return null;
      const page = block.get(legacyHeader.queueAddress);
      const vector = vectors ? block.get(legacyVectors.queueMsixVector) : null;
      return {
        index,
        size,
        enabled: page !== 0,
        resetting: null,
        ...legacyAreas(page, size),
        vector,
        kicks: null,
      };
    },
  );
  const word = (register: Register) => Uint32Array.of(block.get(register), 0, 0, 0);
  return {
    status,
    offered: word(legacyHeader.deviceFeatures),
    accepted: word(legacyHeader.driverFeatures),
    configVector: vectors ? block.get(legacyVectors.configMsixVector) : null,
    queues: queues.filter(exists),
    adminQueues: null,
    effects: block.effects,
    unseen: [],
  };
}

const isOn = (place: PlacedStructure | undefined) => place?.decoded === true && place.base !== 0;

function readMsix(bus: Bus, config: FunctionConfig, places: readonly PlacedStructure[]): SeenMsix | null {
  const at = config.findCapability(capabilityId.msix);
  if (at === 0) return null;
  const control = config.read(msixCapability.messageControl, at);
  const [table, bits] = ['msix-table', 'msix-pba'].map((name) => places.find((each) => each.name === name));
  const flags = {
    enabled: (control & messageControl.enable) !== 0,
    functionMask: (control & messageControl.functionMask) !== 0,
  };
  if (!isOn(table) || !isOn(bits)) return { ...flags, vectors: null };
  const entry = (vector: number, { offset }: Register) =>
    bus.memoryRead(table!.address + MSIX_ENTRY_BYTES * vector + offset, 4);
  const pending = (vector: number) =>
    ((bus.memoryRead(bits!.address + 4 * (vector >> 5), 4) >>> (vector & 31)) & 1) !== 0;
  const vectors = counting((control & messageControl.tableSize) + 1).map((vector) => ({
    masked: (entry(vector, msixEntry.vectorControl) & VECTOR_MASKED) !== 0,
    address:
      entry(vector, msixEntry.messageAddressHigh) * FOUR_GIB + entry(vector, msixEntry.messageAddressLow),
    pending: pending(vector),
  }));
  return { ...flags, vectors };
}

/**
 * The interface that the driver of a function with both has taken, as far as it shows: what a queue is set up by shows in both.
 * Only a legacy driver gets further than DRIVER without VERSION_1 and FEATURES_OK.
 */
function taken({ accepted, queues, status }: Registers): 'legacy' | 'modern' {
  if (accepted === null || hasFeature(accepted, feature.version1)) return 'modern';
  if ((status! & deviceStatus.featuresOk) !== 0) return 'modern';
  const further =
    (status! & deviceStatus.driverOk) !== 0 ||
    queues.some(({ enabled }) => enabled) ||
    (status !== 0 && accepted.some((word) => word !== 0));
  return further ? 'legacy' : 'modern';
}

interface Found {
  readonly interface: SeenInterface;
  readonly registers: Registers;
}

function readInterface(
  bus: Bus,
  places: readonly PlacedStructure[],
  { draft, interface: wanted }: LookOptions,
  ids: 'legacy' | 'modern' | 'mmr',
  msixOn: boolean,
): Found | Seen['unreachable'] {
  const [common, block] = ['common', 'legacy'].map((name) => places.find((each) => each.name === name));
  const ready = (place: PlacedStructure | undefined) => (isOn(place) ? place! : null);
  const [modern, legacy] = [ready(common), ready(block)];
  if (modern === null && legacy === null) {
    const place = common ?? block;
    if (place === undefined) return 'no-interface';
    return place.base === 0 ? 'no-address' : 'decode-off';
  }
  const fixed = ids === 'mmr' && (draft ?? draft2023).msixShift === 'fixed';
  const asLegacy = (): Found => ({
    interface: ids === 'mmr' ? 'native-mmr' : 'legacy',
    registers: readLegacy(accessTo(bus, legacy!), msixOn || fixed),
  });
  const asModern = (): Found => ({ interface: 'modern', registers: readModern(accessTo(bus, modern!)) });
  if (legacy === null || (wanted === 'modern' && modern !== null)) return asModern();
  if (modern === null || wanted === 'legacy') return asLegacy();
  const [first, second] = [asModern(), asLegacy()];
  const chosen = taken(first.registers) === 'modern' ? first : second;
  const effects = [...first.registers.effects, ...second.registers.effects];
  return { ...chosen, registers: { ...chosen.registers, effects } };
}

const nothing = {
  interface: null,
  command: null,
  lineAsserted: null,
  status: null,
  offered: null,
  accepted: null,
  configVector: null,
  queues: [],
  adminQueues: null,
  msix: null,
  effects: [],
  unseen: [],
} as const;

/** What every look at registers does, and what it leaves alone. */
const READS = 'reads push memory writes ahead of them that were still on their way to the function';
const ISR =
  'ISR: reading it clears it and takes the interrupt back; the PCI status register tells of the line';

/**
 * Looks at a function through its bus. Selectors are moved and put back; beside that nothing is written, no BAR is measured,
 * and ISR is left alone.
 * @param fn of a virtual function the one that was found, since its own configuration space tells too little.
 */
export function look(bus: Bus, fn: FunctionAddress | FoundFunction, options: LookOptions = {}): Seen {
  const { draft = draft2023, types = deviceTypes } = options;
  const config = configOf(bus, fn);
  const name = formatFunctionAddress(config.address);
  if (!config.present) return { ...nothing, function: name, type: null, unreachable: 'no-function' };
  const identity = identify(config.vendorId, config.deviceId, draft, types);
  const header = {
    function: name,
    type: identity?.type ?? null,
    command: config.read(type0Header.command),
    lineAsserted: (config.read(type0Header.status) & pciStatus.interrupt) !== 0,
  };
  const unreachable = (why: Seen['unreachable']): Seen => ({ ...nothing, ...header, unreachable: why });
  if (identity === null) return unreachable('not-virtio');
  if (isPoweredDown(config)) return unreachable('powered-down');
  const places = placesIn(config, draft);
  const msix = readMsix(bus, config, places);
  const found = readInterface(bus, places, options, identity.ids, msix?.enabled === true);
  if (found === null || typeof found === 'string') return { ...unreachable(found), msix };
  const { effects, unseen, ...registers } = found.registers;
  return {
    ...nothing,
    ...header,
    ...registers,
    interface: found.interface,
    unreachable: null,
    msix,
    effects: [...effects, READS],
    unseen: [...unseen, ISR],
  };
}
