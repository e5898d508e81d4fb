import {
  lunMethod,
  SCSI_ADDRESS_BYTES,
  SCSI_BUS,
  SCSI_COMMAND_RESPONSE_BYTES,
  SCSI_CONTROL_BYTES,
  SCSI_EVENT_BYTES,
  scsiAddress,
  scsiCommandResponse,
  scsiConfig,
  scsiControlType,
  scsiEvent,
  scsiQueue,
  scsiResponse,
  scsiStatus,
  taskAttribute,
} from '../../../virtio/layout/index.ts';
import type { Bench, Posted, Running } from '../bench.ts';
import { join, le, readLe } from '../bytes.ts';

/** Sizes that every device has after a reset. */
const CDB_BYTES = scsiConfig.cdbSize.reset;
const SENSE_BYTES = scsiConfig.senseSize.reset;
/** Unit attentions that a unit may have to tell one after the other. */
const ATTENTIONS = 8;

/** Addresses a logical unit, by the flat method. */
export function unitAddress(target: number, lun: number): Uint8Array {
  const bytes = new Uint8Array(SCSI_ADDRESS_BYTES);
  bytes[scsiAddress.bus.offset] = SCSI_BUS;
  bytes[scsiAddress.target.offset] = target;
  bytes[scsiAddress.lunHigh.offset] = lunMethod.flat | (lun >> 8);
  bytes[scsiAddress.lunLow.offset] = lun & 0xff;
  return bytes;
}

export interface CommandParts {
  readonly lun?: Uint8Array;
  readonly id?: number;
  readonly attribute?: number;
  readonly dataOut?: Uint8Array;
  /** Bytes of the buffer for data in. */
  readonly dataIn?: number;
}

/** What came of a command. */
export interface CommandAnswer {
  readonly response: number;
  readonly status: number;
  readonly senseLength: number;
  readonly sense: Uint8Array;
  readonly data: Uint8Array;
}

export interface Event {
  /** With bit 31 where events were missed. */
  readonly event: number;
  readonly target: number;
  readonly lun: number;
  readonly reason: number;
}

const command = (...bytes: readonly number[]) => Uint8Array.from(bytes);
/** CDBs that every unit knows, or that none does. */
export const cdbs = {
  testUnitReady: command(0),
  inquiry: (length: number) => command(0x12, 0, 0, 0, length, 0),
  reportLuns: (length: number) => command(0xa0, 0, 0, 0, 0, 0, 0, 0, length >> 8, length & 0xff, 0, 0),
  /** One block from the first one on. */
  read10: command(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0),
  unknown: command(0xff),
} as const;

/** A SCSI host with all its queues, each request in the framing that every device takes. */
export class ScsiHost {
  readonly bench: Bench;
  readonly running: Running;
  readonly #events = new Map<number, Posted>();

  constructor(bench: Bench, features: readonly number[] = []) {
    this.bench = bench;
    this.running = bench.start({
      features,
      queues: [scsiQueue.control, scsiQueue.event, scsiQueue.request],
    });
  }

  post(cdb: Uint8Array, parts: CommandParts = {}): Posted {
    const { lun = unitAddress(0, 0), id = 1, attribute = taskAttribute.simple } = parts;
    const { dataOut = new Uint8Array(), dataIn = 0 } = parts;
    const room = new Uint8Array(CDB_BYTES);
    room.set(cdb);
    const header = join(lun, le(8, id), Uint8Array.of(attribute, 0, 0), room);
    const head = SCSI_COMMAND_RESPONSE_BYTES + SENSE_BYTES;
    return this.bench.post(this.running.driver, scsiQueue.request, [header, dataOut], [head, dataIn]);
  }

  /** What the device wrote for a command that was handed back. */
  answer(posted: Posted): CommandAnswer {
    const bytes = this.bench.written(posted);
    const { senseLength, status, response } = scsiCommandResponse;
    const senseAt = SCSI_COMMAND_RESPONSE_BYTES;
    return {
      response: bytes[response.offset]!,
      status: bytes[status.offset]!,
      senseLength: readLe(bytes, senseLength.offset, 4),
      sense: bytes.subarray(senseAt, senseAt + SENSE_BYTES),
      data: bytes.subarray(senseAt + SENSE_BYTES),
    };
  }

  async ask(clause: string, cdb: Uint8Array, parts: CommandParts = {}): Promise<CommandAnswer> {
    const posted = this.post(cdb, parts);
    await this.bench.taken(this.running.driver, scsiQueue.request, clause);
    return this.answer(posted);
  }

  /** A task management function. */
  postFunction(subtype: number, lun = unitAddress(0, 0), id = 1): Posted {
    const out = join(le(SCSI_CONTROL_BYTES, scsiControlType.taskManagement), le(4, subtype), lun, le(8, id));
    return this.bench.post(this.running.driver, scsiQueue.control, out, 1);
  }

  /** Lets a unit tell what it has to tell, until it is ready. */
  async hearAttentions(clause: string, lun = unitAddress(0, 0)): Promise<void> {
    for (let i = 0; i < ATTENTIONS; i++) {
      const { response, status } = await this.ask(clause, cdbs.testUnitReady, { lun });
      if (response === scsiResponse.ok && status === scsiStatus.good) return;
    }
    this.bench.skip('the unit does not become ready');
  }

  giveEventBuffer(length: number = SCSI_EVENT_BYTES): void {
    const posted = this.bench.post(this.running.driver, scsiQueue.event, new Uint8Array(), length);
    this.#events.set(posted.head, posted);
  }

  /** Events that came within a lull. Of a buffer that is too short what has no room is 0. */
  async events(): Promise<Event[]> {
    await this.bench.lull();
    const events: Event[] = [];
    for (;;) {
      const used = this.running.driver.take(scsiQueue.event);
      if (used === null) return events;
      const bytes = new Uint8Array(SCSI_EVENT_BYTES);
      bytes.set(this.bench.written(this.#events.get(used.head)!).subarray(0, SCSI_EVENT_BYTES));
      const { event, lun, reason } = scsiEvent;
      const { target, lunHigh, lunLow } = scsiAddress;
      events.push({
        event: readLe(bytes, event.offset, 4),
        target: bytes[lun.offset + target.offset]!,
        lun:
          ((bytes[lun.offset + lunHigh.offset]! & ~lunMethod.mask) << 8) | bytes[lun.offset + lunLow.offset]!,
        reason: readLe(bytes, reason.offset, 4),
      });
    }
  }
}
