import {
  feature,
  MAC_BYTES,
  NETWORK_HEADER_BYTES,
  NETWORK_TUNNEL_BYTES,
  type NetworkHeaderFields,
  networkConfig,
  networkControlClass,
  networkFeature,
  networkHeader,
  networkMacCommand,
  networkQueue,
  newNetworkHeader,
  readNetworkHeader,
  SHORT_NETWORK_HEADER_BYTES,
  writeNetworkHeader,
} from '../../../virtio/layout/index.ts';
import type { Bench, Posted, Running } from '../bench.ts';
import { join, le, readLe } from '../bytes.ts';
import type { SentFrame } from '../hands.ts';

/** A buffer that came back from a receive queue. */
export interface ReceivedBuffer {
  readonly pair: number;
  /** What the device wrote. */
  readonly bytes: Uint8Array;
  /** Room that it had, in bytes. */
  readonly room: number;
  /** Buffers that were found at one look have the same. */
  readonly look: number;
}

export interface NicOptions {
  /** Pairs of queues that are set up; with more than one MQ is accepted. */
  readonly pairs?: number;
  /** Receive buffers of each pair, and bytes of each. */
  readonly buffers?: number;
  readonly bufferBytes?: number;
}

const BUFFERS = 8;
const BUFFER_BYTES = 2048;

/** A driver of a network device with a control queue where there is one. */
export class Nic {
  readonly bench: Bench;
  readonly running: Running;
  /** Bytes of the header before each frame. */
  readonly headerBytes: number;
  readonly #pairs: number;
  readonly #control: number | null;
  readonly #posted: Map<number, Posted>[];
  #received: ReceivedBuffer[] = [];
  #looks = 0;

  constructor(bench: Bench, features: readonly number[] = [], options: NicOptions = {}) {
    const { pairs = 1, buffers = BUFFERS, bufferBytes = BUFFER_BYTES } = options;
    const { controlQueue, multiQueue, mergeableBuffers } = networkFeature;
    const wanted = pairs > 1 ? [...features, controlQueue, multiQueue] : features;
    if (pairs > 1) bench.needs(multiQueue, 'MQ');
    const has = (bit: number) => wanted.includes(bit) && bench.offers(bit);
    const most = has(multiQueue) ? bench.config(networkConfig.maxQueuePairs.offset, 2) : 1;
    if (pairs > most) bench.skip(`the device has ${most} pairs of queues`);
    this.#control = has(controlQueue) ? networkQueue.control(most) : null;
    const tunnels = has(networkFeature.hostUdpTunnel) || has(networkFeature.guestUdpTunnel);
    this.headerBytes =
      (bench.modern || has(mergeableBuffers) ? NETWORK_HEADER_BYTES : SHORT_NETWORK_HEADER_BYTES) +
      (tunnels ? NETWORK_TUNNEL_BYTES : 0);
    this.bench = bench;
    this.#pairs = pairs;
    this.#posted = Array.from({ length: pairs }, () => new Map());
    const queues = Array.from({ length: 2 * pairs }, (_, queue) => queue);
    this.running = bench.start({
      features: wanted,
      queues: this.#control === null ? queues : [...queues, this.#control],
      transportFeatures: [feature.accessPlatform, feature.ringReset],
      // Whether packed rings say that they were written is a matter of rings.
      tolerate: ['packed-used-without-write'],
      onQueue: () => this.#look(),
    });
    for (let pair = 0; pair < pairs; pair++)
      for (let i = 0; i < buffers; i++) this.giveBuffer(pair, bufferBytes);
  }

  giveBuffer(pair: number, bytes: number): void {
    const { headerBytes } = this;
    const queue = networkQueue.receive(pair);
    const pieces = bytes > headerBytes ? [headerBytes, bytes - headerBytes] : [bytes];
    const posted = this.bench.post(this.running.driver, queue, new Uint8Array(), pieces);
    this.#posted[pair]!.set(posted.head, posted);
  }

  #look(): void {
    // An interrupt may come before the constructor is through.
    if ((this.running as Running | undefined) === undefined) return;
    this.#looks++;
    for (let pair = 0; pair < this.#pairs; pair++)
      for (;;) {
        const used = this.running.driver.take(networkQueue.receive(pair));
        if (used === null) break;
        const posted = this.#posted[pair]!.get(used.head);
        if (posted === undefined) continue;
        this.#posted[pair]!.delete(used.head);
        const whole = this.bench.written(posted);
        const bytes = whole.slice(0, used.length);
        this.#received.push({ pair, bytes, room: whole.length, look: this.#looks });
      }
  }

  /** Buffers that came back since it was last asked, a lull later. */
  async received(): Promise<readonly ReceivedBuffer[]> {
    await this.bench.lull();
    this.#look();
    return this.#received.splice(0);
  }

  /** Hands a frame in from outside. @returns the buffers that it came in */
  async receive(frame: Uint8Array, offload?: NetworkHeaderFields): Promise<readonly ReceivedBuffer[]> {
    const { bench } = this;
    const hand =
      offload === undefined
        ? bench.hand('receiveFrame')
        : (
            (unfinished) => () =>
              unfinished(frame, offload)
          )(bench.hand('receiveUnfinished'));
    await this.received();
    await hand(frame);
    return await this.received();
  }

  /** A frame from outside reaches the driver; the buffer is given again. */
  async takes(frame: Uint8Array): Promise<boolean> {
    const buffers = await this.receive(frame);
    for (const { pair, room } of buffers) this.giveBuffer(pair, room);
    return buffers.length > 0;
  }

  /** Zeros where a buffer is too short for one. */
  headerOf({ bytes }: ReceivedBuffer): NetworkHeaderFields {
    const fields = newNetworkHeader();
    const header = new Uint8Array(NETWORK_HEADER_BYTES);
    header.set(bytes.subarray(0, NETWORK_HEADER_BYTES));
    readNetworkHeader(new DataView(header.buffer), 0, true, fields);
    return fields;
  }

  /** Only where the header has it. */
  numBuffers = ({ bytes }: ReceivedBuffer): number => readLe(bytes, networkHeader.numBuffers.offset, 2);

  frameOf = (buffers: readonly ReceivedBuffer[]): Uint8Array =>
    join(...buffers.map(({ bytes }, i) => (i === 0 ? bytes.subarray(this.headerBytes) : bytes)));

  /** Sends a frame. @returns what left the device */
  async send(
    clause: string,
    frame: Uint8Array,
    fields: Partial<NetworkHeaderFields> = {},
    pair = 0,
  ): Promise<readonly SentFrame[]> {
    const sent = this.bench.hand('sentFrames');
    await sent();
    const header = new Uint8Array(this.headerBytes);
    writeNetworkHeader(new DataView(header.buffer), true, { ...newNetworkHeader(), ...fields });
    const queue = networkQueue.transmit(pair);
    await this.bench.ask(this.running, clause, { queue, out: [header, frame], inBytes: 0 });
    await this.bench.lull();
    return await sent();
  }

  /** Gives a control command. @returns its ack */
  async command(
    clause: string,
    commandClass: number,
    command: number,
    ...data: readonly Uint8Array[]
  ): Promise<number> {
    const [ack] = await this.query(clause, commandClass, command, 0, ...data);
    return ack!;
  }

  /** Gives a command that has an answer. @returns its ack, and so many bytes behind it */
  async query(
    clause: string,
    commandClass: number,
    command: number,
    bytes: number,
    ...data: readonly Uint8Array[]
  ): Promise<Uint8Array> {
    const queue = this.#control ?? this.bench.skip('CTRL_VQ is not offered');
    const out = [Uint8Array.of(commandClass, command), ...data];
    const answer = await this.bench.ask(this.running, clause, { queue, out, inBytes: [1, bytes] });
    return answer.bytes;
  }

  /** Gives a command that is to be carried out. */
  async obeys(
    clause: string,
    commandClass: number,
    command: number,
    ...data: readonly Uint8Array[]
  ): Promise<void> {
    const ack = await this.command(clause, commandClass, command, ...data);
    this.bench.equal(clause, `ack of command ${commandClass}:${command}`, ack, 0);
  }

  /** Sets both tables of addresses. */
  setTables(clause: string, unicast: readonly Uint8Array[], multicast: readonly Uint8Array[]): Promise<void> {
    const table = (list: readonly Uint8Array[]) => join(le(4, list.length), ...list);
    const { mac } = networkControlClass;
    return this.obeys(clause, mac, networkMacCommand.tableSet, table(unicast), table(multicast));
  }

  /** The address that the configuration shows. */
  get mac(): Uint8Array {
    return Uint8Array.from({ length: MAC_BYTES }, (_, i) =>
      this.bench.config(networkConfig.mac.offset + i, 1),
    );
  }
}
