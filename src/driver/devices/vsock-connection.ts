import { concatenated, VirtiolabError } from '../../core/index.ts';
import {
  VsockCredit,
  type VsockPacket,
  vsockBoundary,
  vsockOperation,
  vsockShutdown,
  vsockType,
} from '../../virtio/layout/index.ts';

/** A connection that was cut, refused, or is not there any more. */
export class VsockConnectionError extends VirtiolabError {}

/** What a connection needs of its driver. */
export interface ConnectionOwner {
  /** Room for what comes, in bytes. */
  readonly receiveBytes: number;
  /** Bytes of payload in one packet at most. */
  readonly packetBytes: number;
  /** Sends a packet, after those before. Ends when the device has it. */
  send(of: VsockConnection, operation: number, flags: number, payload: Uint8Array): Promise<void>;
  /** The connection is over. */
  forget(connection: VsockConnection): void;
}

interface Sending {
  readonly bytes: Uint8Array;
  readonly flags: number;
  at: number;
  resolve(): void;
  reject(error: Error): void;
}

const BOTH = vsockShutdown.receive | vsockShutdown.send;
const NOTHING = new Uint8Array();

/** The driver's end of a connection: bytes of a stream, or messages. */
export class VsockConnection {
  /** A value of `vsockType`. */
  readonly type: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly credit: VsockCredit;
  readonly #owner: ConnectionOwner;
  #over: Error | null = null;
  #shut = 0;
  #peerShut = 0;
  readonly #sending: Sending[] = [];
  /** Ends with the last of them. */
  #last: Promise<void> = Promise.resolve();
  /** Whole chunks or messages, and of a message what has come so far. */
  readonly #inbox: Uint8Array[] = [];
  readonly #part: Uint8Array[] = [];
  readonly #readers: { resolve(bytes: Uint8Array | null): void; reject(error: Error): void }[] = [];
  readonly #closing: (() => void)[] = [];

  constructor(owner: ConnectionOwner, type: number, localPort: number, remotePort: number) {
    this.#owner = owner;
    this.type = type;
    this.localPort = localPort;
    this.remotePort = remotePort;
    this.credit = new VsockCredit(owner.receiveBytes);
  }

  /**
   * Sends bytes of a stream, or a message; as soon as the other side has room. @param endsRecord of a message.
   * Ends when the device has the last of them. @throws VsockConnectionError, DeviceFailedError
   */
  send(bytes: Uint8Array, endsRecord = false): Promise<void> {
    if (this.#over !== null) return Promise.reject(this.#over);
    if ((this.#shut & vsockShutdown.send) !== 0)
      return Promise.reject(new VsockConnectionError('the connection was shut for sending'));
    const stream = this.type === vsockType.stream;
    if (stream && bytes.length === 0) return Promise.resolve();
    const flags = stream ? 0 : vsockBoundary.message | (endsRecord ? vsockBoundary.record : 0);
    const done = new Promise<void>((resolve, reject) => {
      this.#sending.push({ bytes: bytes.slice(), flags, at: 0, resolve, reject });
    });
    // What follows does not fail with it.
    this.#last = done.catch(() => {});
    this.#flush();
    return done;
  }

  /** VSOCK-BUF-01: as much as the other side has room for. */
  #flush(): void {
    const owner = this.#owner;
    for (let next = this.#sending[0]; next !== undefined && this.#over === null; next = this.#sending[0]) {
      const left = next.bytes.length - next.at;
      const length = Math.min(left, owner.packetBytes, this.credit.credit);
      if (length === 0 && left > 0) {
        if (!this.credit.asked) this.#tell(vsockOperation.creditRequest);
        this.credit.asked = true;
        return;
      }
      const piece = next.bytes.subarray(next.at, next.at + length);
      next.at += length;
      this.credit.wentOut(length);
      const last = next.at === next.bytes.length;
      // What comes back may lead here again before the packet's own turn is over.
      if (last) this.#sending.shift();
      const sent = owner.send(this, vsockOperation.payload, last ? next.flags : 0, piece);
      sent.then(last ? next.resolve : () => {}, next.reject);
    }
  }

  /** Sends a packet that bears nothing; who waits for more hears of it elsewhere. */
  #tell(operation: number, flags = 0): void {
    this.#owner.send(this, operation, flags, NOTHING).catch(() => {});
  }

  /** What came next: bytes of a stream, or a message; null after the last. @throws VsockConnectionError */
  read(): Promise<Uint8Array | null> {
    const next = this.#inbox.shift();
    if (next !== undefined) {
      this.#wasRead(next);
      return Promise.resolve(next);
    }
    if ((this.#peerShut & vsockShutdown.send) !== 0) return Promise.resolve(null);
    if (this.#over !== null) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  /** All that comes until the other side sends no more. @throws VsockConnectionError */
  async readAll(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let next = await this.read(); next !== null; next = await this.read()) pieces.push(next);
    return concatenated(pieces);
  }

  #wasRead({ length }: Uint8Array): void {
    this.credit.wasRead(length);
    if (this.credit.updateDue && this.#over === null) this.#tell(vsockOperation.creditUpdate);
  }

  /** Tells the other side that no more is sent, or received: flags of `vsockShutdown`. What was given to be sent goes before. */
  async shutdown(flags: number): Promise<void> {
    this.#shut |= flags;
    await this.#last;
    if (this.#over === null) await this.#owner.send(this, vsockOperation.shutdown, this.#shut, NOTHING);
  }

  /** Ends the connection: what was given to be sent goes before, and the other side agrees. */
  async close(): Promise<void> {
    if (this.#over !== null) return;
    const agreed = new Promise<void>((resolve) => this.#closing.push(resolve));
    await this.shutdown(BOTH);
    await agreed;
  }

  /** Cuts it. */
  reset(): void {
    if (this.#over !== null) return;
    this.#tell(vsockOperation.reset);
    this.end(new VsockConnectionError('the connection was cut'));
  }

  /** A packet of the other side's. */
  receive(packet: VsockPacket, payload: Uint8Array): void {
    const { operation, flags } = packet;
    if (operation === vsockOperation.reset) {
      const agreed = this.#shut === BOTH;
      this.end(new VsockConnectionError(`the other side ${agreed ? 'closed' : 'cut'} the connection`));
      return;
    }
    if (!this.credit.take(packet)) this.reset();
    else if (operation === vsockOperation.payload) this.#payload(payload, flags);
    else if (operation === vsockOperation.creditRequest) this.#tell(vsockOperation.creditUpdate);
    else if (operation === vsockOperation.shutdown) this.#peerShuts(flags);
    this.#flush();
  }

  #payload(payload: Uint8Array, flags: number): void {
    if (payload.length > this.credit.room) {
      this.reset();
      return;
    }
    this.credit.cameIn(payload.length);
    if (this.type === vsockType.stream) {
      if (payload.length > 0) this.#arrived(payload);
      return;
    }
    this.#part.push(payload);
    if ((flags & vsockBoundary.message) !== 0) this.#arrived(concatenated(this.#part.splice(0)));
  }

  #arrived(bytes: Uint8Array): void {
    const reader = this.#readers.shift();
    if (reader === undefined) this.#inbox.push(bytes);
    else {
      this.#wasRead(bytes);
      reader.resolve(bytes);
    }
  }

  #peerShuts(flags: number): void {
    this.#peerShut |= flags;
    if ((this.#peerShut & vsockShutdown.send) !== 0)
      for (const { resolve } of this.#readers.splice(0)) resolve(null);
    if ((this.#peerShut & BOTH) !== BOTH) return;
    this.#tell(vsockOperation.reset);
    this.end(new VsockConnectionError('the other side closed the connection'));
  }

  /** It is over: what came can be read, and nothing is sent. */
  end(error: Error): void {
    if (this.#over !== null) return;
    this.#over = error;
    for (const { reject } of this.#sending.splice(0)) reject(error);
    for (const { reject } of this.#readers.splice(0)) reject(error);
    for (const closed of this.#closing.splice(0)) closed();
    this.#owner.forget(this);
  }
}
