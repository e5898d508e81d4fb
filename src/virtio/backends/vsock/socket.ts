import type { ValueOf } from '../../../core/index.ts';
import {
  VSOCK_HOST_CID,
  VsockCredit,
  type VsockPacket,
  vsockBoundary,
  vsockOperation,
  vsockShutdown,
  vsockType,
} from '../../layout/index.ts';
import { VsockInput } from './input.ts';
import { VsockOutput } from './output.ts';
import type { VsockPayload, VsockRoom } from './peer.ts';
import {
  type socketState,
  type socketStates,
  type VsockEnding,
  type VsockHandlers,
  type VsockMessage,
  VsockWriteError,
} from './socket-parts.ts';

/** In the order in which they are told. */
const events = ['opened', 'received', 'drained', 'ended', 'closed'] as const;
const BOTH = vsockShutdown.receive | vsockShutdown.send;
const { request, response, reset, shutdown, payload, creditUpdate, creditRequest } = vsockOperation;

/** What a socket needs of its host. */
export interface SocketOwner {
  readonly guestCid: number;
  /** Bytes that a socket holds for its user, and for the driver, at most. */
  readonly receiveBytes: number;
  readonly sendBytes: number;
  /** A socket may have a packet for the driver, or none any more, or be gone. */
  changed(socket: VsockSocket): void;
  /** Its user is to hear of something. */
  tell(socket: VsockSocket): void;
  /** What a driver breaks where no clause is about that alone. */
  readonly shapeClause: string;
  report(clause: string, message: string, what: string, value: number): void;
}

/** The host's end of a connection. Streams are bytes; seqpackets are messages. */
export class VsockSocket {
  readonly localPort: number;
  readonly remotePort: number;
  /** A value of `vsockType`. */
  readonly type: number;
  on: VsockHandlers = {};
  readonly #owner: SocketOwner;
  readonly #isStream: boolean;
  #state: (typeof socketStates)[number];
  #first = true;
  #reset = false;
  readonly #input: VsockInput;
  readonly #output: VsockOutput;
  readonly #credit: VsockCredit;
  /** A write was cut short. */
  #short = false;
  #shut = 0;
  #shutting = 0;
  #peerShut = 0;
  /** The host has it in the line of those with packets. */
  queued = false;
  /** What its user is to hear, and how it ended. */
  #events = 0;
  #ending: VsockEnding = 'closed';

  constructor(owner: SocketOwner, type: number, localPort: number, remotePort: number, accepted: boolean) {
    this.#owner = owner;
    this.#credit = new VsockCredit(owner.receiveBytes);
    this.#input = new VsockInput(this.#credit);
    this.#output = new VsockOutput(this.#credit, owner.sendBytes);
    this.type = type;
    this.#isStream = type === vsockType.stream;
    this.localPort = localPort;
    this.remotePort = remotePort;
    this.#state = accepted ? 'open' : 'connecting';
  }

  get state(): 'connecting' | 'open' | 'closed' {
    return this.#state;
  }

  /** Bytes that can be read; of a seqpacket socket also those of a message that is not whole yet. */
  get available(): number {
    return this.#input.length;
  }

  /** Bytes that the driver has no room for yet. */
  get unsent(): number {
    return this.#output.length;
  }

  /** Nothing is to be done for it any more: no packet to be sent, nothing to be read. */
  get gone(): boolean {
    return this.#state === 'closed' && !this.#reset && this.#input.isEmpty;
  }

  /** The driver's packets are for somebody else: the connection is over. */
  get over(): boolean {
    return this.#state === 'closed' && !this.#reset;
  }

  /** Bytes of a stream, or a whole message; null where there is none. @param most of a stream. */
  read(most = Number.MAX_SAFE_INTEGER): Uint8Array | null {
    if (!this.#isStream) return this.readMessage()?.bytes ?? null;
    const bytes = this.#input.read(most);
    this.#owner.changed(this);
    return bytes;
  }

  /** The next message that is whole, or null. */
  readMessage(): VsockMessage | null {
    const message = this.#input.readMessage();
    this.#owner.changed(this);
    return message;
  }

  /**
   * Sends bytes of a stream, or a message. @param endsRecord of a message.
   * @returns how many bytes were taken; of a message all or none, which is -1. `drained` tells when to go on.
   * @throws VsockWriteError after the end, and for a message that never fits.
   */
  write(bytes: Uint8Array, endsRecord = false): number {
    if (this.#state === 'closed' || ((this.#shut | this.#shutting) & vsockShutdown.send) !== 0)
      throw new VsockWriteError(bytes.length, 'it sends no more');
    if ((this.#peerShut & vsockShutdown.receive) !== 0)
      throw new VsockWriteError(bytes.length, 'the driver receives no more');
    const { sendBytes } = this.#owner;
    if (!this.#isStream && bytes.length > sendBytes)
      throw new VsockWriteError(bytes.length, `a message has at most ${sendBytes}`);
    const taken = this.#isStream ? this.#push(bytes) : this.#pushMessage(bytes, endsRecord);
    this.#short = taken < bytes.length;
    return taken;
  }

  #pushMessage(bytes: Uint8Array, endsRecord: boolean): number {
    if (!this.#output.pushMessage(bytes, endsRecord)) return -1;
    this.#owner.changed(this);
    return bytes.length;
  }

  /** What leaves meanwhile makes room for more. */
  #push(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'closed') {
      const pushed = this.#output.push(bytes, at);
      if (pushed === 0) break;
      at += pushed;
      this.#owner.changed(this);
    }
    return at;
  }

  /** Sends, or receives, no more, once what was written has gone: flags of `vsockShutdown`. */
  shutdown(flags: number): void {
    if (this.#state === 'closed') return;
    this.#shutting |= flags & BOTH & ~this.#shut;
    this.#owner.changed(this);
  }

  /** Ends the connection once what was written has gone. The driver answers when it is through; until then it stays. */
  close(): void {
    if (this.#state === 'connecting') this.reset();
    else this.shutdown(BOTH);
  }

  /** Cuts the connection now. */
  reset(): void {
    if (this.#state === 'closed') return;
    // Of a request that was not sent yet nobody knows.
    this.#end('reset', !(this.#state === 'connecting' && this.#first));
  }

  /** @param tell by a reset. */
  #end(how: VsockEnding, tell: boolean): void {
    this.#state = 'closed';
    this.#reset = tell;
    this.#first = this.#short = false;
    this.#output.clear();
    this.#owner.changed(this);
    this.#ending = how;
    this.#tell('closed');
  }

  /** What a packet says of the driver's room. @returns false for what cannot be. */
  takeCredit(packet: VsockPacket): boolean {
    const good = this.#credit.take(packet);
    const { forwardCount } = packet;
    if (!good)
      this.#owner.report(
        'VSOCK-BUF-02',
        'more bytes are counted than were sent',
        'forward count',
        forwardCount,
      );
    return good;
  }

  #tell(what: (typeof events)[number]): void {
    this.#events |= 1 << events.indexOf(what);
    this.#owner.tell(this);
  }

  /** Tells its user what happened, which may lead to more. */
  deliver(): void {
    while (this.#events !== 0) {
      const next = events.findIndex((_, i) => (this.#events & (1 << i)) !== 0);
      this.#events &= ~(1 << next);
      const name = events[next]!;
      if (name === 'closed') this.on.closed?.(this.#ending);
      else this.on[name]?.();
    }
  }

  /** A packet of the driver's. */
  receive(packet: VsockPacket, content: VsockPayload): void {
    const { operation } = packet;
    if (operation === reset) this.#cut();
    else if (this.#state === 'closed') return;
    else if (!this.takeCredit(packet)) this.#end('reset', true);
    else if (this.#state === 'connecting') {
      if (operation === response && !this.#first) this.#open();
      else this.#misplaced(operation);
    } else this.#inOpen(packet, content);
    this.#owner.changed(this);
  }

  #inOpen(packet: VsockPacket, content: VsockPayload): void {
    const { operation } = packet;
    if (operation === payload) this.#payload(packet, content);
    else if (operation === creditRequest) this.#credit.updateDue = true;
    else if (operation === shutdown) this.#peerShuts(packet.flags);
    else if (operation !== creditUpdate) this.#misplaced(operation);
  }

  #cut(): void {
    if (this.#state === 'closed') this.#reset = false;
    else if (this.#state === 'connecting') this.#end('refused', false);
    else this.#end(this.#shut === BOTH ? 'closed' : 'reset', false);
  }

  #open(): void {
    this.#state = 'open';
    this.#tell('opened');
  }

  #misplaced(operation: number): void {
    this.#owner.report(
      this.#owner.shapeClause,
      'an operation that does not belong there',
      'operation',
      operation,
    );
    this.#end('reset', true);
  }

  #peerShuts(flags: number): void {
    const before = this.#peerShut;
    this.#peerShut |= flags & BOTH;
    if ((this.#peerShut & vsockShutdown.receive) !== 0) this.#output.clear();
    if (this.#peerShut === BOTH) this.#end('closed', true);
    else if ((this.#peerShut & ~before & vsockShutdown.send) !== 0) this.#tell('ended');
  }

  #payload({ length, flags }: VsockPacket, content: VsockPayload): void {
    const { room } = this.#credit;
    if (length > room || (this.#peerShut & vsockShutdown.send) !== 0) {
      if (length > room)
        this.#owner.report('VSOCK-BUF-01', 'more payload than there is room for', 'length in bytes', length);
      else this.#owner.report(this.#owner.shapeClause, 'a payload after the last', 'length in bytes', length);
      this.#end('reset', true);
      return;
    }
    if (!this.#input.push(content, length)) {
      this.#end('reset', true);
      return;
    }
    const ends = !this.#isStream && (flags & vsockBoundary.message) !== 0;
    if (ends) this.#input.end((flags & vsockBoundary.record) !== 0);
    if ((this.#shut & vsockShutdown.receive) !== 0) this.#input.drop();
    else if (this.#input.overflows) this.#end('reset', true);
    else if (ends || (this.#isStream && length > 0)) this.#tell('received');
  }

  /** There is something to be sent, and the driver has room for it. */
  get hasPacket(): boolean {
    if (this.#reset) return true;
    if (this.#state === 'closed') return false;
    if (this.#first) return true;
    if (this.#state === 'connecting') return false;
    return this.#credit.updateDue || this.#output.mayGo || this.#output.mayAsk || this.#mayShut();
  }

  #mayShut(): boolean {
    return this.#shutting !== 0 && (this.#output.isEmpty || (this.#shutting & vsockShutdown.send) === 0);
  }

  /** Fills in the packet that is next. */
  next(packet: VsockPacket, room: VsockRoom): void {
    packet.sourceCid = VSOCK_HOST_CID;
    packet.destinationCid = this.#owner.guestCid;
    packet.sourcePort = this.localPort;
    packet.destinationPort = this.remotePort;
    packet.type = this.type;
    packet.length = packet.flags = 0;
    const due = this.#credit.updateDue;
    this.#credit.tell(packet);
    if (this.#reset) {
      packet.operation = reset;
      this.#reset = false;
    } else if (this.#first) {
      packet.operation = this.#state === 'connecting' ? request : response;
      this.#first = false;
    } else if (this.#output.mayGo) this.#output.next(packet, room);
    else if (due) packet.operation = creditUpdate;
    else if (this.#output.mayAsk) {
      packet.operation = creditRequest;
      this.#credit.asked = true;
    } else {
      packet.operation = shutdown;
      this.#shut |= this.#shutting;
      packet.flags = this.#shut;
      this.#shutting = 0;
      if ((this.#shut & vsockShutdown.receive) !== 0) this.#input.drop();
    }
  }

  /** A payload has left. */
  drained(): void {
    if (!this.#short || this.#state === 'closed') return;
    this.#short = false;
    this.#tell('drained');
  }

  /** A packet did not reach the driver: what the two know of each other is not the same any more. */
  lost(): void {
    if (this.#state !== 'closed') this.#end('reset', true);
  }

  /** The driver is gone, with its end of it. A request that was not sent yet is for the next one. */
  forget(): void {
    this.#reset = false;
    if (this.#state === 'open' || (this.#state === 'connecting' && !this.#first)) this.#end('reset', false);
  }

  save(): ValueOf<typeof socketState> {
    return {
      localPort: this.localPort,
      remotePort: this.remotePort,
      type: this.#isStream ? vsockType.stream : vsockType.seqpacket,
      state: this.#state,
      first: this.#first,
      reset: this.#reset,
      input: this.#input.save(),
      output: this.#output.save(),
      credit: this.#credit.save(),
      short: this.#short,
      shut: this.#shut,
      shutting: this.#shutting,
      peerShut: this.#peerShut,
    };
  }

  load(saved: ValueOf<typeof socketState>): void {
    this.#state = saved.state;
    this.#first = saved.first;
    this.#reset = saved.reset;
    this.#input.load(saved.input);
    this.#output.load(saved.output);
    this.#credit.load(saved.credit);
    this.#short = saved.short;
    this.#shut = saved.shut;
    this.#shutting = saved.shutting;
    this.#peerShut = saved.peerShut;
  }
}
