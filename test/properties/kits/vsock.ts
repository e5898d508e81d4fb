import fc from 'fast-check';
import type { State } from '../../../src/core/index.ts';
import {
  VSOCK_EVENT_BYTES,
  VSOCK_HEADER_BYTES,
  VsockDevice,
  VsockHost,
  VsockPacket,
  type VsockSocket,
  vsockDeviceType,
  vsockFeature,
  vsockQueue,
  vsockType,
} from '../../../src/virtio/index.ts';
import type { KitChain, KitDevice, TypeKit } from './kit.ts';

const CID = 3;
/** Ports of the host's: a stream's, a seqpacket's, and one that answers at once; and those that the driver has. */
const [STREAM, SEQPACKET, ECHO] = [10, 11, 12];
const HOST_PORTS = [STREAM, SEQPACKET, ECHO, 99, 0xc0000000, 0xc0000001] as const;
const GUEST_PORTS = [20, 21] as const;
/** Little room for few, so that both run out. */
const ROOM = 300;
const SOCKETS = 3;

type Stimulus =
  | { readonly do: 'connect'; readonly port: number; readonly type: number }
  | { readonly do: 'write' | 'read'; readonly which: number; readonly bytes: number }
  | { readonly do: 'shutdown'; readonly which: number; readonly flags: number }
  | { readonly do: 'close' | 'reset'; readonly which: number }
  | { readonly do: 'transport-reset'; readonly cid: number };

class World implements KitDevice<Stimulus> {
  readonly behaviour: VsockDevice;
  readonly #host = new VsockHost({
    sockets: SOCKETS,
    receiveBytes: ROOM,
    sendBytes: ROOM,
    onRestored: (socket) => {
      if (socket.localPort === ECHO) this.#echo(socket);
    },
  });
  #taken: number[] = [];
  #written = 0;

  constructor(queueSize: number) {
    this.behaviour = new VsockDevice({ guestCid: CID, peer: this.#host, queueSize });
    this.#host.listen(STREAM, () => {});
    this.#host.listen(SEQPACKET, () => {}, vsockType.seqpacket);
    this.#host.listen(ECHO, (socket) => this.#echo(socket));
  }

  #echo(socket: VsockSocket): void {
    socket.on = {
      received: () => {
        const bytes = socket.read();
        if (bytes !== null && socket.unsent + bytes.length <= ROOM) this.#write(socket, bytes);
      },
      ended: () => socket.close(),
    };
  }

  #write(socket: VsockSocket, bytes: Uint8Array): void {
    try {
      socket.write(bytes);
    } catch {
      socket.reset();
    }
  }

  stimulate(stimulus: Stimulus): void {
    const { sockets } = this.#host;
    if (stimulus.do === 'connect') {
      if (sockets.length < SOCKETS) this.#host.connect(stimulus.port, {}, stimulus.type);
      return;
    }
    if (stimulus.do === 'transport-reset') {
      this.behaviour.resetTransport(stimulus.cid);
      return;
    }
    const socket = sockets[stimulus.which % Math.max(1, sockets.length)];
    if (socket === undefined) return;
    if (stimulus.do === 'write') {
      const first = this.#written;
      this.#written += stimulus.bytes;
      const bytes = Uint8Array.from({ length: stimulus.bytes }, (_, i) => first + i);
      if (socket.state !== 'closed') this.#write(socket, bytes);
    } else if (stimulus.do === 'read') this.#taken.push(...(socket.read(stimulus.bytes) ?? [-1]));
    else if (stimulus.do === 'shutdown') socket.shutdown(stimulus.flags);
    else if (stimulus.do === 'close') socket.close();
    else socket.reset();
  }

  outside(): unknown {
    return [this.#taken, this.#host.save()];
  }

  saveOutside(): State {
    return { taken: [...this.#taken], written: this.#written, host: this.#host.save() };
  }

  loadOutside(state: State): void {
    const saved = state as unknown as { taken: number[]; written: number; host: State };
    this.#taken = [...saved.taken];
    this.#written = saved.written;
    this.#host.load(saved.host);
  }
}

const rarely = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: rare });
const words = fc.nat(0xffffffff);

/** A packet of the driver's, of a connection that there may be; its integers are little-endian for everybody. */
const packets: fc.Arbitrary<KitChain> = fc
  .record({
    source: rarely(fc.constant(CID), fc.constantFrom(0, 2, 4)),
    destination: rarely(fc.constant(2), fc.constantFrom(0, 1, 3)),
    sourcePort: rarely<number>(fc.constantFrom(...GUEST_PORTS), words),
    destinationPort: rarely<number>(fc.constantFrom(...HOST_PORTS), words),
    type: rarely(fc.constantFrom(1, 1, 2), fc.nat(0xffff)),
    operation: rarely(fc.constantFrom(1, 1, 1, 2, 2, 3, 4, 5, 5, 5, 5, 6, 7), fc.nat(0xffff)),
    flags: rarely(fc.constantFrom(0, 1, 2, 3), words),
    allocation: rarely(fc.constantFrom(0, 50, 1000), words),
    forward: rarely(fc.constantFrom(0, 0, 10, 100), words),
    payload: rarely(fc.constantFrom(0, 0, 5, 60, 150), fc.nat(400)),
    length: rarely(fc.constant(0), fc.integer({ min: -5, max: 5 })),
    cut: rarely(fc.constant(0), fc.nat(VSOCK_HEADER_BYTES)),
    writable: rarely(fc.constant(0), fc.nat(8)),
    pieces: fc.constantFrom(VSOCK_HEADER_BYTES, VSOCK_HEADER_BYTES, 20, 9999),
  })
  .map((each) => {
    const packet = new VsockPacket();
    packet.sourceCid = each.source;
    packet.destinationCid = each.destination;
    packet.sourcePort = each.sourcePort;
    packet.destinationPort = each.destinationPort;
    packet.type = each.type;
    packet.operation = each.operation;
    packet.flags = each.flags;
    packet.bufferAllocation = each.allocation;
    packet.forwardCount = each.forward;
    const payload = each.operation === 5 ? each.payload : 0;
    packet.length = Math.max(0, payload + each.length);
    const bytes = new Uint8Array(VSOCK_HEADER_BYTES + payload).map((_, i) => i * 3);
    packet.write(new DataView(bytes.buffer));
    const all = [...bytes.subarray(0, bytes.length - each.cut)];
    return {
      queue: vsockQueue.transmit,
      readable: [all.slice(0, each.pieces), all.slice(each.pieces)].filter(({ length }) => length > 0),
      writable: each.writable > 0 ? [each.writable] : [],
    };
  });

const buffers: fc.Arbitrary<KitChain> = fc
  .tuple(
    rarely<number[]>(
      fc.constantFrom<number[][]>([300], [VSOCK_HEADER_BYTES, 100]),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 2 }),
    ),
    rarely(fc.constant(0), fc.nat(8)),
  )
  .map(([writable, readable]) => ({
    queue: vsockQueue.receive,
    readable: readable > 0 ? [new Array<number>(readable).fill(1)] : [],
    writable,
  }));

const eventBuffers: fc.Arbitrary<KitChain> = rarely(
  fc.constant(VSOCK_EVENT_BYTES),
  fc.integer({ min: 1, max: 12 }),
).map((length) => ({ queue: vsockQueue.event, readable: [], writable: [length] }));

const which = fc.nat(SOCKETS - 1);
const stimuli = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('connect'),
      port: fc.constantFrom(...GUEST_PORTS),
      type: fc.constantFrom(1, 1, 2),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('write', 'read'), which, bytes: fc.nat(120) }) },
  fc.record({ do: fc.constant('shutdown'), which, flags: fc.nat(3) }),
  fc.record({ do: fc.constantFrom('close', 'reset'), which }),
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('transport-reset'), cid: fc.constantFrom(CID, CID, 4) }),
  },
) as fc.Arbitrary<Stimulus>;

export const vsockKit: TypeKit<Stimulus> = {
  type: vsockDeviceType,
  features: Object.values(vsockFeature),
  queues: Object.values(vsockQueue),
  make: (queueSize) => new World(queueSize),
  chains: () =>
    fc.oneof(
      { weight: 6, arbitrary: packets },
      { weight: 4, arbitrary: buffers },
      { weight: 1, arbitrary: eventBuffers },
    ),
  stimuli,
};
