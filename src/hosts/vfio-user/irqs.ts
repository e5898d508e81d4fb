import { closeSync, writeSync } from 'node:fs';
import { CommandError } from './errors.ts';
import {
  IRQ_ACTION_MASK,
  IRQ_DATA_MASK,
  type IrqName,
  irqInfoFlags,
  irqNames,
  irqSetFlags,
} from './layout.ts';

const ONE = new BigUint64Array([1n]);

/** What is done with a client's descriptors that Node has no call for. */
export interface EventSystem {
  /** The next write to it does not wait, whatever its client does with it. */
  free(fd: number): void;
  /** Has `heard` called whenever it is signalled. The descriptor is taken. @returns a function that ends it. @throws CommandError for one that is no event's */
  listen(fd: number, heard: () => void): () => void;
}

/** One interrupt of a kind: whom it signals, and what waits. */
interface Irq {
  /** The client's event descriptor; null where it is not connected. */
  trigger: number | null;
  masked: boolean;
  /** It was signalled while nobody was connected, or while it was masked. */
  pending: boolean;
  /** End what masks it, and what unmasks it, as events of the client's. */
  readonly heard: { mask: (() => void) | null; unmask: (() => void) | null };
}

/** What SET_IRQS asks for: `bools` where it has them. */
export interface IrqRequest {
  readonly flags: number;
  readonly index: number;
  readonly start: number;
  readonly count: number;
  readonly bools: Uint8Array;
}

/** What a device says of itself. */
export interface IrqCounts {
  readonly intx: number;
  readonly msix: number;
}

const infoFlags = {
  intx: irqInfoFlags.eventfd | irqInfoFlags.maskable | irqInfoFlags.automasked,
  msi: irqInfoFlags.eventfd,
  msix: irqInfoFlags.eventfd,
  err: irqInfoFlags.eventfd,
  req: irqInfoFlags.eventfd,
} as const satisfies Record<IrqName, number>;

/**
 * A device's interrupts as VFIO has them: each signals an event descriptor of the client's. The line masks itself when it has
 * signalled, and signals again, as long as it is up, when the client unmasks it.
 */
export class Irqs {
  readonly #kinds: Readonly<Record<IrqName, readonly Irq[]>>;
  readonly #system: EventSystem;
  #level = false;

  constructor(counts: IrqCounts, system: EventSystem) {
    this.#system = system;
    const heard = { mask: null, unmask: null };
    const make = (count: number) =>
      Array.from(
        { length: count },
        (): Irq => ({ trigger: null, masked: false, pending: false, heard: { ...heard } }),
      );
    this.#kinds = {
      intx: make(counts.intx),
      msi: [],
      msix: make(counts.msix),
      err: make(1),
      req: make(1),
    };
  }

  /** @throws CommandError for a kind that does not exist */
  info(index: number): { readonly flags: number; readonly count: number } {
    const name = this.#nameOf(index);
    const { length: count } = this.#kinds[name];
    return { flags: count === 0 ? 0 : infoFlags[name], count };
  }

  #nameOf(index: number): IrqName {
    const name = irqNames[index];
    if (name === undefined) throw new CommandError('EINVAL', `interrupts of kind ${index}`);
    return name;
  }

  /** Level of the line. */
  setLine(level: boolean): void {
    this.#level = level;
    const line = this.#kinds.intx[0];
    if (line === undefined) return;
    line.pending = level;
    if (level) this.#signalLine(line);
  }

  #signalLine(line: Irq): void {
    if (line.masked || line.trigger === null || !this.#level) return;
    line.masked = true;
    this.#signal(line.trigger);
  }

  /** A vector of MSI-X. */
  sendVector(vector: number): void {
    const irq = this.#kinds.msix[vector];
    if (irq !== undefined) this.#send(irq);
  }

  /** The client is asked to let the device go. @returns whether it listens */
  requestRelease(): boolean {
    const [irq] = this.#kinds.req;
    this.#send(irq!);
    return irq!.trigger !== null;
  }

  #send(irq: Irq): void {
    if (irq.trigger === null || irq.masked) irq.pending = true;
    else this.#signal(irq.trigger);
  }

  /** Carries a request out; `fds` are taken, and closed if it fails. @throws CommandError, and nothing has changed */
  set(request: IrqRequest, fds: number[]): void {
    try {
      this.#set(request, fds);
    } finally {
      for (const fd of fds.splice(0)) closeSync(fd);
    }
  }

  #set({ flags, index, start, count, bools }: IrqRequest, fds: number[]): void {
    const name = this.#nameOf(index);
    const irqs = this.#kinds[name];
    const data = flags & IRQ_DATA_MASK;
    const action = flags & IRQ_ACTION_MASK;
    const known = IRQ_DATA_MASK | IRQ_ACTION_MASK;
    if ((flags & ~known) !== 0 || !isOneBit(data) || !isOneBit(action))
      throw new CommandError('EINVAL', `flags ${flags}; wants one kind of data and one action`);
    const { none, bool, eventfd, trigger, mask } = irqSetFlags;
    if (count === 0) {
      // All of the kind are disconnected.
      if (data !== none || start !== 0 || action !== trigger)
        throw new CommandError('EINVAL', 'no interrupts are meant');
      for (const irq of irqs) disconnect(irq);
      return;
    }
    if (start + count > irqs.length)
      throw new CommandError('EINVAL', `${name} ${start} + ${count}; there are ${irqs.length}`);
    const chosen = irqs.slice(start, start + count);
    if (data === bool && bools.length < count)
      throw new CommandError('EINVAL', `${bools.length} booleans for ${count} interrupts`);
    if (data !== eventfd && fds.length > 0) throw new CommandError('EINVAL', 'descriptors that nobody wants');
    if (action !== trigger && name !== 'intx')
      throw new CommandError('EINVAL', `${name} cannot be masked here`);
    if (data === eventfd) {
      if (action === trigger) this.#connect(chosen, fds, name);
      else this.#listen(chosen[0]!, fds, action === mask);
      return;
    }
    for (const [i, irq] of chosen.entries())
      if (data === none || bools[i] !== 0) this.#act(irq, name, action === trigger, action === mask);
  }

  /** Connects as many as there are descriptors, or disconnects where there are none. */
  #connect(irqs: readonly Irq[], fds: number[], name: IrqName): void {
    if (fds.length !== 0 && fds.length !== irqs.length)
      throw new CommandError('EINVAL', `${fds.length} descriptors for ${irqs.length} interrupts`);
    const given = fds.splice(0);
    for (const [i, irq] of irqs.entries()) {
      const { pending } = irq;
      unplug(irq);
      irq.trigger = given[i] ?? null;
      if (irq.trigger === null) continue;
      if (name === 'intx') this.#signalLine(irq);
      else if (pending) this.#send(irq);
    }
  }

  /** The line is masked, or unmasked, by an event from here on; without a descriptor, by none. */
  #listen(line: Irq, fds: number[], masks: boolean): void {
    if (fds.length > 1) throw new CommandError('EINVAL', `${fds.length} descriptors for one interrupt`);
    const kind = masks ? 'mask' : 'unmask';
    const [fd] = fds.splice(0);
    const ends =
      fd === undefined ? null : this.#system.listen(fd, () => this.#act(line, 'intx', false, masks));
    line.heard[kind]?.();
    line.heard[kind] = ends;
  }

  /** A descriptor that is no event's, or is full, is the client's own fault, and its loss. */
  #signal(fd: number): void {
    try {
      this.#system.free(fd);
      writeSync(fd, ONE);
    } catch {
      // Nobody hears it.
    }
  }

  #act(irq: Irq, name: IrqName, triggers: boolean, masks: boolean): void {
    if (triggers) {
      if (irq.trigger !== null) this.#signal(irq.trigger);
      return;
    }
    irq.masked = masks;
    if (!masks && name === 'intx') this.#signalLine(irq);
  }

  /** The client has left, or the device is reset: nothing is connected. */
  disconnect(): void {
    for (const irqs of Object.values(this.#kinds)) for (const irq of irqs) disconnect(irq);
  }

  /** What waits is forgotten, as a reset does. */
  reset(): void {
    for (const irq of this.#kinds.msix) irq.pending = false;
  }
}

const isOneBit = (value: number) => value !== 0 && (value & (value - 1)) === 0;

function disconnect(irq: Irq): void {
  unplug(irq);
  irq.heard.mask?.();
  irq.heard.unmask?.();
  irq.heard.mask = irq.heard.unmask = null;
}

/** Another event may come in place of the one that it signals. */
function unplug(irq: Irq): void {
  if (irq.trigger !== null) closeSync(irq.trigger);
  irq.trigger = null;
  irq.masked = false;
  irq.pending = false;
}
