import { expectAt, type FindingAbout, Room, type State, type Task } from '../../core/index.ts';
import { type P9Server, P9ServerError } from '../backends/p9-link.ts';
import { P9Session } from '../backends/p9-session.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { reachClause, shapeClause } from '../clauses.ts';
import { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import {
  decodeP9,
  isRequest,
  MAX_MOUNT_TAG_BYTES,
  p9Config,
  p9DeviceType,
  p9Error,
  p9Feature,
  p9Header,
  p9Messages,
  p9Tag,
  p9Type,
  p9Version,
} from '../layout/index.ts';
import { aboutChain, type Chain, NOT_DONE, type TakenRequest } from '../queue/chain.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import type { SavedDevice } from '../queue-user.ts';
import { errorReply } from './p9/errors.ts';
import { MAX_MESSAGE, MIN_MESSAGE, MountTagError, P9MessageBoundError } from './p9/option-errors.ts';
import { p9RequestState, p9State } from './p9/state.ts';

export interface P9Options {
  readonly server: P9Server;
  /**
   * The name by which a driver finds the file system, in UTF-8 at most 254 bytes; at most 230 on a function with a legacy
   * block in an I/O BAR (`LegacyBlockSizeError`).
   */
  readonly mountTag?: string;
  /** Bytes of one message at most, in either direction; a driver that wants longer ones is talked down. */
  readonly maxMessageBytes?: number;
  /** Descriptors of the queue. */
  readonly queueSize?: number;
  /** The server went away, or sent garbage. */
  readonly onServerLost?: (error: P9ServerError) => void;
}

const NOTHING = new Uint8Array();
const NONE: readonly P9Request[] = [];
/** What Linux asks for at most: 125 pages, and then some. */
const DEFAULT_MESSAGE = 512 * 1024;

/** A message of the driver's, and later its reply on the way into memory. */
class P9Request implements Task, TakenRequest {
  readonly label = '9P reply';
  chain: Chain | null = null;
  tag = 0;
  type = 0;
  /** Which request a Tflush means. */
  oldTag = 0;
  /** Empty where there is to be no reply. */
  reply: Uint8Array = NOTHING;
  /** The reply is there, and waits for DMA. */
  answered = false;
  readonly #device: P9Device;

  constructor(device: P9Device) {
    this.#device = device;
  }

  run(): void {
    this.#device.finish(this);
  }

  save() {
    const { tag, type, oldTag, answered, reply } = this;
    return p9RequestState.save({ tag, type, oldTag, reply: answered ? reply.slice() : null });
  }
}

/** No field of its configuration ever changes. */
const VARYING = [] as const;

/**
 * The 9P transport (type 9): carries messages between its driver and a server, one session each. A session begins with a
 * version message, which connects anew where there is no connection, and ends with a reset of the device or with the
 * server: requests in flight, and all further ones up to the next version message, are then answered with an error.
 */
export class P9Device implements DeviceBehaviour {
  readonly type = p9DeviceType;
  readonly record = p9State;
  readonly requestRecord = p9RequestState;
  readonly features = [p9Feature.mountTag];
  readonly config: DeviceConfig<typeof p9Config>;
  readonly queueSizes: readonly number[];
  readonly #server: P9Server;
  readonly #maxBytes: number;
  readonly #onServerLost: (error: P9ServerError) => void;
  readonly #message: Room;
  readonly #free: P9Request[] = [];
  readonly #inFlight = new Map<number, P9Request>();
  #device!: DevicePort;
  #session: P9Session | null = null;
  #version: string = p9Version.linux;
  /** The connection, of a state that was loaded, has the messages in flight: they are not sent anew. */
  #resumed = false;

  /** @throws MountTagError, P9MessageBoundError, QueueSizeError */
  constructor(options: P9Options) {
    const { mountTag = 'virtiolab', maxMessageBytes = DEFAULT_MESSAGE, queueSize = 128 } = options;
    const tag = new TextEncoder().encode(mountTag);
    if (tag.length === 0 || tag.length > MAX_MOUNT_TAG_BYTES) throw new MountTagError(mountTag);
    if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < MIN_MESSAGE || maxMessageBytes > MAX_MESSAGE)
      throw new P9MessageBoundError(maxMessageBytes);
    this.#server = options.server;
    this.#maxBytes = maxMessageBytes;
    this.#message = new Room(maxMessageBytes);
    this.#onServerLost = options.onServerLost ?? (() => {});
    this.queueSizes = [queueSize];
    checkQueueSizes(this.queueSizes);
    this.config = new DeviceConfig(p9Config, p9Config.tag.offset + tag.length);
    this.config.set('tagLength', tag.length);
    this.config.setBytes('tag', tag);
    this.config.vary(VARYING);
  }

  attach(device: DevicePort): void {
    this.#device = device;
  }

  /** True while there is a session with the server. */
  get connected(): boolean {
    return this.#session?.open === true;
  }

  handle(chain: Chain): void {
    const header = chain.header(p9Header.bytes);
    if (header === null) {
      const length = chain.readableBytes;
      if (length < p9Header.bytes)
        this.#report(`a message of ${length} bytes`, aboutChain(chain, 'length in bytes', length));
      else this.#outOfReach('a message out of reach', chain);
      this.#device.complete(chain, 0);
      return;
    }
    const at = chain.headerAt;
    const size = header.getUint32(at + p9Header.size, true);
    const request = this.#requestOf(chain);
    request.type = header.getUint8(at + p9Header.type);
    request.tag = header.getUint16(at + p9Header.tag, true);
    const error = this.#refusal(request, size);
    if (error === null) this.#forward(request, this.#message.bytes.subarray(0, size));
    else this.#answerError(request, error);
  }

  #requestOf(chain: Chain): P9Request {
    const request = this.#free.pop() ?? new P9Request(this);
    request.chain = chain;
    chain.request = request;
    chain.held = true;
    return request;
  }

  /** A reply that was there is given; a message that the server has waits again; others are sent anew. */
  resumeChain(chain: Chain, state: State): void {
    const saved = p9RequestState.parse(state);
    if (saved.reply === null && !(this.#resumed && this.connected)) {
      this.handle(chain);
      return;
    }
    const request = this.#requestOf(chain);
    request.tag = saved.tag;
    request.type = saved.type;
    request.oldTag = saved.oldTag;
    if (saved.reply !== null) {
      this.#answer(request, saved.reply);
      return;
    }
    this.#inFlight.set(request.tag, request);
    this.#session!.awaited(request.tag);
  }

  /** Of 9P the specification has no more than the number (P9-01): what is wrong with a message is so by the umbrella. */
  #report(message: string, about: FindingAbout, clause = shapeClause(this.#device)): void {
    this.#device.report('driver', clause, message, about);
  }

  #outOfReach(message: string, chain: Chain): void {
    this.#report(message, aboutChain(chain), reachClause(this.#device));
  }

  /** Takes the message into the buffer. @returns the error with which it is refused, or null. */
  #refusal({ chain, type, tag }: P9Request, size: number): number | null {
    const { readableBytes } = chain!;
    const refuse = (message: string, what: string, value: number, error: number = p9Error.invalid) => {
      this.#report(message, aboutChain(chain!, what, value));
      return error;
    };
    if (size < p9Header.bytes || size > readableBytes)
      return refuse(`a message of ${size} bytes in ${readableBytes}`, 'length in bytes', size);
    if (size > this.#maxBytes)
      return refuse(
        `a message of ${size} bytes; ${this.#maxBytes} were agreed on`,
        'length in bytes',
        size,
        p9Error.tooLong,
      );
    if (size < readableBytes)
      this.#report(
        `${readableBytes - size} bytes behind a message`,
        aboutChain(chain!, 'length in bytes', readableBytes),
      );
    if (!isRequest(type))
      return refuse(`a message of type ${type}, which is a reply's`, 'message type', type);
    if (this.#inFlight.has(tag)) return refuse('a tag that is in use', 'tag', tag);
    if (!chain!.read(0, this.#message.bytes, 0, size)) {
      this.#outOfReach('a message out of reach', chain!);
      return p9Error.invalid;
    }
    if (type === p9Messages.Tflush.type && size < p9Header.bytes + 2)
      return refuse('a flush of nothing', 'length in bytes', size);
    return null;
  }

  #forward(request: P9Request, message: Uint8Array): void {
    if (request.type === p9Messages.Tversion.type) {
      this.#agree(message);
      if (!this.connected) this.#session = this.#connect();
    }
    if (!this.connected) {
      this.#answerError(request, p9Error.io);
      return;
    }
    if (request.type === p9Messages.Tflush.type)
      request.oldTag = message[p9Header.bytes]! | (message[p9Header.bytes + 1]! << 8);
    this.#inFlight.set(request.tag, request);
    this.#session!.send(message);
  }

  /** @param saved of a connection that is taken up again. */
  #connect(saved?: State): P9Session {
    const owner = {
      message: (bytes: Uint8Array, session: P9Session) => this.#onReply(bytes, session),
      lost: (error: P9ServerError) => this.#onLost(error),
    };
    return new P9Session(this.#server, this.#maxBytes, owner, saved);
  }

  /** Neither side is to send longer messages than there is room for here. */
  #agree(message: Uint8Array): void {
    const asked = decodeP9('Tversion', message);
    if (asked === null) return;
    this.#version = asked.version;
    const msize = Math.min(asked.msize, this.#maxBytes);
    new DataView(message.buffer).setUint32(p9Header.bytes, msize, true);
  }

  #onReply(bytes: Uint8Array, session: P9Session): void {
    const request = this.#inFlight.get(p9Tag(bytes));
    const type = p9Type(bytes);
    const { Rlerror, Rerror } = p9Messages;
    const fits = request?.type === type - 1 || type === Rlerror.type || type === Rerror.type;
    if (request === undefined || !fits) {
      const what = request === undefined ? `tag ${p9Tag(bytes)}, which nothing has` : `type ${type}`;
      session.fail(new P9ServerError('protocol', `a reply of ${what}`));
      return;
    }
    this.#inFlight.delete(request.tag);
    const ended = this.#endedBy(request, bytes);
    if (ended.length === 0) this.#answer(request, bytes);
    else
      this.#device.batch(() => {
        // The server will not answer these: the driver gets their buffers back empty, and before the reply.
        for (const each of ended) {
          this.#inFlight.delete(each.tag);
          this.#answer(each, NOTHING);
        }
        this.#answer(request, bytes);
      });
  }

  /** Requests that a reply ends beside its own: the one that was flushed; all, where a new session begins. */
  #endedBy(request: P9Request, reply: Uint8Array): readonly P9Request[] {
    const type = p9Type(reply);
    if (type === p9Messages.Rversion.type) {
      this.#version = decodeP9('Rversion', reply)?.version ?? this.#version;
      return [...this.#inFlight.values()];
    }
    const flushed = type === p9Messages.Rflush.type ? this.#inFlight.get(request.oldTag) : undefined;
    return flushed === undefined ? NONE : [flushed];
  }

  /** The session is over: whatever waits for an answer gets an error, oldest first. */
  #onLost(error: P9ServerError): void {
    const waiting = [...this.#inFlight.values()];
    this.#inFlight.clear();
    this.#device.batch(() => {
      for (const each of waiting) this.#answerError(each, p9Error.io);
    });
    this.#onServerLost(error);
  }

  #answerError(request: P9Request, error: number): void {
    this.#answer(request, errorReply(this.#version, request.tag, error));
  }

  /** Hands a reply over when guest memory may be touched; what waits for that is a copy. */
  #answer(request: P9Request, reply: Uint8Array): void {
    request.reply = this.#device.dmaEnabled ? reply : reply.slice();
    request.answered = true;
    this.#device.whenDma(request);
  }

  /** Puts a reply into the driver's buffers; one that does not fit becomes an error, and that none becomes nothing. */
  finish(request: P9Request): void {
    const { tag, reply } = request;
    const chain = request.chain!;
    request.chain = null;
    request.reply = NOTHING;
    request.answered = false;
    this.#free.push(request);
    if (!chain.live) {
      this.#device.letGo(chain);
      return;
    }
    const room = chain.writableBytes;
    let bytes = reply;
    if (bytes.length > room) {
      this.#report(
        `a reply of ${bytes.length} bytes, and room for ${room}`,
        aboutChain(chain, 'length in bytes', room),
      );
      bytes = errorReply(this.#version, tag, p9Error.tooLong);
    }
    const fits = bytes.length <= room;
    const written = fits && chain.write(0, bytes, 0, bytes.length);
    if (fits && !written) this.#outOfReach('room for a reply that is out of reach', chain);
    this.#device.complete(chain, written ? bytes.length : 0);
  }

  /** The queue was stopped by itself. What is under way at the server cannot be told apart from what comes: a new session. */
  queueReset(): void {
    if (this.#inFlight.size > 0) this.reset();
  }

  /** What is in flight dies, and counts until its connection is gone. */
  reset(): void {
    const session = this.#session;
    const chains = [...this.#inFlight.values()].map(({ chain }) => chain!);
    this.#session = null;
    this.#inFlight.clear();
    this.#version = p9Version.linux;
    this.#resumed = false;
    const letGo = () => {
      for (const chain of chains) this.#device.letGo(chain);
    };
    if (session === null) letGo();
    else session.close(letGo);
  }

  save() {
    const { connected } = this;
    const session = this.#session?.save() ?? null;
    return p9State.save({ shape: this.#shape(), protocol: this.#version, connected, session });
  }

  #shape() {
    const { length } = this.config;
    const tag = Uint8Array.from({ length }, (_, i) => this.config.little.read(i, 1));
    return { type: this.type.name, maxMessageBytes: this.#maxBytes, tag };
  }

  check(state: State, path = '9P device', device?: SavedDevice) {
    const saved = p9State.parse(state, path, this.#shape());
    if (saved.session !== null) this.#server.check?.(saved.session, `${path}.session`);
    if (device === undefined) return saved;
    const tags = new Set<number>();
    for (const [i, { written, request }] of device.queues[0]!.inFlight.entries()) {
      if (written !== NOT_DONE) continue;
      const { tag, reply } = p9RequestState.parse(request);
      const at = `${device.path}.queues[0].inFlight[${i}].request`;
      expectAt(at)(reply !== null || !tags.has(tag), 'tag', tag, 'one that no other request has');
      if (reply === null) tags.add(tag);
    }
    return saved;
  }

  checkRequest(request: State, path: string): void {
    const { reply } = p9RequestState.parse(request, path);
    const most = this.#maxBytes;
    expectAt(path)((reply?.length ?? 0) <= most, 'reply', reply, `at most ${most} bytes`);
  }

  load(state: State): void {
    const saved = this.check(state);
    this.reset();
    this.#version = saved.protocol;
    this.#resumed = saved.session !== null;
    if (saved.connected) this.#session = this.#connect(saved.session);
  }
}
