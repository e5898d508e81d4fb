import {
  type DmaDomain,
  FOUR_GIB,
  group,
  integer,
  list,
  type Scheduler,
  u32,
  upTo,
  type ValueOf,
  Work,
  words,
} from '../../core/index.ts';
import {
  COMPLETION_BYTES,
  completionRecord,
  MOST_WORK_BYTES,
  PASID_MASK,
  WORK_DESCRIPTOR_BYTES,
  workDescriptor,
  workOperation,
  workStatus,
} from '../layout/index.ts';
import type { GuestTranslation } from './guest-translation.ts';

/** Memory that work reaches: as it is, or through a translation of the guest's. */
export interface WorkMemory {
  readonly domain: DmaDomain;
  /** Null where addresses are the guest's physical ones. */
  readonly translation: GuestTranslation | null;
}

/** A page that work needs and the guest's table has not. */
export interface PageRequest {
  readonly id: number;
  readonly pasid: number;
  readonly page: number;
}

/** What an engine asks of the queue that it works for. */
export interface WorkPort {
  readonly scheduler: Scheduler;
  /** Memory by the PASID that work bears, 0 for none; null where it reaches nothing. */
  memory(pasid: number): WorkMemory | null;
  /** Something is done. */
  completed(): void;
  /** A page is asked for. */
  requested(): void;
}

/** Work that was taken. */
interface Job {
  readonly words: Uint32Array;
  readonly pasid: number;
  /** Id of the page request whose answer it waits for; 0 for none. */
  waits: number;
}

export interface EngineCounts {
  completed: number;
  aborted: number;
  faulted: number;
}

export const engineState = group({
  jobs: list(group({ words: words(WORK_DESCRIPTOR_BYTES / 4), pasid: upTo(PASID_MASK), waits: u32 })),
  requests: list(group({ id: u32, pasid: upTo(PASID_MASK), page: u32 })),
  nextRequest: integer(1, 0x7fffffff),
});
export type SavedEngine = ValueOf<typeof engineState>;

/** Page requests that may wait for answers: work that would need another one fails instead. */
const MOST_REQUESTS = 8;
const at = (register: keyof typeof workDescriptor) => workDescriptor[register].offset >> 2;

/** Does work, oldest first, one piece at a time; what waits for a page lets others pass. */
export class WorkEngine {
  readonly counts: EngineCounts = { completed: 0, aborted: 0, faulted: 0 };
  readonly requests: PageRequest[] = [];
  readonly #port: WorkPort;
  readonly #jobs: Job[] = [];
  readonly #record = new Uint8Array(COMPLETION_BYTES);
  readonly #view = new DataView(this.#record.buffer);
  #buffer = new Uint8Array(0);
  #work: Work | null = null;
  #nextRequest = 1;

  constructor(port: WorkPort) {
    this.#port = port;
  }

  /** Pieces that were taken and are not done. */
  get busy(): number {
    return this.#jobs.length;
  }

  take(words: Uint32Array, pasid: number): void {
    this.#jobs.push({ words, pasid, waits: 0 });
    this.#go();
  }

  #go(): void {
    if (this.#work?.scheduler !== this.#port.scheduler)
      this.#work = new Work('work queue', this.#port.scheduler, () => this.#step());
    this.#work.schedule();
  }

  #step(): void {
    const job = this.#jobs.find(({ waits }) => waits === 0);
    if (job === undefined) return;
    const status = this.#perform(job);
    if (status !== 0) this.#finish(job, status);
    if (this.#jobs.some(({ waits }) => waits === 0)) this.#go();
  }

  /** @returns a status, or 0 where it waits for a page. */
  #perform(job: Job): number {
    const { words } = job;
    const memory = this.#port.memory(job.pasid);
    const length = words[at('length')]!;
    const operation = words[at('operation')]!;
    if (memory === null) return workStatus.badDescriptor;
    if (operation > workOperation.fill || length > MOST_WORK_BYTES) return workStatus.badDescriptor;
    const completion = addressOf(words, 'completionLow');
    if (completion !== 0 && completion % COMPLETION_BYTES !== 0) return workStatus.badDescriptor;
    const needs: [number, number, boolean][] = completion === 0 ? [] : [[completion, COMPLETION_BYTES, true]];
    const [source, destination] = [addressOf(words, 'sourceLow'), addressOf(words, 'destinationLow')];
    if (operation === workOperation.move && length > 0) needs.push([source, length, false]);
    if (operation !== workOperation.nothing && length > 0) needs.push([destination, length, true]);
    for (const [address, bytes, write] of needs) {
      const why = this.#missing(memory, job, address, bytes, write);
      if (why !== null) return why;
    }
    if (length > 0 && operation !== workOperation.nothing) {
      if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
      const bytes = this.#buffer.subarray(0, length);
      if (operation === workOperation.fill) bytes.fill(words[at('pattern')]! & 0xff);
      else if (!memory.domain.read(source, bytes, 0, length)) return workStatus.pageFault;
      if (!memory.domain.write(destination, bytes, 0, length)) return workStatus.pageFault;
    }
    return workStatus.good;
  }

  /** @returns null where all is there; 0 where a page was asked for; else a status. */
  #missing(memory: WorkMemory, job: Job, address: number, length: number, write: boolean): number | null {
    const { translation, domain } = memory;
    if (translation === null) return domain.reaches(address, length, write) ? null : workStatus.pageFault;
    if (!Number.isSafeInteger(address + length)) return workStatus.pageFault;
    const page = translation.missing(address, length, write);
    if (page < 0) return null;
    if (page > 0xffffffff || this.requests.length === MOST_REQUESTS) return workStatus.pageFault;
    job.waits = this.#nextRequest;
    this.#nextRequest = (this.#nextRequest % 0x7fffffff) + 1;
    this.requests.push({ id: job.waits, pasid: job.pasid, page });
    this.#port.requested();
    return 0;
  }

  /** The guest has answered a page request; to one that there is not it is nothing. */
  respond(id: number, isThere: boolean): void {
    const index = this.requests.findIndex((each) => each.id === id);
    if (index < 0) return;
    const [{ page, pasid }] = this.requests.splice(index, 1) as [PageRequest];
    // It may have been there, and not to be written.
    this.#port.memory(pasid)?.translation?.invalidate(page);
    for (const job of this.#jobs.filter(({ waits }) => waits === id)) {
      job.waits = 0;
      if (!isThere) this.#finish(job, workStatus.pageFault, page);
    }
    if (this.#jobs.length > 0) this.#go();
  }

  #finish(job: Job, status: number, page = 0): void {
    const index = this.#jobs.indexOf(job);
    if (index >= 0) this.#jobs.splice(index, 1);
    if (status === workStatus.aborted) this.counts.aborted++;
    else if (status === workStatus.good) this.counts.completed++;
    else this.counts.faulted++;
    this.#view.setUint32(completionRecord.status.offset, status, true);
    this.#view.setUint32(
      completionRecord.done.offset,
      status === workStatus.good ? job.words[at('length')]! : 0,
      true,
    );
    this.#view.setUint32(completionRecord.faultPage.offset, page, true);
    const completion = addressOf(job.words, 'completionLow');
    const memory = this.#port.memory(job.pasid);
    if (
      memory !== null &&
      completion !== 0 &&
      completion % COMPLETION_BYTES === 0 &&
      this.#isThere(memory, completion)
    )
      memory.domain.write(completion, this.#record, 0, COMPLETION_BYTES);
    this.#port.completed();
  }

  #isThere({ translation }: WorkMemory, completion: number): boolean {
    return translation === null || translation.missing(completion, COMPLETION_BYTES, true) < 0;
  }

  /** Gives work up, of one PASID or all: each piece ends as aborted, where its record can still be written. */
  abort(pasid?: number): void {
    for (const job of this.#jobs.filter((each) => pasid === undefined || each.pasid === pasid))
      this.#finish(job, workStatus.aborted);
    this.#forgetRequests(pasid);
  }

  #forgetRequests(pasid?: number): void {
    const kept = this.requests.filter((each) => pasid !== undefined && each.pasid !== pasid);
    this.requests.splice(0, this.requests.length, ...kept);
  }

  save(): SavedEngine {
    const jobs = this.#jobs.map(({ words, pasid, waits }) => ({ words: [...words], pasid, waits }));
    return { jobs, requests: this.requests.map((each) => ({ ...each })), nextRequest: this.#nextRequest };
  }

  load({ jobs, requests, nextRequest }: SavedEngine): void {
    this.#jobs.splice(
      0,
      this.#jobs.length,
      ...jobs.map(({ words, pasid, waits }) => ({ words: Uint32Array.from(words), pasid, waits })),
    );
    this.requests.splice(0, this.requests.length, ...requests);
    this.#nextRequest = nextRequest;
  }

  /** Goes on with work that waits for nothing. */
  resume(): void {
    if (this.#jobs.length > 0) this.#go();
  }

  /** As after power-on: nothing of what was under way is done or written. */
  reset(): void {
    this.counts.aborted += this.#jobs.length;
    this.#jobs.length = 0;
    this.#forgetRequests();
    this.#work?.cancel();
  }
}

function addressOf(words: Uint32Array, low: 'sourceLow' | 'destinationLow' | 'completionLow'): number {
  return words[at(low) + 1]! * FOUR_GIB + words[at(low)]!;
}
