import { closeSync } from 'node:fs';
import { SystemCallError } from '../posix/errors.ts';
import type { Library } from '../posix/library.ts';
import type { Source } from '../posix/reactor.ts';
import type { MessageSocket } from '../posix/socket.ts';
import { Channel, type Message } from './channel.ts';
import { earlyAnswers, handlers, nestedFate, type Served } from './commands.ts';
import { CommandError, ProtocolError } from './errors.ts';
import { FarClient, isReply } from './far-client.ts';
import { errno, messageFlags, type VfioCommandName, vfioCommand, vfioCommandName } from './layout.ts';
import { acceptVersion, MOST_FDS } from './negotiation.ts';

/** A command that waits for the end of a device's turn; `answered` already, or not. */
interface Later {
  readonly message: Message;
  readonly answered: boolean;
}

/** Commands that show a device to its client: from the first of them on it may work with what it finds in memory. */
const TOUCHES: ReadonlySet<VfioCommandName> = new Set(['regionRead', 'regionWrite', 'regionWriteMulti']);

/** A client that exchanges its maps has given the new ones by then. */
const REMAP_MILLISECONDS = 5;

/** One client of a device, from its first message to its last. */
export class Session implements Source {
  readonly fd: number;
  readonly #channel: Channel;
  readonly #served: Served;
  readonly #far: FarClient;
  readonly #onEnd: (reason: string, fault?: unknown) => void;
  readonly #later: Later[] = [];
  #agreed = false;
  /** The client has begun to use the device. */
  #touched = false;
  #ended = false;
  /** Maps were taken back: others may come for them, and until then the device would find nothing there. */
  #remapping = false;
  #remapTimer: NodeJS.Timeout | undefined;

  /** @param onEnd is told why, once: `it left` where nothing was wrong; with what was thrown where the fault is not the client's. */
  constructor(
    library: Library,
    socket: MessageSocket,
    served: Served,
    onEnd: (reason: string, fault?: unknown) => void,
  ) {
    this.fd = socket.fd;
    this.#channel = new Channel(socket);
    this.#served = served;
    this.#onEnd = onEnd;
    this.#far = new FarClient(
      library,
      this.#channel,
      (message) => this.#nested(message),
      () => this.#remapping,
    );
    served.device.memory.access = this.#far;
    served.device.turns.onWork = () => {
      // What comes from elsewhere than the client: a frame, a timer.
      setImmediate(() => this.work());
    };
  }

  get sending(): boolean {
    return this.#channel.unsent;
  }

  writable(): void {
    this.#guarded(() => this.#channel.flush());
  }

  readable(): boolean {
    let worked = false;
    this.#guarded(() => {
      for (let message = this.#channel.next(); message !== null; message = this.#channel.next()) {
        this.#take(message);
        worked = this.#work() || worked;
        if (this.#ended) return;
      }
      if (this.#channel.ended) this.end('it left');
    });
    // A file that is to be read is read in another turn.
    return worked;
  }

  /** Lets the device do what waits. */
  work(): void {
    this.#guarded(() => void this.#work());
  }

  /** What a client does wrong ends its session, and nothing else; what a device or its back end throws, too. */
  #guarded(act: () => void): void {
    if (this.#ended) return;
    try {
      act();
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof SystemCallError) this.end(error.message);
      else
        this.end(`a fault of the device: ${error instanceof Error ? error.message : String(error)}`, error);
    }
  }

  #take(message: Message): void {
    try {
      if (message.fds.length > MOST_FDS)
        throw new ProtocolError(`${message.fds.length} descriptors with one message; ${MOST_FDS} at most`);
      if (isReply(message)) this.#far.late(message);
      else if (!this.#agreed) this.#negotiate(message);
      else this.#carryOut(message, false);
    } finally {
      for (const fd of message.fds.splice(0)) closeSync(fd);
    }
  }

  #negotiate(message: Message): void {
    if (message.command !== vfioCommand.version)
      throw new ProtocolError(`command ${message.command} before the version is agreed on`);
    const fail = (error: unknown) => {
      this.#channel.answerError(message, errno.EINVAL);
      throw error;
    };
    let accepted: ReturnType<typeof acceptVersion>;
    try {
      accepted = acceptVersion(message);
    } catch (error) {
      fail(error);
      return;
    }
    if (accepted.limits.transferBytes === 0) fail(new ProtocolError('nothing can be transferred to it'));
    this.#far.limit = Math.min(1 << 16, accepted.limits.transferBytes);
    this.#agreed = true;
    this.#channel.answer(message, accepted.answer);
  }

  #carryOut(message: Message, answered: boolean): void {
    const far = this.#far;
    const before = far.allowed;
    let quiet = answered || (message.flags & messageFlags.noReply) !== 0;
    try {
      if ((message.flags & messageFlags.typeMask) !== messageFlags.command)
        throw new ProtocolError(`a message of type ${message.flags & messageFlags.typeMask}`);
      const name = vfioCommandName(message.command);
      const handler = name === undefined ? undefined : handlers[name];
      if (handler === undefined) throw new CommandError('ENOTSUP', `command ${message.command}`);
      if (name === 'dmaUnmap') this.#awaitMaps();
      else if (name !== 'dmaMap') this.#remapping = false;
      if (TOUCHES.has(name!)) this.#touch();
      const early = earlyAnswers[name!]?.(message, this.#served);
      if (early === undefined) far.allowed = false;
      else if (!quiet) {
        this.#channel.answer(message, early);
        quiet = true;
      }
      const payload = handler(message, this.#served);
      if (!quiet) this.#channel.answer(message, payload);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (!quiet) this.#channel.answerError(message, error.number);
    } finally {
      far.allowed = before;
    }
  }

  #awaitMaps(): void {
    this.#remapping = true;
    clearTimeout(this.#remapTimer);
    this.#remapTimer = setTimeout(() => {
      this.#remapping = false;
      this.work();
    }, REMAP_MILLISECONDS);
  }

  /** The client uses the device, with the memory that it has mapped by now. */
  #touch(): void {
    this.#touched = true;
    this.#settle();
  }

  #settle(): void {
    if (!this.#served.device.memory.settle())
      throw new ProtocolError('a file of its memory has become shorter');
  }

  /** A command in the middle of a turn. It is answered at once: who gave it may be who has the memory that is waited for. */
  #nested(message: Message): void {
    const name = vfioCommandName(message.command);
    const fate = name === undefined ? 'now' : nestedFate(name, message, this.#served);
    // What touches the device keeps its order.
    const waits = this.#later.length > 0 && name !== undefined && TOUCHES.has(name);
    if (fate === 'now' && !waits) {
      this.#take(message);
      return;
    }
    const early = name === undefined ? undefined : earlyAnswers[name];
    const answered = early !== undefined;
    if (answered && !this.#answerWrite(message, early)) return;
    this.#later.push({ message: kept(message), answered });
    if (!answered) this.#far.giveUp();
    setImmediate(() => this.work());
  }

  /** Answers a write that is carried out later. @returns false for one that cannot be, which is all then */
  #answerWrite(message: Message, early: (message: Message, served: Served) => Uint8Array): boolean {
    const quiet = (message.flags & messageFlags.noReply) !== 0;
    try {
      const answer = early(message, this.#served);
      if (!quiet) this.#channel.answer(message, answer);
      return true;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (!quiet) this.#channel.answerError(message, error.number);
      return false;
    }
  }

  /** @returns whether the device did anything. */
  #work(): boolean {
    const { device, migration } = this.#served;
    let worked = false;
    for (;;) {
      this.#far.begin();
      for (let later = this.#later.shift(); later !== undefined; later = this.#later.shift())
        this.#takeLater(later);
      if (!this.#touched || this.#remapping || !migration.running || !device.turns.waiting) break;
      this.#settle();
      const ran = device.turns.run(() => {
        device.memory.endTurn();
        return this.#later.length > 0;
      });
      worked ||= ran;
      if (this.#far.failure !== null) throw this.#far.failure;
      if (!ran || this.#later.length === 0) break;
    }
    // What was read outside of a turn, as when a frame came, is not to be taken for what is there now.
    device.memory.endTurn();
    return worked;
  }

  #takeLater({ message, answered }: Later): void {
    try {
      this.#carryOut(message, answered);
    } finally {
      for (const fd of message.fds.splice(0)) closeSync(fd);
    }
  }

  /** Nothing of the client is kept, nor can be reached. */
  end(reason: string, fault?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#remapTimer);
    const { device, features } = this.#served;
    device.turns.onWork = () => {};
    device.memory.access = null;
    device.memory.release();
    device.irqs.disconnect();
    features.reset();
    for (const { message } of this.#later.splice(0)) for (const fd of message.fds) closeSync(fd);
    this.#far.close();
    this.#channel.close();
    this.#onEnd(reason, fault);
  }
}

/** A message whose bytes stay. */
function kept(message: Message): Message {
  const bytes = message.bytes.slice(message.at, message.at + message.length);
  const view = new DataView(bytes.buffer);
  return { ...message, bytes, view, at: 0, fds: message.fds.splice(0) };
}
