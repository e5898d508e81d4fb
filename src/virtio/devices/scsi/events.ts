import type { Task } from '../../../core/index.ts';
import { reachClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  deviceStatus,
  SCSI_EVENT_BYTES,
  SCSI_EVENTS_MISSED,
  scsiEvent,
  scsiEventType,
} from '../../layout/index.ts';
import { aboutChain, type Chain, type TakenRequest } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';
import { NOWHERE, putAddress } from './address.ts';
import type { SavedScsi } from './state.ts';

type PendingEvent = SavedScsi['events']['pending'][number];

/** What is kept with a buffer in hand: that it is one. */
export const IN_HAND = 'event buffer';
const BUFFER_IN_HAND: TakenRequest = { save: () => IN_HAND };

/** The event queue: buffers that wait for something to happen, and whether something happened without one. */
export class EventQueue {
  missed = false;
  /** Events that wait for bus mastering. */
  #pending: PendingEvent[] = [];
  /** Buffers that were in hand when the state was saved, and have not been handed over again. */
  #owed = 0;
  #waits = false;
  readonly #device: DevicePort;
  readonly #buffers = new WaitingChains();
  readonly #bytes = new Uint8Array(SCSI_EVENT_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(device: DevicePort) {
    this.#device = device;
  }

  /** A buffer came. Lost events, and buffers too short for any, are told at once (SCSI-OP-09). */
  take(chain: Chain): void {
    const { writableBytes, readableBytes } = chain;
    if (writableBytes < SCSI_EVENT_BYTES || readableBytes > 0)
      this.#device.report(
        'driver',
        'SCSI-OP-12',
        `an event buffer of ${writableBytes} writable and ${readableBytes} readable bytes`,
        aboutChain(chain, 'length in bytes', writableBytes),
      );
    if (this.missed || writableBytes < SCSI_EVENT_BYTES) this.#fill(chain, scsiEventType.none, NOWHERE, 0);
    else this.#keep(chain);
  }

  #keep(chain: Chain): void {
    chain.request = BUFFER_IN_HAND;
    this.#buffers.add(chain);
  }

  /** A buffer that was in hand when the state was saved; what is to be told waits until all of them are back. */
  takeBack(chain: Chain): void {
    this.#keep(chain);
    if (this.#owed > 0 && --this.#owed === 0) this.#flush.run();
  }

  /** Reports an event of a logical unit, once guest memory may be touched. */
  send(event: PendingEvent['event'], key: number, reason: number): void {
    this.#pending.push({ event, key, reason });
    this.#flushLater();
  }

  /** At most one such task waits: a guest may stop its queue as often as it likes. */
  #flushLater(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#device.whenDma(this.#flush);
  }

  readonly #flush: Task = {
    label: 'scsi events',
    run: () => {
      this.#waits = false;
      if (this.#owed > 0) return;
      for (const { event, key, reason } of this.#pending.splice(0)) {
        // A driver that is not there yet, or not any more, misses nothing: it scans.
        if ((this.#device.status & deviceStatus.driverOk) === 0) continue;
        const chain = this.#buffers.take();
        if (chain === undefined) this.missed = true;
        else this.#fill(chain, event, key, reason);
      }
    },
  };

  #fill(chain: Chain, event: number, key: number, reason: number): void {
    const little = this.#device.littleEndian;
    const word = this.missed ? (event | SCSI_EVENTS_MISSED) >>> 0 : event;
    this.#bytes.fill(0);
    this.#view.setUint32(scsiEvent.event.offset, word, little);
    if (key !== NOWHERE) putAddress(this.#bytes, scsiEvent.lun.offset, key);
    this.#view.setUint32(scsiEvent.reason.offset, reason, little);
    const length = Math.min(SCSI_EVENT_BYTES, chain.writableBytes);
    const written = chain.write(0, this.#bytes, 0, length);
    // Four bytes carry the news that something was lost; with fewer, or none in reach, it is lost still.
    this.missed =
      written && length >= scsiEvent.lun.offset ? false : this.missed || event !== scsiEventType.none;
    if (!written)
      this.#device.report(
        'driver',
        reachClause(this.#device),
        'an event buffer out of reach',
        aboutChain(chain),
      );
    this.#device.complete(chain, written ? length : 0);
  }

  /** Nothing happened yet, as far as the next driver can tell. */
  reset(): void {
    this.missed = false;
    this.#pending = [];
    this.#owed = 0;
    this.#buffers.clear();
  }

  /** The queue was stopped by itself: its buffers are gone, what was missed is not. */
  forgetBuffers(): void {
    this.#owed = 0;
    this.#buffers.clear();
    this.#flushLater();
  }

  save(): SavedScsi['events'] {
    return { missed: this.missed, pending: [...this.#pending], buffers: this.#owed + this.#buffers.length };
  }

  load({ missed, pending, buffers }: SavedScsi['events']): void {
    this.reset();
    this.missed = missed;
    this.#pending = [...pending];
    this.#owed = buffers;
    if (pending.length > 0) this.#flushLater();
  }
}
