import { describe, expect, it } from 'vitest';
import { feature, NetworkDevice, networkFeature } from '../../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { OUR_MAC, plainFrame, RawNetwork, restart, TestLink } from '../support/network.ts';

const bit = networkFeature;
const STATION = [2, 1, 1, 1, 1, 1];

function modern(
  features: readonly number[] = [],
  { queuePairs = 1, queues = [0, 1, 2] as readonly number[], transportFeatures = [] as number[] } = {},
) {
  const link = new TestLink();
  const behaviour = new NetworkDevice({ link, queuePairs });
  const guest = new ModernGuest(behaviour, transportFeatures.length === 0 ? {} : { transportFeatures });
  guest.enableMsix();
  const net = new RawNetwork(guest, queues, guest.start([...features, ...transportFeatures], queues));
  guest.block.set('configMsixVector', 0);
  guest.clauses();
  const status = () => guest.machine.memoryRead(guest.structure(4) + 6, 2);
  return { link, behaviour, guest, net, status };
}

function legacy(features: readonly number[] = []) {
  const link = new TestLink();
  const behaviour = new NetworkDevice({ link });
  const guest = new LegacyGuest(behaviour);
  const net = new RawNetwork(
    guest,
    [0, 1, 2],
    guest.start(
      features.reduce((sum, each) => sum + 2 ** each, 2 ** 27),
      [0, 1, 2],
    ),
  );
  guest.clauses();
  return { link, behaviour, guest, net };
}

describe('the link', () => {
  it('goes down and up, and the driver is told each time that it changes', () => {
    const { behaviour, guest, status } = modern([bit.status]);
    expect(status()).toBe(1);
    behaviour.setLink(true);
    expect(guest.interrupts()).toEqual([]);
    behaviour.setLink(false);
    expect([status(), guest.interrupts()]).toEqual([0, ['message 0']]);
    behaviour.setLink(true);
    expect([status(), guest.interrupts()]).toEqual([1, ['message 0']]);
  });

  it('is not told of without STATUS', () => {
    const { behaviour, guest } = modern();
    behaviour.setLink(false);
    expect(guest.interrupts()).toEqual([]);
  });

  it('stays as it is over a reset', () => {
    const { behaviour, guest, status } = modern([bit.status]);
    behaviour.setLink(false);
    guest.block.set('deviceStatus', 0);
    expect(status()).toBe(0);
  });
});

describe('an announcement', () => {
  it('shows until the driver acknowledges it', () => {
    const { behaviour, guest, net, status } = modern([bit.status, bit.controlQueue, bit.guestAnnounce]);
    expect(behaviour.announce()).toBe(true);
    expect([status(), guest.interrupts()]).toEqual([3, ['message 0']]);
    expect(net.command(3, 0)).toBe(0);
    expect(status()).toBe(1);
  });

  it('is forgotten at a reset, and not made to a driver that did not agree', () => {
    const { behaviour, guest, status } = modern([bit.status, bit.controlQueue, bit.guestAnnounce]);
    behaviour.announce();
    restart(guest, [bit.status]);
    expect(status()).toBe(1);
    expect(behaviour.announce()).toBe(false);
    expect(status()).toBe(1);
  });
});

describe('the MAC address', () => {
  it('is written by a legacy driver byte by byte, and counts at once', () => {
    const { guest, behaviour, link, net } = legacy([bit.controlQueue, bit.controlReceive]);
    for (const [i, byte] of STATION.entries()) guest.machine.ioWrite(guest.bar(0) + 20 + i, 1, byte);
    expect([...behaviour.macAddress]).toEqual(STATION);
    expect(net.command(0, 0, [[0]])).toBe(0);
    net.buffer();
    expect(link.arrive(plainFrame(60, OUR_MAC))).toBe(false);
    expect(link.arrive(plainFrame(60, STATION))).toBe(true);
    expect(guest.clauses()).toEqual([]);
    guest.block.set('deviceStatus', 0);
    expect([...behaviour.macAddress]).toEqual([...OUR_MAC]);
    expect(guest.machine.ioRead(guest.bar(0) + 20, 4)).toBe(0x12005452);
  });

  it('is not written by anybody else, nor is anything beside it by anybody', () => {
    const { guest, behaviour } = modern([bit.mac]);
    const at = guest.structure(4);
    guest.machine.memoryWrite(at, 4, 0x04030202);
    expect(guest.clauses()).toEqual(['PCI-LAY-01', 'NET-CFG-15']);
    guest.machine.memoryWrite(at + 6, 2, 0);
    expect([...behaviour.macAddress]).toEqual([...OUR_MAC]);
    expect(guest.machine.memoryRead(at, 4)).toBe(0x12005452);
    expect(behaviour.linkUp).toBe(true);
  });

  it('is changed by command, and shown, with another generation', () => {
    const { guest, net } = modern([bit.controlQueue, bit.controlReceive, bit.controlMacAddress, bit.mac]);
    const generation = guest.block.get('configGeneration');
    expect(net.command(1, 1, [STATION])).toBe(0);
    const at = guest.structure(4);
    expect([0, 1, 2, 3, 4, 5].map((i) => guest.machine.memoryRead(at + i, 1))).toEqual(STATION);
    expect(guest.block.get('configGeneration')).not.toBe(generation);
    expect(guest.block.get('configGeneration')).toBe(guest.block.get('configGeneration'));
  });

  it('does not make another generation by a reset that changes nothing', () => {
    const { guest } = modern();
    const generation = guest.block.get('configGeneration');
    guest.block.set('deviceStatus', 0);
    expect(guest.block.get('configGeneration')).toBe(generation);
  });
});

describe('several pairs of queues', () => {
  const QUEUES = [0, 1, 2, 3, 4, 5, 6];
  const start = (transportFeatures: number[] = []) =>
    modern([bit.controlQueue, bit.multiQueue], { queuePairs: 3, queues: QUEUES, transportFeatures });

  /** UDP over IPv4 between two ports, there or back. */
  function udp(port: number, back = false): Uint8Array {
    const frame = plainFrame(60, OUR_MAC, [8, 0]);
    const [from, to] = [
      [10, 0, 0, 1],
      [10, 0, 0, 2],
    ];
    const ports = [port >> 8, port & 0xff, 0, 53];
    frame.set(
      [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, ...(back ? [...to!, ...from!] : [...from!, ...to!])],
      14,
    );
    frame.set(back ? [...ports.slice(2), ...ports.slice(0, 2)] : ports, 34);
    return frame;
  }

  const arrivals = ({ net, link }: ReturnType<typeof start>, frames: readonly Uint8Array[]) =>
    frames.map((frame) => {
      for (const queue of [0, 2, 4]) net.buffer([100], queue);
      if (!link.arrive(frame)) return -1;
      const queue = [0, 2, 4].find((each) => net.taken(each).length > 0)!;
      return queue / 2;
    });
  const pairs = (all: ReturnType<typeof start>, count: number) => all.net.command(4, 0, [[count, 0]]);
  const ports = Array.from({ length: 12 }, (_, i) => 1000 + 37 * i);

  it('start with one of them', () => {
    const all = start();
    all.net.send(new Uint8Array(12), udp(1000), undefined, 3);
    expect(
      arrivals(
        all,
        ports.map((port) => udp(port, true)),
      ),
    ).toEqual(ports.map(() => 0));
  });

  it('spread flows over those that are enabled, each on one of them, the same in every run', () => {
    const all = start();
    expect(pairs(all, 3)).toBe(0);
    const once = arrivals(
      all,
      ports.map((port) => udp(port)),
    );
    expect(new Set(once)).toEqual(new Set([0, 1, 2]));
    expect(
      arrivals(
        all,
        ports.map((port) => udp(port)),
      ),
    ).toEqual(once);
    const other = start();
    pairs(other, 3);
    expect(
      arrivals(
        other,
        ports.map((port) => udp(port)),
      ),
    ).toEqual(once);
    expect(pairs(all, 2)).toBe(0);
    expect(
      Math.max(
        ...arrivals(
          all,
          ports.map((port) => udp(port)),
        ),
      ),
    ).toBe(1);
    expect(pairs(all, 1)).toBe(0);
    expect(
      Math.max(
        ...arrivals(
          all,
          ports.map((port) => udp(port)),
        ),
      ),
    ).toBe(0);
  });

  it.each([0, 1, 2])('receive a flow on the pair %d that sent it', (pair) => {
    const all = start();
    pairs(all, 3);
    for (const port of ports.slice(0, 4)) {
      all.net.send(new Uint8Array(12), udp(port), undefined, 2 * pair + 1);
      expect(arrivals(all, [udp(port, true)])).toEqual([pair]);
    }
    expect(all.guest.clauses()).toEqual([]);
  });

  it('do not follow a flow to a pair that is not enabled any more', () => {
    const all = start();
    pairs(all, 3);
    all.net.send(new Uint8Array(12), udp(1000), undefined, 5);
    pairs(all, 2);
    expect(arrivals(all, [udp(1000, true)])[0]).toBeLessThan(2);
    expect(all.guest.clauses()).toEqual([]);
  });

  it('that were never enabled send all the same, and it is said', () => {
    const all = start();
    all.net.send(new Uint8Array(12), udp(1000), undefined, 3);
    expect([all.link.sent.length, all.guest.clauses()]).toEqual([1, ['NET-CVQ-21']]);
    pairs(all, 2);
    pairs(all, 1);
    // A frame may have been on its way when the command came.
    all.net.send(new Uint8Array(12), udp(1000), undefined, 3);
    expect([all.link.sent.length, all.guest.clauses()]).toEqual([2, []]);
  });

  it('choose another where one is being reset, and drop where all are', () => {
    const all = start([feature.ringReset]);
    pairs(all, 3);
    const flows = arrivals(
      all,
      ports.map((port) => udp(port)),
    );
    const reset = (queue: number) => {
      all.guest.block.set('queueSelect', queue);
      all.guest.block.set('queueReset', 1);
    };
    reset(0);
    const rest = ports.map((port) => {
      for (const queue of [2, 4]) all.net.buffer([100], queue);
      return all.link.arrive(udp(port)) ? [2, 4].find((each) => all.net.taken(each).length > 0)! / 2 : -1;
    });
    expect(rest.every((pair, i) => pair > 0 && (flows[i] === 0 || pair === flows[i]))).toBe(true);
    reset(2);
    reset(4);
    expect(all.link.arrive(udp(1000))).toBe(false);
  });
});

it('other queues may send while one is at it: no frame is lost, or changed by the next', () => {
  const { link, net, guest } = modern([bit.controlQueue, bit.multiQueue], {
    queuePairs: 2,
    queues: [0, 1, 2, 3, 4],
  });
  net.command(4, 0, [[2, 0]]);
  link.onTransmit = () => {
    if (link.sent.length === 1) {
      // The second queue is kicked from within the first one's frame.
      guest.machine.ram.write(0x90000 + 12, plainFrame(50));
      net.expose(3, 0x90000, [62], []);
      // What is being sent has to stay until the link is done with it.
      expect(link.sent.length).toBe(1);
    }
  };
  net.send(new Uint8Array(12), plainFrame(70));
  expect(link.sent.map(({ frame }) => frame)).toEqual([plainFrame(70), plainFrame(50)]);
  expect(net.ring(3).usedIndex).toBe(1);
});

it('what waits behind a frame waits for memory too', () => {
  const { link, net, guest } = modern([bit.controlQueue, bit.multiQueue], {
    queuePairs: 2,
    queues: [0, 1, 2, 3, 4],
  });
  net.command(4, 0, [[2, 0]]);
  link.onTransmit = () => {
    if (link.sent.length > 1) return;
    guest.machine.ram.write(0x90000 + 12, plainFrame(50));
    net.expose(3, 0x90000, [62], []);
    guest.config.command(0x3);
  };
  net.send(new Uint8Array(12), plainFrame(70));
  expect([link.sent.length, net.ring(3).usedIndex]).toEqual([1, 0]);
  guest.config.command(0x7);
  expect([link.sent.length, net.ring(3).usedIndex]).toEqual([2, 1]);
});

it('what waits behind a frame is forgotten when its queue is reset', () => {
  const { link, net, guest } = modern([bit.controlQueue, bit.multiQueue], {
    queuePairs: 2,
    queues: [0, 1, 2, 3, 4],
    transportFeatures: [feature.ringReset],
  });
  net.command(4, 0, [[2, 0]]);
  link.onTransmit = () => {
    if (link.sent.length > 1) return;
    net.expose(3, 0x90000, [62], []);
    guest.config.command(0x3);
  };
  net.send(new Uint8Array(12), plainFrame(70));
  guest.block.set('queueSelect', 3);
  guest.block.set('queueReset', 1);
  guest.config.command(0x7);
  expect([link.sent.length, guest.clauses()]).toEqual([1, []]);
});

it('a saved device goes on where it was: buffers, filters, pairs, flows, what is switched off', () => {
  const features = [
    bit.status,
    bit.controlQueue,
    bit.controlReceive,
    bit.controlVlan,
    bit.controlMacAddress,
    bit.multiQueue,
    bit.mergeableBuffers,
  ];
  const options = { queuePairs: 2, queues: [0, 1, 2, 3, 4] };
  const one = modern(features, options);
  const { net } = one;
  net.command(4, 0, [[2, 0]]);
  net.command(1, 1, [STATION]);
  net.command(1, 0, [
    [1, 0, 0, 0, 2, 5, 5, 5, 5, 5],
    [0, 0, 0, 0],
  ]);
  net.command(2, 0, [[7, 0]]);
  net.command(0, 5, [[0]]);
  net.send(new Uint8Array(12), plainFrame(60, [2, 5, 5, 5, 5, 5]), undefined, 3);
  for (let i = 0; i < 3; i++) for (const queue of [0, 2]) net.buffer([40], queue);
  one.behaviour.setLink(false);
  const two = new TestLink();
  const behaviour = new NetworkDevice({ link: two, queuePairs: 2 });
  const guest = new ModernGuest(behaviour);
  guest.machine.ram.write(0, one.guest.machine.ram.read(0, 0x100000));
  guest.device.load(one.guest.device.save());
  guest.device.resume();
  expect(behaviour.linkUp).toBe(false);
  expect([...behaviour.macAddress]).toEqual(STATION);
  expect(behaviour.save()).toEqual(one.behaviour.save());
  behaviour.setLink(true);
  one.behaviour.setLink(true);
  const arrive = (frame: Uint8Array) => [one.link.arrive(frame), two.arrive(frame)];
  const sent = plainFrame(60, [2, 5, 5, 5, 5, 5]);
  expect(arrive(plainFrame(60, OUR_MAC))).toEqual([false, false]);
  expect(arrive(plainFrame(60, STATION, [0x81, 0, 0, 6]))).toEqual([false, false]);
  expect(arrive(sent)).toEqual([true, true]);
  const range = guest.machine.ram.ranges[0]!.bytes;
  expect(range.every((byte, i) => byte === one.guest.machine.ram.ranges[0]!.bytes[i])).toBe(true);
});
