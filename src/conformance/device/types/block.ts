import { BLOCK_SEGMENT_BYTES, blockConfig, blockSegment, blockStatus } from '../../../virtio/layout/index.ts';
import type { Bench, Posted, Running, StartOptions } from '../bench.ts';
import { join, le } from '../bytes.ts';

const statusNames = Object.entries(blockStatus);
const nameOf = (status: number) =>
  statusNames.find(([, value]) => value === status)?.[0] ?? `0x${status.toString(16)}`;

/** What a request asks for besides its type. */
export interface RequestParts {
  readonly sector?: number;
  /** The word that legacy drivers gave a priority by. */
  readonly reserved?: number;
  readonly data?: Uint8Array;
  /** Bytes that the device is to give. */
  readonly inBytes?: number;
}

/** A disk that a driver works with, each request in the framing that every device takes. */
export class Disk {
  readonly bench: Bench;
  readonly running: Running;
  readonly queue: number;

  constructor(bench: Bench, features: readonly number[] = [], options: StartOptions = {}) {
    this.bench = bench;
    this.running = bench.start({ features, ...options });
    this.queue = this.running.request.queue;
  }

  /** In sectors; what does not fit a Number is as large as one can be. */
  get capacity(): number {
    return this.running.driver.readField(blockConfig, 'capacity');
  }

  /** Exposes a request. */
  post(type: number, parts: RequestParts = {}): Posted {
    const { sector = 0, reserved = 0, data = new Uint8Array(), inBytes = 0 } = parts;
    const header = join(le(4, type), le(4, reserved), le(8, sector));
    return this.bench.post(this.running.driver, this.queue, [header, data], [inBytes, 1]);
  }

  /** Makes a request. @returns the data that the device gave, and its status. @throws Silence */
  async ask(clause: string, type: number, parts: RequestParts = {}) {
    const posted = this.post(type, parts);
    await this.bench.taken(this.running.driver, this.queue, clause);
    const bytes = this.bench.written(posted);
    return { status: bytes.at(-1)!, data: bytes.subarray(0, -1) };
  }

  /** Makes a request that is to end with a status. @returns the data. */
  async expect(
    clause: string,
    status: keyof typeof blockStatus,
    type: number,
    parts: RequestParts = {},
  ): Promise<Uint8Array> {
    const answer = await this.ask(clause, type, parts);
    const right = answer.status === blockStatus[status];
    const what = `request of type ${type}: status ${status}`;
    this.bench.check(clause, right, what, nameOf(answer.status));
    return answer.data;
  }
}

/** A segment of a discard, write zeroes or secure erase request. */
export function segment(sector: number, sectors: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(BLOCK_SEGMENT_BYTES);
  bytes.set(le(8, sector), blockSegment.sectorLow.offset);
  bytes.set(le(4, sectors), blockSegment.sectors.offset);
  bytes.set(le(4, flags), blockSegment.flags.offset);
  return bytes;
}
