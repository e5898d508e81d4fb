import { RtcDevice, type RtcOptions } from '../../../src/virtio/index.ts';
import { BUFFERS, ModernGuest } from './guests.ts';
import type { RawRing } from './ring.ts';

const HEADS = 8;
/** Of the guest's memory. */
const END = 0x100000;

/** `value` in `width` bytes, the lowest first. */
export const le = (value: number | bigint, width: number): number[] =>
  Array.from({ length: width }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));

/** A request, byte by byte: message type, six reserved bytes, and what follows. */
export const request = (message: number, ...rest: readonly number[]): number[] => [
  ...le(message, 2),
  0,
  0,
  0,
  0,
  0,
  0,
  ...rest,
];
/** What follows in requests about a clock: its id, one byte, five reserved ones. */
export const about = (clock: number, byte = 0): number[] => [...le(clock, 2), byte, 0, 0, 0, 0, 0];

/** Drives an RTC device by bytes. */
export class RawRtc {
  readonly guest: ModernGuest;
  readonly device: RtcDevice;
  readonly requests: RawRing;
  readonly alarms: RawRing;
  #next = 0;

  /** @param alarms the feature is accepted; the queue is set up all the same. */
  constructor(options: RtcOptions = {}, alarms = true) {
    this.device = new RtcDevice(options);
    this.guest = new ModernGuest(this.device, { kind: 'modern' });
    const [requests, second] = this.guest.start(alarms ? [0] : [], [0, 1]);
    this.requests = requests!;
    this.alarms = second!;
    this.guest.clauses();
  }

  #slot(): number {
    return this.#next++ % HEADS;
  }

  /** Sends a request with room for an answer. @returns the bytes that were written; null for none. */
  send(bytes: readonly number[], room: number, from = BUFFERS, into = BUFFERS + 0x100): number[] {
    const { ram } = this.guest.machine;
    const head = 2 * (this.#slot() % (HEADS / 2));
    if (from < END) ram.write(from, Uint8Array.from(bytes.slice(0, END - from)));
    if (into < END) ram.fill(into, 64, 0xee);
    this.requests.chain(head, [
      { address: from, length: bytes.length },
      ...(room === 0 ? [] : [{ address: into, length: room, flags: 2 }]),
    ]);
    this.requests.offer(head);
    this.guest.kick(0);
    const [[id, length] = [-1, -1]] = this.requests.used(1);
    if (id !== head) throw new Error(`head ${id} came back, not ${head}`);
    return length === 0 ? [] : [...ram.read(into, length)];
  }

  /** Gives the device a buffer for alarms. */
  buffer(length = 16, slot = 0, address = BUFFERS + 0x1000 + 0x40 * slot): void {
    this.alarms.describe(slot, { address, length, flags: 2 });
    this.alarms.offer(slot);
    this.guest.kick(1);
  }

  /** What came back through the alarm queue: bytes of each buffer. */
  told(): number[][] {
    return this.alarms
      .used()
      .map(([slot, length]) => [...this.guest.machine.ram.read(BUFFERS + 0x1000 + 0x40 * slot, length)]);
  }
}
