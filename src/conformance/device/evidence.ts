import type {
  AccessEvent,
  Bus,
  FunctionAddress,
  InterruptEvent,
  Interrupts,
  Width,
} from '../../core/index.ts';
import { findFunction } from '../../driver/index.ts';
import { type0Header } from '../../pci/layout/index.ts';
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
  /** `bytes` in hexadecimal. */
  | { readonly kind: 'ram'; readonly address: number; readonly bytes: string }
  | { readonly kind: 'pause'; readonly times: number }
  | ({ readonly kind: 'interrupt' } & Pick<InterruptEvent, 'signal' | 'vector'>);

/** Bytes that are compared at a time. */
const PAGE = 4096;

const hexBytes = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** A page is the same in both. */
function same(a: Int32Array, b: Int32Array, first: number): boolean {
  for (let i = first; i < first + (PAGE >> 2); i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Bytes in a row that did not change, from which on two changes are told apart. */
const GAP = 16;

/** The stretches of a page that changed: first byte and end of each. */
function changes(now: Uint8Array, before: Uint8Array): (readonly [first: number, end: number])[] {
  const found: [number, number][] = [];
  for (let i = 0; i < now.length; i++) {
    if (now[i] === before[i]) continue;
    const last = found.at(-1);
    if (last !== undefined && i - last[1] < GAP) last[1] = i + 1;
    else found.push([i, i + 1]);
  }
  return found;
}

const sameRead = (a: Evidence, b: Evidence): boolean =>
  a.kind === 'access' &&
  b.kind === 'access' &&
  a.operation === 'read' &&
  b.operation === 'read' &&
  a.space === b.space &&
  a.fn === b.fn &&
  a.address === b.address &&
  a.width === b.width &&
  a.value === b.value;

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
  readonly #own: FunctionAddress;
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
    this.#own = fn;
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

  /** Forgets what was so far, and writes down how the function is switched on: that much comes before everything else. */
  restart(): void {
    const { offset } = type0Header.command;
    const switched = this.#bus.configRead(this.#own, offset, 2);
    this.evidence.length = 0;
    this.configWrite(this.#own, offset, 2, switched);
  }

  #accessed({ space, operation, address, width, value, ...rest }: AccessEvent): void {
    const decoded = this.#decoder.decode({ space, operation, address, width, value, ...rest });
    const fn = space === 'config' ? this.#fn : null;
    this.evidence.push({ kind: 'access', space, operation, address, width, value, fn, decoded });
    this.#fold();
  }

  /** A register that is read again and again, with pauses in between, is told by its first and its last reading. */
  #fold(): void {
    const [first, pause, between, second, last] = this.evidence.slice(-5);
    if (last === undefined || pause?.kind !== 'pause' || second?.kind !== 'pause') return;
    if (!sameRead(first!, between!) || !sameRead(between!, last)) return;
    this.evidence.splice(-4, 4, { kind: 'pause', times: pause.times + second.times }, last);
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
    const words = new Int32Array(now.buffer, now.byteOffset, now.length >> 2);
    const before = new Int32Array(this.#before.buffer, this.#before.byteOffset, now.length >> 2);
    for (let page = 0; page < now.length; page += PAGE) {
      if (same(words, before, page >> 2)) continue;
      const [a, b] = [now.subarray(page, page + PAGE), this.#before.subarray(page, page + PAGE)];
      if (tell)
        for (const [first, end] of changes(a, b))
          this.evidence.push({
            kind: 'ram',
            address: start + page + first,
            bytes: hexBytes(a.subarray(first, end)),
          });
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
    const last = this.evidence.at(-1);
    // Who pauses again has written nothing in between.
    if (last?.kind !== 'pause') this.#compare(true);
    this.#bus.pause();
    this.#compare(false);
    const before = this.evidence.at(-1);
    if (before?.kind === 'pause')
      this.evidence[this.evidence.length - 1] = { kind: 'pause', times: before.times + 1 };
    else this.evidence.push({ kind: 'pause', times: 1 });
  }
}
