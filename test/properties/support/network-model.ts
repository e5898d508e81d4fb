import { Buffer } from 'node:buffer';
import type { NetworkDriver } from '../../../src/driver/index.ts';
import { feature, networkFeature, type Offload } from '../../../src/virtio/index.ts';

const bit = networkFeature;

/** Who frames are for: the device's own address first, other stations, groups, everybody. */
export const stations = [
  [2, 0, 0, 0, 0, 1],
  [2, 0, 0, 0, 0, 2],
  [2, 0, 0, 0, 0, 3],
  [1, 0, 0x5e, 0, 0, 4],
  [0x33, 0x33, 0, 0, 0, 5],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
] as const;
const BROADCAST = 5;
const isGroup = (station: number) => station >= 3;

type Mode = 'promiscuous' | 'allMulticast' | 'allUnicast' | 'noMulticast' | 'noUnicast' | 'noBroadcast';

/** What the driver may tell the device. Stations by number. */
export type Told =
  | { readonly what: 'mode'; readonly mode: Mode; readonly on: boolean }
  | { readonly what: 'table'; readonly unicast: readonly number[]; readonly multicast: readonly number[] }
  | { readonly what: 'mac'; readonly station: number }
  | { readonly what: 'vlan'; readonly id: number; readonly on: boolean }
  | { readonly what: 'pairs'; readonly pairs: number };

const address = (station: number) => Uint8Array.from(stations[station]!);

/** Tells the device. @returns null where there is no way. */
export function tell(driver: NetworkDriver, told: Told): Promise<void> | null {
  const { commands } = driver;
  // Any driver has a way to give another address: a legacy one needs no command.
  if (told.what === 'mac')
    return driver.driver.has(bit.controlMacAddress) || !driver.driver.transport.modern
      ? driver.setMacAddress(address(told.station))
      : null;
  if (commands === null) return null;
  if (told.what === 'mode') return commands.setMode(told.mode, told.on);
  if (told.what === 'table')
    return commands.setMacTable(told.unicast.map(address), told.multicast.map(address));
  if (told.what === 'vlan') return commands.setVlan(told.id, told.on);
  return commands.setQueuePairs(told.pairs);
}

interface Expected {
  readonly frame: string;
  readonly header: string;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const headerText = (header: Omit<Offload, never> | null) =>
  header === null
    ? '-'
    : [header.flags, header.gsoType, header.gsoSize, header.checksumStart, header.checksumOffset].join(' ');
const NO_HEADER = '0 0 0 0 0';

/** Where the checksum of the test's frames begins, and where it goes from there. */
const [START, OFFSET] = [14, 3];

/** The ones' complement of the sum of all words from `START` on, with a zero as the other zero. */
function checksum(frame: Uint8Array): number {
  let sum = 0;
  for (let i = START; i < frame.length; i += 2) sum += frame[i]! * 256 + (frame[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum === 0xffff ? 0xffff : 0xffff - sum;
}

/** What a driver has said, as sets, and which frames have to come through. */
export class NetworkModel {
  readonly #bufferBytes: number;
  #has: (bit: number) => boolean = () => false;
  #buffers = 0;
  #queuePairs = 1;
  /** Pairs in use. */
  pairs = 1;
  pendingSends = 0;
  readonly #modes = new Set<Mode>();
  /** The driver has set a mode or the tables. */
  #said = false;
  readonly #vlans = new Set<number>();
  #own = 0;
  #unicast = new Set<number>();
  #multicast = new Set<number>();
  /** Buffers of each queue that the device must have. */
  #left = 0;
  readonly #sent: { readonly pair: number; readonly frame: string; readonly header: string }[] = [];
  #arriving: { readonly passes: boolean; readonly needs: number; readonly expected: Expected } | null = null;
  /** Frames that the device took, or is asked to take, until the driver has them. */
  readonly #due: Expected[] = [];
  readonly #wrong: string[] = [];

  constructor(bufferBytes: number) {
    this.#bufferBytes = bufferBytes;
  }

  /** The driver is up. */
  begin(has: (bit: number) => boolean, queuePairs: number, buffers: number): void {
    this.#has = has;
    this.#queuePairs = queuePairs;
    this.#buffers = buffers;
  }

  errors(): string[] {
    return this.#wrong.splice(0);
  }

  /** All is quiet: every buffer is the device's again, and nothing is on its way. */
  settled(): void {
    this.#left = this.#buffers;
    if (this.#due.length > 0) this.#wrong.push(`${this.#due.length} frames never came`);
    if (this.pendingSends > 0) this.#wrong.push(`${this.pendingSends} frames were never given back`);
    this.#due.length = this.pendingSends = 0;
  }

  /** @returns whether the device has to accept it. */
  tell(told: Told): boolean {
    const has = this.#has;
    if (told.what === 'mac') {
      this.#own = told.station;
      return true;
    }
    if (told.what === 'mode') {
      const extra = told.mode !== 'promiscuous' && told.mode !== 'allMulticast';
      if (!has(extra ? bit.controlReceiveExtra : bit.controlReceive)) return false;
      this.#said = true;
      if (told.on) this.#modes.add(told.mode);
      else this.#modes.delete(told.mode);
      return true;
    }
    if (told.what === 'table') {
      if (!has(bit.controlReceive)) return false;
      this.#said = true;
      this.#unicast = new Set(told.unicast);
      this.#multicast = new Set(told.multicast);
      return true;
    }
    if (told.what === 'vlan') {
      if (!has(bit.controlVlan)) return false;
      if (told.on) this.#vlans.add(told.id);
      else this.#vlans.delete(told.id);
      return true;
    }
    if (!has(bit.multiQueue) || told.pairs > this.#queuePairs) return false;
    this.pairs = told.pairs;
    return true;
  }

  #passes(to: number, vlan: number | null): boolean {
    const addresses = this.#has(bit.controlReceive);
    const on = (mode: Mode) => this.#modes.has(mode);
    if (addresses && on('promiscuous')) return true;
    if (vlan !== null && this.#has(bit.controlVlan) && !this.#vlans.has(vlan)) return false;
    if (!addresses || !this.#said) return true;
    if (to === BROADCAST) return !on('noBroadcast');
    if (isGroup(to)) return !on('noMulticast') && (on('allMulticast') || this.#multicast.has(to));
    return !on('noUnicast') && (on('allUnicast') || to === this.#own || this.#unicast.has(to));
  }

  #frame(to: number, length: number, vlan: number | null, serial: number): Uint8Array {
    const frame = new Uint8Array(length).map((_, i) => (i * 31 + serial * 7) & 0xff);
    const tag = vlan === null ? [] : [0x81, 0, vlan >> 8, vlan & 0xff];
    frame.set([...stations[to]!, 2, 9, 9, 9, 9, serial & 0xff, ...tag, 0x88, 0xb5].slice(0, length));
    frame[length - 1] = serial >> 8;
    frame[length - 2] = serial;
    return frame;
  }

  /** A frame for the driver to send. @param linkUp otherwise nobody will see it. */
  outgoing(length: number, pair: number, serial: number, checksummed: boolean, linkUp: boolean) {
    const longest = this.#has(bit.mtu) ? 14 + 260 : length;
    const frame = this.#frame(1, Math.min(length, longest), null, serial);
    const offloaded = checksummed && this.#has(bit.checksum);
    const header = offloaded
      ? { flags: 1, gsoType: 0, headerLength: 20, gsoSize: 0, checksumStart: START, checksumOffset: OFFSET }
      : null;
    if (linkUp) this.#sent.push({ pair, frame: hex(frame), header: headerText(header) });
    return { frame, header };
  }

  /** All frames that were sent, once each, and those of one pair in their order. */
  checkSent(sent: readonly { readonly frame: Uint8Array; readonly offload: Offload | null }[]): void {
    const expected = this.#sent.splice(0);
    const got = sent.map(({ frame, offload }) => ({ frame: hex(frame), header: headerText(offload) }));
    if (got.length > expected.length)
      this.#wrong.push(`${got.length - expected.length} frames too many were sent`);
    for (const pair of [0, 1]) {
      const mine = expected.filter((each) => each.pair === pair);
      const of = got.filter(({ frame }) => mine.some((each) => each.frame === frame));
      for (const [i, each] of mine.entries())
        if (of[i]?.frame !== each.frame || of[i]?.header !== each.header)
          this.#wrong.push(`frame ${i} of pair ${pair} was sent as ${JSON.stringify(of[i])}`);
    }
  }

  /** A frame for the link to bring, and for {@link judge} to be asked about. */
  incoming(to: number, length: number, vlan: number | null, serial: number, checksummed: boolean) {
    const frame = this.#frame(to, length, vlan, serial);
    const offload = checksummed
      ? { flags: 1, gsoType: 0, headerLength: 20, gsoSize: 0, checksumStart: START, checksumOffset: OFFSET }
      : null;
    const whole = frame.slice();
    const left = checksummed && this.#has(bit.guestChecksum);
    if (checksummed && !left) new DataView(whole.buffer).setUint16(START + OFFSET, checksum(frame));
    const header = this.#has(bit.mergeableBuffers) || this.#has(feature.version1) ? 12 : 10;
    const needs = Math.ceil((header + length) / this.#bufferBytes);
    const fits = this.#has(bit.mergeableBuffers) || needs === 1;
    const short = !this.#has(bit.mtu) || length <= 14 + 260 + (vlan === null ? 0 : 4);
    this.#arriving = {
      passes: fits && short && this.#passes(to, vlan),
      needs,
      expected: { frame: hex(whole), header: left ? headerText(offload) : NO_HEADER },
    };
    // It may be with the driver before the link hears that it was taken.
    this.#due.push(this.#arriving.expected);
    return { frame, offload };
  }

  /** Whether the device did right to take the frame, or not to. */
  judge(taken: boolean, linkUp: boolean): void {
    const { passes, needs, expected } = this.#arriving!;
    const may = passes && linkUp && needs <= this.#buffers;
    if (taken && !may) this.#wrong.push('a frame was taken that must not be');
    if (!taken && may && needs <= this.#left) this.#wrong.push('a frame was dropped that must not be');
    if (taken) {
      this.#left -= needs;
      return;
    }
    const at = this.#due.lastIndexOf(expected);
    if (at < 0) this.#wrong.push('a frame came that was not taken');
    else this.#due.splice(at, 1);
  }

  received(frame: Uint8Array, header: Offload | Readonly<Offload>, pair: number): void {
    const got = { frame: hex(frame), header: headerText(header) };
    const at = this.#due.findIndex((each) => each.frame === got.frame);
    if (at < 0) {
      this.#wrong.push(`a frame came that nobody sent, or twice: ${got.frame}`);
      return;
    }
    if (this.#due[at]!.header !== got.header)
      this.#wrong.push(`a frame came with ${got.header}, not ${this.#due[at]!.header}`);
    // One queue has its own order; between several there is none.
    if (this.pairs === 1 && at > 0) this.#wrong.push('a frame came before an earlier one');
    if (pair >= this.pairs) this.#wrong.push(`a frame came on pair ${pair} of ${this.pairs}`);
    this.#due.splice(at, 1);
  }
}
