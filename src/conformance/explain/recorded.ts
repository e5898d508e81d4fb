import {
  type AccessEvent,
  FOUR_GIB,
  type FunctionAddress,
  formatFunctionAddress,
  type Register,
  type RegisterMap,
  registerAt,
} from '../../core/index.ts';
import { walkCapabilities } from '../../driver/index.ts';
import { draft2023, identify } from '../../mmr/layout/index.ts';
import {
  capabilityId,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  msixEntry,
  type0Header,
  VECTOR_MASKED,
} from '../../pci/layout/index.ts';
import type { ConfigBus } from '../../trace/config-tables.ts';
import {
  commonConfig,
  deviceTypes,
  FEATURE_WORDS,
  feature,
  hasFeature,
  legacyHeader,
  legacyHeaderWithVectors,
} from '../../virtio/layout/index.ts';
import { type LookOptions, legacyAreas } from './look.ts';
import type { Seen, SeenMsix, SeenQueue, SeenVector } from './observed.ts';

/** Registers of one queue: their last values by name. */
type QueueRegisters = Map<string, number>;

/** Registers of a queue, by the block that has them; all others are the function's. */
const ofQueue = new Set<Register>(
  Object.entries(commonConfig)
    .filter(([name]) => name.startsWith('queue') && name !== 'queueSelect')
    .map(([, register]) => register as Register)
    .concat([legacyHeader.queueAddress, legacyHeader.queueSize, legacyHeaderWithVectors.queueMsixVector]),
);

const featureWord = { deviceFeature: 'deviceFeatureSelect', driverFeature: 'driverFeatureSelect' } as const;

/** What accesses that were recorded tell of one function: what nobody accessed stays unknown. */
export class RecordedFunction {
  readonly address: FunctionAddress;
  readonly #dump: ConfigBus;
  readonly #options: LookOptions;
  /** The structure that was accessed last, of those that are an interface. */
  #block: 'common' | 'legacy' | null = null;
  #command: number;
  #control: number;
  readonly #msixAt: number;
  readonly #registers = new Map<string, number>();
  readonly #features = new Map<string, number>();
  readonly #queues = new Map<number, QueueRegisters>();
  readonly #kicks = new Map<number, number>();
  readonly #entries = new Map<number, { masked: boolean; low: number; high: number }>();

  /** @param dump configuration spaces as they were about the end of the recording. */
  constructor(dump: ConfigBus, address: FunctionAddress, options: LookOptions = {}) {
    this.address = address;
    this.#dump = dump;
    this.#options = options;
    this.#command = dump.configRead(address, type0Header.command.offset, 2);
    const read = (offset: number, width: 1 | 2 | 4) => dump.configRead(address, offset, width);
    this.#msixAt = [...walkCapabilities(read)].find(({ id }) => id === capabilityId.msix)?.offset ?? 0;
    this.#control = this.#msixAt === 0 ? 0 : read(this.#msixAt + msixCapability.messageControl.offset, 2);
  }

  /** Takes one access, in the order in which they were made. */
  take(event: AccessEvent): void {
    const place = formatFunctionAddress(this.address);
    if (!event.target.startsWith(`${place} `)) return;
    if (event.space === 'config') {
      this.#configured(event);
      return;
    }
    const region = event.target.slice(event.target.lastIndexOf(' ') + 1);
    if (region === 'common') this.#block = 'common';
    else if (region === 'legacy') this.#block = 'legacy';
    if (region === 'common') this.#accessed(commonConfig, event);
    else if (region === 'legacy')
      this.#accessed(this.#msixOn ? legacyHeaderWithVectors : legacyHeader, event);
    else if (region === 'notify' && event.operation === 'write') this.#kicked(event.value & 0xffff);
    else if (region === 'msix-table') this.#entry(event);
  }

  get #msixOn(): boolean {
    return (this.#control & messageControl.enable) !== 0;
  }

  /** A write of a register that says where things are decoded, or how interrupts are sent. */
  #configured({ operation, offset, width, value }: AccessEvent): void {
    if (operation !== 'write' || width < 2) return;
    if (offset === type0Header.command.offset) this.#command = value & 0xffff;
    if (this.#msixAt !== 0 && offset === this.#msixAt + msixCapability.messageControl.offset)
      this.#control = value & 0xffff;
  }

  #accessed(map: RegisterMap, { operation, offset, width, value }: AccessEvent): void {
    const at = registerAt(map, offset);
    if (at === undefined || at[1].offset !== offset || at[1].width !== width) return;
    const [name, register] = at;
    if (register === legacyHeader.queueNotify) {
      if (operation === 'write') this.#kicked(value);
      return;
    }
    if (name === 'deviceStatus' && operation === 'write' && value === 0) this.#reset();
    if (name in featureWord) {
      const select = this.#registers.get(featureWord[name as keyof typeof featureWord]) ?? 0;
      this.#features.set(`${name} ${select}`, value);
    } else if (name === 'deviceFeatures' || name === 'driverFeatures')
      this.#features.set(`${name.slice(0, -1)} 0`, value);
    else if (ofQueue.has(register)) this.#queue().set(name, value);
    else this.#registers.set(name, value);
  }

  #queue(): QueueRegisters {
    const index = this.#registers.get('queueSelect') ?? 0;
    const found = this.#queues.get(index) ?? new Map<string, number>();
    this.#queues.set(index, found);
    return found;
  }

  /** What a driver set up is gone; what the device offers stays. */
  #reset(): void {
    for (const registers of this.#queues.values())
      for (const name of registers.keys()) if (name !== 'queueSize') registers.delete(name);
    for (const name of this.#features.keys()) if (name.startsWith('driver')) this.#features.delete(name);
    this.#kicks.clear();
  }

  #kicked(name: number): void {
    const renamed = hasFeature(this.#words('driverFeature') ?? [0, 0, 0, 0], feature.notificationConfigData);
    const named = [...this.#queues].find(([, each]) => each.get('queueNotifConfigData') === name)?.[0];
    const index = renamed ? (named ?? name) : name;
    this.#kicks.set(index, (this.#kicks.get(index) ?? 0) + 1);
  }

  #entry({ operation, offset, value, width }: AccessEvent): void {
    if (operation !== 'write' || width !== 4) return;
    const index = Math.floor(offset / MSIX_ENTRY_BYTES);
    const entry = this.#entries.get(index) ?? { masked: true, low: 0, high: 0 };
    const at = offset % MSIX_ENTRY_BYTES;
    if (at === msixEntry.messageAddressLow.offset) entry.low = value;
    else if (at === msixEntry.messageAddressHigh.offset) entry.high = value;
    else if (at === msixEntry.vectorControl.offset) entry.masked = (value & VECTOR_MASKED) !== 0;
    this.#entries.set(index, entry);
  }

  #words(name: 'deviceFeature' | 'driverFeature'): Uint32Array | null {
    const word = (i: number) => this.#features.get(`${name} ${i}`);
    if (!Array.from({ length: FEATURE_WORDS }, (_, i) => word(i)).some((each) => each !== undefined))
      return null;
    return Uint32Array.from({ length: FEATURE_WORDS }, (_, i) => word(i) ?? 0);
  }

  #seenQueue(index: number, registers: QueueRegisters): SeenQueue {
    const get = (name: string) => registers.get(name) ?? null;
    const size = get('queueSize');
    const kicks = this.#kicks.get(index) ?? 0;
    if (this.#block === 'legacy') {
      const page = get('queueAddress');
      const areas =
        page === null || size === null
          ? { descriptors: null, driver: null, device: null }
          : legacyAreas(page, size);
      const enabled = page === null ? null : page !== 0;
      return { index, size, enabled, resetting: null, ...areas, vector: get('queueMsixVector'), kicks };
    }
    const wide = (low: string, high: string) => {
      const [first, second] = [get(low), get(high)];
      return first === null && second === null ? null : (second ?? 0) * FOUR_GIB + (first ?? 0);
    };
    const [enabled, reset] = [get('queueEnable'), get('queueReset')];
    return {
      index,
      size,
      enabled: enabled === null ? null : enabled === 1,
      resetting: reset === null ? null : reset === 1,
      descriptors: wide('queueDescriptorLow', 'queueDescriptorHigh'),
      driver: wide('queueDriverLow', 'queueDriverHigh'),
      device: wide('queueDeviceLow', 'queueDeviceHigh'),
      vector: get('queueMsixVector'),
      kicks,
    };
  }

  #msix(): SeenMsix | null {
    if (this.#msixAt === 0) return null;
    // Of what is written there, the size is no part.
    const at = this.#msixAt + msixCapability.messageControl.offset;
    const count = (this.#dump.configRead(this.address, at, 2) & messageControl.tableSize) + 1;
    const entry = (i: number): SeenVector => {
      const { masked, low, high } = this.#entries.get(i) ?? { masked: true, low: 0, high: 0 };
      return { masked, address: high * FOUR_GIB + low, pending: false };
    };
    return {
      enabled: this.#msixOn,
      functionMask: (this.#control & messageControl.functionMask) !== 0,
      vectors: this.#entries.size === 0 ? null : Array.from({ length: count }, (_, i) => entry(i)),
    };
  }

  /** What is known at the end of what was taken. */
  seen(): Seen {
    const { draft = draft2023, types = deviceTypes } = this.#options;
    const id = (register: Register) => this.#dump.configRead(this.address, register.offset, 2);
    const identity = identify(id(type0Header.vendorId), id(type0Header.deviceId), draft, types);
    const get = (name: string) => this.#registers.get(name) ?? null;
    const legacy = identity?.ids === 'mmr' ? 'native-mmr' : 'legacy';
    const [first, count] = [get('adminQueueIndex'), get('adminQueueNum')];
    const queues = [...this.#queues]
      .filter(([, registers]) => registers.get('queueSize') !== 0)
      .sort(([a], [b]) => a - b)
      .map(([index, registers]) => this.#seenQueue(index, registers));
    return {
      function: formatFunctionAddress(this.address),
      type: identity?.type ?? null,
      interface: this.#block === null ? null : this.#block === 'common' ? 'modern' : legacy,
      unreachable: identity === null ? 'not-virtio' : null,
      command: this.#command,
      lineAsserted: null,
      status: get('deviceStatus'),
      offered: this.#words('deviceFeature'),
      accepted: this.#words('driverFeature'),
      configVector: get('configMsixVector'),
      queues,
      adminQueues: first === null || count === null ? null : { first, count },
      msix: this.#msix(),
      effects: [],
      unseen: ['what the recording does not have: values are those that were read or written last'],
    };
  }
}
