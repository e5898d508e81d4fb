import { describe, expect, it, test } from 'vitest';
import { StateMismatchError } from '../../../src/core/index.ts';
import {
  VsockDevice,
  VsockHost,
  VsockOptionError,
  VsockPortError,
  type VsockSocket,
  VsockWriteError,
} from '../../../src/virtio/index.ts';
import { BUFFERS } from '../support/guests.ts';
import {
  CREDIT_REQUEST,
  CREDIT_UPDATE,
  packetBytes,
  RawVsock,
  REQUEST,
  RESPONSE,
  RST,
  RW,
  SEQPACKET,
  SHUTDOWN,
  STREAM,
} from '../support/vsock.ts';

const PORTS = [5000, 80] as const;
const [RECEIVE, SEND, BOTH] = [1, 2, 3];
const [EOM, EOR] = [1, 2];
const bytes = (length: number, first = 0) => Array.from({ length }, (_, i) => (first + i) & 0xff);
const ops = (seen: readonly { op: number }[]) => seen.map(({ op }) => op);

/** A device with somebody who listens to port 80, and the sockets that came. */
function listening(options: ConstructorParameters<typeof VsockHost>[0] = {}, type = STREAM) {
  const raw = new RawVsock(options);
  const sockets: VsockSocket[] = [];
  raw.host.listen(80, (socket) => sockets.push(socket), type);
  return { raw, sockets };
}

/** The same, connected. */
function connected(options: ConstructorParameters<typeof VsockHost>[0] = {}, type = STREAM, alloc = 1000) {
  const { raw, sockets } = listening(options, type);
  raw.connect(PORTS, { type: type!, alloc });
  const told: string[] = [];
  const [socket] = sockets;
  socket!.on = {
    received: () => told.push('received'),
    drained: () => told.push('drained'),
    ended: () => told.push('ended'),
    closed: (how) => told.push(how),
  };
  const send = (op: number, rest = {}) => raw.send({ op, ports: PORTS, type: type!, alloc, ...rest });
  return { raw, socket: socket!, told, send };
}

describe('the socket device', () => {
  it('shows the address of its driver, and offers what the chapter has', () => {
    const { raw } = listening();
    const config = raw.guest.structure(4);
    expect([raw.guest.machine.memoryRead(config, 4), raw.guest.machine.memoryRead(config + 4, 4)]).toEqual([
      3, 0,
    ]);
    expect(raw.device.features).toEqual([0, 1, 2]);
    expect(new VsockDevice({ types: ['stream'] }).features).toEqual([0, 2]);
    expect(raw.device.queueSizes).toEqual([128, 128, 128]);
  });

  it('takes a connection to a port that somebody listens to', () => {
    const { raw, sockets } = listening({ receiveBytes: 777 });
    expect(raw.send({ op: REQUEST!, ports: PORTS })).toEqual([
      { op: RESPONSE, ports: PORTS, type: STREAM, flags: 0, alloc: 777, fwd: 0, payload: [] },
    ]);
    expect(sockets.map(({ localPort, remotePort, state }) => [localPort, remotePort, state])).toEqual([
      [80, 5000, 'open'],
    ]);
  });

  it.each([
    ['a port that nobody listens to', { op: REQUEST, ports: [5000, 81] }],
    ['a listener for another type', { op: REQUEST, ports: PORTS, type: SEQPACKET }],
    ['VSOCK-RT-04: a type that there is not', { op: REQUEST, ports: PORTS, type: 3 }],
    ['a connection that there is not', { op: RW, ports: PORTS, payload: [1] }],
    ['what is no operation', { op: 99, ports: PORTS }],
  ] as const)('resets %s', (_, packet) => {
    const { raw } = listening();
    const { ports, type = STREAM } = packet as { ports: typeof PORTS; type?: number };
    expect(raw.send(packet as never)).toEqual([
      { op: RST, ports, type, flags: 0, alloc: 0, fwd: 0, payload: [] },
    ]);
    expect([raw.guest.clauses(), raw.host.sockets]).toEqual([[], []]);
  });

  it('resets whoever means another address, as from there', () => {
    const { raw } = listening();
    raw.put(packetBytes({ op: REQUEST!, ports: PORTS, to: 9 }));
    expect(() => raw.seen()).toThrow('a packet from 9 to 3');
  });

  it('answers no reset', () => {
    const { raw } = listening();
    expect(raw.send({ op: RST!, ports: PORTS })).toEqual([]);
  });

  it('VSOCK-FEAT-05: has streams unless the driver accepted NO_IMPLIED_STREAM and not STREAM', () => {
    for (const [features, stream, seqpacket] of [
      [[], true, false],
      [[0, 2], true, false],
      [[1], true, true],
      [[1, 2], false, true],
      [[2], false, false],
    ] as const) {
      const raw = new RawVsock({}, features);
      raw.host.listen(80, () => {});
      raw.host.listen(81, () => {}, SEQPACKET);
      const answers = [
        ...raw.send({ op: REQUEST!, ports: PORTS }),
        ...raw.send({ op: REQUEST!, ports: [5000, 81], type: SEQPACKET! }),
      ];
      expect(ops(answers), String(features)).toEqual([stream ? RESPONSE : RST, seqpacket ? RESPONSE : RST]);
      const refused = [stream, seqpacket].filter((accepted) => !accepted);
      expect(raw.guest.clauses()).toEqual(refused.map(() => 'BF-FEAT-03'));
    }
  });

  it('resets a connection for which there is no room', () => {
    const { raw } = listening({ sockets: 1 });
    raw.connect(PORTS);
    expect(ops(raw.send({ op: REQUEST!, ports: [5001, 80] }))).toEqual([RST]);
  });

  it('brings the host to a port of the driver', () => {
    const raw = new RawVsock();
    const told: string[] = [];
    const on = { opened: () => told.push('opened'), closed: (how: string) => told.push(how) };
    const socket = raw.host.connect(1024, on);
    const [request] = raw.seen();
    expect(request).toMatchObject({ op: REQUEST, ports: [1024, socket.localPort], type: STREAM });
    expect([told, socket.state]).toEqual([[], 'connecting']);
    raw.send({ op: RESPONSE!, ports: request!.ports });
    expect([told, socket.state]).toEqual([['opened'], 'open']);
    raw.host.connect(1025, on);
    const [second] = raw.seen();
    expect(second!.ports[1]).not.toBe(socket.localPort);
    raw.send({ op: RST!, ports: second!.ports });
    expect(told).toEqual(['opened', 'refused']);
    expect(raw.host.sockets).toEqual([socket]);
  });
});

describe('a stream', () => {
  it('carries bytes both ways, in whatever pieces', () => {
    const { raw, socket, told, send } = connected();
    send(RW!, { payload: bytes(3) });
    send(RW!, { payload: bytes(4, 3) });
    expect([socket.available, told]).toEqual([7, ['received', 'received']]);
    expect([[...socket.read(2)!], [...socket.read()!], socket.read()]).toEqual([bytes(2), bytes(5, 2), null]);
    expect(socket.write(Uint8Array.from(bytes(500)))).toBe(500);
    raw.give(44 + 200);
    const [first] = raw.collect();
    expect(first).toMatchObject({ op: RW, fwd: 7, payload: bytes(200) });
    expect(raw.seen().flatMap(({ payload }) => payload)).toEqual(bytes(300, 200));
  });

  it('VSOCK-BUF-03: sends no more than the driver has room for, and asks once', () => {
    const { raw, socket, send } = connected({}, STREAM, 10);
    socket.write(Uint8Array.from(bytes(25)));
    const [some, ask, ...rest] = raw.seen();
    expect([some!.payload, ask!.op, rest]).toEqual([bytes(10), CREDIT_REQUEST, []]);
    expect(send(CREDIT_UPDATE!, { fwd: 0 })).toEqual([]);
    expect(send(CREDIT_UPDATE!, { fwd: 4 }).map(({ op, payload }) => [op, payload])).toEqual([
      [RW, bytes(4, 10)],
      [CREDIT_REQUEST, []],
    ]);
    // Room may grow, too.
    expect(send(CREDIT_UPDATE!, { fwd: 4, alloc: 100 }).map(({ payload }) => payload)).toEqual([
      bytes(11, 14),
    ]);
    expect(socket.unsent).toBe(0);
  });

  it('VSOCK-BUF-01: has as much room as it says, and tells when there is more', () => {
    const { raw, socket, told, send } = connected({ receiveBytes: 100 });
    expect(send(RW!, { payload: bytes(40) })).toEqual([]);
    expect(send(CREDIT_REQUEST!)).toMatchObject([{ op: CREDIT_UPDATE, alloc: 100, fwd: 0 }]);
    // Who knows of more than half is told nothing.
    socket.read(40);
    expect(raw.seen()).toEqual([]);
    send(RW!, { payload: bytes(20) });
    socket.read(1);
    expect(raw.seen()).toMatchObject([{ op: CREDIT_UPDATE, alloc: 100, fwd: 41 }]);
    socket.read(9);
    send(RW!, { payload: bytes(90) });
    expect([socket.available, raw.guest.clauses()]).toEqual([100, []]);
    expect(ops(send(RW!, { payload: [1] }))).toEqual([RST]);
    expect([raw.guest.clauses(), told.at(-1)]).toEqual([['VSOCK-BUF-01'], 'reset']);
    // What came before can still be read.
    expect(socket.read()).toHaveLength(100);
    expect(raw.host.sockets).toEqual([]);
  });

  it('VSOCK-BUF-02: believes no count of bytes that were not sent', () => {
    const { raw, send } = connected();
    expect(ops(send(CREDIT_UPDATE!, { fwd: 1 }))).toEqual([RST]);
    expect(raw.guest.clauses()).toEqual(['VSOCK-BUF-02']);
  });

  it('takes counts that arrive late for what they are', () => {
    const { raw, socket, send } = connected({}, STREAM, 10);
    socket.write(Uint8Array.from(bytes(30)));
    raw.seen();
    send(CREDIT_UPDATE!, { fwd: 10 });
    expect(send(CREDIT_UPDATE!, { fwd: 5 })).toEqual([]);
    expect(send(CREDIT_UPDATE!, { fwd: 20 })[0]!.payload).toEqual(bytes(10, 20));
    expect(raw.guest.clauses()).toEqual([]);
  });

  it('counts modulo 2^32', () => {
    const { raw, socket, send } = connected({ receiveBytes: 0x10000 });
    // As if 2^32 - 10 bytes had gone either way.
    const many = 2 ** 32 - 10;
    const saved = raw.host.save();
    const [one] = saved.sockets;
    const credit = {
      ...one!.credit,
      received: many,
      forwarded: many,
      told: many,
      sent: many,
      peerForwarded: many,
    };
    raw.host.load({ ...saved, sockets: [{ ...one!, credit }] });
    const [twin] = raw.host.sockets;
    twin!.write(Uint8Array.from(bytes(20)));
    expect(raw.seen()).toMatchObject([{ op: RW, fwd: many, payload: bytes(20) }]);
    send(RW!, { fwd: 10, payload: bytes(30) });
    expect([...twin!.read()!]).toEqual(bytes(30));
    send(CREDIT_REQUEST!, { fwd: 10 });
    expect([raw.guest.clauses(), raw.host.save().sockets[0]!.credit]).toMatchObject([
      [],
      { received: 20, forwarded: 20, told: 20, sent: 10, peerForwarded: 10 },
    ]);
    expect(socket.available).toBe(0);
  });

  it('takes as much as there is room for, and tells when there is more', () => {
    const { raw, socket, told, send } = connected({ sendBytes: 100 }, STREAM, 0);
    expect(socket.write(Uint8Array.from(bytes(150)))).toBe(100);
    expect(socket.write(Uint8Array.of(1))).toBe(0);
    raw.seen();
    expect(told).toEqual([]);
    send(CREDIT_UPDATE!, { alloc: 30 });
    expect([told, socket.write(Uint8Array.from(bytes(50, 100)))]).toEqual([['drained'], 30]);
  });
});

describe('the end of a connection', () => {
  it('that the driver wants is agreed to, and what came can be read', () => {
    const { raw, socket, told, send } = connected();
    send(RW!, { payload: bytes(5) });
    expect(send(SHUTDOWN!, { flags: SEND })).toEqual([]);
    expect([told, socket.write(Uint8Array.of(9))]).toEqual([['received', 'ended'], 1]);
    expect(raw.seen()).toMatchObject([{ op: RW, payload: [9] }]);
    // Hints are permanent: the other one alone is both.
    expect(ops(send(SHUTDOWN!, { flags: RECEIVE }))).toEqual([RST]);
    expect(told.at(-1)).toBe('closed');
    expect([...socket.read()!]).toEqual(bytes(5));
    expect(() => socket.write(Uint8Array.of(1))).toThrow(VsockWriteError);
  });

  it('that the host wants comes after what was written, and stands when the driver agrees', () => {
    const { raw, socket, told, send } = connected({}, STREAM, 4);
    socket.write(Uint8Array.from(bytes(6)));
    socket.close();
    expect(() => socket.write(Uint8Array.of(1))).toThrow('1 bytes for a socket: it sends no more');
    expect(raw.seen().map(({ op }) => op)).toEqual([RW, CREDIT_REQUEST]);
    expect(send(CREDIT_UPDATE!, { fwd: 4 })).toMatchObject([
      { op: RW, payload: [4, 5] },
      { op: SHUTDOWN, flags: BOTH },
    ]);
    // What is under way still is nobody's.
    send(RW!, { payload: bytes(9) });
    expect([socket.available, told, socket.state]).toEqual([0, [], 'open']);
    expect(send(RST!)).toEqual([]);
    expect([told, socket.state, raw.host.sockets]).toEqual([['closed'], 'closed', []]);
    expect(raw.guest.clauses()).toEqual([]);
  });

  it('of receiving alone does not wait for what is to be sent', () => {
    const { raw, socket } = connected({}, STREAM, 0);
    socket.write(Uint8Array.of(1));
    socket.shutdown(RECEIVE!);
    expect(raw.seen().map(({ op, flags }) => [op, flags])).toEqual([
      [CREDIT_REQUEST, 0],
      [SHUTDOWN, RECEIVE],
    ]);
  });

  it('by a reset of either side is at once', () => {
    const one = connected();
    one.send(RST!);
    expect([one.told, one.raw.host.sockets]).toEqual([['reset'], []]);
    const other = connected();
    other.socket.reset();
    expect([ops(other.raw.seen()), other.told, other.raw.host.sockets]).toEqual([[RST], ['reset'], []]);
  });

  it('before anybody heard of a request leaves nothing', () => {
    const raw = new RawVsock();
    raw.host.connect(1024).close();
    expect([raw.seen(), raw.host.sockets]).toEqual([[], []]);
  });

  it.each([
    ['a request of it', { op: REQUEST }],
    ['a response to it', { op: RESPONSE }],
    ['what is no operation', { op: 8 }],
    ['an invalid one', { op: 0 }],
  ] as const)('comes of %s', (_, { op }) => {
    const { raw, told, send } = connected();
    expect(ops(send(op!))).toEqual([RST]);
    expect([raw.guest.clauses(), told]).toEqual([['CONF-01'], ['reset']]);
  });

  it('comes of a payload after the last, and of one that cannot be read', () => {
    const { raw, told, send } = connected();
    send(SHUTDOWN!, { flags: SEND });
    expect(ops(send(RW!, { payload: [1] }))).toEqual([RST]);
    expect([raw.guest.clauses(), told]).toEqual([['CONF-01'], ['ended', 'reset']]);
    const other = connected();
    other.raw.put(packetBytes({ op: RW!, ports: PORTS, payload: [1, 2] }), 0x100000 - 44);
    expect([ops(other.raw.seen()), other.raw.guest.clauses()]).toEqual([[RST], ['RF-05']]);
  });
});

describe('a seqpacket socket', () => {
  it('keeps messages apart, and records', () => {
    const { raw, socket, told, send } = connected({}, SEQPACKET);
    send(RW!, { payload: [1, 2] });
    expect([told, socket.read()]).toEqual([[], null]);
    send(RW!, { payload: [3], flags: EOM });
    send(RW!, { payload: [], flags: EOM! | EOR! });
    expect(told).toEqual(['received', 'received']);
    expect(socket.readMessage()).toEqual({ bytes: Uint8Array.of(1, 2, 3), endsRecord: false });
    expect(socket.readMessage()).toEqual({ bytes: new Uint8Array(), endsRecord: true });
    expect(socket.readMessage()).toBeNull();
    expect(socket.write(Uint8Array.from(bytes(5)), true)).toBe(5);
    expect(socket.write(new Uint8Array())).toBe(0);
    raw.give(44 + 3);
    expect(raw.seen()).toMatchObject([
      { flags: 0, payload: [0, 1, 2] },
      { flags: 3, payload: [3, 4] },
      { flags: 1, payload: [] },
    ]);
  });

  it('takes a message whole or not at all', () => {
    const { raw, socket, told, send } = connected({ sendBytes: 10 }, SEQPACKET, 0);
    expect(socket.write(Uint8Array.from(bytes(6)))).toBe(6);
    expect(socket.write(Uint8Array.from(bytes(5)))).toBe(-1);
    expect(() => socket.write(new Uint8Array(11))).toThrow('11 bytes for a socket: a message has at most 10');
    raw.seen();
    send(CREDIT_UPDATE!, { alloc: 1 });
    expect([told, socket.write(Uint8Array.from(bytes(5)))]).toEqual([['drained'], 5]);
  });

  it('keeps no end of messages that need no room', () => {
    const { raw, told, send } = connected({}, SEQPACKET);
    for (let i = 0; i < 4096; i++)
      raw.put(packetBytes({ op: RW!, ports: PORTS, type: SEQPACKET!, flags: EOM! }));
    expect(told).not.toContain('reset');
    expect(ops(send(RW!, { flags: EOM }))).toEqual([RST]);
  });
});

describe('queues', () => {
  it('VSOCK-FLOW-02: takes packets without a buffer for the answers, up to a bound', () => {
    const { raw } = listening();
    let taken = 0;
    while (raw.put(packetBytes({ op: REQUEST!, ports: [taken, 99] }))) taken++;
    expect(taken).toBe(64);
    raw.give();
    expect(raw.transmit.usedIndex).toBe(65);
    expect(raw.seen()).toHaveLength(65);
  });

  it('serve connections in turn', () => {
    const { raw, sockets } = listening();
    raw.connect(PORTS);
    raw.connect([5001, 80]);
    for (const socket of sockets) socket.write(new Uint8Array(6));
    const driver = () => {
      raw.give(44 + 3);
      return raw.collect().map(({ ports }) => ports[0]);
    };
    expect([driver(), driver(), driver(), driver()]).toEqual([[5000], [5001], [5000], [5001]]);
  });

  it.each([
    ['too small for a payload', 44, undefined, 'CONF-01'],
    ['out of reach', 100, 0x80000000, 'RF-05'],
  ] as const)('a receive buffer %s goes back', (_, length, address, clause) => {
    const { raw, sockets } = listening();
    raw.put(packetBytes({ op: REQUEST!, ports: PORTS }));
    raw.give(length, address);
    expect([raw.collect(), raw.guest.clauses()]).toEqual([[], [clause]]);
    // A response that is lost is the end of its connection.
    expect(ops(raw.seen())).toEqual([address === undefined ? RESPONSE : RST]);
    expect(sockets).toHaveLength(1);
  });

  it.each([
    ['VSOCK-RT-01: of another address', { from: 4 }, 'VSOCK-RT-01'],
    ['with a length that is not there', { length: 1 }, 'CONF-01'],
    ['to more than 32 bits', { to: 2 ** 32 + 2 }, 'CONF-01'],
    ['of more than 32 bits', { from: 2 ** 32 + 3 }, 'VSOCK-RT-01'],
  ] as const)('a packet %s goes to nobody', (_, wrong, clause) => {
    const { raw } = listening();
    expect(raw.send({ op: REQUEST!, ports: PORTS, ...wrong })).toEqual([]);
    expect(raw.guest.clauses()).toEqual([clause]);
  });

  it('a packet may have more room than it needs, and is written nothing', () => {
    const { raw } = listening();
    raw.put([...packetBytes({ op: REQUEST!, ports: PORTS }), 1, 2, 3]);
    expect([ops(raw.seen()), raw.guest.clauses()]).toEqual([[RESPONSE], []]);
    raw.put(packetBytes({ op: RST!, ports: PORTS }), BUFFERS, 8);
    expect([raw.transmit.used(1)[0]![1], raw.guest.clauses()]).toEqual([0, ['CONF-01']]);
    raw.put(bytes(43));
    expect(raw.guest.clauses()).toEqual(['CONF-01']);
  });
});

describe('a reset of the transport', () => {
  const event = (raw: RawVsock, length = 4, address = BUFFERS + 0x7000) => {
    raw.event.describe(0, { address, length, flags: 2 });
    raw.event.offer(0);
    raw.guest.kick(2);
    return raw.event.used().map(([, used]) => [...raw.guest.machine.ram.read(BUFFERS + 0x7000, used)]);
  };

  it('cuts connections without a word, shows another address, and is told once there is a buffer', () => {
    const { raw, socket, told } = connected();
    raw.device.resetTransport(77);
    expect([told, raw.host.sockets, raw.seen()]).toEqual([['reset'], [], []]);
    expect(() => socket.write(Uint8Array.of(1))).toThrow(VsockWriteError);
    expect(raw.guest.machine.memoryRead(raw.guest.structure(4), 4)).toBe(77);
    expect(event(raw)).toEqual([[0, 0, 0, 0]]);
    expect(event(raw)).toHaveLength(1);
    // Listeners stay, at the new address.
    expect(ops(raw.send({ op: REQUEST!, ports: PORTS, from: 77 }))).toEqual([RESPONSE]);
  });

  it('waits for a buffer that holds it', () => {
    const { raw } = connected();
    raw.device.resetTransport();
    expect([event(raw, 3), raw.guest.clauses()]).toEqual([[[]], ['CONF-01']]);
    expect([event(raw, 4, 0x80000000).at(-1), raw.guest.clauses()]).toEqual([[], ['RF-05']]);
    expect(event(raw).at(-1)).toEqual([0, 0, 0, 0]);
  });

  it('is no news to a driver that starts later', () => {
    const { raw, told } = connected();
    raw.device.resetTransport(9);
    raw.guest.device.reset();
    expect(raw.device.save().eventPending).toBe(false);
    expect(told).toEqual(['reset']);
  });
});

describe('users of sockets', () => {
  it('hear of one thing after the other, whatever they do', () => {
    const { raw, sockets } = listening();
    raw.connect(PORTS);
    const [socket] = sockets;
    const seen: string[] = [];
    socket!.on = {
      received: () => {
        seen.push('in');
        // What this leads to arrives while the handler runs, and is told when it has returned.
        if (seen.length === 1) raw.put(packetBytes({ op: RW!, ports: PORTS, payload: [2] }));
        seen.push('out');
      },
    };
    raw.put(packetBytes({ op: RW!, ports: PORTS, payload: [1] }));
    expect(seen).toEqual(['in', 'out', 'in', 'out']);
  });

  it('get the sockets of a state that was loaded, which go on', () => {
    const { raw, socket, send } = connected({}, STREAM, 10);
    send(RW!, { payload: bytes(5) });
    socket.write(Uint8Array.from(bytes(15)));
    raw.seen();
    const restored: VsockSocket[] = [];
    const twin = new RawVsock({ onRestored: (each) => restored.push(each) });
    twin.guest.machine.load(raw.guest.machine.save());
    expect(restored.map(({ available, unsent }) => [available, unsent])).toEqual([[5, 5]]);
    expect([...restored[0]!.read()!]).toEqual(bytes(5));
    expect(twin.host.save().sockets[0]!.output).toEqual(raw.host.save().sockets[0]!.output);
  });
});

describe('misuse', () => {
  test.each([0, 1, 2, 0xffffffff, 2 ** 32, 3.5])('VSOCK-RT-03: %s is no address of a driver', (guestCid) => {
    expect(() => new VsockDevice({ guestCid })).toThrow(VsockOptionError);
    expect(() => new VsockDevice().resetTransport(guestCid)).toThrow('a whole number of 3 to 4294967294');
  });

  test.each(['sockets', 'receiveBytes', 'sendBytes'])('a host without %s is none', (option) => {
    expect(() => new VsockHost({ [option]: 0 })).toThrow(VsockOptionError);
  });

  it('a port that is none, is taken, or one socket too many', () => {
    const host = new VsockHost({ sockets: 1 });
    for (const port of [-1, 1.5, 0xffffffff]) {
      expect(() => host.listen(port, () => {})).toThrow(VsockPortError);
      expect(() => host.connect(port)).toThrow(VsockPortError);
    }
    const stop = host.listen(80, () => {});
    expect(() => host.listen(80, () => {})).toThrow('port 80: somebody listens to it');
    stop();
    host.listen(80, () => {});
    stop();
    expect(() => host.listen(80, () => {})).toThrow(VsockPortError);
    host.connect(1);
    expect(() => host.connect(1)).toThrow('port 1: there are 1 sockets');
  });

  it('a state of another device, or one that cannot be', () => {
    const { raw } = connected();
    const saved = raw.device.save();
    expect(() => new VsockDevice({ types: ['stream'] }).check(saved)).toThrow(StateMismatchError);
    const host = raw.host.save();
    const [socket] = host.sockets;
    const check = (change: object) => () => raw.device.check({ ...saved, peer: { ...host, ...change } });
    expect(check({ sockets: [socket, socket] })).toThrow(/vsock\.peer\.sockets.*each pair of ports once/);
    expect(check({ line: [1] })).toThrow(/vsock\.peer\.line\[0\]/);
    expect(check({ shape: { receiveBytes: 5, sendBytes: 5 } })).toThrow(/vsock\.peer\.shape\.receiveBytes/);
    expect(check({ sockets: [{ ...socket, input: { ...socket!.input, open: 1 } }] })).toThrow(/input\.open/);
    const small = new RawVsock({ sockets: 1 });
    const closed = { ...socket!, state: 'closed' };
    expect(() => small.host.check({ ...host, sockets: [closed, closed] })).toThrow(/at most 1/);
    expect(check({})).not.toThrow();
  });
});
