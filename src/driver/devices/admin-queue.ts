import { FOUR_GIB, VirtiolabError } from '../../core/index.ts';
import {
  ADMIN_ANSWER_BYTES,
  ADMIN_COMMAND_BYTES,
  adminAnswer,
  adminCommand,
  adminOpcode,
  adminQualifier,
  adminStatus,
} from '../../virtio/layout/index.ts';
import {
  checkWhole,
  DeviceFailedError,
  NoAnswerError,
  RequestFailedError,
  ResourceError,
  UnansweredError,
} from '../errors.ts';
import type { DriverRing, RingRest } from '../ring.ts';
import type { VirtioDriver } from '../virtio-driver.ts';

/** One group administration command. */
export interface AdminRequest {
  readonly opcode: number;
  /** 0 the device itself, 1 its virtual functions. */
  readonly groupType: number;
  /** From 1 on; 0 where the command is about no member. */
  readonly memberId?: number;
  readonly data?: ArrayLike<number>;
  /** Bytes of the result that are wanted. */
  readonly resultBytes?: number;
  /**
   * The lengths of data and result mean something, as in legacy accesses. Others are filled up to multiples of eight bytes
   * (AVQ-13).
   */
  readonly exact?: boolean;
}

const nameOf = (table: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(table).find((name) => table[name] === value) ?? `${value}`;

/** The owner carried a command out with a status other than OK. Reserved values count as the text says (ADM-33, ADM-34). */
export class AdminCommandError extends RequestFailedError {
  readonly opcode: number;
  readonly memberId: number;
  readonly qualifier: number;

  constructor(opcode: number, memberId: number, status: number, qualifier: number, tries: number) {
    const again = tries === 1 ? '' : `, ${tries} times`;
    super(
      `admin command ${nameOf(adminOpcode, opcode)} for member ${memberId}: ${nameOf(adminStatus, status)}, ${nameOf(adminQualifier, qualifier)}${again}`,
      status,
    );
    this.opcode = opcode;
    this.memberId = memberId;
    this.qualifier = qualifier;
  }
}

/**
 * A command was asked for while the device was carrying another of the same queue out, by what runs meanwhile on the caller's stack, as an
 * interrupt handler does, and there is no other queue that nobody waits for: no device would answer it before that one has returned.
 */
export class AdminQueueBusyError extends ResourceError {
  readonly opcode: number;
  /** The command that the device is at. */
  readonly during: number;

  constructor(opcode: number, during: number) {
    const name = (value: number) => nameOf(adminOpcode, value);
    super(
      `admin command ${name(opcode)} was asked for while the device was at ${name(during)}: ask for it when that one has returned`,
    );
    this.opcode = opcode;
    this.during = during;
  }
}

/** An owner has commands that it has not answered, of which nobody else could take the answers: its driver's state cannot be saved. */
export class AdminInFlightError extends VirtiolabError {
  readonly queue: number;

  constructor(queue: number, commands: number) {
    super(
      `administration queue ${queue} has ${commands} commands in flight: its state can be saved when they are answered`,
    );
    this.queue = queue;
  }
}

export interface AdminQueueOptions {
  /** Bytes of data, and of a result, that one command has at most. */
  readonly dataBytes?: number;
  readonly resultBytes?: number;
  /** Commands in flight at most: one waits, others are asked for while it does, or were given up. */
  readonly depth?: number;
}

const DEFAULT_BYTES = 4096;
const DEFAULT_DEPTH = 4;
/** Times that a command is sent while its answer is EAGAIN (AVQ-19). */
export const ADMIN_TRIES = 8;
/** An answer has a status and a qualifier at least (AVQ-07). */
const LEAST_ANSWER = adminAnswer.reserved.offset;
/** Parts of a command are multiples of it, in bytes (AVQ-13). */
const PART_UNIT = 8;

interface Slot {
  readonly out: number;
  readonly in: number;
}

interface Flight {
  readonly slot: Slot;
  /** Used length, once the command came back. */
  used: number | null;
  /** Nobody waits for it any more. */
  abandoned: boolean;
}

const padded = (bytes: number) => Math.ceil(bytes / PART_UNIT) * PART_UNIT;

/**
 * An administration queue. Commands are carried out one at a time for whoever asks, who waits in pauses; so a register access of a guest can be
 * one. A command that is waited for in vain keeps its buffers until the device hands them back.
 */
export class AdminQueue {
  readonly index: number;
  readonly #driver: VirtioDriver;
  readonly #dataBytes: number;
  readonly #resultBytes: number;
  readonly #free: Slot[] = [];
  readonly #flights = new Map<number, Flight>();
  /** Opcodes of the commands that are waited for, the innermost last. */
  readonly #waiting: number[] = [];
  #kicking = false;
  readonly #head = new Uint8Array(ADMIN_COMMAND_BYTES);
  readonly #view = new DataView(this.#head.buffer);

  /** @param index of a queue that was set up. @throws ResourceError */
  constructor(driver: VirtioDriver, index: number, options: AdminQueueOptions = {}) {
    const { dataBytes = DEFAULT_BYTES, resultBytes = DEFAULT_BYTES, depth = DEFAULT_DEPTH } = options;
    this.index = index;
    this.#driver = driver;
    this.#dataBytes = dataBytes;
    this.#resultBytes = resultBytes;
    const { memory } = driver;
    for (let i = 0; i < depth; i++)
      this.#free.push({
        out: memory.allocate(ADMIN_COMMAND_BYTES + padded(dataBytes)),
        in: memory.allocate(ADMIN_ANSWER_BYTES + padded(resultBytes)),
      });
    // It is asked, and asks nobody.
    driver.rings.get(index)?.setInterrupts(false);
  }

  /** Commands that were sent, each try counted. */
  sent = 0;

  /** Somebody waits for a command. */
  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Commands that the device has. */
  get inFlight(): number {
    return this.#flights.size;
  }

  /**
   * Carries a command out. EAGAIN is tried again a few times.
   * @returns the result, `resultBytes` long: what the device did not write is 0 (AVQ-17).
   * @throws AdminCommandError; ArgumentError; ResourceError for one that there is no room for; UnansweredError for one that comes
   * back without a status, or longer than there is room for; AdminQueueBusyError for one within another; NoAnswerError; what ended the use of
   * the device.
   */
  command(request: AdminRequest): Uint8Array {
    const { opcode, memberId = 0 } = request;
    for (let tries = 1; ; tries++) {
      const answer = this.#send(request);
      const view = new DataView(answer.buffer, answer.byteOffset);
      const { status, qualifier } = understood(
        view.getUint16(adminAnswer.status.offset, true),
        view.getUint16(adminAnswer.qualifier.offset, true),
      );
      if (status === adminStatus.ok) return answer.subarray(ADMIN_ANSWER_BYTES);
      if (status !== adminStatus.tryAgain || tries === ADMIN_TRIES)
        throw new AdminCommandError(opcode, memberId, status, qualifier, tries);
      this.#driver.transport.waits.bus.pause();
    }
  }

  /** Sends a command once. @returns the whole answer, and zeros after it. */
  #send({ opcode, groupType, memberId = 0, data = [], resultBytes = 0, exact = false }: AdminRequest) {
    const driver = this.#driver;
    if (this.#kicking) throw new AdminQueueBusyError(opcode, this.#waiting.at(-1)!);
    checkWhole('memberId', memberId, 0, Number.MAX_SAFE_INTEGER);
    if (data.length > this.#dataBytes || resultBytes > this.#resultBytes)
      throw new ResourceError(
        `an admin command of ${data.length} bytes of data, ${resultBytes} of result: the queue has room for ${this.#dataBytes} and ${this.#resultBytes}`,
      );
    if (driver.failure !== null) throw driver.failure;
    this.poll();
    const slot = this.#free.pop();
    if (slot === undefined)
      throw new ResourceError(
        `${this.#flights.size} admin commands were not answered: there is room for no more`,
      );
    this.#write(slot, opcode, groupType, memberId, data);
    const readable = ADMIN_COMMAND_BYTES + (exact ? data.length : padded(data.length));
    const writable = ADMIN_ANSWER_BYTES + (exact ? resultBytes : padded(resultBytes));
    driver.memory.ram.fill(slot.in, writable, 0);
    const head = driver.add(this.index, [
      { address: slot.out, length: readable, writable: false },
      { address: slot.in, length: writable, writable: true },
    ]);
    if (head < 0) {
      this.#free.push(slot);
      throw driver.failure ?? new DeviceFailedError(`queue ${this.index} has no room for an admin command`);
    }
    const flight: Flight = { slot, used: null, abandoned: false };
    this.#flights.set(head, flight);
    this.sent++;
    this.#waiting.push(opcode);
    try {
      this.#kick();
      this.#wait(opcode, flight);
    } catch (error) {
      flight.abandoned = true;
      throw error;
    } finally {
      this.#waiting.pop();
    }
    this.#flights.delete(head);
    this.#free.push(slot);
    const used = flight.used!;
    if (used < LEAST_ANSWER || used > writable)
      throw new UnansweredError(`admin command ${nameOf(adminOpcode, opcode)}`, used, LEAST_ANSWER, writable);
    const answer = new Uint8Array(ADMIN_ANSWER_BYTES + resultBytes);
    answer.set(driver.memory.ram.read(slot.in, Math.min(used, answer.length)));
    return answer;
  }

  /** @throws StateMismatchError */
  check(rest: RingRest, path: string): void {
    this.#ring.checkRest(rest, path);
  }

  /** What has to be known of it to go on elsewhere. @throws AdminInFlightError */
  save(): RingRest {
    this.poll();
    const rest = this.#flights.size === 0 ? this.#ring.rest() : null;
    if (rest === null) throw new AdminInFlightError(this.index, this.#flights.size);
    return rest;
  }

  /** Goes on from there. Commands that were waited for in vain are forgotten. */
  load(rest: RingRest): void {
    for (const { slot } of this.#flights.values()) this.#free.push(slot);
    this.#flights.clear();
    this.#ring.resume(rest);
  }

  get #ring(): DriverRing {
    return this.#driver.rings.get(this.index)!;
  }

  #write(slot: Slot, opcode: number, groupType: number, memberId: number, data: ArrayLike<number>): void {
    const { ram } = this.#driver.memory;
    const view = this.#view;
    view.setUint16(adminCommand.opcode.offset, opcode, true);
    view.setUint16(adminCommand.groupType.offset, groupType, true);
    view.setUint32(adminCommand.memberId.offset, memberId % FOUR_GIB, true);
    view.setUint32(adminCommand.memberId.offset + 4, Math.floor(memberId / FOUR_GIB), true);
    ram.write(slot.out, this.#head);
    ram.fill(slot.out + ADMIN_COMMAND_BYTES, padded(data.length), 0);
    ram.write(slot.out + ADMIN_COMMAND_BYTES, Uint8Array.from(data));
  }

  /** A device in this process is at the command when this returns, or is done with it. */
  #kick(): void {
    this.#kicking = true;
    try {
      this.#driver.kick(this.index);
    } finally {
      this.#kicking = false;
    }
  }

  /** Within a command that was asked for before, it may be the device that is waited for by itself. */
  #wait(opcode: number, flight: Flight): void {
    try {
      this.#driver.transport.waits.handshake(
        `the answer to admin command ${nameOf(adminOpcode, opcode)}`,
        () => {
          this.poll();
          if (this.#driver.failure !== null) throw this.#driver.failure;
          return flight.used !== null;
        },
      );
    } catch (error) {
      const during = this.#waiting.at(-2);
      throw during !== undefined && error instanceof NoAnswerError
        ? new AdminQueueBusyError(opcode, during)
        : error;
    }
  }

  /** Takes what the device handed back. The interrupt handler may call it too. */
  poll(): void {
    const driver = this.#driver;
    for (let chain = driver.take(this.index); chain !== null; chain = driver.take(this.index)) {
      const flight = this.#flights.get(chain.head)!;
      flight.used = chain.length;
      if (!flight.abandoned) continue;
      this.#flights.delete(chain.head);
      this.#free.push(flight.slot);
    }
    driver.rings.get(this.index)?.setInterrupts(false);
  }
}

/** Status and qualifier as a driver has to take them. */
function understood(status: number, qualifier: number) {
  const known = (table: Readonly<Record<string, number>>, value: number) =>
    Object.values(table).includes(value);
  return {
    status: known(adminStatus, status) ? status : adminStatus.invalid,
    qualifier: known(adminQualifier, qualifier) ? qualifier : adminQualifier.invalidCommand,
  };
}
