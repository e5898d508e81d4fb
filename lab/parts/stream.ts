import { DmaMeter } from 'virtiolab/compare';
import type { AccessEvent, EventSink, LabEvent } from 'virtiolab/core';
import type { DecodedAccess } from 'virtiolab/trace';
import type { Column, Row } from '../protocol.ts';
import type { Decodes } from './drafted-decoder.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Line = Writable<Row>;

/** What is told of an access of the driver, besides that it happened. */
export interface Followers {
  /** A write has begun, and has not arrived yet: what a kick is about stands in memory. */
  began(event: AccessEvent, decoded: DecodedAccess, seq: number): void;
  /** The driver's access `seq` has ended, with all that happened because of it. @param changed it did more than read */
  ended(seq: number, changed: boolean): void;
  /** What an address in memory is, in words. */
  nameOf(column: Column, address: number): string;
}

/** Fields that lie within so many bytes are one transfer. */
const LINE_BYTES = 64;
/** Of one access of the driver: what it leads to beyond that is counted only. */
const MOST_BELOW = 2000;

const hex = (value: number, digits = 1) => `0x${value.toString(16).padStart(digits, '0')}`;
const blank = { value: '', meaning: '', space: null, address: '', clause: null } as const;

/** Everything that happens, in the order in which it began. */
export class Stream {
  /** Rows that nobody has taken yet. */
  #rows: Line[] = [];
  #seq = 0;
  /** Accesses under way, the driver's first; null for one that is not shown. */
  readonly #open: { line: Line | null; readonly column: Column }[] = [];
  #lastDma: { line: Line; from: number; to: number } | null = null;
  #below = 0;
  /** Since the driver's access began something was written, or told. */
  #changed = false;
  /** Somebody looks at the machines: what that does is no part of the stream. */
  looking = false;
  /** What happens has happened before, and is shown already. */
  quiet = false;
  followers: Followers | null = null;

  get last(): number {
    return this.#seq;
  }

  /** Rows that have come since the last call, none of them unfinished. */
  take(): readonly Row[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /** A line that is no access: a finding, a mark. @returns its number. */
  add(column: Column, kind: Row['kind'], verb: string, texts: Partial<Row> = {}): number {
    if (this.quiet) return 0;
    this.#changed = true;
    this.#lastDma = null;
    return this.#line(column, kind, verb, texts)?.seq ?? 0;
  }

  /** What comes is numbered from there on. */
  continueFrom(seq: number): void {
    this.#seq = seq;
  }

  #line(column: Column, kind: Row['kind'], verb: string, texts: Partial<Row> = {}): Line | null {
    if (this.#open.length > 0 && ++this.#below > MOST_BELOW) return null;
    const seq = ++this.#seq;
    const root = this.#open[0]?.line?.seq ?? seq;
    const depth = this.#open.length;
    const line = { seq, root, depth, column, kind, verb, place: '', name: '', ...blank, ...texts };
    this.#rows.push(line);
    return line;
  }

  /** Where the events of a machine go. @param decode of its accesses. */
  sink(column: Column, decode: Decodes): EventSink {
    return (event) => {
      if (this.looking) return;
      // What an access means depends on those before it.
      if (this.quiet) {
        if (event.kind === 'access') decode.decode(event);
        return;
      }
      this.#take(column, decode, event);
    };
  }

  #take(column: Column, decoder: Decodes, event: LabEvent): void {
    switch (event.kind) {
      case 'enter':
        this.#enter(column);
        return;
      case 'leave':
        this.#leave();
        return;
      case 'access':
        this.#access(column, decoder, event);
        return;
      case 'interrupt':
        if (!event.asserted) return;
        this.add(column, 'interrupt', 'interrupt', {
          name: event.signal === 'message' ? `vector ${event.vector}` : `line ${event.vector}`,
          place: event.signal === 'message' ? 'MSI-X' : 'INTx',
        });
        return;
      case 'finding':
        this.add(column, 'finding', event.party, { name: event.message, clause: event.clause });
    }
  }

  #enter(column: Column): void {
    this.#lastDma = null;
    if (this.#open.length === 0) {
      this.#below = 0;
      this.#changed = false;
    }
    const line = this.#line(column, 'access', 'cut short');
    this.#open.push({ line, column });
  }

  #leave(): void {
    const ended = this.#open.pop();
    this.#lastDma = null;
    if (this.#open.length > 0 || ended?.line == null) return;
    if (this.#below > MOST_BELOW)
      this.add('right', 'mark', 'left out', { name: `${this.#below - MOST_BELOW} more events` });
    this.followers?.ended(ended.line.seq, this.#changed);
  }

  #access(column: Column, decoder: Decodes, event: AccessEvent): void {
    const decoded = decoder.decode(event);
    const frame = this.#open.at(-1);
    if (frame === undefined || frame.line === null || frame.column !== column) return;
    const { line } = frame;
    if (event.operation === 'write') this.#changed = true;
    line.verb = event.posted ? 'posted write' : event.operation;
    line.place = decoded.place;
    line.name = decoded.shown?.name ?? decoded.register;
    line.value = decoded.value;
    line.meaning = decoded.meaning;
    line.space = event.space;
    const address = decoded.shown?.address ?? event.address;
    line.address = event.space === 'config' ? `${decoded.function} ${hex(address, 2)}` : hex(address, 4);
    if (event.operation === 'write' && this.#open.length === 1)
      this.followers?.began(event, decoded, line.seq);
  }

  /** Hears of each transfer of a function that does DMA to the memory of a column. */
  meter(memory: Column): DmaMeter {
    const heard = (writing: boolean, at: number, length: number) =>
      this.#transfer(memory, writing, at, length);
    return new (class extends DmaMeter {
      override count(writing: boolean, at: number, length: number): void {
        heard(writing, at, length);
      }
    })();
  }

  #transfer(memory: Column, writing: boolean, at: number, length: number): void {
    if (this.looking || this.quiet) return;
    this.#changed = true;
    const verb = writing ? 'DMA write' : 'DMA read';
    const before = this.#lastDma;
    const joins =
      before?.line.verb === verb &&
      Math.floor(at / LINE_BYTES) === Math.floor(before.from / LINE_BYTES) &&
      length <= LINE_BYTES;
    if (joins) {
      before.from = Math.min(before.from, at);
      before.to = Math.max(before.to, at + length);
      before.line.address = hex(before.from, 4);
      before.line.value = `${before.to - before.from} bytes`;
      return;
    }
    const line = this.#line('right', 'dma', verb, {
      place: memory === 'left' ? 'memory' : "owner's memory",
      name: this.followers?.nameOf(memory, at) ?? '',
      space: 'memory',
      address: hex(at, 4),
      value: `${length} bytes`,
    });
    this.#lastDma = line === null ? null : { line, from: at, to: at + length };
  }
}
