import { WorkloadError } from './workload.ts';

/**
 * The network workload that both contenders run: a driver sends 1500-byte packets on one ring, and another takes them from
 * its own. One batch: the receiving driver exposes BATCH buffers, the sending one as many packets, each stamped with a
 * number of its own, and kicks; the sending device takes each packet out of guest memory, a link carries it over, the
 * receiving device puts it into a buffer behind a header; the receiving driver looks at each stamp. Interrupts are
 * suppressed, as in the queue workload.
 */
export const PACKET_BYTES = 1500;
export const NETWORK_BATCH = 64;
export const NETWORK_QUEUE_SIZE = 256;
const HEADER_BYTES = 12;
const BUFFER_BYTES = 2048;

/** Guest-physical addresses of a ring's parts. */
export interface RingParts {
  readonly descriptor: number;
  readonly driver: number;
  readonly device: number;
}
const ring = (at: number): RingParts => ({ descriptor: at, driver: at + 0x1000, device: at + 0x2000 });
export const SEND_RING = ring(0x1_0000);
export const RECEIVE_RING = ring(0x1_4000);
const HEADERS = 0x2_0000;
const PACKETS = 0x4_0000;
const BUFFERS = 0x8_0000;
/** Where the stamp stands in a packet: beyond what anybody looks at. */
const STAMP = 1400;

const NO_INTERRUPT = 1;
const NEXT = 1;
const WRITE = 2;

/** Both drivers, in guest memory that begins at address 0. */
export class NetworkDrivers {
  readonly #guest: DataView;
  readonly #guest16: Uint16Array;
  readonly #guest32: Uint32Array;
  #available = 0;
  #stamps = 0;
  #wrong = 0;

  constructor(guest: DataView) {
    this.#guest = guest;
    this.#guest16 = new Uint16Array(guest.buffer, guest.byteOffset, guest.byteLength >> 1);
    this.#guest32 = new Uint32Array(guest.buffer, guest.byteOffset, guest.byteLength >> 2);
  }

  /** Builds rings, packets and buffers; packets are for `macAddress`. */
  build(macAddress: Uint8Array): void {
    const guest = this.#guest;
    this.#available = this.#stamps = this.#wrong = 0;
    const descriptor = (table: number, index: number, address: number, length: number, flags: number) => {
      const at = table + index * 16;
      guest.setUint32(at, address, true);
      guest.setUint32(at + 4, 0, true);
      guest.setUint32(at + 8, length, true);
      guest.setUint16(at + 12, flags, true);
      guest.setUint16(at + 14, (flags & NEXT) !== 0 ? index + 1 : 0, true);
    };
    for (let i = 0; i < NETWORK_BATCH; i++) {
      const packet = PACKETS + i * BUFFER_BYTES;
      descriptor(SEND_RING.descriptor, 2 * i, HEADERS + 16 * i, HEADER_BYTES, NEXT);
      descriptor(SEND_RING.descriptor, 2 * i + 1, packet, PACKET_BYTES, 0);
      descriptor(RECEIVE_RING.descriptor, i, BUFFERS + i * BUFFER_BYTES, BUFFER_BYTES, WRITE);
      for (let at = 0; at < HEADER_BYTES; at++) guest.setUint8(HEADERS + 16 * i + at, 0);
      for (let at = 0; at < PACKET_BYTES; at++) guest.setUint8(packet + at, (i + at) & 0xff);
      for (const [at, byte] of macAddress.entries()) guest.setUint8(packet + at, byte);
      guest.setUint16(packet + 12, 0xb588, true);
    }
    for (const { driver, device } of [SEND_RING, RECEIVE_RING]) {
      guest.setUint32(driver, NO_INTERRUPT, true);
      guest.setUint32(device, 0, true);
    }
  }

  /** Exposes a batch, in both rings. */
  expose(): void {
    const guest16 = this.#guest16;
    const send = (SEND_RING.driver + 4) >> 1;
    const receive = (RECEIVE_RING.driver + 4) >> 1;
    for (let i = 0; i < NETWORK_BATCH; i++) {
      const slot = (this.#available + i) & (NETWORK_QUEUE_SIZE - 1);
      guest16[send + slot] = 2 * i;
      guest16[receive + slot] = i;
      this.#guest32[(PACKETS + i * BUFFER_BYTES + STAMP) >> 2] = this.#stamps + i;
    }
    this.#available = (this.#available + NETWORK_BATCH) & 0xffff;
    guest16[(RECEIVE_RING.driver + 2) >> 1] = this.#available;
    guest16[(SEND_RING.driver + 2) >> 1] = this.#available;
  }

  /** Looks at every buffer that came back: the stamp of its packet stands where it has to. */
  take(): void {
    for (let i = 0; i < NETWORK_BATCH; i++)
      if (this.#guest32[(BUFFERS + i * BUFFER_BYTES + HEADER_BYTES + STAMP) >> 2] !== this.#stamps + i)
        this.#wrong++;
    this.#stamps += NETWORK_BATCH;
  }

  /** @throws WorkloadError unless the devices did all of the work that they were timed for. */
  verify(who: string, batches: number): void {
    const used = (batches * NETWORK_BATCH) & 0xffff;
    for (const { device } of [SEND_RING, RECEIVE_RING]) {
      const index = this.#guest16[(device + 2) >> 1]!;
      if (index !== used) throw new WorkloadError(`${who}: used index moved by ${index}, not ${used}`);
    }
    if (this.#wrong > 0) throw new WorkloadError(`${who}: ${this.#wrong} packets are not what was sent`);
    for (let i = 0; i < NETWORK_BATCH; i++)
      for (let at = 0; at < PACKET_BYTES; at++) {
        const [sent, got] = [PACKETS, BUFFERS + HEADER_BYTES].map((base) =>
          this.#guest.getUint8(base + i * BUFFER_BYTES + at),
        );
        if (sent !== got) throw new WorkloadError(`${who}: byte ${at} of a packet is ${got}, not ${sent}`);
      }
  }
}
