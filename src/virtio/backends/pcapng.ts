import type { NetworkLink, NetworkPort, Offload } from './network-link.ts';

/**
 * Recording frames as pcapng (draft-ietf-opsawg-pcapng), which Wireshark and tcpdump read: one section, an interface
 * description a link, an enhanced packet block a frame. All of it little-endian, as the byte-order magic says.
 */
const blockType = { section: 0x0a0d0d0a, interface: 1, enhancedPacket: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const option = {
  end: 0,
  sectionApplication: 4,
  interfaceName: 2,
  interfaceMacAddress: 6,
  interfaceTimeResolution: 9,
  packetFlags: 2,
} as const;
const LINK_TYPE_ETHERNET = 1;
/** Powers of ten: microseconds. */
const TIME_RESOLUTION = 6;
/** Type, length and length again; what comes before the frame's bytes; the flags option and the end of options. */
const BLOCK_BYTES = 12;
const PACKET_HEADER_BYTES = 20;
const PACKET_OPTION_BYTES = 12;
const FIRST_ROOM_BYTES = 4096;

/** Seen from the driver: it receives what is inbound. The values of the flags option. */
export const pcapngDirection = { inbound: 1, outbound: 2 } as const;
export type PcapngDirection = keyof typeof pcapngDirection;

/** Where recorded bytes go; they are valid until `write` returns. */
export interface ByteSink {
  write(bytes: Uint8Array): void;
}

/** Microseconds since 1970, as a whole Number. */
export type MicrosecondClock = () => number;

const padded = (length: number) => (length + 3) & ~3;

/** A block, or the options of one, as they grow. */
class Bytes {
  #bytes = new Uint8Array(FIRST_ROOM_BYTES);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  /** Begins anew, with room for a block. */
  clear(bytes: number): void {
    this.length = 0;
    if (bytes <= this.#bytes.length) return;
    this.#bytes = new Uint8Array(bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u16(value: number): void {
    this.#view.setUint16(this.length, value, true);
    this.length += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /** Bytes, and zeros up to a multiple of four. */
  padded(bytes: Uint8Array, offset = 0, length = bytes.length): void {
    this.#bytes.set(bytes.subarray(offset, offset + length), this.length);
    this.#bytes.fill(0, this.length + length, this.length + padded(length));
    this.length += padded(length);
  }

  option(code: number, bytes: Uint8Array): void {
    this.u16(code);
    this.u16(bytes.length);
    this.padded(bytes);
  }

  get whole(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

export interface PcapngInterface {
  readonly name: string;
  readonly macAddress?: Uint8Array;
}

/** Writes a pcapng file, from its first byte on, into a sink. */
export class PcapngWriter {
  /** Frames that were written. */
  frames = 0;
  readonly #sink: ByteSink;
  readonly #block = new Bytes();
  #interfaces = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
    const application = new TextEncoder().encode('virtiolab');
    this.#begin(blockType.section, 16 + 4 + padded(application.length) + 4);
    this.#block.u32(BYTE_ORDER_MAGIC);
    this.#block.u16(1);
    this.#block.u16(0);
    // The section's length is not known beforehand: all ones.
    this.#block.u32(0xffffffff);
    this.#block.u32(0xffffffff);
    this.#block.option(option.sectionApplication, application);
    this.#end();
  }

  /** Describes one more interface. @returns its number, for {@link frame}. */
  addInterface({ name, macAddress }: PcapngInterface): number {
    const text = new TextEncoder().encode(name);
    const options = 4 + padded(text.length) + (macAddress === undefined ? 0 : 4 + 8) + 8 + 4;
    this.#begin(blockType.interface, 8 + options);
    this.#block.u16(LINK_TYPE_ETHERNET);
    this.#block.u16(0);
    // Frames are recorded whole.
    this.#block.u32(0);
    this.#block.option(option.interfaceName, text);
    if (macAddress !== undefined) this.#block.option(option.interfaceMacAddress, macAddress);
    this.#block.option(option.interfaceTimeResolution, Uint8Array.of(TIME_RESOLUTION));
    this.#end();
    return this.#interfaces++;
  }

  /** Records a frame: `length` bytes of `bytes` from `offset`. @param microseconds since 1970. */
  frame(
    interfaceNumber: number,
    microseconds: number,
    direction: PcapngDirection,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    this.#begin(blockType.enhancedPacket, PACKET_HEADER_BYTES + padded(length) + PACKET_OPTION_BYTES);
    this.#block.u32(interfaceNumber);
    this.#block.u32(Math.floor(microseconds / 2 ** 32));
    this.#block.u32(microseconds % 2 ** 32);
    this.#block.u32(length);
    this.#block.u32(length);
    this.#block.padded(bytes, offset, length);
    this.#block.u16(option.packetFlags);
    this.#block.u16(4);
    this.#block.u32(pcapngDirection[direction]);
    this.#end();
    this.frames++;
  }

  #begin(type: number, bytes: number): void {
    this.#block.clear(BLOCK_BYTES + bytes);
    this.#block.u32(type);
    this.#block.u32(BLOCK_BYTES + bytes);
  }

  /** Every block of ours has options, and ends with its length. */
  #end(): void {
    this.#block.u32(option.end);
    this.#block.u32(this.#block.length + 4);
    this.#sink.write(this.#block.whole);
  }
}

export interface RecordingOptions {
  readonly writer: PcapngWriter;
  readonly clock: MicrosecondClock;
  /** The interface's name; by default "virtio". */
  readonly name?: string;
}

/**
 * A link that records what passes through it, in both directions, and is otherwise the link behind it. Frames are recorded
 * as they pass: what is left to be done, such as a checksum, is not done yet. What the device dropped is recorded too.
 */
export function recordingLink(
  link: NetworkLink,
  { writer, clock, name = 'virtio' }: RecordingOptions,
): NetworkLink {
  let id = 0;
  return {
    offloads: link.offloads,
    attach: (port: NetworkPort) => {
      id = writer.addInterface({ name, macAddress: port.macAddress });
      link.attach({
        get macAddress() {
          return port.macAddress;
        },
        receive: (bytes: Uint8Array, offset: number, length: number, offload: Offload | null) => {
          writer.frame(id, clock(), 'inbound', bytes, offset, length);
          return port.receive(bytes, offset, length, offload);
        },
      });
    },
    transmit: (bytes, offset, length, offload) => {
      writer.frame(id, clock(), 'outbound', bytes, offset, length);
      link.transmit(bytes, offset, length, offload);
    },
  };
}
