import type { Bus, Register, Width } from '../../core/index.ts';
import {
  type FoundFunction,
  type FunctionReference,
  findFunction,
  findStructures,
  NoStructureError,
  type Structure,
  StructureAccess,
} from '../../driver/index.ts';
import { commonConfig, NOTIFICATION_BYTES } from '../../virtio/layout/index.ts';
import { TranslatorError } from './backend.ts';
import type { HeldFunction, WindowPlace } from './held-function.ts';

/** A structure by its place in a BAR, so that it is found wherever that goes. */
interface Placed {
  readonly structure: Structure;
  readonly bar: number;
  readonly offset: number;
}

/** @throws TranslatorError for one in I/O space. */
function placed(fn: FoundFunction, structure: Structure): Placed {
  const bar = fn.bars.find(
    ({ kind, address, size }) =>
      kind !== 'io' && structure.address >= address && structure.address < address + size,
  );
  if (structure.space === 'io' || bar === undefined)
    throw new TranslatorError('a structure of the function is in I/O space, which the way to it has not');
  return { structure, bar: bar.index, offset: structure.address - bar.address };
}

/** The structures of a modern function in a guest's hands: the common configuration by registers, the others by offsets. */
export class ModernStructures {
  readonly place: WindowPlace;
  /** Bytes of device configuration. */
  readonly configBytes: number;
  readonly #held: HeldFunction;
  readonly #multiplier: number;
  readonly #placed: readonly Placed[];
  #common!: StructureAccess;
  #notify!: StructureAccess;
  #isr!: StructureAccess;
  #device: StructureAccess | null = null;

  /** @throws TranslatorError when they are not there, or not in memory. */
  constructor(held: HeldFunction, reference: FunctionReference) {
    const { bus, address } = held.host;
    const fn = typeof reference === 'number' ? findFunction(bus, address)! : reference;
    const { common, notify, notifyMultiplier, isr, device } = structuresOf(bus, fn);
    this.#held = held;
    this.#multiplier = notifyMultiplier;
    this.#placed = [common, notify, isr, ...(device === null ? [] : [device])].map((each) =>
      placed(fn, each),
    );
    const [{ bar, offset }] = this.#placed as [Placed];
    this.place = { bar, offset, kind: 'memory' };
    this.configBytes = device?.length ?? 0;
    this.find();
  }

  /** Looks up where the BARs are now. */
  find(): void {
    const { host } = this.#held;
    const [common, notify, isr, device] = this.#placed.map(
      ({ structure, bar, offset }) =>
        new StructureAccess(host.bus, { ...structure, address: host.barPlace(bar).address + offset }),
    ) as [StructureAccess, StructureAccess, StructureAccess, StructureAccess | undefined];
    this.#common = common;
    this.#notify = notify;
    this.#isr = isr;
    this.#device = device ?? null;
  }

  get(register: Register): number {
    return this.#common.read(register.offset, register.width as Width);
  }

  set(register: Register, value: number): void {
    this.#common.write(register.offset, register.width as Width, value);
  }

  pause(): void {
    this.#held.host.bus.pause();
  }

  readIsr(): number {
    return this.#isr.read(0, 1);
  }

  /** Where the selected queue is kicked, as an offset (PCI-NOT-05); one that is no place counts as the first. */
  doorbell(): number {
    const offset = this.get(commonConfig.queueNotifyOffset) * this.#multiplier;
    return this.#notify.holds(offset, NOTIFICATION_BYTES) ? offset : 0;
  }

  kick(doorbell: number, queue: number): void {
    this.#notify.write(doorbell, NOTIFICATION_BYTES, queue);
  }

  readonly config = {
    read: (offset: number, width: Width): number => this.#device!.read(offset, width),
    write: (offset: number, width: Width, value: number): void => this.#device!.write(offset, width, value),
  };
}

function structuresOf(bus: Bus, fn: FoundFunction) {
  try {
    return findStructures(bus, fn);
  } catch (error) {
    if (error instanceof NoStructureError) throw new TranslatorError(error.message);
    throw error;
  }
}
