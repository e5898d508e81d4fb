import {
  ADMIN_ANSWER_BYTES,
  ADMIN_COMMAND_BYTES,
  adminAnswer,
  adminCommand,
  adminQualifier,
  adminStatus,
} from '../layout/index.ts';
import type { Chain } from '../queue/chain.ts';

/** So much of a command's data is looked at, at the most: a driver does not choose what a device keeps for it. */
export const MAX_ADMIN_DATA = 0x10000;

const FIRST_BYTES = 64;

type Status = (typeof adminStatus)[keyof typeof adminStatus];
type Qualifier = (typeof adminQualifier)[keyof typeof adminQualifier];

/** Bytes that are used again and again, and grow to the longest that was wanted. */
class Scratch {
  bytes = new Uint8Array(FIRST_BYTES);
  view = new DataView(this.bytes.buffer);

  /** At least `length` bytes, of which the first are 0. Whoever has the view gets it anew. */
  zeroed(length: number): DataView {
    if (length > this.bytes.length) {
      this.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
      this.view = new DataView(this.bytes.buffer);
    } else this.bytes.fill(0, 0, length);
    return this.view;
  }
}

/** One command while it is carried out: what the driver asks for, and the answer as far as it has come. */
export class AdminCommand {
  chain!: Chain;
  opcode = 0;
  groupType = 0;
  /** Exact below 2^53, and nobody's above. */
  memberId = 0;
  /** Reserved bytes that were not 0 (ADM-01). */
  reservedSet = false;
  /** Bytes of the two parts, as the driver supplied them. */
  readableBytes = 0;
  writableBytes = 0;
  /** Bytes of data that were read. */
  takenBytes = 0;
  status: number = adminStatus.ok;
  qualifier: number = adminQualifier.ok;
  readonly #data = new Scratch();
  readonly #answer = new Scratch();
  #resultBytes = 0;

  /** Reads what every command begins with; what is missing is 0 (AVQ-02). @returns false where it is out of reach. */
  begin(chain: Chain): boolean {
    this.chain = chain;
    this.readableBytes = chain.readableBytes;
    this.writableBytes = chain.writableBytes;
    this.status = adminStatus.ok;
    this.qualifier = adminQualifier.ok;
    this.#resultBytes = 0;
    const view = this.#data.zeroed(ADMIN_COMMAND_BYTES);
    const length = Math.min(this.readableBytes, ADMIN_COMMAND_BYTES);
    const reached = chain.read(0, this.#data.bytes, 0, length);
    this.opcode = view.getUint16(adminCommand.opcode.offset, true);
    this.groupType = view.getUint16(adminCommand.groupType.offset, true);
    const member = adminCommand.memberId.offset;
    this.memberId = view.getUint32(member + 4, true) * 2 ** 32 + view.getUint32(member, true);
    const { offset, count } = adminCommand.reserved;
    this.reservedSet = false;
    for (let i = 0; i < count; i++) if (view.getUint8(offset + i) !== 0) this.reservedSet = true;
    return reached;
  }

  /** Bytes of data that the driver supplied, more than are looked at perhaps. */
  get dataBytes(): number {
    return Math.max(0, this.readableBytes - ADMIN_COMMAND_BYTES);
  }

  /** Bytes of a result that the driver has room for. */
  get room(): number {
    return Math.max(0, this.writableBytes - ADMIN_ANSWER_BYTES);
  }

  /**
   * Reads data.
   * @param described bytes that there are in any case: 0 where they are missing (AVQ-02).
   * @param most bytes that are looked at (AVQ-03).
   * @returns false where they are out of reach.
   */
  readData(described: number, most: number): boolean {
    const length = Math.min(this.dataBytes, most);
    this.takenBytes = length;
    this.#data.zeroed(Math.max(described, length));
    return length === 0 || this.chain.read(ADMIN_COMMAND_BYTES, this.#data.bytes, 0, length);
  }

  /** The data that were read. */
  get data(): DataView {
    return this.#data.view;
  }

  get dataArray(): Uint8Array {
    return this.#data.bytes;
  }

  fail(status: Status, qualifier: Qualifier): void {
    this.status = status;
    this.qualifier = qualifier;
    this.#resultBytes = 0;
  }

  /** What a command asks for cannot be: nothing has changed (ADM-10). */
  refuse(qualifier: Qualifier = adminQualifier.invalidField): void {
    this.fail(adminStatus.invalid, qualifier);
  }

  /**
   * Room for a result of so many bytes, all 0, from {@link RESULT_AT} of the view on. How much of it reaches the driver is its
   * own business (AVQ-02).
   */
  result(length: number): DataView {
    this.#resultBytes = length;
    return this.#answer.zeroed(ADMIN_ANSWER_BYTES + length);
  }

  get resultArray(): Uint8Array {
    return this.#answer.bytes;
  }

  /** The whole answer in the first bytes of {@link resultArray}. @returns how many the driver is to get (AVQ-03, AVQ-07). */
  finish(): number {
    const length = ADMIN_ANSWER_BYTES + this.#resultBytes;
    if (this.#resultBytes === 0) this.#answer.zeroed(length);
    const { view } = this.#answer;
    view.setUint16(adminAnswer.status.offset, this.status, true);
    view.setUint16(adminAnswer.qualifier.offset, this.qualifier, true);
    return Math.min(length, this.writableBytes);
  }
}

/** Where a result begins in its view. */
export const RESULT_AT = ADMIN_ANSWER_BYTES;
