import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import type { State } from '../../../src/core/index.ts';
import {
  MAC_TABLE_HEADER_BYTES,
  NetworkDevice,
  type NetworkLink,
  type NetworkPort,
  networkControlClass,
  networkDeviceType,
  networkFeature,
  networkHeader,
  networkQueue,
  type Offload,
} from '../../../src/virtio/index.ts';
import type { KitChain, KitDevice, TypeKit } from './kit.ts';

const bit = networkFeature;
const PAIRS = 2;
const MTU = 300;

/** The device's own address, others, groups, everybody. */
const ADDRESSES = [
  [0x52, 0x54, 0, 0x12, 0x34, 0x56],
  [2, 1, 1, 1, 1, 1],
  [2, 1, 1, 1, 1, 2],
  [1, 0, 0x5e, 0, 0, 1],
  [0x33, 0x33, 0, 0, 0, 1],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
] as const;

type Stimulus =
  | {
      readonly do: 'frame';
      readonly to: number;
      readonly body: readonly number[];
      readonly length: number;
      readonly offload: Offload | null;
    }
  | { readonly do: 'link'; readonly up: boolean }
  | { readonly do: 'announce' };

interface Outside {
  readonly sent: readonly string[];
  readonly taken: readonly boolean[];
  readonly linkUp: boolean;
}

/** A device and a link that remembers. */
class World implements KitDevice<Stimulus>, NetworkLink {
  readonly offloads = true;
  readonly behaviour: NetworkDevice;
  #port!: NetworkPort;
  #sent: string[] = [];
  #taken: boolean[] = [];

  constructor(queueSize: number) {
    this.behaviour = new NetworkDevice({
      link: this,
      queueSize,
      controlQueueSize: queueSize,
      queuePairs: PAIRS,
      mtu: MTU,
    });
  }

  attach(port: NetworkPort): void {
    this.#port = port;
  }

  transmit(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    this.#sent.push(
      `${Buffer.from(bytes).toString('hex', offset, offset + length)} ${JSON.stringify(offload)}`,
    );
  }

  stimulate(stimulus: Stimulus): void {
    // A line is told at once and a message waits for bus mastering: what happens meanwhile would tell windows apart.
    if (!this.behaviour.device.dmaEnabled) return;
    if (stimulus.do === 'link') this.behaviour.setLink(stimulus.up);
    else if (stimulus.do === 'announce') this.behaviour.announce();
    else {
      const { to, body, length, offload } = stimulus;
      const frame = new Uint8Array(length).map((_, i) => (i * 5 + to) & 0xff);
      frame.set([...ADDRESSES[to]!, 2, 9, 9, 9, 9, 9, ...body].slice(0, length));
      this.#taken.push(this.#port.receive(frame, 0, length, offload));
    }
  }

  outside(): Outside {
    return { sent: [...this.#sent], taken: [...this.#taken], linkUp: this.behaviour.linkUp };
  }

  saveOutside(): State {
    return { ...this.outside() };
  }

  loadOutside(state: State): void {
    const { sent, taken, linkUp } = state as unknown as Outside;
    this.#sent = [...sent];
    this.#taken = [...taken];
    this.behaviour.setLink(linkUp);
  }
}

const bytes = (maxLength: number) => fc.array(fc.nat(255), { maxLength });

/** What follows source and destination: tags, IPv4 with TCP or UDP, or nothing in particular. */
const bodies: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constant([0x88, 0xb5]),
  fc.constantFrom(0, 5, 0xfff).map((id) => [0x81, 0x00, id >> 8, id & 0xff, 0x88, 0xb5]),
  fc
    .tuple(fc.constantFrom(6, 17), fc.nat(255))
    .map(([protocol, port]) => [
      ...[0x08, 0x00, 0x45, 0, 0, 100, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
      ...[0x30, port, 0, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10],
    ]),
  bytes(60),
);

const numbers16 = fc.oneof(fc.constantFrom(0, 1, 16, 34, 100, 0xffff), fc.nat(0xffff));
const headers: fc.Arbitrary<Offload> = fc.record({
  flags: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(255)),
  gsoType: fc.oneof(fc.constantFrom(0, 1, 3, 4, 5, 0x81), fc.nat(255)),
  headerLength: numbers16,
  gsoSize: numbers16,
  checksumStart: fc.oneof(fc.constant(34), numbers16),
  checksumOffset: fc.oneof(fc.constant(16), numbers16),
});
const offloads = fc.option(headers, { nil: null, freq: 2 });
const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 14, max: 150 }) },
  { weight: 1, arbitrary: fc.constantFrom(13, MTU + 14, MTU + 15, 2000) },
);

const stimuli: fc.Arbitrary<Stimulus> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('frame' as const),
      to: fc.nat(ADDRESSES.length - 1),
      body: bodies,
      length: lengths,
      offload: offloads,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('link' as const), up: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'announce' as const }) },
);

/** Cuts a row of bytes in some places. */
const cut = (all: fc.Arbitrary<readonly number[]>): fc.Arbitrary<readonly (readonly number[])[]> =>
  fc.tuple(all, fc.array(fc.nat(40), { maxLength: 3 })).map(([row, cuts]) => {
    const pieces: (readonly number[])[] = [];
    let at = 0;
    for (const length of cuts) {
      if (length > 0 && at < row.length) pieces.push(row.slice(at, at + length));
      at += length;
    }
    return at < row.length ? [...pieces, row.slice(at)] : pieces;
  });

const pair = fc.nat(PAIRS - 1);

const received = fc.record({
  queue: pair.map(networkQueue.receive),
  readable: fc.oneof(
    { weight: 9, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.constant([[1, 2]]) },
  ),
  writable: fc.oneof(
    fc.constantFrom([200], [10, 190], [12, 500], [40]),
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
  ),
});

function sent(littleEndian: boolean): fc.Arbitrary<KitChain> {
  const row = fc
    .tuple(
      fc.constantFrom(12, 10),
      fc.option(headers, { freq: 2 }),
      fc.nat(9),
      bodies,
      fc.integer({ min: 14, max: 120 }),
    )
    .map(([headerBytes, header, buffers, body, length]) => {
      const view = new DataView(new ArrayBuffer(12));
      if (header !== null) {
        view.setUint8(networkHeader.flags.offset, header.flags);
        view.setUint8(networkHeader.gsoType.offset, header.gsoType);
        for (const name of ['headerLength', 'gsoSize', 'checksumStart', 'checksumOffset'] as const)
          view.setUint16(networkHeader[name].offset, header[name], littleEndian);
        view.setUint16(networkHeader.numBuffers.offset, buffers === 9 ? 1 : 0, littleEndian);
      }
      const frame = [...ADDRESSES[1]!, ...ADDRESSES[0]!, ...body];
      const whole = Array.from({ length: Math.max(14, length) }, (_, i) => frame[i] ?? i & 0xff);
      return [...new Uint8Array(view.buffer, 0, headerBytes), ...whole];
    });
  const short = bytes(26);
  return fc.record({
    queue: pair.map(networkQueue.transmit),
    readable: cut(fc.oneof({ weight: 12, arbitrary: row }, { weight: 1, arbitrary: short })),
    writable: fc.oneof(
      { weight: 12, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.constant([8]) },
    ),
  });
}

/** Numbers of a command, in the driver's byte order. */
function number(length: 2 | 4 | 8, value: number, littleEndian: boolean): number[] {
  const little = Array.from({ length }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
  return littleEndian ? little : little.reverse();
}

function commands(littleEndian: boolean): fc.Arbitrary<KitChain> {
  const num = (length: 2 | 4 | 8, values: fc.Arbitrary<number>) =>
    values.map((value) => number(length, value, littleEndian));
  const addresses = (from: number, to: number) =>
    fc
      .tuple(
        fc.array(fc.integer({ min: from, max: to }), { maxLength: 3 }),
        fc.constantFrom(0, 0, 0, 0, 0, 1, -1, 2 ** 31),
      )
      .map(([which, lie]) => [
        ...number(MAC_TABLE_HEADER_BYTES, Math.max(0, which.length + lie), littleEndian),
        ...which.flatMap((each) => [...ADDRESSES[each]!]),
      ]);
  const { receive, mac, vlan, announce, multiQueue, guestOffloads } = networkControlClass;
  const masks = fc
    .subarray([bit.guestChecksum, bit.guestTso4, bit.guestTso6, bit.guestEcn, bit.guestUfo, 11])
    .map((bits) => bits.reduce((sum, each) => sum + 2 ** each, 0));
  const known: fc.Arbitrary<readonly number[]> = fc.oneof(
    fc.tuple(fc.nat(6), fc.constantFrom(0, 1, 1, 2)).map(([mode, on]) => [receive, mode, on]),
    fc
      .tuple(addresses(1, 2), addresses(3, 5))
      .map(([unicast, multicast]) => [mac, 0, ...unicast, ...multicast]),
    fc.nat(5).map((each) => [mac, 1, ...ADDRESSES[each]!]),
    fc
      .tuple(fc.nat(2), num(2, fc.constantFrom(0, 5, 0xfff, 0x1000)))
      .map(([command, id]) => [vlan, command, ...id]),
    fc.constant([announce, 0]),
    num(2, fc.constantFrom(1, 2, 0, 3)).map((pairs) => [multiQueue, 0, ...pairs]),
    num(8, masks).map((mask) => [guestOffloads, 0, ...mask]),
  );
  const row = fc.oneof(
    { weight: 12, arbitrary: known },
    { weight: 1, arbitrary: bytes(20) },
    { weight: 1, arbitrary: known.map((each) => each.slice(0, -1)) },
    { weight: 1, arbitrary: known.map((each) => [...each, 0]) },
  );
  return fc.record({
    // Without MQ the control queue is the third, whatever the device could have.
    queue: fc.constantFrom(networkQueue.control(1), networkQueue.control(PAIRS)),
    readable: cut(row),
    writable: fc.constantFrom([1], [1], [1], [1], [2, 3], []),
  });
}

/** Two pairs of queues, all offloads, an MTU; frames of every kind arrive. */
export const networkKit: TypeKit<Stimulus> = {
  type: networkDeviceType,
  features: [
    bit.mac,
    bit.mtu,
    bit.mergeableBuffers,
    bit.status,
    bit.checksum,
    bit.guestChecksum,
    bit.guestTso4,
    bit.hostTso4,
    bit.controlQueue,
    bit.controlReceive,
    bit.controlReceiveExtra,
    bit.controlVlan,
    bit.controlMacAddress,
    bit.controlGuestOffloads,
    bit.guestAnnounce,
    bit.multiQueue,
  ],
  queues: [0, 1, 2, 3, 4],
  make: (queueSize) => new World(queueSize),
  chains: (littleEndian) =>
    fc.oneof(
      { weight: 4, arbitrary: received },
      { weight: 3, arbitrary: sent(littleEndian) },
      { weight: 3, arbitrary: commands(littleEndian) },
    ),
  stimuli,
};
