import {
  type BusTarget,
  expectSame,
  maskOf,
  OptionError,
  readPieces,
  type State,
  type Stateful,
  type Width,
  writePieces,
} from '../core/index.ts';
import { MAX_VECTORS, MSIX_ENTRY_BYTES, msixEntry, VECTOR_MASKED } from './layout/index.ts';

/** What the table needs to know of its function, and the way out for messages. */
export interface MessagePort {
  /** Message control enable bit. */
  enabled(): boolean;
  /** Message control function mask bit. */
  masked(): boolean;
  /** Messages are memory writes: without bus mastering they wait as pending bits. */
  busMaster(): boolean;
  send(addressLow: number, addressHigh: number, data: number): void;
}

/** A table that MSI-X cannot have: its size is encoded in 11 bits, as N - 1 (PCI Local Bus 3.0, section 6.8.2.3). */
export class VectorCountError extends OptionError {
  constructor(vectors: number) {
    super('vectors', vectors, `a whole number of 1..${MAX_VECTORS}`);
  }
}

/** MSI-X table and pending bit array (PCI Local Bus 3.0, section 6.8.2). */
export class Msix implements Stateful {
  readonly table: BusTarget;
  readonly pendingBits: BusTarget;
  readonly #entries: DataView;
  readonly #pending: Uint8Array;
  #pendingCount = 0;

  readonly vectors: number;
  readonly port: MessagePort;

  /** `vectors` 1..2048. @throws VectorCountError */
  constructor(vectors: number, port: MessagePort) {
    if (!Number.isInteger(vectors) || vectors < 1 || vectors > MAX_VECTORS)
      throw new VectorCountError(vectors);
    this.vectors = vectors;
    this.port = port;
    this.#entries = new DataView(new ArrayBuffer(vectors * MSIX_ENTRY_BYTES));
    this.#pending = new Uint8Array(Math.ceil(vectors / 64) * 8);
    this.reset();
    this.table = {
      read: (offset, width) => this.#readTable(offset, width),
      write: (offset, width, value) => this.#writeTable(offset, width, value),
    };
    this.pendingBits = { read: (offset, width) => this.#readPending(offset, width), write: () => {} };
  }

  /** Bytes that the table takes. */
  get tableBytes(): number {
    return this.vectors * MSIX_ENTRY_BYTES;
  }

  /** Bytes that the pending bit array takes. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  isPending(vector: number): boolean {
    return (this.#pending[vector >> 3]! & (1 << (vector & 7))) !== 0;
  }

  /** Signals a vector: sends its message, or keeps it pending while anything masks it. */
  trigger(vector: number): void {
    if (vector >= this.vectors || !this.port.enabled()) return;
    if (!this.#deliverable(vector)) {
      if (!this.isPending(vector)) this.#pendingCount++;
      this.#pending[vector >> 3]! |= 1 << (vector & 7);
      return;
    }
    this.#send(vector);
  }

  /** Delivers what was pending and is no longer masked; to be called when a mask or the bus-master bit changed. */
  flush(): void {
    if (this.#pendingCount === 0 || !this.port.enabled()) return;
    for (let vector = 0; vector < this.vectors; vector++) {
      if (!this.isPending(vector) || !this.#deliverable(vector)) continue;
      this.#clear(vector);
      this.#send(vector);
    }
  }

  reset(): void {
    for (let vector = 0; vector < this.vectors; vector++)
      for (const register of Object.values(msixEntry))
        this.#entries.setUint32(vector * MSIX_ENTRY_BYTES + register.offset, register.reset, true);
    this.#pending.fill(0);
    this.#pendingCount = 0;
  }

  #deliverable(vector: number): boolean {
    const control = this.#entries.getUint32(vector * MSIX_ENTRY_BYTES + msixEntry.vectorControl.offset, true);
    return (control & VECTOR_MASKED) === 0 && !this.port.masked() && this.port.busMaster();
  }

  #send(vector: number): void {
    const at = vector * MSIX_ENTRY_BYTES;
    this.port.send(
      this.#entries.getUint32(at + msixEntry.messageAddressLow.offset, true),
      this.#entries.getUint32(at + msixEntry.messageAddressHigh.offset, true),
      this.#entries.getUint32(at + msixEntry.messageData.offset, true),
    );
  }

  #clear(vector: number): void {
    this.#pending[vector >> 3]! &= ~(1 << (vector & 7));
    this.#pendingCount--;
  }

  #readTable(offset: number, width: Width): number {
    if (offset % width !== 0) return readPieces(this.table, offset, width);
    const dword = this.#entries.getUint32(offset & ~3, true);
    return ((dword >>> (8 * (offset & 3))) & maskOf(width)) >>> 0;
  }

  #writeTable(offset: number, width: Width, value: number): void {
    if (offset % width !== 0) {
      writePieces(this.table, offset, width, value);
      return;
    }
    const at = offset & ~3;
    const shift = 8 * (offset & 3);
    const register = Object.values(msixEntry)[(at % MSIX_ENTRY_BYTES) >> 2]!;
    const mask = register.writable & (maskOf(width) << shift);
    const kept = this.#entries.getUint32(at, true) & ~mask;
    this.#entries.setUint32(at, (kept | ((value << shift) & mask)) >>> 0, true);
    this.flush();
  }

  #readPending(offset: number, width: Width): number {
    if (offset % width !== 0) return readPieces(this.pendingBits, offset, width);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.#pending[offset + i] ?? 0);
    return value;
  }

  save() {
    return {
      vectors: this.vectors,
      entries: new Uint8Array(this.#entries.buffer.slice(0)),
      pending: this.#pending.slice(),
    };
  }

  load(state: State): void {
    const saved = state as ReturnType<Msix['save']>;
    expectSame('MSI-X vectors', saved.vectors, this.vectors);
    new Uint8Array(this.#entries.buffer).set(saved.entries);
    this.#pending.set(saved.pending);
    this.#pendingCount = 0;
    for (let vector = 0; vector < this.vectors; vector++) if (this.isPending(vector)) this.#pendingCount++;
  }
}
