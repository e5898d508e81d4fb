import { expectSame, type State } from '../../core/index.ts';
import { etherType, get16, payloadOffset } from '../backends/ethernet.ts';
import type { NetworkLink, NetworkPort, Offload } from '../backends/network-link.ts';
import { Segmenter } from '../backends/offload.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import type { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import {
  ETHERNET_HEADER_BYTES,
  MAC_BYTES,
  MAX_NETWORK_FRAME_BYTES,
  type networkConfig,
  networkDeviceType,
  networkFeature,
  networkGsoType,
  networkHeaderFlag,
  networkQueue,
  networkSegmentation,
  networkStatus,
  switchableOffloads,
} from '../layout/index.ts';
import { aboutChain, type Chain, type TakenRequest } from '../queue/chain.ts';
import type { SavedDevice } from '../queue-user.ts';
import { NetworkControl, type NetworkControlTarget } from './network/control.ts';
import { ReceiveFilter } from './network/filter.ts';
import { type NetworkOptions, networkShape, newStatistics, setField } from './network/options.ts';
import { NetworkReceiver, type Received, received } from './network/receive.ts';
import { checkPairs, checkShown, networkState } from './network/state.ts';
import { FlowSteering } from './network/steering.ts';
import { exceeds, FrameReader } from './network/transmit.ts';

const bit = networkFeature;

/** What is kept with a frame that waits to be sent: that it is one. A buffer for reception has its pair. */
const FRAME = 'frame';
const WAITING_FRAME: TakenRequest = { save: () => FRAME };

/** True where a frame's checksum is whole, validated or not, and it is not to be segmented. */
const isFinished = ({ flags, gsoType }: Offload) =>
  ((flags & networkHeaderFlag.needsChecksum) | gsoType) === networkGsoType.none;

/** Fields of its configuration that change while it is at work. */
const VARYING = ['mac', 'status'] as const;

/**
 * The network device (chapter Network Device): frames between the driver's queues and a link, filters, several pairs of
 * queues, offloads where the link takes them. What a driver did not agree to, the device does in software.
 */
export class NetworkDevice implements DeviceBehaviour, NetworkPort, NetworkControlTarget {
  readonly type = networkDeviceType;
  readonly record = networkState;
  readonly features: readonly number[];
  readonly legacyFeatures = [bit.gso];
  readonly brokenDriverFeatures = [bit.mac];
  readonly config: DeviceConfig<typeof networkConfig>;
  readonly queueSizes: readonly number[];
  readonly maxQueuePairs: number;
  readonly link: NetworkLink;
  readonly filter = new ReceiveFilter();
  readonly statistics = newStatistics();
  device!: DevicePort;
  readonly #permanentMac: Uint8Array;
  readonly #mtu: number | null;
  readonly #steering = new FlowSteering();
  readonly #segmenter = new Segmenter();
  readonly #control = new NetworkControl(this);
  #receiver!: NetworkReceiver;
  #reader!: FrameReader;
  /** Pairs in use, and the most that were since the reset. */
  #pairs = 1;
  #mostPairs = 1;
  /** Offloads that the driver switched off. */
  #switchedOff: readonly number[] = [];
  /** A frame is on its way to the link; others that are sent meanwhile wait. */
  #sending = false;
  readonly #backlog: Chain[] = [];
  /** Of a frame that is finished in software: every piece so far. */
  #allTaken = true;

  /** @throws NetworkOptionError */
  constructor(options: NetworkOptions) {
    const { link } = options;
    const { macAddress, queuePairs, mtu, features, queueSizes, config } = networkShape(options);
    this.link = link;
    this.maxQueuePairs = queuePairs;
    this.#permanentMac = macAddress;
    this.#mtu = mtu;
    this.features = features;
    this.queueSizes = queueSizes;
    this.config = config;
    this.filter.reset(macAddress);
    config.vary(VARYING);
    config.onWrite('mac', () => this.#macWritten());
    link.attach(this);
  }

  attach(device: DevicePort): void {
    this.device = device;
    this.#receiver = new NetworkReceiver(device, this.maxQueuePairs);
    this.#reader = new FrameReader(device, this.#segmenter);
  }

  get macAddress(): Uint8Array {
    return this.filter.macAddress;
  }

  get linkUp(): boolean {
    return (this.config.get('status') & networkStatus.linkUp) !== 0;
  }

  /** The host plugs the cable in, or pulls it. Without STATUS the driver is not told. */
  setLink(up: boolean): void {
    if (up === this.linkUp) return;
    this.#setStatus(networkStatus.linkUp, up);
    if (this.device?.has(bit.status)) this.device.configChanged();
  }

  /** Asks the driver to tell the network where it is. @returns false when it did not agree to be asked. */
  announce(): boolean {
    if (!this.device?.has(bit.guestAnnounce)) return false;
    this.#setStatus(networkStatus.announce, true);
    this.device.configChanged();
    return true;
  }

  #setStatus(mask: number, on: boolean): void {
    const before = this.config.get('status');
    setField(this.config, 'status', on ? before | mask : before & ~mask);
  }

  /** Shows the address that the filter has. */
  #showMac(): void {
    const { config, macAddress } = this;
    if (macAddress.some((byte, i) => config.little.read(i, 1) !== byte)) config.setBytes('mac', macAddress);
  }

  /** LEG-NET-03: a legacy driver may write the address; each byte counts at once (LEG-NET-08). NET-CFG-15: no other may. */
  #macWritten(): void {
    const { config, device } = this;
    if (device.legacyDriver)
      for (let i = 0; i < MAC_BYTES; i++) this.macAddress[i] = config.little.read(i, 1);
    else {
      device.report('driver', 'NET-CFG-15', 'device configuration was written');
      this.#showMac();
    }
  }

  /** NET-CFG-27: said, and accepted all the same. */
  negotiated(): void {
    const { device } = this;
    if (device.has(bit.controlReceiveExtra) && !device.has(bit.controlQueue))
      device.report('driver', 'NET-CFG-27', 'CTRL_RX_EXTRA without CTRL_VQ');
  }

  handle(chain: Chain): void {
    const pairs = this.device.has(bit.multiQueue) ? this.maxQueuePairs : 1;
    const { queue } = chain;
    const pair = queue >> 1;
    if (queue === networkQueue.control(pairs)) this.#control.handle(chain);
    else if (pair >= pairs) {
      this.device.report('driver', 'BF-FEAT-03', 'a queue that is none without MQ', aboutChain(chain));
      this.device.complete(chain, 0);
    } else if (queue === networkQueue.receive(pair)) this.#receiver.add(pair, chain);
    else this.#transmit(chain);
  }

  resumeChain(chain: Chain, request: State): void {
    if (request === FRAME) this.#transmit(chain);
    else this.#receiver.keep(chain.queue >> 1, chain);
  }

  /**
   * Sends one frame after the other: what happens on the link may bring the driver to send the next, on another queue,
   * before the first is through.
   */
  #transmit(chain: Chain): void {
    if (this.#sending) {
      chain.request = WAITING_FRAME;
      this.#backlog.push(chain);
      return;
    }
    this.#sending = true;
    try {
      this.#send(chain);
      while (this.device.dmaEnabled) {
        const next = this.#backlog.shift();
        if (next === undefined) return;
        this.#send(next);
      }
      if (this.#backlog.length > 0) this.device.whenDma(this.#sendBacklog);
    } finally {
      this.#sending = false;
    }
  }

  readonly #sendBacklog = {
    label: 'network backlog',
    run: () => {
      const next = this.#backlog.shift();
      if (next !== undefined) this.#transmit(next);
    },
  };

  /** The chain goes back before the frame goes out, which by then is a copy. */
  #send(chain: Chain): void {
    if (!chain.live) return;
    const { device, statistics } = this;
    const reader = this.#reader;
    const pair = chain.queue >> 1;
    // NET-CVQ-22 is not judged: what was sent before the number went down may come after it.
    if (pair >= this.#mostPairs)
      device.report('driver', 'NET-CVQ-21', 'a frame on a queue that was never enabled', aboutChain(chain));
    const length = reader.read(chain, device.has(bit.mtu) ? this.#mtu : null);
    device.complete(chain, 0);
    if (length < 0) statistics.transmitRefused++;
    else if (!this.linkUp) statistics.transmitLinkDown++;
    else {
      statistics.transmitted++;
      if (this.#pairs > 1) this.#steering.sent(reader.bytes, 0, length, pair);
      this.link.transmit(reader.bytes, 0, length, reader.offload);
    }
  }

  receive(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): boolean {
    const { device, statistics } = this;
    if (device === undefined || !device.mayRun || !device.dmaEnabled || !this.linkUp) {
      statistics.receiveNotReady++;
      return false;
    }
    if (length < ETHERNET_HEADER_BYTES || length > MAX_NETWORK_FRAME_BYTES) {
      statistics.receiveMalformed++;
      return false;
    }
    if (this.#mtu !== null && device.has(bit.mtu) && exceeds(this.#mtu, bytes, offset, length, offload)) {
      statistics.receiveTooLong++;
      return false;
    }
    const addresses = device.has(bit.controlReceive);
    if (!this.filter.passes(bytes, offset, length, addresses, device.has(bit.controlVlan))) {
      statistics.receiveFiltered++;
      return false;
    }
    if (offload === null || isFinished(offload))
      return this.#deliver(bytes, offset, length, this.#takes(bit.guestChecksum) ? offload : null);
    if (this.#agreedTo(bytes, offset, length, offload)) return this.#deliver(bytes, offset, length, offload);
    return this.#finish(bytes, offset, length, offload);
  }

  /** Does in software what is left to be done. @returns whether all that this came to was taken. */
  #finish(bytes: Uint8Array, offset: number, length: number, offload: Offload): boolean {
    // Each piece may bring the driver to send, and the link to bring another frame before this one is through.
    const outer = this.#allTaken;
    this.#allTaken = true;
    const objection = this.#segmenter.finish(bytes, offset, length, offload, this.#deliverFinished);
    const all = this.#allTaken;
    this.#allTaken = outer;
    if (objection !== null) this.statistics.receiveMalformed++;
    return objection === null && all;
  }

  /** NET-RX-14, NET-RX-16, NET-RX-17, NET-RX-22: whether the driver can take what is left to be done. */
  #agreedTo(bytes: Uint8Array, offset: number, length: number, offload: Offload): boolean {
    const { flags, gsoType, gsoSize, checksumStart, checksumOffset } = offload;
    // Anything else than a checksum to be finished, with segments or without, is made sense of in software, or dropped.
    if ((flags & networkHeaderFlag.needsChecksum) === 0 || !this.#takes(bit.guestChecksum)) return false;
    if (checksumStart + checksumOffset + 2 > length) return false;
    if ((gsoType & networkGsoType.ecn) !== 0 && !this.#takes(bit.guestEcn)) return false;
    const type = gsoType & ~networkGsoType.ecn;
    if (type === networkGsoType.none) return true;
    if (gsoSize === 0) return false;
    if (type !== networkGsoType.udpL4)
      return networkSegmentation.get(type)?.guest.some((feature) => this.#takes(feature)) ?? false;
    const version = get16(bytes, payloadOffset(bytes, offset, length) - 2);
    return this.#takes(version === etherType.ipv6 ? bit.guestUso6 : bit.guestUso4);
  }

  /** An offload that the driver accepted and did not switch off. */
  #takes(feature: number): boolean {
    return this.device.has(feature) && !this.#switchedOff.includes(feature);
  }

  readonly #deliverFinished = (bytes: Uint8Array, offset: number, length: number) => {
    if (!this.#deliver(bytes, offset, length, null)) this.#allTaken = false;
  };

  #deliver(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): boolean {
    const pair = this.#choosePair(bytes, offset, length);
    const result =
      pair < 0 ? received.noBuffers : this.#receiver.deliver(pair, bytes, offset, length, offload);
    this.#count(result);
    return result === received.ok;
  }

  #count(result: Received): void {
    const { statistics } = this;
    if (result === received.ok) statistics.received++;
    else if (result === received.fault) statistics.receiveFaults++;
    else statistics.receiveNoBuffers++;
  }

  /** NET-CVQ-25: another pair where the one is not set up. @returns -1 when none is. */
  #choosePair(bytes: Uint8Array, offset: number, length: number): number {
    const pairs = this.#pairs;
    if (pairs === 1) return 0;
    const first = this.#steering.choose(bytes, offset, length, pairs);
    for (let i = 0; i < pairs; i++) {
      const pair = (first + i) % pairs;
      if (this.device.queue(networkQueue.receive(pair))?.ready === true) return pair;
    }
    return -1;
  }

  /** NET-CVQ-07. */
  macAddressSet(): void {
    this.#showMac();
  }

  announceAcknowledged(): void {
    this.#setStatus(networkStatus.announce, false);
  }

  setQueuePairs(pairs: number): void {
    this.#pairs = pairs;
    this.#mostPairs = Math.max(this.#mostPairs, pairs);
  }

  setGuestOffloads(on: readonly number[]): void {
    this.#switchedOff = switchableOffloads.filter((feature) => !on.includes(feature));
  }

  queueReset(index: number): void {
    // While a frame is on its way, a queue may be stopped and filled again without end.
    const alive = this.#backlog.filter(({ live }) => live);
    this.#backlog.splice(0, this.#backlog.length, ...alive);
    if (index % 2 === 0 && index >> 1 < this.maxQueuePairs) this.#receiver.clear(index >> 1);
  }

  reset(): void {
    this.#receiver.clearAll();
    this.#backlog.length = 0;
    this.#steering.reset();
    this.#pairs = this.#mostPairs = 1;
    this.#switchedOff = [];
    this.filter.reset(this.#permanentMac);
    this.#showMac();
    this.#setStatus(networkStatus.announce, false);
  }

  #shape() {
    const { fixed } = this.config;
    return { type: this.type.name, mac: this.#permanentMac.slice(), mtu: this.#mtu, ...fixed };
  }

  check(state: State, path = 'network device', device?: SavedDevice) {
    const saved = networkState.parse(state, path, this.#shape());
    checkPairs(saved, path, this.maxQueuePairs);
    if (device !== undefined) checkShown(saved, path, this.config, device);
    return saved;
  }

  /** A buffer is kept by its pair, a frame waits to be sent; with or without MQ, the number of the queue says which. */
  checkRequest(request: State, path: string, queue: number): void {
    const expected = queue % 2 === 0 ? queue >> 1 : FRAME;
    expectSame(path, request, expected);
  }

  save() {
    return networkState.save({
      shape: this.#shape(),
      filter: this.filter.save(),
      steering: this.#steering.save(),
      pairs: this.#pairs,
      mostPairs: this.#mostPairs,
      switchedOff: [...this.#switchedOff],
      statistics: { ...this.statistics },
    });
  }

  load(state: State): void {
    const saved = this.check(state);
    this.#receiver.clearAll();
    this.#backlog.length = 0;
    this.filter.load(saved.filter);
    this.#steering.load(saved.steering);
    this.#pairs = saved.pairs;
    this.#mostPairs = saved.mostPairs;
    this.#switchedOff = saved.switchedOff;
    Object.assign(this.statistics, saved.statistics);
  }
}
