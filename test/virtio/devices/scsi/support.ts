import {
  DiskUnit,
  MemoryStorage,
  ScsiDevice,
  type ScsiOptions,
  type Storage,
  type Transfer,
} from '../../../../src/virtio/index.ts';
import { BUFFERS, type GuestOptions, LegacyGuest, ModernGuest } from '../../support/guests.ts';
import type { RawRing } from '../../support/ring.ts';

const SLOT_BYTES = 0x8000;
/** Descriptors of one slot. */
const SLOT_DESCRIPTORS = 16;

export interface RawCommand {
  /** The first bytes of `lun`; the rest are zero. */
  readonly lun?: readonly number[];
  readonly id?: number;
  /** Task attribute, priority, CRN. */
  readonly task?: readonly [number, number, number];
  readonly cdb: readonly number[];
  readonly out?: Uint8Array;
  readonly inBytes?: number;
  readonly cdbSize?: number;
  readonly senseSize?: number;
  readonly queue?: number;
  /** Buffers and descriptors of their own, for several at a time. */
  readonly slot?: number;
  /** Lengths of the readable and of the writable descriptors; by default headers and data apart. */
  readonly readableCuts?: readonly number[];
  readonly writableCuts?: readonly number[];
}

export interface RawAnswer {
  readonly senseLength: number;
  readonly residual: number;
  readonly qualifier: number;
  readonly status: number;
  readonly response: number;
  /** All bytes that there is room for. */
  readonly sense: Uint8Array;
  readonly data: Uint8Array;
}

/** SCSI requests written byte by byte: offsets are the specification's, not those of our tables. */
export class RawScsi {
  readonly guest: LegacyGuest | ModernGuest;
  readonly rings: readonly RawRing[];

  constructor(guest: LegacyGuest | ModernGuest, rings: readonly RawRing[]) {
    this.guest = guest;
    this.rings = rings;
  }

  get little(): boolean {
    return this.guest.device.littleEndian;
  }

  #place(slot: number) {
    const out = BUFFERS + slot * SLOT_BYTES;
    return { out, in: out + SLOT_BYTES / 2 };
  }

  /** Exposes readable bytes and writable room, cut as wanted, and kicks. */
  expose(
    queue: number,
    slot: number,
    readable: Uint8Array,
    readableCuts: readonly number[],
    writableCuts: readonly number[],
  ): void {
    const { ram } = this.guest.machine;
    const place = this.#place(slot);
    ram.write(place.out, readable);
    ram.fill(place.in, SLOT_BYTES / 2, 0xee);
    const pieces = (start: number, lengths: readonly number[], flags: number) => {
      let at = start;
      return lengths.map((length) => {
        at += length;
        return { address: at - length, length, flags };
      });
    };
    const ring = this.rings[queue]!;
    const first = slot * SLOT_DESCRIPTORS;
    ring.chain(first, [...pieces(place.out, readableCuts, 0), ...pieces(place.in, writableCuts, 2)]);
    ring.offer(first);
    this.guest.kick(queue);
  }

  /** What stands in the writable bytes of a slot. */
  written(slot: number, length: number): Uint8Array {
    return this.guest.machine.ram.read(this.#place(slot).in, length);
  }

  request(command: RawCommand): Uint8Array {
    const { lun = [1], id = 0x1122334455667788n, task = [0, 0, 0], cdb, cdbSize = 32 } = command;
    const { out = new Uint8Array() } = command;
    const bytes = new Uint8Array(19 + cdbSize + out.length);
    const view = new DataView(bytes.buffer);
    bytes.set(lun, 0);
    view.setBigUint64(8, BigInt(id), this.little);
    bytes.set(task, 16);
    bytes.set(cdb.slice(0, cdbSize), 19);
    bytes.set(out, 19 + cdbSize);
    return bytes;
  }

  send(command: RawCommand): void {
    const {
      out = new Uint8Array(),
      inBytes = 0,
      cdbSize = 32,
      senseSize = 96,
      queue = 2,
      slot = 0,
    } = command;
    const readable = command.readableCuts ?? [19 + cdbSize, ...(out.length === 0 ? [] : [out.length])];
    const writable = command.writableCuts ?? [12 + senseSize, ...(inBytes === 0 ? [] : [inBytes])];
    this.expose(queue, slot, this.request(command), readable, writable);
  }

  answer({ inBytes = 0, senseSize = 96, slot = 0 }: Partial<RawCommand> = {}): RawAnswer {
    const bytes = this.written(slot, 12 + senseSize + inBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return {
      senseLength: view.getUint32(0, this.little),
      residual: view.getUint32(4, this.little),
      qualifier: view.getUint16(8, this.little),
      status: bytes[10]!,
      response: bytes[11]!,
      sense: bytes.slice(12, 12 + senseSize),
      data: bytes.slice(12 + senseSize),
    };
  }

  /** Sends, and expects the answer at once. `used` is the length in the used element. */
  do(command: RawCommand): RawAnswer & { used: number } {
    const ring = this.rings[command.queue ?? 2]!;
    const before = ring.usedIndex;
    this.send(command);
    if (ring.usedIndex !== ((before + 1) & 0xffff)) throw new Error('the command did not end');
    return { ...this.answer(command), used: ring.used(1)[0]![1] };
  }

  /** The same, and what it came to in one line: `good`, `response 3`, or the sense data's `key/asc/ascq`. */
  outcome(command: RawCommand): string {
    return outcomeOf(this.do(command));
  }

  /** A task management function; the answer is its response. */
  manage(subtype: number, lun: readonly number[], id: bigint | number = 0, slot = 15): number {
    const bytes = new Uint8Array(24);
    const view = new DataView(bytes.buffer);
    view.setUint32(4, subtype, this.little);
    bytes.set(lun, 8);
    view.setBigUint64(16, BigInt(id), this.little);
    this.expose(0, slot, bytes, [24], [1]);
    return this.written(slot, 1)[0]!;
  }

  /** Gives the device a buffer for an event. */
  offerEvent(slot: number, bytes = 16): void {
    this.expose(1, slot, new Uint8Array(), [], [bytes]);
  }

  /** Takes the power-on condition of a unit off, as every driver's first command does. */
  settle(...luns: readonly (readonly number[])[]): this {
    for (const lun of luns.length === 0 ? [[1]] : luns) this.do({ lun, cdb: [0, 0, 0, 0, 0, 0] });
    this.guest.clauses();
    return this;
  }
}

export const hex = (bytes: Iterable<number>): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

export function outcomeOf({ response, status, sense, senseLength }: RawAnswer): string {
  if (response !== 0) return `response ${response}`;
  if (status === 0) return 'good';
  if (status !== 2 || senseLength !== 18) return `status ${status}, ${senseLength} bytes of sense`;
  return hex([sense[2]!, sense[12]!, sense[13]!]).replaceAll(' ', '/');
}

/** Blocks of 512 bytes, each one different. */
export const image = (blocks: number): Uint8Array =>
  new Uint8Array(blocks * 512).map((_, i) => (i >> 9) * 7 + i * 3 + 1);

/** Storage that keeps transfers until the test ends them. */
export class SlowStorage implements Storage {
  readonly length = 64 * 512;
  readonly readOnly = false;
  readonly log: string[] = [];
  readonly waiting: Transfer[] = [];

  #keep(what: string, transfer: Transfer): void {
    this.log.push(`${what} ${transfer.offset}+${transfer.length}`);
    this.waiting.push(transfer);
  }

  read = (transfer: Transfer) => this.#keep('read', transfer);
  write = (transfer: Transfer) => this.#keep('write', transfer);
  flush = (transfer: Transfer) => this.#keep('flush', transfer);
  discard = (transfer: Transfer) => this.#keep('discard', transfer);

  /** Ends the oldest. */
  end(ok = true): void {
    this.waiting.shift()!.done(ok);
  }
}

export interface StartOptions extends GuestOptions, Omit<ScsiOptions, 'units'> {
  readonly storage?: Storage;
  readonly modern?: boolean;
  /** Feature bits of the type that the driver accepts. */
  readonly features?: readonly number[];
  readonly units?: ScsiOptions['units'];
}

/** A guest with a host of one disk, 0:0, at work. */
export function start(options: StartOptions = {}) {
  const { storage = new MemoryStorage(image(64)), modern = false, features = [1, 2], ...rest } = options;
  const { requestQueues = 1, queueSize = 256, inOut = false, ...guestOptions } = rest;
  const disk = new DiskUnit({ storage, serial: 'number 7' });
  const units = options.units ?? [{ target: 0, lun: 0, unit: disk }];
  const device = new ScsiDevice({ units, requestQueues, queueSize, inOut });
  const queues = Array.from({ length: 2 + requestQueues }, (_, index) => index);
  let scsi: RawScsi;
  if (modern) {
    const guest = new ModernGuest(device, guestOptions);
    scsi = new RawScsi(guest, guest.start(features, queues));
  } else {
    const guest = new LegacyGuest(device, guestOptions);
    const word = features.reduce((sum, bit) => sum + 2 ** bit, 2 ** 27);
    scsi = new RawScsi(guest, guest.start(word, queues));
  }
  scsi.guest.clauses();
  return { scsi, device, disk, storage: storage as MemoryStorage, guest: scsi.guest };
}

/** The same after the power-on condition of the disk was told. */
export function settled(options: StartOptions = {}) {
  const lab = start(options);
  lab.scsi.settle();
  return lab;
}

/** TEST UNIT READY. */
export const READY = [0, 0, 0, 0, 0, 0];

/** Data to be written, unlike what a disk holds. */
export const pattern = (blocks: number): Uint8Array =>
  new Uint8Array(blocks * 512).map((_, i) => 0x55 ^ i ^ (i >> 8));
