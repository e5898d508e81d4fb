import { immediate, type Scheduler } from '../../core/index.ts';
import { SECTOR_BYTES } from '../layout/index.ts';
import type { Storage, StorageOperation, Transfer } from '../storage.ts';
import { StorageFilter } from './storage-filter.ts';
import { TransferPart } from './transfer-part.ts';

/** What is to go wrong, and when. */
export interface StorageFault {
  /** Operations that it strikes; by default any. */
  readonly on?: readonly StorageOperation[];
  /** Bytes [start, end): it strikes what touches one of them. By default anything, flushes too. */
  readonly range?: { readonly start: number; readonly end: number };
  /** Which of the requests that match is struck first, counted from 1; and how many from there on, by default all. */
  readonly from?: number;
  readonly times?: number;
  readonly does:
    | 'fail'
    /** Carries the first `bytes` out, and fails. */
    | 'tear'
    /** Carries it out when the storage's scheduler runs it. */
    | 'delay'
    /** Keeps it until {@link FaultyStorage.release}. */
    | 'keep';
  /** For `tear`: whole sectors; by default half of the request's. */
  readonly bytes?: number;
}

/** A request that was struck. */
export interface StruckRequest {
  readonly operation: StorageOperation;
  readonly offset: number;
  readonly length: number;
  readonly does: StorageFault['does'];
}

interface Injected {
  readonly fault: StorageFault;
  matched: number;
}

/** A storage on which things go wrong, as they are told to. The first fault that strikes a request decides. */
export class FaultyStorage extends StorageFilter {
  /** What was struck, in order. */
  readonly struck: StruckRequest[] = [];
  readonly #scheduler: Scheduler;
  readonly #faults = new Set<Injected>();
  #kept: (() => void)[] = [];

  /** @param scheduler when delayed requests go on. */
  constructor(inner: Storage, scheduler: Scheduler = immediate) {
    super(inner);
    this.#scheduler = scheduler;
  }

  /** Adds a fault. @returns what takes it away again. */
  inject(fault: StorageFault): () => void {
    const injected = { fault, matched: 0 };
    this.#faults.add(injected);
    return () => this.#faults.delete(injected);
  }

  /** Takes all faults away; what is kept or delayed stays so. */
  mend(): void {
    this.#faults.clear();
  }

  /** Requests that are kept. */
  get kept(): number {
    return this.#kept.length;
  }

  /** Lets go of what is kept: it is carried out, unless a reset has taken it back. */
  release(): void {
    for (const goOn of this.#kept.splice(0)) goOn();
  }

  protected pass(
    operation: StorageOperation,
    transfer: Transfer,
    carryOut: (transfer: Transfer) => void,
  ): void {
    const fault = this.#strikes(operation, transfer);
    if (fault === null) {
      carryOut(transfer);
      return;
    }
    const { offset, length } = transfer;
    this.struck.push({ operation, offset, length, does: fault.does });
    /** Later: by then the request may be taken back, or the storage shorter. */
    const later = () =>
      transfer.whenReady(() => {
        if (transfer.live && offset + length <= this.inner.length) carryOut(transfer);
        else transfer.done(false);
      });
    if (fault.does === 'delay') this.#scheduler.submit({ label: 'late storage', run: later });
    else if (fault.does === 'keep') this.#kept.push(later);
    else if (fault.does === 'tear' && length > 0) {
      const half = Math.floor(length / SECTOR_BYTES / 2) * SECTOR_BYTES;
      carryOut(
        new TransferPart(transfer, 0, Math.min(fault.bytes ?? half, length), () => transfer.done(false)),
      );
    } else transfer.done(false);
  }

  /** The first fault that strikes. Those after it count the request, too. */
  #strikes(operation: StorageOperation, { offset, length }: Transfer): StorageFault | null {
    let striking: StorageFault | null = null;
    for (const injected of this.#faults) {
      const { on, range, from = 1, times = Number.POSITIVE_INFINITY } = injected.fault;
      if (on !== undefined && !on.includes(operation)) continue;
      if (range !== undefined && (offset >= range.end || offset + length <= range.start)) continue;
      const number = ++injected.matched;
      if (number >= from && number < from + times) striking ??= injected.fault;
    }
    return striking;
  }
}
