import type { BusTarget, Width } from '../../core/index.ts';
import { walkCapabilities } from '../../driver/index.ts';
import {
  BAR_INDICATOR_MASK,
  type BarIndex,
  type BarRegion,
  barBits,
  capabilityId,
  type MsixPlace,
  messageControl,
  msixCapability,
  PciFunction,
  type0Header,
} from '../../pci/index.ts';
import { irqIndex, regionIndex } from './layout.ts';
import { type Event, type RemoteDevice, valueAt } from './remote-device.ts';

/** Where headers end, and capabilities may begin. */
const HEADER_END = 0x40;
const BARS_END = type0Header.bar.offset + 4 * type0Header.bar.count;

/**
 * A function whose device is in another process. BARs and the MSI-X table are kept here, as whoever attaches a device to a
 * machine does: it alone knows the machine's addresses. All else is the device's.
 */
export class RemoteFunction extends PciFunction {
  readonly #remote: RemoteDevice;
  readonly #msixAt: number | null;
  readonly #ownMsixAt: number;
  readonly #line: Event;
  readonly #vectors: readonly Event[];
  /** What the device signals at the moment. */
  #connected: 'line' | 'vectors' | null = null;

  /** @param image the first 256 bytes of configuration space */
  constructor(remote: RemoteDevice, image: DataView, line: Event, makeEvent: () => Event) {
    const read = (offset: number, width: Width) => valueAt(image, width, offset);
    const field = (name: keyof typeof type0Header) =>
      read(type0Header[name].offset, type0Header[name].width as Width);
    super({
      name: remote.connection.name,
      vendorId: field('vendorId'),
      deviceId: field('deviceId'),
      classCode: (field('baseClass') << 16) | (field('subClass') << 8) | field('programmingInterface'),
      interruptPin: Math.min(4, field('interruptPin')) as 0 | 1 | 2 | 3 | 4,
    });
    this.#remote = remote;
    this.#line = line;
    const msix = [...walkCapabilities(read)].find(({ id }) => id === capabilityId.msix);
    this.#msixAt = msix?.offset ?? null;
    let vectors = 0;
    const places: MsixPlace[] = [];
    if (this.#msixAt !== null) {
      const at = this.#msixAt;
      vectors =
        (image.getUint16(at + msixCapability.messageControl.offset, true) & messageControl.tableSize) + 1;
      for (const { offset } of [msixCapability.table, msixCapability.pendingBits]) {
        const word = image.getUint32(at + offset, true);
        places.push({ bar: word & BAR_INDICATOR_MASK, offset: word & ~BAR_INDICATOR_MASK });
      }
      this.placeMsix(vectors, places[0]!, places[1]!);
    }
    // It is the only capability here.
    this.#ownMsixAt = this.config.get(type0Header.capabilitiesPointer.offset, 1);
    this.#vectors = Array.from({ length: vectors }, makeEvent);
    for (let index = 0; index < type0Header.bar.count; index++) {
      const size = remote.regionBytes(index);
      if (size === 0) continue;
      const low = image.getUint32(type0Header.bar.offset + 4 * index, true);
      const kind =
        (low & barBits.io) !== 0
          ? 'io'
          : (low & barBits.typeMask) === barBits.memory64
            ? 'memory64'
            : 'memory32';
      this.addBar({
        index: index as BarIndex,
        kind,
        lengthBytes: size,
        ...(kind === 'io' ? {} : { prefetchable: (low & barBits.prefetchable) !== 0 }),
        regions: this.#regions(index, size, places),
      });
    }
    this.#connect('line');
  }

  /** The device, and in it the two tables that are kept here. */
  #regions(index: number, size: number, places: readonly MsixPlace[]): BarRegion[] {
    const remote = (from: number): BusTarget => ({
      read: (offset, width) => this.#remote.readRegister(index, from + offset, width),
      write: (offset, width, value) => this.#remote.writeRegister(index, from + offset, width, value),
      widthAt: () => 4,
    });
    const part = (name: string, offset: number, end: number): BarRegion[] =>
      end > offset ? [{ name, offset, length: end - offset, target: remote(offset) }] : [];
    const { msix } = this;
    const own = [
      { name: 'msix-table', length: msix?.tableBytes ?? 0, target: msix?.table },
      { name: 'msix-pba', length: msix?.pendingBytes ?? 0, target: msix?.pendingBits },
    ]
      .map((each, i) => ({ ...each, target: each.target!, place: places[i] }))
      .filter(({ place }) => place?.bar === index)
      .sort((a, b) => a.place!.offset - b.place!.offset);
    const regions: BarRegion[] = [];
    let at = 0;
    for (const { name, length, target, place } of own) {
      const { offset } = place!;
      regions.push(...part(`before ${name}`, at, offset), { name, offset, length, target });
      at = offset + length;
    }
    return [...regions, ...part('device', at, size)];
  }

  get events(): readonly Event[] {
    return [this.#line, ...this.#vectors];
  }

  #connect(to: 'line' | 'vectors'): void {
    if (this.#connected === to) return;
    const index = { line: irqIndex.intx, vectors: irqIndex.msix };
    const events = { line: [this.#line], vectors: this.#vectors };
    if (this.#connected !== null && this.#remote.irqCount(index[this.#connected]) > 0)
      this.#remote.disconnect(index[this.#connected]);
    // What was signalled before, and nobody took, tells of a time that is over.
    for (const event of this.events) event.take();
    this.msix?.withdrawAll();
    if (this.#remote.irqCount(index[to]) > 0) this.#remote.connect(index[to], events[to]);
    this.#connected = to;
  }

  /** Delivers what the device signalled. @returns whether there was anything */
  deliver(): boolean {
    let any = false;
    for (const [vector, event] of this.#vectors.entries())
      if (event.take()) {
        any = true;
        this.msix!.trigger(vector);
      }
    if (this.#line.take()) {
      any = true;
      // It masks itself: whoever handles it looks once, and if the line is still up, it is told again.
      this.setInterrupt(true);
      this.setInterrupt(false);
      this.#remote.unmaskLine();
    }
    return any;
  }

  override configRead(offset: number, width: Width): number {
    if (offset >= type0Header.bar.offset && offset < BARS_END) return super.configRead(offset, width);
    const value = this.#remote.readRegister(regionIndex.config, offset, width);
    const line = type0Header.interruptLine.offset;
    if (offset !== line) return value;
    return ((value & ~0xff) | super.configRead(line, 1)) >>> 0;
  }

  override configWrite(offset: number, width: Width, value: number): void {
    // The device hears of all of it, too: some look at where their BARs are.
    this.#remote.writeRegister(regionIndex.config, offset, width, value);
    if (offset < HEADER_END) super.configWrite(offset, width, value);
    else if (this.#msixAt !== null) this.#followMsix(offset, width, value);
  }

  #followMsix(offset: number, width: Width, value: number): void {
    const at = this.#msixAt!;
    if (offset >= at + 4 || offset + width <= at) return;
    super.configWrite(offset - at + this.#ownMsixAt, width, value);
    const enabled = this.msixEnabled;
    this.#connect(enabled ? 'vectors' : 'line');
  }

  override reset(): void {
    super.reset();
    this.#remote.reset();
    this.#connect('line');
  }

  release(): void {
    for (const event of this.events) event.close();
  }
}
