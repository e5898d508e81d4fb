import { describe, expect, it, test } from 'vitest';
import { StateMismatchError } from '../../../src/core/index.ts';
import {
  feature,
  MountTagError,
  P9Device,
  P9MessageBoundError,
  type P9Options,
  type P9ServerError,
} from '../../../src/virtio/index.ts';
import { HeldServer } from '../../properties/support/held-server.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from '../support/guests.ts';

const REPLIES = BUFFERS + 0x10000;
const ROOM = 64;
/** Rlerror of a tag. */
const failure = (tag: number, code: number) => [11, 0, 0, 0, 7, tag, 0, code, 0, 0, 0];
const message = (type: number, tag: number, ...body: number[]) => [
  7 + body.length,
  0,
  0,
  0,
  type,
  tag & 0xff,
  tag >> 8,
  ...body,
];
const version = (name: string, msize = 0x100, tag = 0xffff) =>
  message(100, tag, msize & 0xff, msize >> 8, 0, 0, name.length, 0, ...Buffer.from(name));
/** Every message becomes its own reply. */
const echo = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 4 ? byte + 1 : byte));

/** A device with a server of the test behind it, and a raw ring in front; no session yet. */
function make(options: Partial<P9Options> = {}, big = false) {
  const lost: P9ServerError[] = [];
  const server = new HeldServer(echo);
  const device = new P9Device({ server, onServerLost: (error) => lost.push(error), ...options });
  const guest = new LegacyGuest(device, { guestEndian: big ? 'big' : 'little' });
  const ring = guest.start(1)[0]!;
  guest.clauses();
  let head = 0;
  /** Puts a message into the ring. @returns what reads its reply, or null while there is none. */
  const send = (bytes: readonly number[], room = ROOM, cut = bytes.length) => {
    const slot = head / 3;
    const [out, into] = [BUFFERS + 0x400 * slot, REPLIES + 0x400 * slot];
    guest.machine.ram.write(out, Uint8Array.from(bytes));
    guest.machine.ram.fill(into, 0x400, 0xee);
    const name = head;
    const pieces = [
      { address: out, length: cut },
      { address: out + cut, length: bytes.length - cut },
    ].filter(({ length }) => length > 0);
    ring.chain(name, [...pieces, ...(room === 0 ? [] : [{ address: into, length: room, flags: 2 }])]);
    ring.offer(name);
    guest.kick();
    head += 3;
    return () => {
      const used = ring.used().find(([id]) => id === name);
      return used === undefined ? null : [...guest.machine.ram.read(into, used[1])];
    };
  };
  const answer = (pick = 0) => void server.release(pick, 4);
  const mount = () => {
    send(version('9P2000.L'));
    answer();
    guest.clauses();
  };
  return { device, server, guest, ring, lost, send, answer, mount };
}

describe('the 9P transport', () => {
  test.each([true, false])('shows its mount tag, to a big-endian guest too (%s)', (big) => {
    const { guest } = make({ mountTag: 'tag0' }, big);
    const at = guest.bar(0) + 0x14;
    const bytes = Array.from({ length: 7 }, (_, i) => guest.machine.ioRead(at + i, 1));
    // Past its end configuration reads all ones (observed).
    expect(bytes).toEqual([...(big ? [0, 4] : [4, 0]), ...Buffer.from('tag0'), 0xff]);
  });

  it('has one queue of 128, and its mount tag as its only feature, as QEMU has', () => {
    const device = new P9Device({ server: new HeldServer(echo), mountTag: 'tag0' });
    expect([device.queueSizes, device.features, device.config.length]).toEqual([[128], [0], 6]);
  });

  test.each(['', 'x'.repeat(255), 'ü'.repeat(128)])('refuses the mount tag %j', (mountTag) => {
    expect(() => new P9Device({ server: new HeldServer(echo), mountTag })).toThrow(MountTagError);
  });

  test.each([255, 1.5, 2 ** 24 + 1])('refuses messages of at most %d bytes', (maxMessageBytes) => {
    const options = { server: new HeldServer(echo), maxMessageBytes };
    expect(() => new P9Device(options)).toThrow(P9MessageBoundError);
  });

  it('carries messages to the server and replies back, in whatever order they come', () => {
    const { send, answer, mount, server, ring, guest } = make();
    mount();
    const replies = [1, 2, 3].map((tag) => send(message(120, tag, 9, 9, 9, tag), ROOM, 5));
    expect(server.pending.map((bytes) => [...bytes])).toEqual(
      [1, 2, 3].map((tag) => message(120, tag, 9, 9, 9, tag)),
    );
    answer(1);
    expect(replies.map((reply) => reply())).toEqual([null, message(121, 2, 9, 9, 9, 2), null]);
    answer(1);
    answer(0);
    expect(replies.map((reply) => reply())).toEqual([1, 2, 3].map((tag) => message(121, tag, 9, 9, 9, tag)));
    expect([ring.used(3).map(([id]) => id), guest.clauses()]).toEqual([[6, 9, 3], []]);
  });

  it('begins a session with a version message, and answers anything before it with an error', () => {
    const { send, device, server } = make();
    expect(send(message(120, 5))()).toEqual(failure(5, 5));
    expect([server.connections, device.connected]).toEqual([0, false]);
    send(version('9P2000.L'));
    expect([server.connections, device.connected]).toEqual([1, true]);
  });

  it('talks both sides down to the messages that it has room for', () => {
    const { send, server, answer, guest } = make({ maxMessageBytes: 0x200 });
    const reply = send(version('9P2000.L', 0x1234));
    expect([...server.pending[0]!]).toEqual(version('9P2000.L', 0x200));
    answer();
    expect(reply()!.slice(7, 9)).toEqual([0, 2]);
    const long = send([0x10, 3, 0, 0, 118, 1, 0, ...new Array(0x309).fill(1)]);
    expect([long(), guest.clauses()]).toEqual([failure(1, 90), ['LEG-FEAT-04']]);
  });

  it('hands a flushed message back empty, before the answer to the flush', () => {
    const { send, answer, mount, ring, server } = make();
    mount();
    const [slow, flush] = [send(message(116, 1)), send(message(108, 2, 1, 0))];
    server.pending.shift();
    answer();
    expect([slow(), flush(), ring.used(2)]).toEqual([
      [],
      message(109, 2, 1, 0),
      [
        [3, 0],
        [6, 9],
      ],
    ]);
    // Its tag is free again.
    send(message(116, 1));
    expect(server.pending).toHaveLength(1);
  });

  it('drops what is open when a version message begins a new session', () => {
    const { send, answer, mount, server } = make();
    mount();
    const slow = send(message(116, 1));
    const again = send(version('9P2000.L'));
    server.pending.shift();
    answer();
    expect([slow(), again()?.[4], server.connections]).toEqual([[], 101, 1]);
  });

  test.each([
    ['9P2000.L', failure(1, 5)],
    ['9P2000.u', [31, 0, 0, 0, 107, 1, 0, 18, 0, ...Buffer.from('Input/output error'), 5, 0, 0, 0]],
    ['9P2000', [27, 0, 0, 0, 107, 1, 0, 18, 0, ...Buffer.from('Input/output error')]],
  ])('answers in the words of %s when the server dies', (name, wanted) => {
    const { send, answer, server, lost, device } = make();
    send(version(name));
    answer();
    const reply = send(message(116, 1));
    server.die();
    expect([reply(), lost.map(({ reason }) => reason), device.connected]).toEqual([
      wanted,
      ['closed'],
      false,
    ]);
    expect(send(message(116, 2))()?.[4]).toBe(wanted[4]);
  });

  it('answers everything that is open, oldest first, and connects anew for the next version message', () => {
    const { send, server, mount, ring, lost } = make();
    mount();
    for (const tag of [7, 3, 5]) send(message(116, tag));
    server.die(new Error('ECONNRESET'));
    expect(ring.used(3).map(([id]) => id)).toEqual([3, 6, 9]);
    expect([lost[0]!.reason, lost[0]!.cause?.message]).toEqual(['connection', 'ECONNRESET']);
    mount();
    expect([server.connections, send(message(116, 1))()]).toEqual([2, null]);
  });

  it('answers an error when it cannot even connect', () => {
    const refusing = {
      connect: (receiver: { closed(error: Error): void }) => {
        receiver.closed(new Error('ECONNREFUSED'));
        return { send: () => expect.unreachable(), close: () => {} };
      },
    };
    const { send, lost } = make({ server: refusing });
    expect(send(version('9P2000.L'))()).toEqual([...failure(0xff, 5).slice(0, 6), 0xff, 5, 0, 0, 0]);
    expect(lost).toHaveLength(1);
  });

  test.each([
    ['a reply that nobody waits for', message(117, 9)],
    ['a reply of another type', message(121, 1)],
    ['a request', message(116, 1)],
    ['less than a header', [6, 0, 0, 0, 117, 1, 0]],
    ['more than was agreed on', [0, 0, 0x20, 0, 117, 1, 0]],
  ])('gives the server up at %s, and tells the driver nothing of it', (_, garbage) => {
    const { send, server, mount, lost, guest } = make();
    mount();
    const reply = send(message(116, 1));
    server.say(Uint8Array.from(garbage));
    expect([reply(), lost.map(({ reason }) => reason), server.connected]).toEqual([
      failure(1, 5),
      ['protocol'],
      false,
    ]);
    expect(guest.clauses()).toEqual([]);
  });

  it('passes errors of the server on, whatever they answer', () => {
    const { send, server, mount } = make();
    mount();
    const reply = send(message(116, 1));
    server.say(Uint8Array.from(failure(1, 13)));
    expect(reply()).toEqual(failure(1, 13));
  });

  test.each([
    ['is shorter than a header', [7, 0, 0, 0, 116, 1], []],
    ['is longer than its buffers', [8, 0, 0, 0, 116, 1, 0], failure(1, 22)],
    ['says that it is shorter than a header', [6, 0, 0, 0, 116, 1, 0], failure(1, 22)],
    ['is a reply', message(117, 1), failure(1, 22)],
    ['flushes nothing', message(108, 1, 1), failure(1, 22)],
  ])('refuses a message that %s', (_, bytes, wanted) => {
    const { send, mount, guest, server } = make();
    mount();
    expect([send(bytes)(), guest.clauses(), server.pending]).toEqual([wanted, ['LEG-FEAT-04'], []]);
  });

  it('refuses a tag that is in use, and leaves the message that has it alone', () => {
    const { send, mount, answer, guest } = make();
    mount();
    const [first, second] = [send(message(116, 1)), send(message(120, 1))];
    expect([second(), guest.clauses()]).toEqual([failure(1, 22), ['LEG-FEAT-04']]);
    answer();
    expect(first()).toEqual(message(117, 1));
  });

  it('reports bytes behind a message, and leaves them out', () => {
    const { send, mount, guest, server } = make();
    mount();
    send([...message(116, 1), 1, 2, 3]);
    expect([server.pending.map((each) => [...each]), guest.clauses()]).toEqual([
      [message(116, 1)],
      ['LEG-FEAT-04'],
    ]);
  });

  test.each([
    [11, failure(1, 90)],
    [10, []],
    [0, []],
  ])('makes an error of a reply that does not fit %d bytes', (room, wanted) => {
    const { send, mount, answer, guest } = make();
    mount();
    const reply = send(message(116, 1, 1, 2, 3, 4, 5), room);
    answer();
    expect([reply(), guest.clauses()]).toEqual([wanted, ['LEG-FEAT-04']]);
  });

  it('writes nothing beyond the reply', () => {
    const { send, mount, answer, guest } = make();
    mount();
    send(message(116, 1));
    answer();
    expect([...guest.machine.ram.read(REPLIES + 0x400 + 7, 2)]).toEqual([0xee, 0xee]);
  });

  it('keeps a reply until the driver lets it master the bus again', () => {
    const { send, mount, guest, server } = make();
    mount();
    const reply = send(message(116, 1, 42));
    guest.config.command(0x3);
    // Whole, so that it comes straight from a buffer that is used again at once.
    server.release(0, 0);
    expect(reply()).toBeNull();
    guest.config.command(0x7);
    expect(reply()).toEqual(message(117, 1, 42));
  });

  it('forgets a reply that waits for the bus when the device is reset', () => {
    const { send, mount, answer, guest, ring } = make();
    mount();
    send(message(116, 1));
    guest.config.command(0x3);
    answer();
    const used = ring.usedIndex;
    guest.block.set('deviceStatus', 0);
    guest.config.command(0x7);
    expect([ring.usedIndex, guest.clauses()]).toEqual([used, []]);
  });

  test.each([true, false])(
    'ends its session with a reset of its queue, if messages were open (%s)',
    (open) => {
      const server = new HeldServer(echo);
      const device = new P9Device({ server });
      const guest = new ModernGuest(device, { transportFeatures: [feature.ringReset] });
      const ring = guest.start([0, feature.ringReset])[0]!;
      guest.machine.ram.write(BUFFERS, Uint8Array.from(version('9P2000.L')));
      ring.chain(0, [
        { address: BUFFERS, length: 21 },
        { address: REPLIES, length: ROOM, flags: 2 },
      ]);
      ring.offer(0);
      guest.kick();
      if (!open) server.release(0, 0);
      guest.block.set('queueReset', 1);
      expect([device.connected, server.connected]).toEqual([!open, !open]);
    },
  );

  it('ends its session with a reset, and writes nothing any more', () => {
    const { send, mount, guest, server, device } = make();
    mount();
    send(message(116, 1));
    const { pending } = server;
    const [sent] = pending;
    guest.block.set('deviceStatus', 0);
    expect([server.connected, device.connected]).toEqual([false, false]);
    const before = guest.machine.ram.read(REPLIES, 0x1000);
    server.say(echo(sent!));
    expect(guest.machine.ram.read(REPLIES, 0x1000)).toEqual(before);
  });

  it('loses its session over a saved state where the server cannot take it up, and else sends anew', () => {
    for (const resumes of [false, true]) {
      const before = make();
      before.mount();
      before.send(message(116, 1));
      const server = new HeldServer(echo);
      const resuming = { connect: server.connect.bind(server), resume: server.connect.bind(server) };
      const after = make({ server: resumes ? resuming : server });
      after.guest.machine.load(before.guest.machine.save());
      expect(after.device.connected).toBe(resumes);
      expect(server.pending.map((each) => [...each])).toEqual(resumes ? [message(116, 1)] : []);
      const reply = [...after.guest.machine.ram.read(REPLIES + 0x400, 11)];
      expect(reply).toEqual(resumes ? new Array(11).fill(0xee) : failure(1, 5));
    }
    expect(() => new P9Device({ server: new HeldServer(echo) }).load({ type: 'block' })).toThrow(
      StateMismatchError,
    );
  });
});
