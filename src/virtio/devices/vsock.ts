import { anyState, flag, record, type State, shape, type Task } from '../../core/index.ts';
import { VsockHost, VsockOptionError } from '../backends/vsock/host.ts';
import type { VsockPeer, VsockPort } from '../backends/vsock/peer.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { shapeClause } from '../clauses.ts';
import { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import { VSOCK_GUEST_CIDS, vsockConfig, vsockDeviceType, vsockFeature, vsockQueue } from '../layout/index.ts';
import type { Chain } from '../queue/chain.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import { EventQueue } from './vsock/event-queue.ts';
import { ReceiveQueue } from './vsock/receive-queue.ts';
import { TransmitQueue } from './vsock/transmit-queue.ts';

export interface VsockOptions {
  /** The driver's address, 3 to 0xfffffffe; by default 3. */
  readonly guestCid?: number;
  /** What is at the other end; by default sockets of a host to which nobody listens yet. */
  readonly peer?: VsockPeer;
  /** Types of sockets that are offered; by default both. */
  readonly types?: readonly ('stream' | 'seqpacket')[];
  /** Descriptors of each queue. */
  readonly queueSize?: number;
}

export const vsockState = record('vsock', 1, { shape, eventPending: flag, peer: anyState });

/** @throws VsockOptionError (VSOCK-RT-03) */
function checkCid(guestCid: number): void {
  const { first, last } = VSOCK_GUEST_CIDS;
  if (!Number.isInteger(guestCid) || guestCid < first || guestCid > last)
    throw new VsockOptionError('guestCid', guestCid, `a whole number of ${first} to ${last}`);
}

/**
 * The socket device (chapter Socket Device): it carries packets between the driver and a peer. Packets for the driver stay
 * with the peer until there is a buffer; packets of the driver's are taken whether or not there is (VSOCK-FLOW-02), as long
 * as the peer has room for its answers.
 */
export class VsockDevice implements DeviceBehaviour, VsockPort {
  readonly type = vsockDeviceType;
  readonly record = vsockState;
  readonly features: readonly number[];
  readonly config = new DeviceConfig(vsockConfig);
  readonly queueSizes: readonly number[];
  readonly peer: VsockPeer;
  guestCid: number;
  #device!: DevicePort;
  #receive: ReceiveQueue | null = null;
  #transmit!: TransmitQueue;
  #events!: EventQueue;
  #waits = false;

  /** @throws VsockOptionError, QueueSizeError */
  constructor(options: VsockOptions = {}) {
    const { guestCid = VSOCK_GUEST_CIDS.first, types = ['stream', 'seqpacket'], queueSize = 128 } = options;
    checkCid(guestCid);
    this.guestCid = guestCid;
    this.config.set('guestCid', guestCid);
    // VSOCK-FEAT-04.
    this.features = [...types.map((type) => vsockFeature[type]), vsockFeature.noImpliedStream];
    this.queueSizes = Object.values(vsockQueue).map(() => queueSize);
    checkQueueSizes(this.queueSizes);
    this.peer = options.peer ?? new VsockHost();
    this.peer.attach(this);
  }

  attach(device: DevicePort): void {
    this.#device = device;
    this.#receive = new ReceiveQueue(device, this.peer);
    this.#transmit = new TransmitQueue(device, this.peer, () => this.guestCid);
    this.#events = new EventQueue(device);
  }

  handle(chain: Chain): void {
    if (chain.queue === vsockQueue.receive) this.#receive!.add(chain);
    else if (chain.queue === vsockQueue.transmit) this.#transmit.add(chain);
    else this.#events.add(chain);
    this.ready();
  }

  /** There may be something to do. */
  ready(): void {
    if (this.#receive === null) return;
    if (this.#device.dmaEnabled) this.#task.run();
    else if (!this.#waits) {
      this.#waits = true;
      this.#device.whenDma(this.#task);
    }
  }

  readonly #task: Task = {
    label: 'vsock packets',
    run: () => {
      this.#waits = false;
      this.#events.pump();
      this.#receive!.pump();
      this.#transmit.pump();
      // What these led to may have switched bus mastering off.
      if (!this.#device.dmaEnabled) this.ready();
    },
  };

  get shapeClause(): string {
    return shapeClause(this.#device);
  }

  report(clause: string, message: string, what: string, value: number): void {
    this.#transmit.report(clause, message, what, value);
  }

  /**
   * The way to the driver was interrupted, as by a migration: connections are gone on both sides, and the driver, which is
   * told, looks which address it has now. @throws VsockOptionError
   */
  resetTransport(guestCid = this.guestCid): void {
    checkCid(guestCid);
    if (guestCid !== this.guestCid) this.config.set('guestCid', guestCid);
    this.guestCid = guestCid;
    this.peer.reset();
    if (this.#receive === null) return;
    this.#events.pending = true;
    this.ready();
  }

  queueReset(index: number): void {
    if (index === vsockQueue.receive) this.#receive!.clear();
    else if (index === vsockQueue.transmit) this.#transmit.clear();
    else this.#events.clear();
  }

  /** The next driver reads its address anyway. */
  reset(): void {
    for (const index of Object.values(vsockQueue)) this.queueReset(index);
    this.#events.pending = false;
    this.peer.reset();
  }

  #shape() {
    return { type: this.type.name, features: [...this.features] };
  }

  check(state: State, path = 'vsock') {
    const saved = vsockState.parse(state, path, this.#shape());
    this.peer.check?.(saved.peer, `${path}.peer`);
    return saved;
  }

  save() {
    return vsockState.save({
      shape: this.#shape(),
      eventPending: this.#events.pending,
      peer: this.peer.save(),
    });
  }

  load(state: State): void {
    const saved = this.check(state);
    for (const index of Object.values(vsockQueue)) this.queueReset(index);
    this.guestCid = this.config.get('guestCid');
    this.#events.pending = saved.eventPending;
    this.peer.load(saved.peer);
  }
}
