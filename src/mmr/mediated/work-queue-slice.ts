import {
  type BusTarget,
  FOUR_GIB,
  RegisterBlock,
  type State,
  type Stateful,
  type Width,
} from '../../core/index.ts';
import { PciFunction } from '../../pci/index.ts';
import {
  PAGE_IS_THERE,
  PASID_MASK,
  PORTAL_BYTES,
  portal,
  submitResult,
  WORK_DESCRIPTOR_BYTES,
  WORK_QUEUE_BYTES,
  WORK_QUEUE_ID,
  workDescriptor,
  workQueue,
  workQueueBar,
  workQueueCommand,
  workQueueMode,
  workQueueResult,
  workQueueStatus,
} from '../layout/index.ts';
import { ParentOptionError } from './errors.ts';
import { GuestTranslation } from './guest-translation.ts';
import { NO_PORT, type SliceFunction, type SlicePort } from './slice-function.ts';
import { WorkEngine, type WorkMemory, type WorkPort } from './work-engine.ts';
import { workQueueState } from './work-queue-state.ts';

export interface WorkQueueOptions {
  /** Pieces of work that are taken at a time. */
  readonly capacity?: number;
}

/** Events: work was done, and a page is asked for. */
const [DONE, PAGE_WANTED] = [0, 1];
const DESCRIPTOR_WORDS = WORK_DESCRIPTOR_BYTES / 4;
const DEFAULT_CAPACITY = 16;

interface Bound {
  /** The host's PASID, which the guest never sees. */
  readonly host: number;
  readonly translation: GuestTranslation;
}

/**
 * A slice that is a work queue: a dedicated one has one submitter and one PASID; a shared one takes work from any, with the PASID
 * of whoever submits it, and answers at once whether it was taken, or is to be tried again. A PASID of the guest's means what the
 * guest bound it to, and stands for a PASID of the host's that is the slice's own.
 */
export class WorkQueueSlice implements SliceFunction, WorkPort, Stateful {
  readonly record = workQueueState;
  readonly pci: PciFunction;
  readonly events = 2;
  readonly capacity: number;
  readonly engine: WorkEngine;
  mode = 0;
  threshold: number;
  pasid = 0;
  subject = 0;
  table = 0;
  tablePages = 0;
  page = 0;
  result: number = workQueueResult.good;
  #enabled = false;
  #draining = false;
  readonly #bound = new Map<number, Bound>();
  #port: SlicePort = NO_PORT;

  /** @throws ParentOptionError */
  constructor({ capacity = DEFAULT_CAPACITY }: WorkQueueOptions = {}) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > 0x10000)
      throw new ParentOptionError('capacity', capacity, 'a whole number of 1..65536');
    this.capacity = this.threshold = capacity;
    this.engine = new WorkEngine(this);
    this.pci = new PciFunction({ name: 'work queue', ...WORK_QUEUE_ID });
    const registers = {
      name: 'work queue',
      offset: 0,
      length: WORK_QUEUE_BYTES,
      target: new Registers(this),
    };
    this.pci.addBar({
      index: workQueueBar.registers,
      kind: 'memory32',
      lengthBytes: PORTAL_BYTES,
      regions: [registers],
    });
    this.pci.addMsix(workQueueBar.msix, this.events);
    const portals = [
      { name: 'dedicated portal', offset: portal.dedicated, target: new Portal(this, false) },
      { name: 'shared portal', offset: portal.shared, target: new Portal(this, true) },
    ];
    this.pci.addBar({
      index: workQueueBar.portals,
      kind: 'memory32',
      lengthBytes: PORTAL_BYTES,
      regions: portals.map((each) => ({ ...each, length: WORK_DESCRIPTOR_BYTES })),
    });
    this.pci.parts.set('work-queue', this);
    this.pci.onBusMaster.push(() => this.#port.enable(this.pci.busMaster));
    this.pci.onReset.push(() => this.reset());
    this.pci.msix!.origin = {
      maskChanged: (vector, masked) => this.#port.mask(vector, masked && this.pci.msixEnabled),
      pendingBits: (offset) => (offset === 0 ? this.#pending() : 0),
    };
  }

  get scheduler() {
    return this.pci.slot.scheduler;
  }

  get busy(): number {
    return this.engine.busy;
  }

  get status(): number {
    return (this.#enabled ? workQueueStatus.enabled : 0) | (this.#draining ? workQueueStatus.draining : 0);
  }

  connect(port: SlicePort): void {
    this.#port = port;
  }

  #pending(): number {
    return (this.#port.isPending(DONE) ? 1 : 0) | (this.#port.isPending(PAGE_WANTED) ? 2 : 0);
  }

  inject(event: number): void {
    this.pci.msix?.trigger(event, event);
  }

  /** Memory that work with a PASID of the guest's reaches. */
  memory(pasid: number): WorkMemory | null {
    const { pci } = this;
    if (!pci.plugged || !pci.busMaster) return null;
    if (pasid === 0) return { domain: pci.slot.dma, translation: null };
    const bound = this.#bound.get(pasid);
    const domain = bound === undefined ? null : this.#port.pasidDomain(bound.host);
    return domain === null ? null : { domain, translation: bound!.translation };
  }

  completed(): void {
    if (this.#draining && this.engine.busy === 0) this.#draining = this.#enabled = false;
    this.#port.signal(DONE);
  }

  requested(): void {
    this.#port.signal(PAGE_WANTED);
  }

  /** @returns one of {@link submitResult}. */
  submit(words: Uint32Array, shared: boolean): number {
    const { busy } = this.engine;
    if (!this.#enabled || this.#draining || shared !== (this.mode === workQueueMode.shared))
      return submitResult.refused;
    const pasid = shared ? words[workDescriptor.pasid.offset >> 2]! & PASID_MASK : this.pasid;
    // A shared queue knows its submitters by their PASIDs alone.
    if ((shared && pasid === 0) || this.memory(pasid) === null) return submitResult.refused;
    if (busy >= (shared ? Math.min(this.threshold, this.capacity) : this.capacity))
      return shared ? submitResult.retry : submitResult.refused;
    this.engine.take(words.slice(), pasid);
    return submitResult.accepted;
  }

  command(code: number): void {
    this.result = this.#command(code);
  }

  #command(code: number): number {
    switch (code) {
      case workQueueCommand.enable:
        if (this.#enabled || this.mode > workQueueMode.shared) return workQueueResult.badState;
        if (this.pasid !== 0 && !this.#bound.has(this.pasid)) return workQueueResult.badPasid;
        this.#enabled = true;
        return workQueueResult.good;
      case workQueueCommand.drain:
        if (!this.#enabled) return workQueueResult.badState;
        if (this.engine.busy === 0) this.#enabled = false;
        else this.#draining = true;
        return workQueueResult.good;
      case workQueueCommand.abort:
        this.#enabled = this.#draining = false;
        this.engine.abort();
        return workQueueResult.good;
      case workQueueCommand.bind:
        return this.#bind();
      case workQueueCommand.unbind:
      case workQueueCommand.invalidate:
        return this.#changeBound(code === workQueueCommand.unbind);
      default:
        return workQueueResult.badCommand;
    }
  }

  /** The guest gives one of its PASIDs a table of its own. */
  #bind(): number {
    const { subject, table, tablePages, pci } = this;
    if (subject < 1 || subject > PASID_MASK || this.#bound.has(subject)) return workQueueResult.badPasid;
    if (!pci.plugged || GuestTranslation.objection(pci.slot.dma, table, tablePages) !== null)
      return workQueueResult.badTable;
    const translation = new GuestTranslation(pci.slot.dma, table, tablePages);
    const host = this.#port.bindPasid(translation.domain);
    if (host === null) return workQueueResult.noPasidLeft;
    this.#bound.set(subject, { host, translation });
    return workQueueResult.good;
  }

  #changeBound(ends: boolean): number {
    const bound = this.#bound.get(this.subject);
    if (bound === undefined) return workQueueResult.badPasid;
    if (!ends) bound.translation.invalidate(this.page);
    else {
      // What is under way has memory for its records still.
      this.engine.abort(this.subject);
      this.#unbind(this.subject, bound);
    }
    return workQueueResult.good;
  }

  #unbind(pasid: number, { host, translation }: Bound): void {
    this.#bound.delete(pasid);
    this.#port.unbindPasid(host);
    translation.end();
  }

  /** As after power-on. */
  reset(): void {
    this.engine.reset();
    for (const [pasid, bound] of this.#bound) this.#unbind(pasid, bound);
    this.mode = this.pasid = this.subject = this.table = this.tablePages = this.page = 0;
    this.threshold = this.capacity;
    this.result = workQueueResult.good;
    this.#enabled = this.#draining = false;
    this.#port.reset();
  }

  #shape() {
    return { capacity: this.capacity };
  }

  save() {
    const { mode, threshold, pasid, subject, table, tablePages, page, result } = this;
    const bound = Array.from(this.#bound, ([own, { translation }]) => ({
      pasid: own,
      table: translation.table,
      pages: translation.pages,
    }));
    return workQueueState.save({
      shape: this.#shape(),
      settings: { mode, threshold, pasid },
      command: { subject, table, tablePages, page, result },
      enabled: this.#enabled,
      draining: this.#draining,
      bound,
      engine: this.engine.save(),
    });
  }

  check(state: State, path = 'work queue') {
    return workQueueState.parse(state, path, this.#shape());
  }

  /** PASIDs of the host's are bound anew; where none is left, work with the guest's PASID reaches nothing. */
  load(state: State): void {
    const saved = this.check(state);
    for (const [pasid, bound] of this.#bound) this.#unbind(pasid, bound);
    Object.assign(this, saved.settings, saved.command);
    this.#enabled = saved.enabled;
    this.#draining = saved.draining;
    for (const { pasid, table, pages } of saved.bound) {
      const translation = new GuestTranslation(this.pci.slot.dma, table, pages);
      const host = this.#port.bindPasid(translation.domain);
      if (host !== null) this.#bound.set(pasid, { host, translation });
    }
    this.engine.load(saved.engine);
  }

  resume(): void {
    this.engine.resume();
  }

  /** Settings of a queue that is at work stay. */
  get still(): boolean {
    return !this.#enabled;
  }
}

const plain = (name: 'subject' | 'tablePages' | 'page') => ({
  read: (queue: WorkQueueSlice) => queue[name],
  write: (queue: WorkQueueSlice, value: number) => {
    queue[name] = value;
  },
});
const setting = (name: 'mode' | 'threshold' | 'pasid') => ({
  read: (queue: WorkQueueSlice) => queue[name],
  write: (queue: WorkQueueSlice, value: number) => {
    if (queue.still) queue[name] = value;
  },
});
const oldest = (name: 'id' | 'pasid' | 'page') => ({
  read: (queue: WorkQueueSlice) => queue.engine.requests[0]?.[name] ?? 0,
});

const block = new RegisterBlock(
  workQueue,
  {
    capacity: { read: (queue: WorkQueueSlice) => queue.capacity },
    mode: setting('mode'),
    threshold: setting('threshold'),
    pasid: setting('pasid'),
    command: { read: () => 0, write: (queue: WorkQueueSlice, code: number) => queue.command(code) },
    status: { read: (queue: WorkQueueSlice) => queue.status },
    occupancy: { read: (queue: WorkQueueSlice) => queue.busy },
    result: { read: (queue: WorkQueueSlice) => queue.result },
    subject: plain('subject'),
    tableLow: {
      read: (queue: WorkQueueSlice) => queue.table % FOUR_GIB,
      write: (queue: WorkQueueSlice, value: number) => {
        queue.table += value - (queue.table % FOUR_GIB);
      },
    },
    tableHigh: {
      read: (queue: WorkQueueSlice) => Math.floor(queue.table / FOUR_GIB),
      write: (queue: WorkQueueSlice, value: number) => {
        queue.table = (queue.table % FOUR_GIB) + (value & PASID_MASK) * FOUR_GIB;
      },
    },
    tablePages: plain('tablePages'),
    page: plain('page'),
    requestId: oldest('id'),
    requestPasid: oldest('pasid'),
    requestPage: oldest('page'),
    response: {
      read: () => 0,
      write: (queue: WorkQueueSlice, value: number) =>
        queue.engine.respond(value % PAGE_IS_THERE, value >= PAGE_IS_THERE),
    },
  },
  WORK_QUEUE_BYTES,
  'zeros',
);

class Registers implements BusTarget {
  readonly #queue: WorkQueueSlice;

  constructor(queue: WorkQueueSlice) {
    this.#queue = queue;
  }

  read(offset: number, width: Width): number {
    return block.read(this.#queue, offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    block.write(this.#queue, offset, width, value);
  }
}

/** A descriptor is gathered word by word, and submitted by its last one; a read says what came of it. */
class Portal implements BusTarget {
  readonly #queue: WorkQueueSlice;
  readonly #shared: boolean;
  readonly #words = new Uint32Array(DESCRIPTOR_WORDS);
  #result: number = submitResult.accepted;

  constructor(queue: WorkQueueSlice, shared: boolean) {
    this.#queue = queue;
    this.#shared = shared;
  }

  read(): number {
    return this.#result;
  }

  write(offset: number, width: Width, value: number): void {
    if (width !== 4 || offset % 4 !== 0) return;
    this.#words[offset >> 2] = value;
    if (offset === WORK_DESCRIPTOR_BYTES - 4) this.#result = this.#queue.submit(this.#words, this.#shared);
  }
}
