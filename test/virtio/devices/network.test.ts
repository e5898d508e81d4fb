import { describe, expect, it } from 'vitest';
import {
  NetworkDevice,
  NetworkOptionError,
  type NetworkOptions,
  networkConfig,
  networkFeature,
  unplugged,
  VirtioDevice,
} from '../../../src/virtio/index.ts';
import { type GuestOptions, LegacyGuest, ModernGuest } from '../support/guests.ts';
import { BROADCAST, OUR_MAC, plainFrame, RawNetwork, rawHeader, TestLink } from '../support/network.ts';

const bit = networkFeature;
const ANY_LAYOUT = 2 ** 27;
const QUEUES = [0, 1, 2];

interface Options extends GuestOptions {
  readonly device?: Partial<NetworkOptions>;
  /** Feature bits below 32 that the driver accepts. */
  readonly features?: readonly number[];
  readonly anyLayout?: boolean;
  readonly offloads?: boolean;
}

function build({ device, offloads = false }: Options) {
  const link = new TestLink(offloads);
  return { link, behaviour: new NetworkDevice({ link, ...device }) };
}

function legacy({ features = [], anyLayout = true, ...options }: Options = {}) {
  const { link, behaviour } = build(options);
  const guest = new LegacyGuest(behaviour, options);
  const word = features.reduce((sum, each) => sum + 2 ** each, anyLayout ? ANY_LAYOUT : 0);
  const net = new RawNetwork(guest, QUEUES, guest.start(word, QUEUES));
  guest.clauses();
  return { guest, behaviour, link, net, header: features.includes(bit.mergeableBuffers) ? 12 : 10 };
}

function modern({ features = [], ...options }: Options = {}) {
  const { link, behaviour } = build(options);
  const guest = new ModernGuest(behaviour, options);
  const net = new RawNetwork(guest, QUEUES, guest.start(features, QUEUES));
  guest.clauses();
  return { guest, behaviour, link, net, header: 12 };
}

const bigEndian = (options: Options = {}) => legacy({ ...options, guestEndian: 'big' });

const drivers = [
  ['legacy', legacy, true],
  ['big-endian legacy', bigEndian, false],
  ['modern', modern, true],
] as const;

describe('a network device', () => {
  it('offers what the observed QEMU offers, where its link takes no offloads', () => {
    const guest = new ModernGuest(new NetworkDevice({ link: unplugged }));
    guest.block.set('deviceFeatureSelect', 0);
    expect(guest.block.get('deviceFeature')).toBe(0x30bf8024);
    expect(guest.machine.ioRead(guest.bar(0), 4)).toBe(0x79bf8064);
    const sizes = [0, 1, 2, 3].map((queue) => {
      guest.block.set('queueSelect', queue);
      return guest.block.get('queueSize');
    });
    expect(sizes).toEqual([256, 256, 64, 0]);
  });

  it('shows eight bytes of configuration: its address, and that the link is up', () => {
    const guest = new ModernGuest(new NetworkDevice({ link: unplugged }));
    const at = guest.structure(4);
    const read = (length: number) => Array.from({ length }, (_, i) => guest.machine.memoryRead(at + i, 1));
    expect(read(10)).toEqual([...OUR_MAC, 1, 0, 0xff, 0xff]);
  });

  it('offers checksums and segmentation only to a link that takes them, and the old bit to legacy drivers', () => {
    const word = (offloads: boolean) => {
      const guest = new ModernGuest(new NetworkDevice({ link: new TestLink(offloads) }));
      const words = [0, 1].map((select) => {
        guest.block.set('deviceFeatureSelect', select);
        return guest.block.get('deviceFeature');
      });
      return [...words, guest.machine.ioRead(guest.bar(0), 4)].map((each) => each >>> 0);
    };
    const without = word(false);
    const offloads = 0x0000_7f83;
    const uso = (1 << 22) | (1 << 23) | (1 << 24);
    expect(word(true)).toEqual([without[0]! + offloads, without[1]! + uso, without[2]! + offloads]);
  });

  it('has as much configuration as its features call for', () => {
    const fields = (options: Partial<NetworkOptions>) => {
      const { config } = new NetworkDevice({ link: unplugged, ...options });
      return Object.entries(networkConfig)
        .filter(([, { offset, width }]) => offset + width <= config.length)
        .map(([name]) => (name === 'mac' ? name : `${name} ${config.get(name as 'mtu')}`))
        .join(', ');
    };
    expect(fields({})).toBe('mac, status 1');
    expect(fields({ linkDown: true, queuePairs: 3 })).toBe('mac, status 0, maxQueuePairs 3');
    expect(fields({ mtu: 9000 })).toBe('mac, status 1, maxQueuePairs 1, mtu 9000');
    expect(fields({ speed: { megabits: 10_000, duplex: 'full' } })).toBe(
      'mac, status 1, maxQueuePairs 1, mtu 0, speed 10000, duplex 1',
    );
    expect(fields({ speed: { megabits: null, duplex: 'unknown' }, mtu: 1500, queuePairs: 2 })).toBe(
      'mac, status 1, maxQueuePairs 2, mtu 1500, speed 4294967295, duplex 255',
    );
  });

  it.each([
    ['macAddress', { macAddress: new Uint8Array(5) }],
    ['macAddress', { macAddress: Uint8Array.of(1, 0, 0, 0, 0, 1) }],
    ['queuePairs', { queuePairs: 0 }],
    ['queuePairs', { queuePairs: 1.5 }],
    ['queuePairs', { queuePairs: 1024 }],
    ['mtu', { mtu: 67 }],
    ['mtu', { mtu: 65536 }],
  ])('cannot be made with such a %s', (option, options) => {
    const make = () => new NetworkDevice({ link: unplugged, ...options });
    expect(make).toThrow(NetworkOptionError);
    expect(make).toThrow(option);
  });

  // NET-FEAT-02: one case for each kind of row.
  it.each([
    [[bit.guestTso4], false],
    [[bit.guestTso4, bit.guestChecksum], true],
    [[bit.guestEcn, bit.guestChecksum], false],
    [[bit.guestEcn, bit.guestChecksum, bit.guestTso6], true],
    [[bit.hostUso], false],
    [[bit.controlVlan], false],
    [[bit.controlVlan, bit.controlQueue], true],
    [[bit.multiQueue], false],
  ])('judges whether features %j can be accepted together', (features, good) => {
    const guest = new ModernGuest(new NetworkDevice({ link: new TestLink(true), queuePairs: 2 }));
    expect((guest.negotiate(features) & 8) !== 0).toBe(good);
  });

  it('names CTRL_RX_EXTRA without CTRL_VQ, and lets it stand', () => {
    const guest = new ModernGuest(new NetworkDevice({ link: unplugged }));
    expect(guest.negotiate([bit.controlReceiveExtra]) & 8).toBe(8);
    expect(guest.clauses()).toEqual(['NET-CFG-27']);
  });

  it('leaves a broken legacy driver with nothing but the address', () => {
    const { guest, behaviour } = legacy();
    guest.block.set('driverFeatures', 2 ** 30);
    expect(guest.block.get('driverFeatures')).toBe(1 << bit.mac);
    expect(behaviour.device.has(bit.mac)).toBe(true);
  });

  it('survives a link that has a frame before the device stands anywhere', () => {
    const { link, behaviour } = build({});
    expect(link.arrive(plainFrame())).toBe(false);
    new VirtioDevice(behaviour, { legacy: true });
    expect(link.arrive(plainFrame())).toBe(false);
    expect(behaviour.statistics.receiveNotReady).toBe(2);
  });

  it('may be told of its cable before it stands anywhere', () => {
    const { behaviour } = build({});
    behaviour.setLink(false);
    expect([behaviour.linkUp, behaviour.announce()]).toEqual([false, false]);
  });
});

describe.each(drivers)('with a %s driver', (_, start, little) => {
  describe('sending', () => {
    it.each([
      ['header and frame apart', (header: number, frame: number) => [header, frame]],
      ['in one descriptor', (header: number, frame: number) => [header + frame]],
      ['cut within the header', (header: number, frame: number) => [3, 4, header - 7 + 5, frame - 5]],
      ['byte by byte', (header: number, frame: number) => new Array<number>(header + frame).fill(1)],
    ])('takes the frame out of its buffers: %s', (_, cuts) => {
      const { net, link, header, guest, behaviour } = start();
      const frame = plainFrame(70);
      expect(net.send(new Uint8Array(header), frame, cuts(header, 70))).toBe(0);
      expect(link.sent).toEqual([{ frame, offload: null }]);
      expect(guest.clauses()).toEqual([]);
      expect(behaviour.statistics.transmitted).toBe(1);
    });

    it('uses twelve bytes of header where buffers are merged', () => {
      const { net, link } = start({ features: [bit.mergeableBuffers] });
      net.send(new Uint8Array(12), plainFrame());
      expect(link.sent[0]!.frame).toEqual(plainFrame());
    });

    it('hands on what is left to be done, in its own numbers', () => {
      const { net, link, header } = start({ offloads: true, features: [bit.checksum] });
      const raw = { flags: 1, hdrLen: 0x0122, csumStart: 34, csumOffset: 16 };
      net.send(rawHeader(raw, header, little), plainFrame());
      expect(link.sent[0]!.offload).toEqual({
        flags: 1,
        gsoType: 0,
        headerLength: 0x0122,
        gsoSize: 0,
        checksumStart: 34,
        checksumOffset: 16,
      });
    });

    it('sends nothing while the link is down, and takes the frame all the same', () => {
      const { net, link, header, behaviour } = start();
      behaviour.setLink(false);
      expect(net.send(new Uint8Array(header), plainFrame())).toBe(0);
      expect(link.sent).toEqual([]);
      expect(behaviour.statistics.transmitLinkDown).toBe(1);
    });

    it('hands on a copy, which the driver cannot change any more', () => {
      const { net, link, header, guest } = start();
      link.onTransmit = () => guest.machine.ram.fill(0x80000, 0x1000, 0);
      net.send(new Uint8Array(header), plainFrame());
      expect(link.sent[0]!.frame).toEqual(plainFrame());
    });
  });

  describe('receiving', () => {
    it.each([
      ['one descriptor', [2048]],
      ['a header apart', [10, 2038]],
      ['small pieces', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]],
      ['exactly enough', [72]],
    ])('puts header and frame into a buffer of %s', (_, cuts) => {
      const { net, link, header, guest } = start();
      net.buffer(cuts);
      expect(link.arrive(plainFrame())).toBe(true);
      const expected = [...rawHeader({ numBuffers: 1 }, header, little), ...plainFrame()];
      expect(net.taken().map((each) => [...each])).toEqual([expected]);
      expect(guest.clauses()).toEqual([]);
    });

    it('fills one buffer after the other to its end, where they are merged', () => {
      const { net, link, guest, behaviour } = start({ features: [bit.mergeableBuffers] });
      for (const cuts of [[20], [7, 8], [100], [40]]) net.buffer(cuts);
      const frame = plainFrame(110);
      expect(link.arrive(frame)).toBe(true);
      const whole = [...rawHeader({ numBuffers: 3 }, 12, little), ...frame];
      const parts = net.taken().map((each) => [...each]);
      expect(parts).toEqual([whole.slice(0, 20), whole.slice(20, 35), whole.slice(35)]);
      expect(guest.clauses()).toEqual([]);
      // The fourth buffer waits for the next frame.
      expect(link.arrive(plainFrame(20))).toBe(true);
      expect(net.taken().map(({ length }) => length)).toEqual([32]);
      expect(behaviour.statistics).toMatchObject({ received: 2, receiveNoBuffers: 0 });
    });

    it('shows all buffers of a frame at once, with one interrupt', () => {
      const { net, link, guest } = start({ features: [bit.mergeableBuffers] });
      guest.enableMsix();
      guest.block.set('queueSelect', 0);
      guest.block.set('queueMsixVector', 1);
      for (let i = 0; i < 4; i++) net.buffer([30]);
      guest.interrupts();
      link.arrive(plainFrame(100));
      expect(guest.interrupts()).toEqual(['message 1']);
      expect(net.ring(0).usedIndex).toBe(4);
    });

    it('keeps its buffers where they do not suffice for a frame', () => {
      const { net, link, behaviour, guest } = start({ features: [bit.mergeableBuffers] });
      net.buffer([20]);
      net.buffer([20]);
      expect(link.arrive(plainFrame(40))).toBe(false);
      expect(net.taken()).toEqual([]);
      expect(link.arrive(plainFrame(28))).toBe(true);
      expect(net.taken().map(({ length }) => length)).toEqual([20, 20]);
      expect(behaviour.statistics).toMatchObject({ received: 1, receiveNoBuffers: 1 });
      expect(guest.clauses()).toEqual([]);
    });

    it('drops what is too long for a buffer that is not merged, says so, and keeps the buffer', () => {
      const { net, link, header, guest, behaviour } = start();
      net.buffer([header + 59]);
      expect(link.arrive(plainFrame(60))).toBe(false);
      expect(guest.clauses()).toEqual(['NET-RX-01']);
      expect(link.arrive(plainFrame(59))).toBe(true);
      expect(net.taken().map(({ length }) => length)).toEqual([header + 59]);
      expect(behaviour.statistics.receiveNoBuffers).toBe(1);
    });

    it('gives a buffer back at once that has no room for a header', () => {
      const { net, link, header, guest } = start();
      net.buffer([header - 1]);
      expect(net.taken()).toEqual([new Uint8Array()]);
      expect(guest.clauses()).toEqual(['NET-RX-01']);
      expect(link.arrive(plainFrame())).toBe(false);
    });

    it('says of what it cannot write, and uses the rest', () => {
      const { net, link, header, guest } = start();
      net.expose(0, 0xa0000, [100], [100]);
      expect(guest.clauses()).toEqual([guest.shapeClause]);
      expect(link.arrive(plainFrame())).toBe(true);
      expect(net.ring(0).used(1)[0]![1]).toBe(header + 60);
      expect(guest.machine.ram.read(0xa0000 + 100 + header, 60)).toEqual(plainFrame());
    });

    it.each([
      ['the header', 0x3000_0000],
      ['the frame', 0xfffe0],
    ])('writes nothing out of reach: %s', (_, address) => {
      const { net, link, guest, behaviour } = start();
      net.buffer([2048], 0, address);
      expect(link.arrive(plainFrame())).toBe(false);
      expect(net.ring(0).used()[0]![1]).toBe(0);
      expect(guest.clauses()).toEqual(['RF-05']);
      expect(behaviour.statistics.receiveFaults).toBe(1);
    });

    it('gives all merged buffers back empty when one is out of reach', () => {
      const { net, link, guest } = start({ features: [bit.mergeableBuffers] });
      net.buffer([30]);
      net.buffer([30], 0, 0x3000_0000);
      net.buffer([30]);
      expect(link.arrive(plainFrame(70))).toBe(false);
      expect(
        net
          .ring(0)
          .used()
          .map(([, length]) => length),
      ).toEqual([0, 0, 0]);
      expect(guest.clauses()).toEqual(['RF-05']);
    });

    it('takes nothing while the link is down, while it may not reach memory, or that is no frame', () => {
      const { net, link, guest, behaviour } = start();
      net.buffer([2048]);
      behaviour.setLink(false);
      expect(link.arrive(plainFrame())).toBe(false);
      behaviour.setLink(true);
      guest.config.command(0x3);
      expect(link.arrive(plainFrame())).toBe(false);
      guest.config.command(0x7);
      expect(behaviour.statistics.receiveNotReady).toBe(2);
      expect(link.arrive(plainFrame(14).subarray(0, 13))).toBe(false);
      expect(link.arrive(new Uint8Array(65594))).toBe(false);
      expect(behaviour.statistics.receiveMalformed).toBe(2);
      expect(net.taken()).toEqual([]);
      expect(link.arrive(plainFrame(14))).toBe(true);
    });

    it('takes frames of an Ethernet header at least, in either direction', () => {
      const { net, link, header, guest, behaviour } = start();
      net.buffer([2048]);
      for (const length of [0, 1, 4, 13]) {
        expect(link.arrive(plainFrame(14).subarray(0, length))).toBe(false);
        net.send(new Uint8Array(header), plainFrame(14).subarray(0, length));
      }
      expect([behaviour.statistics.receiveMalformed, behaviour.statistics.transmitRefused]).toEqual([4, 4]);
      expect([link.sent.length, new Set(guest.clauses())]).toEqual([0, new Set([guest.shapeClause])]);
      expect(link.arrive(plainFrame(14))).toBe(true);
      net.send(new Uint8Array(header), plainFrame(14));
      expect(link.sent.length).toBe(1);
    });

    it('forgets its buffers at a reset', () => {
      const { net, link, guest } = start();
      net.buffer([2048]);
      guest.block.set('deviceStatus', 0);
      expect(link.arrive(plainFrame())).toBe(false);
      expect(net.ring(0).usedIndex).toBe(0);
    });
  });

  it('gives every frame to a driver without CTRL_RX: it may have an address that the device does not know', () => {
    const { net, link } = start({ features: [bit.mergeableBuffers] });
    for (let i = 0; i < 3; i++) net.buffer();
    for (const to of [[2, 1, 1, 1, 1, 1], [1, 0, 0x5e, 0, 0, 1], BROADCAST])
      expect(link.arrive(plainFrame(60, to))).toBe(true);
  });

  it('answers on the link while it sends, and what comes back comes in order', () => {
    const { net, link, header } = start();
    for (let i = 0; i < 3; i++) net.buffer();
    // The answer arrives from within transmit(), as a responder's does.
    link.onTransmit = () => link.sent.length < 3 && link.arrive(plainFrame(60 + link.sent.length));
    net.send(new Uint8Array(header), plainFrame(80));
    net.send(new Uint8Array(header), plainFrame(81));
    expect(link.sent.map(({ frame }) => frame.length)).toEqual([80, 81]);
    expect(net.taken().map(({ length }) => length - header)).toEqual([61, 62]);
  });
});

describe('what a driver gets wrong when it sends', () => {
  const host = [bit.checksum, bit.hostTso4, bit.hostTso6, bit.hostEcn, bit.hostUfo];
  const good = { flags: 1, csumStart: 34, csumOffset: 16 };

  /** An IPv4 TCP frame: header lengths right, checksums of no interest. */
  function tcpFrame(length = 200): Uint8Array {
    const frame = new Uint8Array(length);
    frame.set([...BROADCAST, 2, 9, 9, 9, 9, 9, 8, 0, 0x45]);
    frame[23] = 6;
    frame[46] = 0x50;
    return frame;
  }

  it.each([
    ['nothing', host, { ...good }, tcpFrame(), [], true],
    ['flags without CSUM', [], { flags: 1, csumStart: 34, csumOffset: 16 }, tcpFrame(), ['NET-TX-04'], true],
    ['a number of buffers', host, { numBuffers: 1 }, tcpFrame(), ['NET-TX-03'], true],
    ['DATA_VALID', host, { flags: 2 }, tcpFrame(), ['NET-TX-17'], true],
    ['RSC_INFO', host, { ...good, flags: 5 }, tcpFrame(), ['NET-TX-17'], true],
    ['flags that nobody knows', host, { flags: 0x80 }, tcpFrame(), [], true],
    ['a checksum beyond the frame', host, { ...good, csumStart: 199 }, tcpFrame(), ['NET-TX-11'], false],
    [
      'a checksum far beyond',
      host,
      { ...good, csumStart: 65535, csumOffset: 65535 },
      tcpFrame(),
      ['NET-TX-11'],
      false,
    ],
    ['segments', host, { ...good, gsoType: 1, gsoSize: 100 }, tcpFrame(), [], true],
    ['ECN', host, { ...good, gsoType: 0x81, gsoSize: 100 }, tcpFrame(), [], true],
    ['ECN alone', host, { ...good, gsoType: 0x80 }, tcpFrame(), [], true],
    [
      'ECN without HOST_ECN',
      host.slice(0, 3),
      { ...good, gsoType: 0x81, gsoSize: 9 },
      tcpFrame(),
      ['NET-TX-09'],
      false,
    ],
    [
      'segments without any HOST feature',
      [bit.checksum],
      { ...good, gsoType: 1, gsoSize: 9 },
      tcpFrame(),
      ['NET-TX-12'],
      false,
    ],
    [
      'segments without their HOST feature',
      [bit.checksum, bit.hostTso6],
      { ...good, gsoType: 1, gsoSize: 9 },
      tcpFrame(),
      ['NET-TX-07'],
      false,
    ],
    ['a type that nobody knows', host, { ...good, gsoType: 2, gsoSize: 9 }, tcpFrame(), ['NET-TX-07'], false],
    ['a tunnel', host, { ...good, gsoType: 0x21, gsoSize: 9 }, tcpFrame(), ['NET-TX-07'], false],
    ['segments without a size', host, { ...good, gsoType: 1 }, tcpFrame(), ['NET-TX-13'], false],
    ['segments without NEEDS_CSUM', host, { gsoType: 1, gsoSize: 9 }, tcpFrame(), ['NET-TX-13'], false],
    [
      'segments of the other protocol',
      host,
      { ...good, gsoType: 4, gsoSize: 9 },
      tcpFrame(),
      ['NET-TX-07'],
      false,
    ],
    ['no whole Ethernet header', host, {}, plainFrame(14).subarray(0, 13), ['CONF-01'], false],
    ['more than any frame', host, {}, new Uint8Array(65594), ['CONF-01'], false],
  ])('%s', (_, features, header, frame, clauses, sent) => {
    const { net, link, guest, behaviour } = modern({ offloads: true, features });
    expect(net.send(rawHeader(header, 12), frame)).toBe(0);
    expect([guest.clauses(), link.sent.length === 1]).toEqual([clauses, sent]);
    expect(behaviour.statistics.transmitRefused).toBe(sent ? 0 : 1);
    if (sent) expect(link.sent[0]!.frame).toEqual(frame);
  });

  it('ignores flags that were not negotiated: the link hears of no checksum', () => {
    const { net, link } = modern({ offloads: true });
    net.send(rawHeader(good, 12), tcpFrame());
    expect(link.sent[0]!.offload).toBe(null);
  });

  it('less than a header', () => {
    const { net, link, guest } = modern();
    net.expose(1, 0x80000, [11], []);
    expect([net.ring(1).used(1)[0]![1], guest.clauses(), link.sent]).toEqual([0, ['NET-TX-02'], []]);
  });

  it('nothing to read at all', () => {
    const { net, link, guest } = modern();
    net.expose(1, 0x80000, [], [100]);
    expect([net.ring(1).usedIndex, guest.clauses(), link.sent]).toEqual([1, ['CONF-01', 'NET-TX-02'], []]);
  });

  it.each([
    ['header', [[12, 60], 0x3000_0000]],
    ['frame', [[12, 60], 0xffff0]],
  ] as const)('a %s out of reach', (_, [cuts, address]) => {
    const { net, link, guest } = modern();
    net.expose(1, address, cuts, []);
    expect([net.ring(1).usedIndex, guest.clauses(), link.sent]).toEqual([1, ['RF-05'], []]);
  });

  it('takes any segments of a legacy driver that knows only the old bit', () => {
    const { net, link, guest } = legacy({ offloads: true, features: [bit.checksum, bit.gso] });
    net.send(rawHeader({ ...good, gsoType: 0x81, gsoSize: 100 }, 10), tcpFrame());
    expect([guest.clauses(), link.sent[0]!.offload?.gsoType]).toEqual([[], 0x81]);
  });

  it('does not take them from one that has the old bit and no checksums', () => {
    const { net, link, guest } = legacy({ features: [bit.gso] });
    net.send(rawHeader({ gsoType: 1, gsoSize: 100 }, 10), tcpFrame());
    expect([guest.clauses(), link.sent]).toEqual([['NET-TX-12'], []]);
  });

  it.each([
    ['a header that is no descriptor of its own', [70], ['LEG-NET-12']],
    ['a header in two', [5, 5, 60], ['LEG-NET-12']],
    ['what is right', [10, 60], []],
  ])('without ANY_LAYOUT: %s', (_, cuts, clauses) => {
    const { net, link, guest } = legacy({ anyLayout: false });
    net.send(new Uint8Array(10), plainFrame(), cuts);
    net.buffer(cuts);
    expect(guest.clauses()).toEqual([...clauses, ...clauses]);
    // Served all the same.
    expect(link.sent[0]!.frame).toEqual(plainFrame());
    expect(link.arrive(plainFrame())).toBe(true);
  });
});

describe('an MTU', () => {
  const start = (features: readonly number[]) =>
    modern({
      device: { mtu: 100 },
      offloads: true,
      features: [...features, bit.checksum, bit.guestChecksum],
    });
  const tagged = (length: number) => plainFrame(length, OUR_MAC, [0x81, 0]);

  it.each([
    [114, false, true],
    [115, false, false],
    [118, true, true],
    [119, true, false],
  ])('bounds a frame of %d bytes, tagged %s', (length, tag, passes) => {
    const frame = tag ? tagged(length) : plainFrame(length);
    const { net, link, guest, behaviour } = start([bit.mtu]);
    net.buffer();
    net.send(new Uint8Array(12), frame);
    expect(link.sent.length === 1).toBe(passes);
    expect(guest.clauses()).toEqual(passes ? [] : ['NET-CFG-22']);
    expect(link.arrive(frame)).toBe(passes);
    expect(behaviour.statistics.receiveTooLong).toBe(passes ? 0 : 1);
  });

  it('bounds nothing for a driver that did not accept it', () => {
    const { net, link } = start([]);
    net.buffer();
    net.send(new Uint8Array(12), plainFrame(115));
    expect(link.sent.length).toBe(1);
    expect(link.arrive(plainFrame(115))).toBe(true);
  });
});
