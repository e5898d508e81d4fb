import type { Width } from '../../src/core/index.ts';
import type { V86Bus } from '../../src/hosts/v86/bus.ts';
import { BareFunction } from './bare-function.ts';

const QUEUE_SIZE = 8;
const PAGE = 4096;
const USED_ELEMENT = 8;
const NO_VECTOR = 0xffff;
const DESCRIPTOR_NEXT = 1;
const DESCRIPTOR_WRITE = 2;
const MSIX_CONTROL = 0x42;
const MSIX_ENABLE = 0x8000;
/** MSI-X capability: two vectors, table and pending bits in BAR1. */
const MSIX_CAPABILITY = [0x11, 0, 1, 0, 1, 0, 0, 0, 1, 0x08, 0, 0];

/**
 * A legacy virtio entropy device in as few lines as a real driver accepts. Its "random" bytes are 0x5a, its purpose
 * to show that DMA and interrupts of the host reach a kernel, without virtiolab's own devices.
 */
export class HandmadeEntropy {
  readonly function: BareFunction;
  /** Accesses to the register block, as `r1 13` (width, offset in hexadecimal). */
  readonly accesses: string[] = [];
  interrupts = 0;
  #bus: V86Bus | undefined;
  readonly #table = new DataView(new ArrayBuffer(PAGE));
  #queuePage = 0;
  #queueVector = NO_VECTOR;
  #configVector = NO_VECTOR;
  #status = 0;
  #isr = 0;
  #seen = 0;

  constructor(options: { readonly messages: boolean }) {
    const registers = {
      read: (offset: number, width: Width) => this.#read(offset, width),
      write: (offset: number, width: Width, value: number) => this.#write(offset, width, value),
    };
    const table = {
      read: (offset: number, width: Width) => (width === 4 ? this.#table.getUint32(offset, true) : 0),
      write: (offset: number, width: Width, value: number) => {
        if (width === 4) this.#table.setUint32(offset, value, true);
      },
    };
    this.function = new BareFunction({
      vendorId: 0x1af4,
      deviceId: 0x1005,
      subsystemId: 4,
      bars: [
        { kind: 'io', lengthBytes: 32, target: registers },
        ...(options.messages ? [{ kind: 'memory', lengthBytes: PAGE, target: table } as const] : []),
      ],
      ...(options.messages ? { capability: MSIX_CAPABILITY } : {}),
    });
  }

  plug(bus: V86Bus, place: number): void {
    this.#bus = bus;
    this.function.plug(bus, place);
  }

  get #messages(): boolean {
    return (this.function.config.getUint16(MSIX_CONTROL, true) & MSIX_ENABLE) !== 0;
  }

  #read(offset: number, width: Width): number {
    this.accesses.push(`r${width} ${offset.toString(16)}`);
    if (offset === 0x08) return this.#queuePage;
    if (offset === 0x0c) return QUEUE_SIZE;
    if (offset === 0x12) return this.#status;
    if (offset === 0x14) return this.#configVector;
    if (offset === 0x16) return this.#queueVector;
    if (offset !== 0x13) return 0;
    const isr = this.#isr;
    this.#isr = 0;
    this.function.setInterrupt(false);
    return isr;
  }

  #write(offset: number, width: Width, value: number): void {
    this.accesses.push(`w${width} ${offset.toString(16)}`);
    if (offset === 0x08) this.#queuePage = value;
    else if (offset === 0x10) this.#serve();
    else if (offset === 0x14) this.#configVector = value;
    else if (offset === 0x16) this.#queueVector = value;
    else if (offset === 0x12) {
      this.#status = value;
      if (value === 0) this.#seen = 0;
    }
  }

  #serve(): void {
    const bus = this.#bus!;
    const { bytes } = bus.ram;
    const ram = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const ring = this.#queuePage * PAGE;
    const available = ring + 16 * QUEUE_SIZE;
    const used = ring + PAGE;
    for (; this.#seen !== ram.getUint16(available + 2, true); this.#seen = (this.#seen + 1) & 0xffff) {
      const head = ram.getUint16(available + 4 + 2 * (this.#seen % QUEUE_SIZE), true);
      let written = 0;
      for (let index = head, more = true; more; ) {
        const at = ring + 16 * index;
        const [address, length] = [ram.getUint32(at, true), ram.getUint32(at + 8, true)];
        const flags = ram.getUint16(at + 12, true);
        if ((flags & DESCRIPTOR_WRITE) !== 0) {
          bus.ram.dirty(address, address + length);
          bytes.fill(0x5a, address, address + length);
          written += length;
        }
        more = (flags & DESCRIPTOR_NEXT) !== 0;
        index = ram.getUint16(at + 14, true);
      }
      bus.ram.dirty(used, used + 4 + USED_ELEMENT * QUEUE_SIZE);
      ram.setUint32(used + 4 + USED_ELEMENT * (this.#seen % QUEUE_SIZE), head, true);
      ram.setUint32(used + 8 + USED_ELEMENT * (this.#seen % QUEUE_SIZE), written, true);
      ram.setUint16(used + 2, this.#seen + 1, true);
    }
    this.#interrupt();
  }

  #interrupt(): void {
    this.interrupts++;
    if (!this.#messages) {
      this.#isr |= 1;
      this.function.setInterrupt(true);
    } else if (this.#queueVector !== NO_VECTOR) {
      const entry = 16 * this.#queueVector;
      const word = (offset: number) => this.#table.getUint32(entry + offset, true);
      this.#bus!.interrupts.message(word(0), word(4), word(8));
    }
  }
}
