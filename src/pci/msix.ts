import {
  type BusTarget,
  bytes,
  expectAt,
  expectSame,
  group,
  integer,
  list,
  maskOf,
  OptionError,
  readPieces,
  record,
  type State,
  type Stateful,
  upTo,
  type Width,
  writePieces,
} from '../core/index.ts';
import { MAX_VECTORS, MSIX_ENTRY_BYTES, msixEntry, VECTOR_MASKED } from './layout/index.ts';

/** Where one of the two tables stands: BAR number, and offset in it in bytes. */
export interface MsixPlace {
  readonly bar: number;
  readonly offset: number;
}

/** `claims` are the messages that wait: why, and by which vector. The pending bits follow from them. */
export const msixState = record(
  'msix',
  1,
  {
    entries: bytes(),
    claims: list(group({ cause: integer(-MAX_VECTORS, 0x10000), vector: upTo(MAX_VECTORS - 1) })),
  },
  {
    relate({ claims }, expect) {
      const causes = new Set<number>();
      for (const [i, { cause }] of claims.entries()) {
        expect(!causes.has(cause), `claims[${i}].cause`, cause, 'a cause that waits once');
        causes.add(cause);
      }
    },
  },
);

/** What the table needs to know of its function, and the way out for messages. */
export interface MessagePort {
  /** Message control enable bit. */
  enabled(): boolean;
  /** Message control function mask bit. */
  masked(): boolean;
  /** Messages are memory writes: without bus mastering they wait as pending bits. */
  busMaster(): boolean;
  send(addressLow: number, addressHigh: number, data: number): void;
  /** Somebody else keeps the table that counts, with masks and messages: a vector goes there by its number. */
  elsewhere?(): boolean;
  sendVector?(vector: number): void;
}

/** A table that MSI-X cannot have: its size is encoded in 11 bits, as N - 1 (PCI Local Bus 3.0, section 6.8.2.3). */
export class VectorCountError extends OptionError {
  constructor(vectors: number) {
    super('vectors', vectors, `a whole number of 1..${MAX_VECTORS}`);
  }
}

/** @throws VectorCountError */
export function checkVectors(vectors: number): void {
  if (!Number.isInteger(vectors) || vectors < 1 || vectors > MAX_VECTORS) throw new VectorCountError(vectors);
}

/** Bytes that a table of so many vectors takes, and their pending bits. */
export const msixTableBytes = (vectors: number): number => vectors * MSIX_ENTRY_BYTES;
export const msixPendingBytes = (vectors: number): number => Math.ceil(vectors / 64) * 8;

/** A function whose messages come from another one: that one keeps them back, and has the pending bits. */
export interface MessageOrigin {
  /** Vector control or the function mask changed what becomes of a vector. */
  maskChanged(vector: number, masked: boolean): void;
  /** Four bytes of the other's pending bits; `offset` in bytes, a multiple of 4. */
  pendingBits(offset: number): number;
}

/** The four words of an entry. */
const entryRegisters = Object.values(msixEntry);

/** What stands at a place of the table after a reset; `at` in bytes, a multiple of 4. */
const resetWord = (at: number) => entryRegisters[(at % MSIX_ENTRY_BYTES) >> 2]!.reset;

class Table implements BusTarget {
  readonly #msix: Msix;

  constructor(msix: Msix) {
    this.#msix = msix;
  }

  read(offset: number, width: Width): number {
    return this.#msix.readTable(offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    this.#msix.writeTable(offset, width, value);
  }
}

class PendingBits implements BusTarget {
  readonly #msix: Msix;

  constructor(msix: Msix) {
    this.#msix = msix;
  }

  read(offset: number, width: Width): number {
    return this.#msix.readPending(offset, width);
  }

  write(): void {}
}

/**
 * MSI-X table and pending bit array (PCI Local Bus 3.0, section 6.8.2). A message waits for as long as what it is to tell
 * of still stands: a pending bit is cleared when the last of its causes is gone (section 6.8.3).
 */
export class Msix implements Stateful {
  readonly table: BusTarget = new Table(this);
  readonly pendingBits: BusTarget = new PendingBits(this);
  origin: MessageOrigin | null = null;
  /** Null while all entries are as after a reset. */
  #entries: DataView<ArrayBuffer> | null = null;
  /** Null while no message waits. */
  #pending: Uint8Array | null = null;
  #pendingCount = 0;
  /** The vector whose pending bit each cause stands behind. */
  #claims: Map<number, number> | null = null;
  #held = false;

  readonly vectors: number;
  readonly port: MessagePort;

  /** `vectors` 1..2048. @throws VectorCountError */
  constructor(vectors: number, port: MessagePort) {
    checkVectors(vectors);
    this.vectors = vectors;
    this.port = port;
  }

  /** Bytes that the table takes. */
  get tableBytes(): number {
    return msixTableBytes(this.vectors);
  }

  /** Bytes that the pending bit array takes. */
  get pendingBytes(): number {
    return msixPendingBytes(this.vectors);
  }

  /** What the pending bit array shows. */
  isPending(vector: number): boolean {
    return (this.pendingBits.read(4 * (vector >> 5), 4) & (1 << (vector & 31))) !== 0;
  }

  /** A message waits. */
  get waiting(): boolean {
    return this.#pendingCount > 0;
  }

  #waits(vector: number): boolean {
    return this.#pending !== null && (this.#pending[vector >> 3]! & (1 << (vector & 7))) !== 0;
  }

  /** The vector's own bit masks it, or the function's. Where somebody else has the table, the masks are his. */
  isMasked(vector: number): boolean {
    return !this.#elsewhere && (this.#entryMasked(vector) || this.port.masked());
  }

  get #elsewhere(): boolean {
    return this.port.elsewhere?.() === true;
  }

  #entryMasked(vector: number): boolean {
    const at = vector * MSIX_ENTRY_BYTES + msixEntry.vectorControl.offset;
    return (this.#word(at) & VECTOR_MASKED) !== 0;
  }

  /**
   * Signals a vector: sends its message, or keeps it pending while anything masks it.
   * @param cause a number of what is to be told; by default one that the vector has to itself.
   */
  trigger(vector: number, cause: number = -1 - vector): void {
    if (vector >= this.vectors || !this.port.enabled()) return;
    if (!this.#deliverable(vector)) {
      if (this.#claims?.get(cause) !== vector) this.withdraw(cause);
      this.#claim(vector, cause);
      return;
    }
    this.#send(vector);
  }

  #claim(vector: number, cause: number): void {
    if (!this.#waits(vector)) this.#pendingCount++;
    this.#pending ??= new Uint8Array(this.pendingBytes);
    this.#pending[vector >> 3]! |= 1 << (vector & 7);
    this.#claims ??= new Map();
    this.#claims.set(cause, vector);
  }

  /** A cause is gone: its message is not sent any more, unless the vector has another. */
  withdraw(cause: number): void {
    const claims = this.#claims;
    const vector = claims?.get(cause);
    if (vector === undefined) return;
    claims!.delete(cause);
    for (const other of claims!.values()) if (other === vector) return;
    this.#clear(vector);
  }

  /** Nothing is to be told any more. */
  withdrawAll(): void {
    this.#claims = null;
    this.#pending = null;
    this.#pendingCount = 0;
  }

  /** Keeps what is pending back until {@link release}, whatever the masks say. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.flush();
  }

  /** To be called when the function mask changed. */
  functionMaskChanged(): void {
    const { origin } = this;
    if (origin === null || this.#elsewhere) return;
    for (let vector = 0; vector < this.vectors; vector++)
      if (!this.#entryMasked(vector)) origin.maskChanged(vector, this.port.masked());
  }

  /** Delivers what was pending and is no longer masked; to be called when a mask or the bus-master bit changed. */
  flush(): void {
    if (this.#pendingCount === 0 || !this.port.enabled()) return;
    for (let vector = 0; vector < this.vectors; vector++) {
      if (!this.#waits(vector) || !this.#deliverable(vector)) continue;
      for (const [cause, its] of this.#claims!) if (its === vector) this.#claims!.delete(cause);
      this.#clear(vector);
      this.#send(vector);
    }
  }

  reset(): void {
    const { origin } = this;
    const unmasked: number[] = [];
    for (let vector = 0; origin !== null && !this.#elsewhere && vector < this.vectors; vector++)
      if (!this.isMasked(vector)) unmasked.push(vector);
    this.#entries = null;
    for (const vector of unmasked) origin!.maskChanged(vector, true);
    this.withdrawAll();
    this.#held = false;
  }

  /** Message address and data of an entry. */
  message(vector: number): {
    readonly addressLow: number;
    readonly addressHigh: number;
    readonly data: number;
  } {
    const word = (register: { readonly offset: number }) =>
      this.#word(vector * MSIX_ENTRY_BYTES + register.offset);
    return {
      addressLow: word(msixEntry.messageAddressLow),
      addressHigh: word(msixEntry.messageAddressHigh),
      data: word(msixEntry.messageData),
    };
  }

  /** Aims an entry at a message, masked or not as it is. */
  aim(vector: number, { addressLow, addressHigh, data }: ReturnType<Msix['message']>): void {
    const at = vector * MSIX_ENTRY_BYTES;
    this.#setWord(at + msixEntry.messageAddressLow.offset, addressLow);
    this.#setWord(at + msixEntry.messageAddressHigh.offset, addressHigh);
    this.#setWord(at + msixEntry.messageData.offset, data);
  }

  #deliverable(vector: number): boolean {
    if (this.#held) return false;
    return this.#elsewhere || (!this.isMasked(vector) && this.port.busMaster());
  }

  #send(vector: number): void {
    if (this.#elsewhere) {
      this.port.sendVector!(vector);
      return;
    }
    const at = vector * MSIX_ENTRY_BYTES;
    this.port.send(
      this.#word(at + msixEntry.messageAddressLow.offset),
      this.#word(at + msixEntry.messageAddressHigh.offset),
      this.#word(at + msixEntry.messageData.offset),
    );
  }

  #clear(vector: number): void {
    this.#pending![vector >> 3]! &= ~(1 << (vector & 7));
    this.#pendingCount--;
  }

  /** Four bytes of the table; `at` is a multiple of 4. */
  #word(at: number): number {
    return this.#entries === null ? resetWord(at) : this.#entries.getUint32(at, true);
  }

  #setWord(at: number, value: number): void {
    if (this.#entries === null) {
      if (value === resetWord(at)) return;
      this.#entries = new DataView(new ArrayBuffer(this.tableBytes));
      for (let each = 0; each < this.tableBytes; each += 4)
        this.#entries.setUint32(each, resetWord(each), true);
    }
    this.#entries.setUint32(at, value, true);
  }

  /** Software reads bytes of the table. */
  readTable(offset: number, width: Width): number {
    if (offset % width !== 0) return readPieces(this.table, offset, width);
    const dword = this.#word(offset & ~3);
    return ((dword >>> (8 * (offset & 3))) & maskOf(width)) >>> 0;
  }

  /** Software writes bytes of the table. */
  writeTable(offset: number, width: Width, value: number): void {
    if (offset % width !== 0) {
      writePieces(this.table, offset, width, value);
      return;
    }
    const at = offset & ~3;
    const vector = Math.floor(at / MSIX_ENTRY_BYTES);
    const masked = this.#entryMasked(vector);
    const shift = 8 * (offset & 3);
    const mask = entryRegisters[(at % MSIX_ENTRY_BYTES) >> 2]!.writable & (maskOf(width) << shift);
    const kept = this.#word(at) & ~mask;
    this.#setWord(at, (kept | ((value << shift) & mask)) >>> 0);
    if (masked !== this.#entryMasked(vector) && !this.port.masked())
      this.origin?.maskChanged(vector, !masked);
    this.flush();
  }

  /** Software reads pending bits. */
  readPending(offset: number, width: Width): number {
    if (offset % width !== 0) return readPieces(this.pendingBits, offset, width);
    let own = 0;
    for (let i = width - 1; i >= 0; i--) own = own * 256 + (this.#pending?.[offset + i] ?? 0);
    const others = (this.origin?.pendingBits(offset & ~3) ?? 0) >>> (8 * (offset & 3));
    return ((own | others) & maskOf(width)) >>> 0;
  }

  /** Whether it is held is not saved: that is for whoever holds it to say again. */
  save() {
    return msixState.save({
      entries: this.#saveEntries(),
      claims: [...(this.#claims ?? [])].map(([cause, vector]) => ({ cause, vector })),
    });
  }

  #saveEntries(): Uint8Array<ArrayBuffer> {
    const view = new DataView(new ArrayBuffer(this.tableBytes));
    for (let at = 0; at < this.tableBytes; at += 4) view.setUint32(at, this.#word(at), true);
    return new Uint8Array(view.buffer);
  }

  check(state: State, path = 'MSI-X') {
    const saved = msixState.parse(state, path);
    const { entries, claims } = saved;
    const expect = expectAt(path);
    expectSame(`${path}.entries.length`, entries.length, this.tableBytes);
    const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
    for (let at = 0; at < this.tableBytes; at += 4) {
      const word = view.getUint32(at, true);
      const reserved = ~entryRegisters[(at % MSIX_ENTRY_BYTES) >> 2]!.writable;
      expect(((word ^ resetWord(at)) & reserved) === 0, `entries[${at}]`, word, 'no reserved bits');
    }
    for (const [i, { vector }] of claims.entries())
      expect(vector < this.vectors, `claims[${i}].vector`, vector, `a vector below ${this.vectors}`);
    return saved;
  }

  load(state: State): void {
    const { entries, claims } = this.check(state);
    this.#entries = null;
    const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
    for (let at = 0; at < this.tableBytes; at += 4) this.#setWord(at, view.getUint32(at, true));
    this.withdrawAll();
    this.#held = false;
    for (const { cause, vector } of claims) this.#claim(vector, cause);
  }
}
