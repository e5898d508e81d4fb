import type { AccessEvent, Bus, InterruptEvent, Interrupts, Width } from '../../core/index.ts';
import { findFunction } from '../../driver/index.ts';
import { type DecodedAccess, Decoder, tap } from '../../trace/index.ts';
import type { Subject } from './subject.ts';

/** What happened in a check, one after the other: accesses decoded, what the driver wrote into RAM, pauses, interrupts. */
export type Evidence =
  | ({ readonly kind: 'access' } & Pick<
      AccessEvent,
      'space' | 'operation' | 'address' | 'width' | 'value'
    > & {
        /** Configuration accesses: whose space. */
        readonly fn: number | null;
        readonly decoded: DecodedAccess;
      })
  | { readonly kind: 'ram'; readonly address: number; readonly bytes: Uint8Array }
  | { readonly kind: 'pause'; readonly times: number }
  | ({ readonly kind: 'interrupt' } & Pick<InterruptEvent, 'signal' | 'vector'>);

/** Bytes that are compared at a time. */
const PAGE = 4096;

/** A bus that remembers what was done by it, and what changed in the suite's memory between accesses. */
export class WitnessedBus implements Bus {
  readonly evidence: Evidence[] = [];
  readonly interrupts: Interrupts;
  readonly dmaMemory?: NonNullable<Bus['dmaMemory']>;
  readonly watchFunction?: NonNullable<Bus['watchFunction']>;
  readonly #bus: Bus;
  readonly #memory: { readonly start: number; readonly end: number };
  readonly #before: Uint8Array;
  readonly #decoder = new Decoder();
  /** Whose configuration space is accessed. */
  #fn: number | null = null;

  constructor(subject: Subject) {
    const { bus, fn } = subject.target;
    const found = findFunction(bus, fn);
    if (found !== null) this.#decoder.add(bus, found, subject.draft);
    const sink = (event: { readonly kind: string }) => {
      if (event.kind === 'access') this.#accessed(event as AccessEvent);
      else if (event.kind === 'interrupt') this.#interrupted(event as InterruptEvent);
    };
    this.#bus = tap(bus, sink, subject.draft);
    this.interrupts = this.#bus.interrupts;
    if (bus.dmaMemory !== undefined) this.dmaMemory = (each) => bus.dmaMemory!(each);
    if (this.#bus.watchFunction !== undefined)
      this.watchFunction = (each, watcher) => this.#bus.watchFunction!(each, watcher);
    this.#memory = subject.memory;
    this.#before = bus.ram.read(subject.memory.start, subject.memory.end - subject.memory.start);
  }

  get ram() {
    return this.#bus.ram;
  }

  #accessed({ space, operation, address, width, value, ...rest }: AccessEvent): void {
    const decoded = this.#decoder.decode({ space, operation, address, width, value, ...rest });
    const fn = space === 'config' ? this.#fn : null;
    this.evidence.push({ kind: 'access', space, operation, address, width, value, fn, decoded });
  }

  #interrupted({ signal, vector }: InterruptEvent): void {
    this.evidence.push({ kind: 'interrupt', signal, vector });
  }

  /** What the driver wrote since the last access; then what the device writes is not the driver's. */
  #around<T>(access: () => T): T {
    this.#compare(true);
    try {
      return access();
    } finally {
      this.#compare(false);
    }
  }

  #compare(tell: boolean): void {
    const { start, end } = this.#memory;
    const range = this.ram.find(start, end - start)!;
    const now = range.bytes.subarray(start - range.start, end - range.start);
    for (let page = 0; page < now.length; page += PAGE) {
      const [a, b] = [now.subarray(page, page + PAGE), this.#before.subarray(page, page + PAGE)];
      let first = -1;
      let last = -1;
      for (let i = 0; i < a.length; i++)
        if (a[i] !== b[i]) {
          if (first < 0) first = i;
          last = i;
        }
      if (first < 0) continue;
      if (tell)
        this.evidence.push({ kind: 'ram', address: start + page + first, bytes: a.slice(first, last + 1) });
      b.set(a);
    }
  }

  configRead(fn: number, offset: number, width: Width): number {
    this.#fn = fn;
    return this.#around(() => this.#bus.configRead(fn, offset, width));
  }

  configWrite(fn: number, offset: number, width: Width, value: number): void {
    this.#fn = fn;
    this.#around(() => this.#bus.configWrite(fn, offset, width, value));
  }

  ioRead(port: number, width: Width): number {
    return this.#around(() => this.#bus.ioRead(port, width));
  }

  ioWrite(port: number, width: Width, value: number): void {
    this.#around(() => this.#bus.ioWrite(port, width, value));
  }

  memoryRead(address: number, width: Width): number {
    return this.#around(() => this.#bus.memoryRead(address, width));
  }

  memoryWrite(address: number, width: Width, value: number): void {
    this.#around(() => this.#bus.memoryWrite(address, width, value));
  }

  pause(): void {
    this.#around(() => this.#bus.pause());
    const last = this.evidence.at(-1);
    if (last?.kind === 'pause')
      this.evidence[this.evidence.length - 1] = { kind: 'pause', times: last.times + 1 };
    else this.evidence.push({ kind: 'pause', times: 1 });
  }
}
