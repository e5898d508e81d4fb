import {
  expectAt,
  integer,
  list,
  OptionError,
  record,
  type State,
  shape,
  tuple,
  u32,
  VirtiolabError,
} from '../../../core/index.ts';
import {
  VSOCK_ANY_PORT,
  VSOCK_HOST_CID,
  type VsockPacket,
  vsockOperation,
  vsockType,
} from '../../layout/index.ts';
import type { VsockPayload, VsockPeer, VsockPort, VsockRoom } from './peer.ts';
import { type SocketOwner, VsockSocket } from './socket.ts';
import { socketState, type VsockHandlers } from './socket-parts.ts';

/** An option of a socket host that none can have. */
export class VsockOptionError extends OptionError {}

/** A port that cannot be listened to, or connected to. */
export class VsockPortError extends VirtiolabError {
  readonly port: number;

  constructor(port: number, reason: string) {
    super(`port ${port}: ${reason}`);
    this.port = port;
  }
}

export interface VsockHostOptions {
  /** Connections at a time; by default 256. Those that are over count until what came is read. */
  readonly sockets?: number;
  /** Bytes that a socket keeps for its user, and for the driver; by default 256 KiB each. */
  readonly receiveBytes?: number;
  readonly sendBytes?: number;
  /** Gets every socket of a state that was loaded, to put its handlers on. */
  readonly onRestored?: (socket: VsockSocket) => void;
}

interface Listener {
  readonly type: number;
  readonly onSocket: (socket: VsockSocket) => void;
}

/** A reset for whoever sent to nobody: the two ports, the address and the type that were meant. */
type Stray = readonly [cid: number, port: number, remotePort: number, type: number];

/** Ports of sockets that connect: those that nobody listens to by habit. */
const FIRST_PORT = 0xc000_0000;
const LAST_PORT = 0xfffffffe;
/** Sockets with a packet for the driver stand in a line, by their places in the list. */
export const vsockHostState = record(
  'vsock-host',
  1,
  {
    shape,
    sockets: list(socketState),
    line: list(u32),
    strays: list(tuple(u32, u32, u32, u32)),
    nextPort: integer(FIRST_PORT, LAST_PORT),
  },
  {
    relate({ sockets, line }, expect) {
      for (const [i, place] of line.entries()) {
        const single = place < sockets.length && line.indexOf(place) === i;
        expect(single, `line[${i}]`, place, `a place among ${sockets.length} sockets, once`);
      }
      const live = sockets.filter(({ state, reset }) => state !== 'closed' || reset);
      const names = live.map(({ localPort, remotePort }) => `${localPort} ${remotePort}`);
      const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
      expect(twice < 0, 'sockets', names[twice], 'each pair of ports once');
    },
  },
);

const BUFFER_BYTES = 1 << 18;
const MOST_BYTES = 2 ** 31 - 1;
/** Resets that wait for the driver's buffers: with more of them its packets have to wait (VSOCK-FLOW-02). */
const MOST_STRAYS = 64;

/**
 * The host's sockets, at address 2: they listen to ports, and connect to ports of the driver's. What has to wait waits here,
 * within bounds: connections are counted, each has its bytes, and resets for nobody are few.
 */
export class VsockHost implements VsockPeer, SocketOwner {
  readonly receiveBytes: number;
  readonly sendBytes: number;
  readonly #most: number;
  readonly #onRestored: (socket: VsockSocket) => void;
  #port: VsockPort | null = null;
  readonly #listeners = new Map<number, Listener>();
  readonly #sockets = new Set<VsockSocket>();
  /** Connections by the host's port, then the driver's. */
  readonly #connections = new Map<number, Map<number, VsockSocket>>();
  readonly #line: VsockSocket[] = [];
  readonly #strays: Stray[] = [];
  #nextPort = FIRST_PORT;
  /** Sockets whose users are to hear of something. */
  readonly #told: VsockSocket[] = [];
  #telling = false;

  /** @throws VsockOptionError */
  constructor(options: VsockHostOptions = {}) {
    const { sockets = 256, receiveBytes = BUFFER_BYTES, sendBytes = BUFFER_BYTES } = options;
    for (const [name, value] of Object.entries({ sockets, receiveBytes, sendBytes }))
      if (!Number.isInteger(value) || value < 1 || value > MOST_BYTES)
        throw new VsockOptionError(name, value, `a whole number of 1 to ${MOST_BYTES}`);
    this.#most = sockets;
    this.receiveBytes = receiveBytes;
    this.sendBytes = sendBytes;
    this.#onRestored = options.onRestored ?? (() => {});
  }

  attach(port: VsockPort): void {
    this.#port = port;
  }

  get guestCid(): number {
    return this.#port?.guestCid ?? 0;
  }

  get shapeClause(): string {
    return this.#port!.shapeClause;
  }

  /** Sockets that are open, and those that are over and have something to be read. */
  get sockets(): readonly VsockSocket[] {
    return [...this.#sockets];
  }

  /**
   * Takes connections of a port, until what this returns is called. @param onSocket gets each; it may cut it at once.
   * @param type a value of `vsockType`; by default streams. @throws VsockPortError
   */
  listen(port: number, onSocket: (socket: VsockSocket) => void, type: number = vsockType.stream): () => void {
    checkPort(port);
    if (this.#listeners.has(port)) throw new VsockPortError(port, 'somebody listens to it');
    const listener = { type, onSocket };
    this.#listeners.set(port, listener);
    return () => {
      if (this.#listeners.get(port) === listener) this.#listeners.delete(port);
    };
  }

  /**
   * Asks the driver for a connection to a port of its: `opened` or `closed` tells, maybe before this returns. It waits where
   * there is no driver yet. @param type a value of `vsockType`; by default a stream.
   * @throws VsockPortError, also where there are as many sockets as there may be.
   */
  connect(port: number, on: VsockHandlers = {}, type: number = vsockType.stream): VsockSocket {
    checkPort(port);
    if (this.#sockets.size >= this.#most) throw new VsockPortError(port, `there are ${this.#most} sockets`);
    const socket = new VsockSocket(this, type, this.#freePort(port), port, false);
    socket.on = on;
    this.#add(socket);
    this.changed(socket);
    return socket;
  }

  #freePort(remotePort: number): number {
    for (;;) {
      const port = this.#nextPort;
      this.#nextPort = port === LAST_PORT ? FIRST_PORT : port + 1;
      if (!this.#listeners.has(port) && this.#find(port, remotePort) === undefined) return port;
    }
  }

  #find(localPort: number, remotePort: number): VsockSocket | undefined {
    return this.#connections.get(localPort)?.get(remotePort);
  }

  #add(socket: VsockSocket): void {
    this.#sockets.add(socket);
    if (socket.over) return;
    let ofPort = this.#connections.get(socket.localPort);
    if (ofPort === undefined) this.#connections.set(socket.localPort, (ofPort = new Map()));
    ofPort.set(socket.remotePort, socket);
  }

  /** What concerns a socket has changed: whether it has a packet, or is gone. */
  changed(socket: VsockSocket): void {
    if (socket.over && this.#find(socket.localPort, socket.remotePort) === socket) {
      const ofPort = this.#connections.get(socket.localPort)!;
      ofPort.delete(socket.remotePort);
      if (ofPort.size === 0) this.#connections.delete(socket.localPort);
    }
    if (socket.gone) this.#sockets.delete(socket);
    if (socket.queued || !socket.hasPacket) return;
    socket.queued = true;
    this.#line.push(socket);
    this.#port?.ready();
  }

  /** One after the other: what a handler does leads to no other before it has returned. */
  tell(socket: VsockSocket): void {
    if (!this.#told.includes(socket)) this.#told.push(socket);
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let next = this.#told.shift(); next !== undefined; next = this.#told.shift()) next.deliver();
    } finally {
      this.#telling = false;
    }
  }

  report(clause: string, message: string, what: string, value: number): void {
    this.#port?.report(clause, message, what, value);
  }

  get full(): boolean {
    return this.#strays.length >= MOST_STRAYS;
  }

  get hasPacket(): boolean {
    while (this.#line.length > 0 && !this.#line[0]!.hasPacket) this.#line.shift()!.queued = false;
    return this.#strays.length > 0 || this.#line.length > 0;
  }

  receive(packet: VsockPacket, payload: VsockPayload): void {
    const { operation, sourcePort, destinationPort, type } = packet;
    const here = packet.destinationCid === VSOCK_HOST_CID;
    const socket = here ? this.#find(destinationPort, sourcePort) : undefined;
    if (socket?.type === type) socket.receive(packet, payload);
    else if (here && socket === undefined && operation === vsockOperation.request) this.#accept(packet);
    else this.refuse(packet);
  }

  #accept(packet: VsockPacket): void {
    const { sourcePort, destinationPort, type } = packet;
    const listener = this.#listeners.get(destinationPort);
    if (listener?.type !== type || this.#sockets.size >= this.#most) {
      this.refuse(packet);
      return;
    }
    const socket = new VsockSocket(this, type, destinationPort, sourcePort, true);
    if (!socket.takeCredit(packet)) {
      this.refuse(packet);
      return;
    }
    this.#add(socket);
    listener.onSocket(socket);
    this.changed(socket);
  }

  /** Nobody is there: that is told, unless it was a reset itself. */
  refuse({ operation, destinationCid, destinationPort, sourcePort, type }: VsockPacket): void {
    if (operation === vsockOperation.reset) return;
    this.#strays.push([destinationCid, destinationPort, sourcePort, type]);
    this.#port?.ready();
  }

  next(packet: VsockPacket, room: VsockRoom): void {
    const nobody = this.#strays.shift();
    if (nobody !== undefined) {
      this.#fillStray(packet, nobody);
      return;
    }
    const socket = this.#line.shift()!;
    socket.queued = false;
    socket.next(packet, room);
    // Those that have more wait for their turn.
    this.changed(socket);
    if (packet.operation === vsockOperation.payload) socket.drained();
  }

  #fillStray(packet: VsockPacket, [cid, port, remotePort, type]: Stray): void {
    packet.sourceCid = cid;
    packet.destinationCid = this.guestCid;
    packet.sourcePort = port;
    packet.destinationPort = remotePort;
    packet.type = type;
    packet.operation = vsockOperation.reset;
    packet.length = packet.flags = packet.bufferAllocation = packet.forwardCount = 0;
  }

  lost({ sourcePort, destinationPort }: VsockPacket): void {
    this.#find(sourcePort, destinationPort)?.lost();
  }

  reset(): void {
    this.#strays.length = 0;
    for (const socket of this.#line.splice(0)) socket.queued = false;
    for (const socket of this.sockets) {
      socket.forget();
      this.changed(socket);
    }
  }

  #shape() {
    return { receiveBytes: this.receiveBytes, sendBytes: this.sendBytes };
  }

  check(state: State, path = 'vsock-host') {
    const saved = vsockHostState.parse(state, path, this.#shape());
    const { length } = saved.sockets;
    expectAt(path)(length <= this.#most, 'sockets.length', length, `at most ${this.#most}`);
    return saved;
  }

  save() {
    const all = this.sockets;
    return vsockHostState.save({
      shape: this.#shape(),
      sockets: all.map((socket) => socket.save()),
      line: this.#line.map((socket) => all.indexOf(socket)).filter((place) => place >= 0),
      strays: [...this.#strays],
      nextPort: this.#nextPort,
    });
  }

  /** Listeners are the host's own, and stay. Sockets that were here are gone without a word. */
  load(state: State): void {
    const saved = this.check(state);
    this.#sockets.clear();
    this.#connections.clear();
    this.#line.length = 0;
    this.#strays.splice(0, this.#strays.length, ...saved.strays);
    this.#nextPort = saved.nextPort;
    const all = saved.sockets.map((each) => {
      const socket = new VsockSocket(this, each.type, each.localPort, each.remotePort, true);
      socket.load(each);
      this.#add(socket);
      return socket;
    });
    for (const place of saved.line) {
      const socket = all[place]!;
      socket.queued = true;
      this.#line.push(socket);
    }
    for (const socket of all) this.#onRestored(socket);
  }
}

/** @throws VsockPortError */
function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port >= VSOCK_ANY_PORT)
    throw new VsockPortError(port, `wants a whole number below ${VSOCK_ANY_PORT}`);
}
