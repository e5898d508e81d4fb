import fc from 'fast-check';
import { expectSame, type State } from '../../../src/core/index.ts';
import {
  encodeP9,
  NO_TAG,
  P9Device,
  type P9Receiver,
  type P9Server,
  p9DeviceType,
  p9Header,
  p9Messages,
  p9Queue,
  p9Type,
  p9Version,
} from '../../../src/virtio/index.ts';
import type { KitChain, TypeKit } from './kit.ts';

/** What may happen to a server. */
export type P9Stimulus = 'dies' | 'speaks up';

const MAX_MESSAGE = 1024;
/** Messages of these types are answered with an error, or with garbage. */
const REFUSED = 24;
const SPOILT = 30;

/** A server that gives every message back as its own reply, and remembers what it was sent. */
class EchoServer implements P9Server {
  log: string[] = [];
  receiver: P9Receiver | null = null;

  connect(receiver: P9Receiver) {
    this.log.push('connected');
    return this.resume(receiver);
  }

  check(state: State, path = 'session') {
    expectSame(path, state, null);
  }

  resume(receiver: P9Receiver) {
    this.receiver = receiver;
    return {
      send: (message: Uint8Array) => this.#answer(message.slice()),
      close: () => {
        this.receiver = null;
        this.log.push('left');
      },
    };
  }

  #answer(message: Uint8Array): void {
    this.log.push([...message].join());
    const type = p9Type(message);
    const reply = message.slice();
    reply[p9Header.type] = type === REFUSED ? p9Messages.Rlerror.type : type === SPOILT ? 200 : type + 1;
    // In two pieces, as a socket may have it.
    this.receiver?.data(reply.subarray(0, 5));
    this.receiver?.data(reply.subarray(5));
  }
}

const bytesOf = (message: Uint8Array) => [...message];
const tags = fc.oneof({ weight: 6, arbitrary: fc.nat(5) }, fc.constantFrom(NO_TAG, 0x8000));
const types = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(110, 116, 118, REFUSED) },
  { weight: 1, arbitrary: fc.constantFrom(SPOILT, 101, 0) },
);
const versions = fc
  .tuple(fc.constantFrom(...Object.values(p9Version), 'unknown'), fc.constantFrom(256, 8192, 0xffffffff))
  .map(([version, msize]) => bytesOf(encodeP9('Tversion', { msize, version })));
const others = fc
  .record({
    type: types,
    tag: tags,
    body: fc.array(fc.nat(255), { maxLength: 40 }),
    wrong: fc.constantFrom(0, 0, 0, 0, 1, -1, 5000),
  })
  .map(({ type, tag, body, wrong }) => {
    const size = p9Header.bytes + body.length + wrong;
    return [size & 0xff, size >> 8, 0, 0, type, tag & 0xff, tag >> 8, ...body];
  });
const flushes = fc.tuple(tags, tags).map(([oldtag, tag]) => bytesOf(encodeP9('Tflush', { oldtag }, tag)));
const stumps = fc.array(fc.nat(255), { maxLength: p9Header.bytes + 1 });

const messages = fc.oneof(
  { weight: 3, arbitrary: versions },
  { weight: 8, arbitrary: others },
  { weight: 1, arbitrary: flushes },
  { weight: 1, arbitrary: stumps },
);

/** Messages in one descriptor or two, with room for the reply as a rule. */
const chains: fc.Arbitrary<KitChain> = fc
  .record({
    message: messages,
    cut: fc.nat(20),
    room: fc.array(fc.constantFrom(64, 64, 100, 11, 7, 1), { maxLength: 2 }),
  })
  .filter(({ message, room }) => message.length > 0 || room.length > 0)
  .map(({ message, cut, room }) => ({
    queue: p9Queue.request,
    readable: [message.slice(0, cut), message.slice(cut)].filter(({ length }) => length > 0),
    writable: room,
  }));

export const p9Kit: TypeKit<P9Stimulus> = {
  type: p9DeviceType,
  features: [0],
  queues: [p9Queue.request],
  make(queueSize) {
    const server = new EchoServer();
    const lost: string[] = [];
    const device = new P9Device({
      server,
      mountTag: 'kit',
      maxMessageBytes: MAX_MESSAGE,
      queueSize,
      onServerLost: ({ message }) => lost.push(message),
    });
    return {
      behaviour: device,
      stimulate: (stimulus) => {
        const { receiver } = server;
        if (stimulus === 'speaks up') receiver?.data(encodeP9('Rclunk', {}, 77));
        else {
          server.receiver = null;
          receiver?.closed(null);
        }
      },
      outside: () => ({ log: [...server.log], lost: [...lost] }),
      saveOutside: () => ({ log: [...server.log], lost: [...lost] }),
      loadOutside: (state) => {
        const saved = state as { log: string[]; lost: string[] };
        server.log = [...saved.log];
        lost.splice(0, lost.length, ...saved.lost);
      },
    };
  },
  chains: () => chains,
  stimuli: fc.constantFrom<P9Stimulus[]>('dies', 'speaks up'),
};
