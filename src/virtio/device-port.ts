import type { DmaDomain, FindingAbout, Party, Scheduler, Task } from '../core/index.ts';
import type { Chain } from './queue/chain.ts';
import type { Virtqueue } from './queue/virtqueue.ts';

/** What a behaviour has of the device that it is behind. */
export interface DevicePort {
  /** Device status, as the driver would read it. */
  readonly status: number;
  /** The driver speaks by a legacy window (LEG-FEAT-04). */
  readonly legacyDriver: boolean;
  /** Byte order of rings and requests as the driver in charge sees them. */
  readonly littleEndian: boolean;
  /** The device is at rest: its configuration stays as it is (SUSP-09). */
  readonly suspended: boolean;
  /** Chains are taken. */
  readonly mayRun: boolean;
  /** Guest memory may be touched now. */
  readonly dmaEnabled: boolean;
  /** Memory that the device reaches; null while it is plugged nowhere. */
  readonly dma: DmaDomain | null;
  readonly scheduler: Scheduler;
  /** The feature was offered and accepted. */
  has(bit: number): boolean;
  /** The ring of a queue that exists, or null. */
  queue(index: number): Virtqueue | null;
  /**
   * The behaviour is done with a chain: `length` bytes were written, from the first writable byte on (SPL-USED-02). What a
   * behaviour gets wrong here is reported against the device: a chain that it was never given or has completed before, which
   * is left alone, and more bytes than the chain has room for, which are cut.
   * @param lingers a back end goes on with the request all the same: {@link letGo} follows.
   */
  complete(chain: Chain, length: number, lingers?: boolean): void;
  /** No back end works any more on a request whose chain was `held`, and died or was completed before. */
  letGo(chain: Chain): void;
  /** Whatever `body` completes, in whichever queues, is published at its end, with one interrupt a queue. */
  batch(body: () => void): void;
  /** Publishes what was completed so far before anything that is completed from now on, batch or not (SCSI-OP-08). */
  publish(): void;
  /** Runs a task that touches guest memory: now, or when DMA is possible again. */
  whenDma(task: Task): void;
  /** Tells the driver of a queue whose ring somebody else serves. */
  interrupt(index: number): void;
  /** The configuration changed by itself: the driver is told, where there is one (OPER-01). */
  configChanged(): void;
  /** Says that somebody breaks a clause, to whoever listens; to nobody while the device is plugged nowhere. */
  report(party: Party, clause: string, message: string, about?: FindingAbout): void;
  /** An error that only a reset mends (BF-STAT-06, BF-STAT-07). */
  fail(clause: string, message: string, about?: FindingAbout): void;
}
