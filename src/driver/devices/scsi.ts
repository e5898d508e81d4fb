import {
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  SCSI_EVENT_BYTES,
  SCSI_NOTIFICATION_BYTES,
  SCSI_NOTIFICATION_RESPONSE_BYTES,
  SCSI_TASK_MANAGEMENT_BYTES,
  scsiCommandHeader,
  scsiCommandResponse,
  scsiConfig,
  scsiControlType,
  scsiFeature,
  scsiNotification,
  scsiNotificationResponse,
  scsiQueue,
  scsiTaskManagement,
  taskManagement,
} from '../../virtio/layout/index.ts';
import { checkWhole, NoDeviceError } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import { ReceiveQueue } from '../receive-queue.ts';
import { RequestQueue } from '../request-queue.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';
import { type ScsiAddress, type ScsiEvent, scsiAddressBytes, scsiEventFrom } from './scsi-address.ts';

export interface ScsiDriverOptions {
  /** Bytes of data, in one direction, of one command at most. */
  readonly requestBytes?: number;
  /** Commands in flight at most, in each request queue. */
  readonly depth?: number;
  /** Request queues to use, as far as the device has them (SCSI-CFG-01). */
  readonly requestQueues?: number;
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
  readonly transportFeatures?: BringUpOptions['transportFeatures'];
  /** Feature bits of the type to be accepted where offered; by default HOTPLUG and CHANGE. */
  readonly features?: readonly number[];
  /** Bytes of sense data and of a CDB that are asked for; by default what the device says. */
  readonly senseSize?: number;
  readonly cdbSize?: number;
  /** Buffers for events (the specification holds 10 to 15 for enough). */
  readonly eventBuffers?: number;
  readonly onEvent?: (event: ScsiEvent) => void;
}

/** What became of a command. */
export interface ScsiReply {
  /** A value of `scsiResponse`; the rest means something only where it is `ok`. */
  readonly response: number;
  /** A value of `scsiStatus`. */
  readonly status: number;
  /** Sense data, as many bytes as the device says. */
  readonly sense: Uint8Array;
  /** Bytes of the data buffers that were not transferred. */
  readonly residual: number;
  /** Data in, without the residual. */
  readonly data: Uint8Array;
}

export interface CommandOptions {
  /** Which of the request queues, from 0; counted around where there are fewer. */
  readonly queue?: number;
  /** Identifier, below 2^53, for task management; by default a new one each time. */
  readonly id?: number;
}

const NOTHING = new Uint8Array();
const CONTROL_DEPTH = 4;

/** A driver for the SCSI host, on any transport: it carries commands, task management and events. */
export class ScsiDriver {
  readonly driver: VirtioDriver;
  readonly senseSize: number;
  readonly cdbSize: number;
  /** Bytes of data, in one direction, of one command at most. */
  readonly requestBytes: number;
  readonly #control: RequestQueue;
  readonly #events: ReceiveQueue;
  readonly #requests: readonly RequestQueue[];
  #nextId = 1;

  /** Brings the device up and gives it event buffers (SCSI-OP-01). @throws NoDeviceError, DeviceFailedError */
  constructor(transport: Transport, memory: DmaMemory, options: ScsiDriverOptions = {}) {
    const { requestBytes = 65536, depth = 8, requestQueues = 1, eventBuffers = 12 } = options;
    const { ringFeatures, transportFeatures } = options;
    this.requestBytes = requestBytes;
    this.driver = new VirtioDriver(transport, memory);
    let queues = 0;
    this.driver.bringUp(
      {
        features: options.features ?? [scsiFeature.hotplug, scsiFeature.change],
        queues: () => {
          queues = Math.min(requestQueues, this.driver.readField(scsiConfig, 'numQueues'));
          if (queues < 1) throw new NoDeviceError('the device has no request queue (SCSI-CFG-01)');
          return Array.from({ length: scsiQueue.request + queues }, (_, index) => index);
        },
        ...(ringFeatures === undefined ? {} : { ringFeatures }),
        ...(transportFeatures === undefined ? {} : { transportFeatures }),
      },
      { queue: () => this.poll(), config: () => {} },
    );
    this.senseSize = this.#size('senseSize', options.senseSize);
    this.cdbSize = this.#size('cdbSize', options.cdbSize);
    this.#control = new RequestQueue(this.driver, scsiQueue.control, {
      outBytes: SCSI_TASK_MANAGEMENT_BYTES,
      inBytes: SCSI_NOTIFICATION_RESPONSE_BYTES,
      depth: CONTROL_DEPTH,
    });
    this.#events = new ReceiveQueue(this.driver, scsiQueue.event, {
      count: eventBuffers,
      bytes: Math.max(SCSI_EVENT_BYTES, this.driver.readField(scsiConfig, 'eventInfoSize')),
      onBuffer: (bytes) => {
        const event = scsiEventFrom(bytes, transport.littleEndian);
        if (event !== null) options.onEvent?.(event);
      },
    });
    const room = {
      outBytes: SCSI_COMMAND_HEADER_BYTES + this.cdbSize + requestBytes,
      inBytes: SCSI_COMMAND_RESPONSE_BYTES + this.senseSize + requestBytes,
      depth,
    };
    this.#requests = Array.from(
      { length: queues },
      (_, i) => new RequestQueue(this.driver, scsiQueue.request + i, room),
    );
  }

  /** Asks the device for another size, if one is wanted. @returns the size that the device then shows. */
  #size(name: 'senseSize' | 'cdbSize', wanted: number | undefined): number {
    if (wanted !== undefined) this.driver.transport.writeConfig(scsiConfig[name].offset, 4, wanted);
    return this.driver.readField(scsiConfig, name);
  }

  /** Request queues in use. */
  get queueCount(): number {
    return this.#requests.length;
  }

  /**
   * Sends one command, whatever it is, and waits for what becomes of it.
   * @param address a unit, or eight bytes as they are. @param dataOut sent behind the CDB. @param inBytes room for data in.
   * @throws ResourceError for more data out than a command has room for; ArgumentError; UnansweredError, DeviceFailedError
   */
  async command(
    address: ScsiAddress | Uint8Array,
    cdb: Uint8Array,
    dataOut: Uint8Array = NOTHING,
    inBytes = 0,
    options: CommandOptions = {},
  ): Promise<ScsiReply> {
    const { queue: index = 0, id = this.#nextId++ } = options;
    checkWhole('queue', index, 0, Number.MAX_SAFE_INTEGER);
    checkWhole('id', id, 0, Number.MAX_SAFE_INTEGER);
    checkWhole('inBytes', inBytes, 0, Number.MAX_SAFE_INTEGER);
    const little = this.driver.transport.littleEndian;
    const header = new Uint8Array(SCSI_COMMAND_HEADER_BYTES + this.cdbSize);
    const view = new DataView(header.buffer);
    header.set(scsiAddressBytes(address), scsiCommandHeader.lun.offset);
    view.setBigUint64(scsiCommandHeader.id.offset, BigInt(id), little);
    header.set(cdb.subarray(0, this.cdbSize), SCSI_COMMAND_HEADER_BYTES);
    const head = SCSI_COMMAND_RESPONSE_BYTES + this.senseSize;
    const queue = this.#requests[index % this.#requests.length]!;
    const { bytes } = await queue.send([header, dataOut], [head, inBytes], SCSI_COMMAND_RESPONSE_BYTES);
    const answer = new DataView(bytes.buffer, bytes.byteOffset);
    // LEG-SCSI-02: the used length says nothing that the answer itself does not.
    const senseLength = Math.min(
      answer.getUint32(scsiCommandResponse.senseLength.offset, little),
      this.senseSize,
    );
    const residual = answer.getUint32(scsiCommandResponse.residual.offset, little);
    return {
      response: answer.getUint8(scsiCommandResponse.response.offset),
      status: answer.getUint8(scsiCommandResponse.status.offset),
      sense: bytes.slice(SCSI_COMMAND_RESPONSE_BYTES, SCSI_COMMAND_RESPONSE_BYTES + senseLength),
      residual,
      data: bytes.slice(head, head + Math.max(0, inBytes - residual)),
    };
  }

  /**
   * A task management function. @param id of the command that it is about, where it is about one.
   * @returns the response: `ok` for complete, `functionSucceeded`, `functionRejected`, or what was wrong.
   * @throws UnansweredError, DeviceFailedError; ArgumentError
   */
  async manage(
    what: keyof typeof taskManagement,
    address: ScsiAddress | Uint8Array,
    id = 0,
  ): Promise<number> {
    checkWhole('id', id, 0, Number.MAX_SAFE_INTEGER);
    const little = this.driver.transport.littleEndian;
    const request = new Uint8Array(SCSI_TASK_MANAGEMENT_BYTES);
    const view = new DataView(request.buffer);
    view.setUint32(scsiTaskManagement.type.offset, scsiControlType.taskManagement, little);
    view.setUint32(scsiTaskManagement.subtype.offset, taskManagement[what], little);
    request.set(scsiAddressBytes(address), scsiTaskManagement.lun.offset);
    view.setBigUint64(scsiTaskManagement.id.offset, BigInt(id), little);
    const { bytes } = await this.#control.send([request], [1], 1);
    return bytes[0]!;
  }

  /** Asks which of some asynchronous events a unit can report, or for them. @returns response and those it has. */
  async notifications(
    what: 'query' | 'subscribe',
    address: ScsiAddress | Uint8Array,
    events: number,
  ): Promise<{ response: number; events: number }> {
    const little = this.driver.transport.littleEndian;
    const request = new Uint8Array(SCSI_NOTIFICATION_BYTES);
    const view = new DataView(request.buffer);
    const { notificationQuery, notificationSubscribe } = scsiControlType;
    const type = what === 'query' ? notificationQuery : notificationSubscribe;
    view.setUint32(scsiNotification.type.offset, type, little);
    request.set(scsiAddressBytes(address), scsiNotification.lun.offset);
    view.setUint32(scsiNotification.eventRequested.offset, events, little);
    const answer = SCSI_NOTIFICATION_RESPONSE_BYTES;
    const { bytes } = await this.#control.send([request], [answer], answer);
    return {
      response: bytes[scsiNotificationResponse.response.offset]!,
      events: new DataView(bytes.buffer, bytes.byteOffset).getUint32(
        scsiNotificationResponse.eventActual.offset,
        little,
      ),
    };
  }

  /** Takes what the device handed back; the interrupt handler. Commands end before the function that ended them. */
  poll(): void {
    for (const queue of this.#requests ?? []) queue.poll();
    this.#control?.poll();
    this.#events?.poll();
  }

  /** Resets the device; commands in flight fail. */
  close(): void {
    this.driver.close();
  }
}
