import {
  type Bus,
  type BusTarget,
  DmaDomain,
  GuestMemory,
  type LabEvent,
  type Width,
} from '../../../src/core/index.ts';
import { runFirmware } from '../../../src/driver/index.ts';
import {
  type BlockPlace,
  type Draft,
  draft2023,
  encodeCapability,
  encodingOf,
  presentLegacy,
} from '../../../src/mmr/index.ts';
import { type BarKind, Machine, type MachineOptions, PciFunction } from '../../../src/pci/index.ts';
import { interruptsIn, SLOT, watch } from '../../pci/support.ts';
import { GUEST_SLOT } from '../support.ts';

/** Ways for which there is a hand-made function. */
export const handmadeWays = ['io-bar', 'mmr'] as const;

export interface HandmadeOptions {
  readonly window?: (typeof handmadeWays)[number];
  /** MSI-X vectors, 3 by default; 0 for none. */
  readonly vectors?: number;
  /** The function keeps ISR bits while MSI-X is on. 1.4 does not ask it to, for a queue. */
  readonly keepsIsr?: boolean;
  /** Reads of status after a reset that still show the old one. */
  readonly slowReset?: number;
  /** The memory BAR of the block, and the block's offset in it. */
  readonly bar?: {
    readonly kind: Exclude<BarKind, 'io'>;
    readonly lengthBytes: number;
    readonly offset: number;
  };
  /** Capabilities before the one that is right. */
  readonly decoys?: readonly Partial<BlockPlace>[];
  readonly draft?: Draft;
  readonly status?: number;
}

const NONE = 0xffff;
const CONFIG_BYTES = 8;
const HEADER = 24;

/**
 * A legacy block written from the specification alone, for a device that is not ours: two queues of 8 and eight bytes of
 * configuration. It has no rings: a kick is counted, and the test says when something is used.
 */
export class HandmadeBlock implements BusTarget {
  status: number;
  isr = 0;
  configVector = NONE;
  select = 0;
  features = 0;
  readonly pages = [0, 0];
  readonly vectors = [NONE, NONE];
  readonly config = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  readonly log: string[] = [];
  /** Runs when a kick arrives. */
  onKick: (queue: number) => void = () => {};
  resets = 0;
  #resetReads = 0;
  readonly #fn: PciFunction;
  readonly #options: HandmadeOptions;

  constructor(fn: PciFunction, options: HandmadeOptions) {
    this.#fn = fn;
    this.#options = options;
    this.status = options.status ?? 0;
  }

  get #shown(): boolean {
    return this.#options.draft?.msixShift === 'fixed' || this.#fn.msixEnabled;
  }

  #signal(bit: number, vector: number): void {
    if (!this.#fn.msixEnabled || this.#options.keepsIsr === true) this.isr |= bit;
    this.#fn.setInterrupt(this.isr !== 0);
    if (vector !== NONE) this.#fn.msix?.trigger(vector);
  }

  use(queue = 0): void {
    this.#signal(1, this.vectors[queue]!);
  }

  changeConfig(): void {
    this.#signal(2, this.configVector);
  }

  #reset(): void {
    this.resets++;
    this.status = this.isr = this.select = this.features = 0;
    this.configVector = NONE;
    this.pages.fill(0);
    this.vectors.fill(NONE);
    this.#fn.msix?.withdrawAll();
    this.#fn.setInterrupt(false);
  }

  #readStatus(): number {
    if (this.#resetReads > 0 && --this.#resetReads === 0) this.#reset();
    return this.status;
  }

  #readIsr(): number {
    const isr = this.isr;
    this.isr = 0;
    this.#fn.setInterrupt(false);
    return isr;
  }

  read(offset: number, width: Width): number {
    this.log.push(`r${width}@${offset}`);
    const header = this.#shown ? HEADER : HEADER - 4;
    if (offset >= header) {
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.config[offset - header + i] ?? 0xff);
      return value;
    }
    const size = this.select < 2 ? 8 : 0;
    const values: Record<number, () => number> = {
      0: () => 0xffff,
      4: () => this.features,
      8: () => this.pages[this.select] ?? 0,
      12: () => size,
      14: () => this.select,
      18: () => this.#readStatus(),
      19: () => this.#readIsr(),
      20: () => this.configVector,
      22: () => this.vectors[this.select] ?? NONE,
    };
    return values[offset]?.() ?? 0;
  }

  write(offset: number, width: Width, value: number): void {
    this.log.push(`w${width}@${offset}=${value.toString(16)}`);
    const header = this.#shown ? HEADER : HEADER - 4;
    if (offset >= header) {
      for (let i = 0; i < width; i++) this.config[offset - header + i] = value / 2 ** (8 * i);
      return;
    }
    const vector = value < (this.#fn.msix?.vectors ?? 0) ? value : NONE;
    if (offset === 4) this.features = value;
    else if (offset === 8 && this.select < 2) this.pages[this.select] = value;
    else if (offset === 14) this.select = value;
    else if (offset === 16) this.onKick(value);
    else if (offset === 18 && value !== 0) this.status = value;
    else if (offset === 18 && (this.#options.slowReset ?? 0) > 0) this.#resetReads = this.#options.slowReset!;
    else if (offset === 18) this.#reset();
    else if (offset === 20) this.configVector = vector;
    else if (offset === 22 && this.select < 2) this.vectors[this.select] = vector;
  }
}

/** The hand-made function. An MMR one has its block in BAR2, or BAR2 and BAR3 where it is 64-bit. */
export function handmade(options: HandmadeOptions = {}): { fn: PciFunction; block: HandmadeBlock } {
  const { window = 'mmr', vectors = 3, draft = draft2023 } = options;
  const mmr = window === 'mmr';
  const fn = new PciFunction({
    name: 'handmade',
    vendorId: mmr ? draft.vendorId : 0x1af4,
    deviceId: mmr ? draft.deviceIds.block! : 0x1001,
    classCode: 0x010000,
    interruptPin: mmr ? 0 : 1,
    express: mmr,
  });
  const block = new HandmadeBlock(fn, options);
  const length = HEADER + CONFIG_BYTES;
  if (mmr) {
    const { kind, lengthBytes, offset } = options.bar ?? { kind: 'memory32', lengthBytes: 4096, offset: 0 };
    fn.addBar({ index: 2, kind, lengthBytes, regions: [{ name: 'legacy', offset, length, target: block }] });
    for (const place of [...(options.decoys ?? []), {}]) {
      const at = fn.extendedCapabilities.add(draft.extendedCapabilityId, 1, encodingOf(draft).map, {});
      for (const [byte, value] of encodeCapability(draft, { bar: 2, offset, length, ...place }))
        fn.config.set(at + byte, 1, value);
    }
  } else
    fn.addBar({
      index: 0,
      kind: 'io',
      lengthBytes: 32,
      regions: [{ name: 'legacy', offset: 0, length: 32, target: block }],
    });
  if (vectors > 0) fn.addMsix(1, vectors);
  return { fn, block };
}

/** A hand-made function of the host, before a guest. */
export class Stranger {
  readonly ram = GuestMemory.allocate({ start: 0, length: 1 << 16 });
  readonly host: Machine;
  readonly guest: Machine;
  readonly block: HandmadeBlock;
  readonly fn: PciFunction;
  readonly presented: ReturnType<typeof presentLegacy>;
  readonly ports: number;
  readonly events: LabEvent[];
  readonly #msixAt: number;
  readonly #table: number;

  /** @param deaf the bus to the host tells nothing of what happens to its functions. */
  constructor(options: HandmadeOptions = {}, host: Omit<MachineOptions, 'ram'> = {}, deaf = false) {
    this.host = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 4096 }), ...host });
    this.guest = new Machine({ ram: this.ram });
    const { fn, block } = handmade(options);
    this.fn = fn;
    this.block = block;
    this.host.plug(fn, SLOT, new DmaDomain(this.ram));
    runFirmware(this.host);
    const bus: Bus = deaf
      ? {
          configRead: (fn, offset, width) => this.host.configRead(fn, offset, width),
          configWrite: (fn, offset, width, value) => this.host.configWrite(fn, offset, width, value),
          ioRead: (port, width) => this.host.ioRead(port, width),
          ioWrite: (port, width, value) => this.host.ioWrite(port, width, value),
          memoryRead: (address, width) => this.host.memoryRead(address, width),
          memoryWrite: (address, width, value) => this.host.memoryWrite(address, width, value),
          ram: this.host.ram,
          interrupts: this.host.interrupts,
          pause: () => this.host.pause(),
        }
      : this.host;
    this.presented = presentLegacy(bus, SLOT, options.draft ? { draft: options.draft } : {});
    this.guest.plug(this.presented.pci, GUEST_SLOT);
    const found = runFirmware(this.guest).find(({ address }) => address === GUEST_SLOT)!;
    this.ports = found.bars[0]!.address;
    this.#msixAt = found.capabilities.find(({ id }) => id === 0x11)?.offset ?? 0;
    this.#table = found.bars.find(({ index }) => index === 1)?.address ?? 0;
    this.guest.configWrite(GUEST_SLOT, 4, 2, 7);
    this.events = watch(this.guest);
    block.log.length = 0;
  }

  /** The host's function is taken away. */
  leave(): void {
    this.host.unplug(SLOT);
  }

  in(offset: number, width: Width): number {
    return this.guest.ioRead(this.ports + offset, width);
  }

  out(offset: number, width: Width, value: number): void {
    this.guest.ioWrite(this.ports + offset, width, value);
  }

  isr(): number {
    return this.in(19, 1);
  }

  /** Sets a queue up, and gives it a vector where the guest has any. */
  setUp(queue = 0, vector?: number): void {
    this.out(14, 2, queue);
    this.out(8, 4, 0x10 + queue);
    if (vector !== undefined) this.out(22, 2, vector);
  }

  /** The guest's MSI-X on, its vectors `message <n>`, unmasked or all of them masked. */
  messages(masked = false): void {
    for (let vector = 0; vector < this.presented.backend.vectors; vector++) {
      this.guest.memoryWrite(this.#table + 16 * vector, 4, 0xfee00000);
      this.guest.memoryWrite(this.#table + 16 * vector + 8, 4, vector);
      this.mask(vector, masked);
    }
    this.guest.configWrite(GUEST_SLOT, this.#msixAt + 2, 2, 0x8000);
  }

  mask(vector: number, masked: boolean): void {
    this.guest.memoryWrite(this.#table + 16 * vector + 12, 4, masked ? 1 : 0);
  }

  noMessages(): void {
    this.guest.configWrite(GUEST_SLOT, this.#msixAt + 2, 2, 0);
  }

  get pendingBits(): number {
    return this.guest.memoryRead(this.#table + 2048, 4);
  }

  interrupts(): string[] {
    const seen = interruptsIn(this.events);
    this.events.length = 0;
    return seen;
  }

  findings(): string[] {
    const seen = this.events.flatMap((event) => (event.kind === 'finding' ? [event.clause] : []));
    this.events.length = 0;
    return seen;
  }
}
