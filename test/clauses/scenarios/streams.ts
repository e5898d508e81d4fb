import {
  networkFeature as bit,
  ConsoleDevice,
  EntropyDevice,
  feature,
  MemoryConsole,
  NetworkDevice,
  P9Device,
} from '../../../src/virtio/index.ts';
import { HeldServer } from '../../properties/support/held-server.ts';
import {
  ALL,
  CONTROL_RX,
  CONTROL_TX,
  DEVICE_READY,
  MULTIPORT,
  OPEN,
  PORT_READY,
  Raw,
  RX0,
  TX0,
  TX1,
} from '../../virtio/support/console.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from '../../virtio/support/guests.ts';
import { plainFrame, type RawHeader, RawNetwork, rawHeader, TestLink } from '../../virtio/support/network.ts';
import { during, type Scenario, scenario } from './scenario.ts';

const OUTSIDE = 0x8000_0000;
const CONTROL = [
  bit.controlQueue,
  bit.controlReceive,
  bit.controlVlan,
  bit.controlMacAddress,
  bit.guestAnnounce,
];
const OFFLOADS = [bit.checksum, bit.hostTso4, bit.guestChecksum, bit.controlGuestOffloads];

interface NetworkLab {
  readonly net: RawNetwork;
  readonly guest: ModernGuest | LegacyGuest;
  readonly link: TestLink;
}

function network(
  name: string,
  wrong: (lab: NetworkLab) => void,
  features: readonly number[] = CONTROL,
  kind: 'modern' | 'legacy' | 'strict' = 'modern',
): Scenario {
  return scenario(`network, ${kind}: ${name}`, () => {
    const link = new TestLink(true);
    const device = new NetworkDevice({ link, queuePairs: 2, mtu: 1500 });
    const queues = [0, 1, 2, 3, 4];
    const modern = kind === 'modern';
    const guest = modern ? new ModernGuest(device) : new LegacyGuest(device);
    const word = features.reduce((sum, each) => sum + 2 ** each, kind === 'legacy' ? 2 ** 27 : 0);
    // Without MQ the control queue is the third.
    const used = features.includes(bit.multiQueue) ? queues : queues.slice(0, 3);
    const rings = guest instanceof ModernGuest ? guest.start(features, queues) : guest.start(word, queues);
    const net = new RawNetwork(guest, used, rings.slice(0, used.length));
    return during(guest, () => wrong({ net, guest, link }));
  });
}

const sends = (name: string, header: RawHeader, features: readonly number[], frame = plainFrame(60)) =>
  network(`sends ${name}`, ({ net }) => void net.send(rawHeader(header, 12), frame), features);

const command = (
  name: string,
  args: readonly [number, number, (readonly number[][])?, (readonly number[])?, (readonly number[])?],
  features: readonly number[] = CONTROL,
  kind: 'modern' | 'legacy' | 'strict' = 'modern',
) => network(`command ${name}`, ({ net }) => void net.command(...args), features, kind);

const expose = (
  name: string,
  queue: number,
  readable: readonly number[],
  writable: readonly number[],
  address = BUFFERS,
  after: (lab: NetworkLab) => void = () => {},
) =>
  network(name, (lab) => {
    lab.net.expose(queue, address, readable, writable);
    after(lab);
  });

const count = (n: number) => [n, 0, 0, 0];
/** A frame of TCP over IPv4 with 20 bytes of payload. */
const tcp = (() => {
  const frame = plainFrame(14 + 20 + 20 + 20, undefined, [8, 0]);
  frame.set([0x45, 0, 0, 60, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14);
  frame[14 + 20 + 12] = 0x50;
  return frame;
})();
const good: RawHeader = { flags: 1, hdrLen: 54, csumStart: 34, csumOffset: 16 };

const networks: readonly Scenario[] = [
  expose('a readable part in a receive buffer', 0, [10], [2000]),
  expose('no room for a header', 0, [], [11]),
  network('no room for a header, merged', ({ net }) => void net.expose(0, BUFFERS, [], [11]), [
    bit.mergeableBuffers,
  ]),
  network('a header that is no descriptor', ({ net }) => net.buffer([2048]), [], 'strict'),
  network('a frame longer than its buffer', ({ net, link }) => {
    net.buffer([70]);
    link.arrive(plainFrame(60));
  }),
  expose(
    'a receive buffer out of reach',
    0,
    [],
    [2000],
    OUTSIDE,
    ({ link }) => void link.arrive(plainFrame()),
  ),
  expose('sends less than a header', 1, [11], []),
  expose('sends a runt', 1, [12, 13], []),
  expose('sends more than any frame', 1, [12, 65594], []),
  expose('sends a header out of reach', 1, [12, 60], [], OUTSIDE),
  expose('sends a frame out of reach', 1, [12, 60], [], 0x100000 - 12),
  expose('sends writable bytes', 1, [12, 60], [60]),
  sends('more than the MTU', {}, [bit.mtu], plainFrame(1600)),
  network(
    'sends a header in one with its frame',
    ({ net }) => void net.send(rawHeader({}, 10), plainFrame(), [70]),
    [],
    'strict',
  ),
  sends('a number of buffers', { numBuffers: 1 }, CONTROL),
  sends('flags without CSUM', { flags: 1 }, CONTROL),
  sends('flags of the device', { flags: 2 }, OFFLOADS),
  sends('segments that were not accepted', { ...good, gsoType: 4, gsoSize: 9 }, OFFLOADS),
  sends('segments without any feature', { ...good, gsoType: 1, gsoSize: 9 }, [bit.checksum]),
  sends('ECN', { ...good, gsoType: 0x81, gsoSize: 9 }, OFFLOADS),
  sends('segments without a checksum', { gsoType: 1, gsoSize: 9 }, OFFLOADS),
  sends('segments without a size', { ...good, gsoType: 1 }, OFFLOADS),
  sends('segments of what is no TCP', { ...good, gsoType: 1, gsoSize: 9 }, OFFLOADS),
  sends(
    'segments whose checksum begins elsewhere',
    { ...good, gsoType: 1, gsoSize: 9, csumStart: 35 },
    OFFLOADS,
    tcp,
  ),
  sends('a checksum behind the frame', { ...good, csumStart: 59 }, OFFLOADS),
  scenario('network, modern: sends on a queue of another pair', () => {
    const guest = new ModernGuest(new NetworkDevice({ link: new TestLink(), queuePairs: 2 }));
    const [ring] = guest.start([], [3]);
    ring!.describe(5, { address: BUFFERS, length: 72 });
    ring!.offer(5);
    return during(guest, () => guest.kick(3));
  }),
  network(
    'sends on a queue of a pair that was not enabled',
    ({ net }) => void net.expose(3, BUFFERS, [12, 60], []),
    [...CONTROL, bit.multiQueue],
  ),
  command('without its feature', [0, 0, [[1]]], [bit.controlQueue]),
  command('that nobody knows', [9, 9]),
  command('of VLANs without CTRL_VLAN', [2, 0, [[1, 0]]], [bit.controlQueue]),
  command(
    'of MAC addresses without CTRL_RX',
    [1, 1, [[2, 1, 1, 1, 1, 1]]],
    [bit.controlQueue, bit.controlMacAddress],
  ),
  command('with too little data', [0, 0, []]),
  command('with too little data', [0, 0, []], CONTROL, 'legacy'),
  command('of a mode that is neither on nor off', [0, 0, [[2]]]),
  command('of no VLAN', [2, 0, [[0, 0x10]]]),
  command('of one MAC table', [1, 0, [count(0)]]),
  command('of a MAC table that is cut off', [1, 0, [count(2), count(0)]]),
  command('of MAC tables and more', [1, 0, [count(0), [...count(0), 7]]]),
  command('of a group among stations', [1, 0, [[...count(1), 1, 0, 0x5e, 0, 0, 1], count(0)]]),
  command('of no pairs', [4, 0, [[0, 0]]], [...CONTROL, bit.multiQueue]),
  network(
    'command of pairs that were not set up',
    ({ net, guest }) => {
      guest.device.resetQueue(3);
      net.command(4, 0, [[2, 0]]);
    },
    [...CONTROL, bit.multiQueue],
  ),
  command(
    'of offloads that were not accepted',
    [5, 0, [[0, 1, 0, 0, 0, 0, 0, 0]]],
    [...CONTROL, ...OFFLOADS],
  ),
  command('of what are no offloads', [5, 0, [[0, 0, 0, 0, 0, 0, 0, 0x80]]], [...CONTROL, ...OFFLOADS]),
  command('without room for its ack', [0, 0, [[1]], [2, 1], []]),
  command('without room for its ack', [0, 0, [[1]], [2, 1], []], CONTROL, 'strict'),
  command('with room for more than its ack', [0, 0, [[1]], [2, 1], [3, 4]]),
  command('cut off', [0, 0, [], [1]]),
  expose('command with an ack out of reach', 2, [3], [1], 0x100000 - 3),
  network('command whose data are out of reach', ({ net, guest }) => {
    guest.machine.ram.write(0x100000 - 2, Uint8Array.of(0, 0));
    net.expose(2, 0x100000 - 2, [2, 1], [1]);
  }),
  network('command out of reach, with room for its ack', ({ net, guest }) => {
    const ring = net.ring(2);
    ring.chain(8, [
      { address: OUTSIDE, length: 2 },
      { address: BUFFERS, length: 1, flags: 2 },
    ]);
    ring.offer(8);
    guest.kick(2);
  }),
  network('command of MAC tables out of reach', ({ net, guest }) => {
    guest.machine.ram.write(0x100000 - 6, Uint8Array.of(1, 0, 1, 0, 0, 0));
    net.expose(2, 0x100000 - 6, [2, 4, 10], [1]);
  }),
  command('cut in another way', [0, 0, [[1]], [1, 1, 1]], CONTROL, 'strict'),
  command('with an ack in two descriptors', [0, 0, [[1]], [2, 1], [1, 0]], CONTROL, 'strict'),
  command('of MAC tables cut in another way', [1, 0, [count(0), count(0)], [10]], CONTROL, 'strict'),
  network('configuration is written', ({ guest }) =>
    guest.machine.memoryWrite((guest as ModernGuest).structure(4), 1, 2),
  ),
  scenario('network, modern: CTRL_RX_EXTRA without CTRL_VQ', () => {
    const guest = new ModernGuest(new NetworkDevice({ link: new TestLink() }));
    return during(guest, () => void guest.negotiate([bit.controlReceiveExtra]));
  }),
];

interface ConsoleLab {
  readonly raw: Raw;
  readonly guest: ModernGuest | LegacyGuest;
  readonly backend: MemoryConsole;
}

function console(
  name: string,
  wrong: (lab: ConsoleLab) => void,
  features = [MULTIPORT!],
  strict = false,
): Scenario {
  return scenario(`console, ${strict ? 'strict' : 'modern'}: ${name}`, () => {
    const backend = new MemoryConsole();
    const device = new ConsoleDevice({
      maxPorts: 2,
      ports: [{ backend }, { number: 1, backend: new MemoryConsole() }],
    });
    const guest = strict ? new LegacyGuest(device) : new ModernGuest(device);
    const rings =
      guest instanceof ModernGuest ? guest.start(features, ALL) : guest.start(2 ** MULTIPORT!, ALL);
    const raw = new Raw(guest, rings);
    if (features.length > 0) raw.control(0, DEVICE_READY!, 1);
    return during(guest, () => wrong({ raw, guest, backend }));
  });
}

const outside =
  (queue: number, length: number, flags: number) =>
  ({ raw, guest }: ConsoleLab) => {
    raw.rings[queue]!.describe(20, { address: OUTSIDE, length, flags });
    raw.rings[queue]!.offer(20);
    guest.kick(queue);
  };

const consoles: readonly Scenario[] = [
  console('readable bytes for a message', ({ raw }) => void raw.expose(CONTROL_RX!, [Uint8Array.of(1), 300])),
  console(
    'writable bytes in a message',
    ({ raw }) => void raw.expose(CONTROL_TX!, [Uint8Array.of(0, 0, 0, 0, 6, 0, 1, 0), 4]),
  ),
  console('a message cut off', ({ raw }) => raw.send(CONTROL_TX!, Uint8Array.of(0, 0, 0, 0, 6, 0, 1))),
  console('a message out of reach', outside(CONTROL_TX!, 8, 0)),
  console('a buffer for a message out of reach', outside(CONTROL_RX!, 8, 2)),
  console('too short a buffer for a message', ({ raw }) => void raw.buffer(CONTROL_RX!, 7)),
  console('an event of the device', ({ raw }) => raw.control(0, 7, 1)),
  console('a value that is none', ({ raw }) => raw.control(0, OPEN!, 2)),
  console('a port that was not added', ({ raw }) => raw.control(7, PORT_READY!, 1)),
  console('a second DEVICE_READY', ({ raw }) => raw.control(0, DEVICE_READY!, 1)),
  console(
    'a message in two descriptors',
    ({ raw }) => void raw.expose(CONTROL_TX!, [Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0, 0, 1, 0)]),
    [MULTIPORT!],
    true,
  ),
  console('a queue of another port', ({ raw }) => raw.send(TX1!, 'x'), []),
  console('readable bytes in a buffer for input', ({ raw }) => void raw.expose(RX0!, [Uint8Array.of(1), 4])),
  console('writable bytes in output', ({ raw }) => void raw.expose(TX0!, [Uint8Array.of(1), 4])),
  console('output out of reach', outside(TX0!, 8, 0), []),
  console(
    'a buffer for input out of reach',
    (lab) => {
      outside(RX0!, 8, 2)(lab);
      lab.backend.send(Uint8Array.of(1));
    },
    [],
  ),
];

const others: readonly Scenario[] = [
  scenario('entropy, modern: a buffer to be read', () => {
    const guest = new ModernGuest(new EntropyDevice());
    const [ring] = guest.start();
    ring!.describe(2, { address: BUFFERS, length: 4 });
    ring!.offer(2);
    return during(guest, () => guest.kick());
  }),
  scenario('entropy, modern: a buffer out of reach', () => {
    const guest = new ModernGuest(new EntropyDevice(), {
      transportFeatures: [feature.ringIndirectDescriptors],
    });
    const [ring] = guest.start();
    ring!.describe(2, { address: OUTSIDE, length: 4, flags: 2 });
    ring!.offer(2);
    return during(guest, () => guest.kick());
  }),
];

const message = (type: number, tag: number, ...body: number[]) => [
  7 + body.length,
  0,
  0,
  0,
  type,
  tag,
  0,
  ...body,
];

function p9(
  name: string,
  bytes: readonly number[],
  room = 64,
  modern = true,
  addresses: readonly number[] = [],
) {
  return scenario(`9p, ${modern ? 'modern' : 'legacy'}: ${name}`, () => {
    const server = new HeldServer((request) => request.map((byte, i) => (i === 4 ? byte + 1 : byte)));
    const device = new P9Device({ server, maxMessageBytes: 256 });
    const guest = modern ? new ModernGuest(device) : new LegacyGuest(device);
    const ring = (guest instanceof ModernGuest ? guest.start() : guest.start(1))[0]!;
    const send = (
      what: readonly number[],
      head: number,
      from = BUFFERS + 0x400 * head,
      into = from + 0x200,
    ) => {
      if (from < OUTSIDE) guest.machine.ram.write(from, Uint8Array.from(what));
      ring.chain(head, [
        { address: from, length: what.length },
        ...(room === 0 ? [] : [{ address: into, length: room, flags: 2 }]),
      ]);
      ring.offer(head);
      guest.kick();
    };
    send(message(100, 0xff, 0, 1, 0, 0, 8, 0, ...new TextEncoder().encode('9P2000.L')), 0);
    server.release(0, 4);
    return during(guest, () => {
      if (name === 'a tag that is in use') send(bytes, 2);
      send(bytes, 4, ...addresses);
      server.release(0, 4);
    });
  });
}

const p9s: readonly Scenario[] = [
  p9('less than a header', [6, 0, 0, 0, 1, 0]),
  p9('less than a header', [6, 0, 0, 0, 1, 0], 64, false),
  p9('a message longer than its buffers', [8, 0, 0, 0, 116, 1, 0]),
  p9('a message longer than agreed on', [1, 1, 0, 0, 116, 1, 0, ...new Array<number>(250).fill(0)]),
  p9('bytes behind a message', [...message(116, 1), 1, 2]),
  p9('a reply', message(117, 1)),
  p9('a tag that is in use', message(116, 1)),
  p9('a flush of nothing', message(108, 1, 1)),
  p9('no room for the reply', message(116, 1, 1, 2, 3, 4, 5), 11),
  p9('a message out of reach', message(116, 1), 64, true, [OUTSIDE]),
  p9('room for a reply out of reach', message(116, 1), 64, true, [BUFFERS + 0x4000, OUTSIDE]),
];

export const streams: readonly Scenario[] = [...networks, ...consoles, ...others, ...p9s];
