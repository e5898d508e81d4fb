import type { Bus, GuestMemory } from '../../../../src/core/index.ts';

/** Memory of the hobby driver. */
const RING = 0x40000;
const HEADER = 0x50000;
const DATA = 0x51000;
const STATUS = 0x52000;

/** What the hobby driver does wrong; by default nothing. */
export interface HobbyMistakes {
  /** Writes status, in this order. */
  readonly steps?: readonly number[];
  readonly reset?: boolean;
  readonly readBack?: boolean;
  readonly features?: number | null;
  readonly featuresAgain?: boolean;
  readonly featuresFirst?: boolean;
  readonly readFeatures?: boolean;
  readonly writeSize?: number;
  readonly readSize?: boolean;
  readonly ownSize?: number;
  readonly page?: boolean;
  readonly ringOffset?: number;
  readonly usedAt4?: boolean;
  readonly driverOkAfterKick?: boolean;
  readonly noDriverOk?: boolean;
  readonly kickFirst?: boolean;
  readonly kickQueue?: number;
  readonly isrTwice?: boolean;
  readonly configAt?: number;
  readonly configWrite?: boolean;
  readonly dataFlags?: number;
  readonly statusFlags?: number;
  readonly headerFlags?: number;
  readonly headerLength?: number;
  readonly dataLength?: number;
  readonly statusLength?: number;
  readonly requestType?: number;
  readonly sector?: number;
  readonly next?: number;
  readonly head?: number;
  readonly index?: number;
  readonly availableFlags?: number;
  readonly dataAddress?: number;
  readonly wideKick?: boolean;
  readonly bigEndianRing?: boolean;
  readonly interrupt?: (bus: Bus, base: number) => void;
  readonly first?: (bus: Bus, base: number) => void;
  readonly middle?: (bus: Bus, base: number) => void;
  readonly last?: (bus: Bus, base: number) => void;
  /** Between the first request and a second. */
  readonly between?: (ram: GuestMemory) => void;
}

const at = {
  features: 0,
  accepted: 4,
  address: 8,
  size: 12,
  select: 14,
  notify: 16,
  status: 18,
  isr: 19,
} as const;

/** A legacy block driver as somebody writes it in an afternoon: ports, one queue, one read of a sector, INTx. */
export function hobbyBlock(bus: Bus, base: number, line: number, mistakes: HobbyMistakes = {}): void {
  const it = mistakes;
  const status = (value: number) => bus.ioWrite(base + at.status, 1, value);
  const disconnect = bus.interrupts.connectLine(line, () => {
    const isr = bus.ioRead(base + at.isr, 1);
    if (it.isrTwice) bus.ioRead(base + at.isr, 1);
    it.interrupt?.(bus, base);
    return isr !== 0;
  });
  const steps = it.steps ?? [1, 3];
  it.first?.(bus, base);
  if (it.reset !== false) {
    status(0);
    if (it.readBack !== false) bus.ioRead(base + at.status, 1);
  }
  const features = it.features === undefined ? 0 : it.features;
  const negotiate = () => {
    if (it.readFeatures !== false) bus.ioRead(base + at.features, 4);
    if (features !== null) bus.ioWrite(base + at.accepted, 4, features);
  };
  if (it.featuresFirst) negotiate();
  for (const step of steps) status(step);
  if (!it.featuresFirst) negotiate();
  it.middle?.(bus, base);
  const config = it.configAt ?? 20;
  bus.ioRead(base + config, 4);
  bus.ioRead(base + config + 4, 4);
  if (it.configAt === undefined) {
    bus.ioRead(base + config, 4);
    bus.ioRead(base + config + 4, 4);
  }
  if (it.configWrite) bus.ioWrite(base + config, 4, 5);
  const kick = (queue = it.kickQueue ?? 0) => bus.ioWrite(base + at.notify, it.wideKick ? 4 : 2, queue);
  const ready = (steps.at(-1) ?? 0) | 4;
  if (it.kickFirst) kick();
  bus.ioWrite(base + at.select, 2, 0);
  const offered = it.readSize === false ? 256 : bus.ioRead(base + at.size, 2);
  if (it.writeSize !== undefined) bus.ioWrite(base + at.size, 2, it.writeSize);
  const size = it.ownSize ?? offered;
  const ring = RING + (it.ringOffset ?? 0);
  const availableAt = ring + 16 * size;
  const usedAt = it.usedAt4
    ? Math.ceil((availableAt + 6 + 2 * size) / 4) * 4
    : Math.ceil((availableAt + 6 + 2 * size) / 4096) * 4096;
  const ringBytes = usedAt + 6 + 8 * size - RING;
  // Memory that is taken after the ring.
  const after = it.usedAt4 ? Math.ceil((RING + ringBytes) / 16) * 16 : HEADER;
  const header = it.usedAt4 ? after : HEADER;
  if (it.page !== false) bus.ioWrite(base + at.address, 4, Math.floor(ring / 4096));
  if (
    it.noDriverOk !== true &&
    it.driverOkAfterKick !== true &&
    it.steps?.includes(4) !== true &&
    it.steps?.some((step) => (step & 4) !== 0) !== true
  )
    status(ready);
  if (it.featuresAgain) negotiate();
  const { view, start } = bus.ram.find(RING, 0x20000)!;
  const put = (address: number, width: 2 | 4, value: number) =>
    width === 2
      ? view.setUint16(address - start, value, it.bigEndianRing !== true)
      : view.setUint32(address - start, value, it.bigEndianRing !== true);
  const describe = (i: number, address: number, length: number, flags: number, next: number) => {
    put(ring + 16 * i, 4, it.bigEndianRing ? 0 : address);
    put(ring + 16 * i + 4, 4, it.bigEndianRing ? address : 0);
    put(ring + 16 * i + 8, 4, length);
    put(ring + 16 * i + 12, 2, flags);
    put(ring + 16 * i + 14, 2, next);
  };
  const request = (number: number) => {
    view.setUint32(header - start, it.requestType ?? 0, true);
    view.setUint32(header - start + 8, it.sector ?? 0, true);
    describe(0, header, it.headerLength ?? 16, it.headerFlags ?? 1, 1);
    describe(1, it.dataAddress ?? DATA, it.dataLength ?? 512, it.dataFlags ?? 3, it.next ?? 2);
    describe(2, STATUS, it.statusLength ?? 1, it.statusFlags ?? 2, 0);
    put(availableAt + 4 + 2 * (number % size), 2, it.head ?? 0);
    put(availableAt, 2, it.availableFlags ?? 0);
    put(availableAt + 2, 2, it.index ?? number + 1);
  };
  request(0);
  kick();
  if (it.driverOkAfterKick) status(ready);
  it.between?.(bus.ram);
  if (it.index === undefined) {
    request(1);
    kick();
  }
  it.last?.(bus, base);
  status(0);
  bus.ioRead(base + at.status, 1);
  disconnect();
}
