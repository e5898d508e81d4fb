import { Buffer } from 'node:buffer';
import {
  DmaDomain,
  functionAddress,
  GuestMemory,
  HeldScheduler,
  immediate,
  type Register,
  type Width,
} from '../../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  EntropyDriver,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  type RingPlace,
  runFirmware,
} from '../../../src/driver/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import {
  applyEdit,
  PackedRingScribe,
  type RegisterAccess,
  type RingEdit,
  RingScribe,
} from '../../../src/testing/index.ts';
import {
  availableRing,
  BlockDevice,
  commonConfig,
  deviceStatus,
  EntropyDevice,
  FEATURE_WORDS,
  feature,
  featureWords,
  LEGACY_FEATURE_BITS,
  legacyHeader,
  legacyRingLayout,
  MemoryStorage,
  PACKED_EVENT_BYTES,
  SeededEntropy,
  type Storage,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { withinAccesses } from './count.ts';
import { HIGH, LONG_TABLE, longTables, RANGES, WHOLE, WINDOW_SETS, WINDOWS } from './hostile-memory.ts';
import { LateStorage } from './late-storage.ts';

export interface HostileSetup {
  readonly type: 'block' | 'entropy';
  /** Through the legacy block; the common configuration; that, with a packed ring. */
  readonly way: 'legacy' | 'modern' | 'packed';
  readonly bigEndian: boolean;
  readonly features: readonly number[];
  readonly queueSize: number;
  readonly held: boolean;
  /** Transfers wait for release by themselves, in any order: chains stay in flight meanwhile. */
  readonly late: boolean;
  /** Somebody logs what the function writes, which may take it other ways through the code. */
  readonly observed: boolean;
  /** The driver starts anew whenever the device asks for it: a broken device would sit out the rest of a case. */
  readonly mends: boolean;
  /** Ring places: the first, down to its page, for the legacy layout; all three for the modern one. */
  readonly places: readonly [number, number, number];
  /** Where chains with an indirect table have it. */
  readonly table: number;
}

export type HostileStep =
  | { readonly do: 'edit'; readonly edit: RingEdit }
  | { readonly do: 'kick' }
  /** A reset and the same setup again, with all in reach that ever is. */
  | { readonly do: 'restart' }
  | { readonly do: 'release'; readonly pick: number }
  /** What the function may reach: all that it ever may, or less. */
  | { readonly do: 'windows'; readonly set: number }
  | { readonly do: 'master'; readonly on: boolean }
  | { readonly do: 'poke'; readonly access: RegisterAccess };

const address = functionAddress(0, 4);
const IO = 0xc000;
const RING_FEATURES = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.ringPacked,
  feature.inOrder,
];
const diskImage = new Uint8Array(32 * 512).map((_, i) => (i * 7 + (i >> 9)) & 0xff);

/** A function between a hostile driver and memory of which it may reach a part. */
export class Target {
  readonly setup: HostileSetup;
  readonly machine: Machine;
  readonly domain: DmaDomain;
  readonly tasks: HeldScheduler | null;
  readonly storage = diskImage.slice();
  readonly log: string[] = [];
  readonly scribe: RingScribe | PackedRingScribe;
  #common = 0;
  #notify = 0;
  #bytes = 0;

  /** @param secret fills what the function may never reach. */
  constructor(setup: HostileSetup, secret: number) {
    this.setup = setup;
    const packed = this.#packed;
    const little = !setup.bigEndian || !this.#legacy;
    const ram = new GuestMemory([
      ...RANGES.map(({ start, length }) => ({ start, bytes: new Uint8Array(length).fill(secret) })),
      { start: LONG_TABLE, bytes: longTables[packed ? 'packed' : little ? 'little' : 'big'] },
    ]);
    for (const { start, length } of WINDOWS) ram.fill(start, length, 0);
    this.tasks = setup.held ? new HeldScheduler() : null;
    this.machine = new Machine({ ram, scheduler: this.tasks ?? immediate, interruptScheduler: immediate });
    this.domain = new DmaDomain(ram, WHOLE);
    if (setup.observed) this.domain.observer = (_at, length) => this.#countBytes(length);
    // A packed ring may be of any size up to that; what a split one may be of is the device's to know.
    const queueSize = packed ? 16 : setup.queueSize;
    const behaviour =
      setup.type === 'block'
        ? new BlockDevice({ storage: this.#storage(), queueSize })
        : new EntropyDevice({ source: new SeededEntropy(9), queueSize });
    const fn = virtioFunction(behaviour, {
      kind: setup.way === 'legacy' ? 'legacy' : 'transitional',
      guestEndian: setup.bigEndian ? 'big' : 'little',
      transportFeatures: RING_FEATURES,
    });
    this.machine.plug(fn.pci, address, this.domain);
    const found = runFirmware(this.machine).find((each) => each.address === address)!;
    const modern = found.bars.find(({ index }) => index === 4)?.address ?? 0;
    this.#common = modern;
    this.#notify = modern + 0x3000;
    this.machine.configWrite(address, 0x10, 4, IO);
    this.machine.configWrite(address, 0x04, 2, 7);
    this.machine.events = (event) => {
      if (event.kind === 'finding' || event.kind === 'interrupt') this.log.push(JSON.stringify(event));
    };
    this.scribe = packed
      ? new PackedRingScribe(ram, this.#place(), setup.queueSize)
      : new RingScribe(ram, this.#place(), setup.queueSize, little);
    this.#clear();
    this.#setUp();
  }

  #storage(): Storage {
    return this.tasks !== null && this.setup.late
      ? new LateStorage(this.storage, this.tasks)
      : new MemoryStorage(this.storage);
  }

  get #packed(): boolean {
    return this.setup.way === 'packed';
  }

  get #legacy(): boolean {
    return this.setup.way === 'legacy';
  }

  #place(): RingPlace {
    const { places, queueSize } = this.setup;
    const [descriptor, driver, device] = places;
    if (!this.#legacy) return { descriptor, driver, device };
    const base = descriptor - (descriptor % 4096);
    const layout = legacyRingLayout(queueSize);
    return { descriptor: base, driver: base + layout.available, device: base + layout.used };
  }

  /** At most twice the queue's length of chains; each no longer than the queue and an indirect table of 1024. */
  get #mostSteps(): number {
    const { queueSize } = this.setup;
    return 2 * queueSize * (8 * (queueSize + 1024) + 32);
  }

  /** At most twice the queue's length of chains, and 64 KiB for each. */
  #countBytes(length: number): void {
    this.#bytes += length;
    if (this.#bytes > (2 * this.setup.queueSize + 1) * 0x10000)
      throw new Error(`${this.#bytes} bytes written`);
  }

  #set(register: Register, value: number): void {
    const width = register.width as Width;
    if (this.#legacy) this.machine.ioWrite(IO + register.offset, width, value);
    else this.machine.memoryWrite(this.#common + register.offset, width, value);
  }

  #offered(bit: number): boolean {
    const legacyOnly = bit === feature.notifyOnEmpty || bit === feature.anyLayout;
    if (bit >= LEGACY_FEATURE_BITS) return !this.#legacy;
    return bit < 24 ? this.setup.type === 'block' : !legacyOnly || this.#legacy;
  }

  #setUp(): void {
    const { features, queueSize } = this.setup;
    const wanted = this.#packed ? [feature.version1, feature.ringPacked] : [feature.version1];
    const words = featureWords([...features.filter((bit) => this.#offered(bit)), ...wanted]);
    const { place } = this.scribe;
    if (this.#legacy) {
      this.#set(legacyHeader.deviceStatus, 0);
      this.#set(legacyHeader.deviceStatus, 3);
      this.#set(legacyHeader.driverFeatures, words[0]!);
      this.#set(legacyHeader.queueAddress, place.descriptor / 4096);
      this.#set(legacyHeader.deviceStatus, 7);
      return;
    }
    this.#set(commonConfig.deviceStatus, 0);
    this.#set(commonConfig.deviceStatus, 3);
    for (let word = 0; word < FEATURE_WORDS; word++) {
      this.#set(commonConfig.driverFeatureSelect, word);
      this.#set(commonConfig.driverFeature, words[word]!);
    }
    this.#set(commonConfig.deviceStatus, 11);
    this.#set(commonConfig.queueSize, queueSize);
    const areas = [
      [commonConfig.queueDescriptorLow, commonConfig.queueDescriptorHigh, place.descriptor],
      [commonConfig.queueDriverLow, commonConfig.queueDriverHigh, place.driver],
      [commonConfig.queueDeviceLow, commonConfig.queueDeviceHigh, place.device],
    ] as const;
    for (const [low, high, at] of areas) {
      this.#set(low, at % HIGH);
      this.#set(high, Math.floor(at / HIGH));
    }
    this.#set(commonConfig.queueEnable, 1);
    this.#set(commonConfig.deviceStatus, 15);
  }

  /**
   * A driver gives zeroed memory. Where the function cannot reach it the secret stays, but for the available index of a
   * split ring: the driver reads that itself.
   */
  #clear(): void {
    const { scribe } = this;
    const { place, size } = scribe;
    const packed = scribe instanceof PackedRingScribe;
    const parts = [
      [place.descriptor, 16 * size],
      [place.driver, packed ? PACKED_EVENT_BYTES : 6 + 2 * size],
      [place.device, packed ? PACKED_EVENT_BYTES : 6 + 8 * size],
    ] as const;
    if (packed) scribe.restart();
    const index = packed ? Number.NaN : place.driver + availableRing.index.offset;
    const granted = (at: number) => WINDOWS.some(({ start, length }) => at >= start && at < start + length);
    for (const [start, length] of parts)
      for (let at = start; at < start + length; at++)
        if (granted(at) || at === index || at === index + 1) this.scribe.put(at, 1, 0);
  }

  /** Carries a step out and checks that nothing changed that the function may not write. */
  step(step: HostileStep): void {
    if (step.do === 'edit') {
      applyEdit(this.scribe, step.edit, this.setup.table);
      return;
    }
    if (step.do === 'restart') {
      this.#clear();
      this.domain.setWindows(WHOLE);
    }
    if (step.do === 'windows') this.domain.setWindows(WINDOW_SETS[step.set]!);
    const before = this.#memory.map(({ bytes }) => bytes.slice());
    this.#bytes = 0;
    withinAccesses(this.#mostSteps, () => this.#act(step));
    this.#checkCanary(before);
    if (this.setup.mends && step.do !== 'restart' && (this.#status() & deviceStatus.needsReset) !== 0)
      this.step({ do: 'restart' });
  }

  #act(step: HostileStep): void {
    if (step.do === 'release') this.tasks?.release(step.pick);
    else if (step.do === 'master') this.machine.configWrite(address, 4, 2, step.on ? 7 : 3);
    else if (step.do === 'kick') this.#kick();
    else if (step.do === 'restart') {
      this.machine.configWrite(address, 4, 2, 7);
      this.#setUp();
    } else if (step.do === 'poke') this.#poke(step.access);
  }

  #status(): number {
    return this.#legacy
      ? this.machine.ioRead(IO + legacyHeader.deviceStatus.offset, 1)
      : this.machine.memoryRead(this.#common + commonConfig.deviceStatus.offset, 1);
  }

  #kick(): void {
    if (this.#legacy) this.machine.ioWrite(IO + legacyHeader.queueNotify.offset, 2, 0);
    else this.machine.memoryWrite(this.#notify, 2, 0);
  }

  #poke({ offset, width, value }: RegisterAccess): void {
    const { machine } = this;
    const at = (this.#legacy ? IO : this.#common) + offset;
    if (value === null)
      this.log.push(String(this.#legacy ? machine.ioRead(at, width) : machine.memoryRead(at, width)));
    else if (this.#legacy) machine.ioWrite(at, width, value);
    else machine.memoryWrite(at, width, value);
  }

  /** All RAM that changes. */
  get #memory() {
    return this.machine.ram.ranges.filter(({ start }) => start !== LONG_TABLE);
  }

  /** Without bus mastering nothing at all is in reach. */
  #checkCanary(before: readonly Uint8Array[]): void {
    const master = (this.machine.configRead(address, 4, 2) & 4) !== 0;
    const windows = master ? this.domain.windows : [];
    for (const [i, { start, end, bytes }] of this.#memory.entries()) {
      let at = start;
      const check = (to: number) => {
        const was = before[i]!.subarray(at - start, to - start);
        if (Buffer.compare(was, bytes.subarray(at - start, to - start)) !== 0)
          throw new Error(
            `a byte in [0x${at.toString(16)}, 0x${to.toString(16)}) changed: out of the function's reach`,
          );
      };
      for (const window of windows) {
        if (!window.write || window.start + window.length <= at || window.start >= end) continue;
        if (window.start > at) check(window.start);
        at = window.start + window.length;
      }
      if (at < end) check(end);
    }
  }

  /** What may depend on nothing but what the function may reach. */
  outcome(): Buffer {
    const { ram } = this.machine;
    const inside = WINDOWS.map(({ start, length }) => ram.read(start, length));
    return Buffer.concat([...inside, this.storage, Buffer.from(this.log.join('\n'))]);
  }

  /** After a reset an ordinary driver gets an ordinary answer. @throws when it does not. */
  async recover(): Promise<void> {
    const { machine, setup } = this;
    this.#bytes = 0;
    this.domain.setWindows(WHOLE);
    // Cleared as freshly installed: what the hostile driver left in configuration space is its successor's to set.
    machine.configWrite(address, 0x04, 2, 7);
    const found = findFunction(machine, address)!;
    const options = { bigEndian: setup.bigEndian, intx: true };
    const transport = this.#legacy
      ? new LegacyTransport(machine, found, legacyAccess(machine, found), options)
      : new ModernTransport(machine, found, options);
    const memory = new DmaMemory(machine.ram, HIGH, HIGH + 0x8000);
    let answer: Uint8Array | null = null;
    const sent =
      setup.type === 'block'
        ? new BlockDriver(transport, memory, { depth: 1, requestBytes: 512 }).read(3, 1)
        : new EntropyDriver(transport, memory).read(16);
    sent.then(
      (data) => {
        answer = data;
      },
      (error: unknown) => this.log.push(String(error)),
    );
    for (let round = 0; round < 8 && answer === null; round++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.tasks?.releaseAll();
    }
    if (answer === null) throw new Error('after a reset the device does not answer');
    const right = setup.type === 'entropy' || Buffer.compare(answer, this.storage.subarray(1536, 2048)) === 0;
    if (!right) throw new Error('after a reset the device answers wrong');
  }
}
