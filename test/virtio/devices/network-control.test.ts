import { describe, expect, it } from 'vitest';
import {
  NetworkDevice,
  type NetworkOptions,
  networkFeature,
  networkReceiveMode,
} from '../../../src/virtio/index.ts';
import { type GuestOptions, LegacyGuest, ModernGuest } from '../support/guests.ts';
import { BROADCAST, OUR_MAC, plainFrame, RawNetwork, restart, TestLink } from '../support/network.ts';

const bit = networkFeature;
const ANY_LAYOUT = 2 ** 27;
const [OK, ERROR] = [0, 1];

const CONTROL = [
  bit.controlQueue,
  bit.controlReceive,
  bit.controlReceiveExtra,
  bit.controlVlan,
  bit.controlMacAddress,
  bit.guestAnnounce,
  bit.controlGuestOffloads,
  bit.status,
  bit.mac,
];

interface Options extends GuestOptions {
  readonly device?: Partial<NetworkOptions>;
  readonly features?: readonly number[];
  readonly anyLayout?: boolean;
  readonly queues?: readonly number[];
  readonly offloads?: boolean;
}

function parts({ device, offloads = false }: Options) {
  const link = new TestLink(offloads);
  return { link, behaviour: new NetworkDevice({ link, ...device }) };
}

function legacy(options: Options = {}) {
  const { features = CONTROL, anyLayout = true, queues = [0, 1, 2] } = options;
  const { link, behaviour } = parts(options);
  const guest = new LegacyGuest(behaviour, options);
  const word = features.reduce((sum, each) => sum + 2 ** each, anyLayout ? ANY_LAYOUT : 0);
  const net = new RawNetwork(guest, queues, guest.start(word, queues));
  guest.clauses();
  return { guest, behaviour, link, net };
}

function modern(options: Options = {}) {
  const { features = CONTROL, queues = [0, 1, 2] } = options;
  const { link, behaviour } = parts(options);
  const guest = new ModernGuest(behaviour, options);
  const net = new RawNetwork(guest, queues, guest.start(features, queues));
  guest.clauses();
  return { guest, behaviour, link, net };
}

/** Numbers as a driver of either byte order writes them. */
const number = (bytes: 2 | 4 | 8, value: number | bigint, little: boolean): number[] => {
  const all = Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
  return little ? all : all.reverse();
};
const macs = (addresses: readonly (readonly number[])[], little = true, count = addresses.length) => [
  ...number(4, count, little),
  ...addresses.flat(),
];

const GROUP = [1, 0, 0x5e, 0, 0, 1];
const OTHER_GROUP = [0x33, 0x33, 0, 0, 0, 1];
const STATION = [2, 1, 1, 1, 1, 1];
const OTHER_STATION = [2, 1, 1, 1, 1, 2];

const kinds = { ours: OUR_MAC, STATION, OTHER_STATION, GROUP, OTHER_GROUP, BROADCAST };

/** Which frames come through. */
function passing({ link, net }: ReturnType<typeof modern>): string {
  return Object.entries(kinds)
    .filter(([, to]) => {
      for (const queue of net.receiveQueues) net.buffer([2048], queue);
      return link.arrive(plainFrame(60, to));
    })
    .map(([name]) => name)
    .join(' ');
}

describe('filtering by address', () => {
  const mode = (name: keyof typeof networkReceiveMode, on = 1) =>
    [0, networkReceiveMode[name], [[on]]] as const;
  const table = [1, 0, [macs([STATION]), macs([GROUP])]] as const;

  it.each([
    // NET-CVQ-08: who never says what it wants has to get what is sent, multicast too.
    ['nothing said', [], 'ours STATION OTHER_STATION GROUP OTHER_GROUP BROADCAST'],
    ['a mode that is off anyway', [mode('allMulticast', 0)], 'ours BROADCAST'],
    ['promiscuous', [mode('promiscuous')], 'ours STATION OTHER_STATION GROUP OTHER_GROUP BROADCAST'],
    ['promiscuous and off again', [mode('promiscuous'), mode('promiscuous', 0)], 'ours BROADCAST'],
    ['all multicast', [mode('allMulticast')], 'ours GROUP OTHER_GROUP BROADCAST'],
    ['all unicast', [mode('allUnicast')], 'ours STATION OTHER_STATION BROADCAST'],
    ['no unicast', [mode('noUnicast'), mode('allUnicast')], 'BROADCAST'],
    ['no multicast, though all', [mode('allMulticast'), mode('noMulticast')], 'ours BROADCAST'],
    [
      'no broadcast, though all multicast',
      [mode('noBroadcast'), mode('allMulticast')],
      'ours GROUP OTHER_GROUP',
    ],
    ['tables', [table], 'ours STATION GROUP BROADCAST'],
    ['tables that are not wanted', [table, mode('noUnicast'), mode('noMulticast')], 'BROADCAST'],
    ['tables that were emptied', [table, [1, 0, [macs([]), macs([])]]], 'ours BROADCAST'],
    [
      'promiscuous before all else',
      [mode('noUnicast'), mode('noMulticast'), mode('noBroadcast'), mode('promiscuous')],
      'ours STATION OTHER_STATION GROUP OTHER_GROUP BROADCAST',
    ],
    ['another address', [[1, 1, [STATION]], mode('promiscuous', 0)], 'STATION BROADCAST'],
  ] as const)('%s', (_, commands, expected) => {
    const all = modern();
    for (const [commandClass, command, data] of commands)
      expect(all.net.command(commandClass, command, data)).toBe(OK);
    expect(passing(all)).toBe(expected);
    expect(all.guest.clauses()).toEqual([]);
  });

  it('takes more addresses than the table holds for every address of the kind', () => {
    const all = modern();
    const many = (first: readonly number[], count: number) =>
      Array.from({ length: count }, (_, i) => [...first.slice(0, 5), i]);
    const set = (...tables: number[][]) => all.net.command(1, 0, tables);
    expect(set(macs(many(STATION, 64)), macs([]))).toBe(OK);
    expect(passing(all)).toBe('ours STATION OTHER_STATION BROADCAST');
    expect(set(macs(many([2, 7, 7, 7, 7], 64)), macs(many([1, 7, 7, 7, 7], 64)))).toBe(OK);
    expect(passing(all)).toBe('ours BROADCAST');
    expect(set(macs(many([2, 7, 7, 7, 7], 65)), macs([]))).toBe(OK);
    expect(passing(all)).toBe('ours STATION OTHER_STATION BROADCAST');
    expect(set(macs([]), macs(many([1, 7, 7, 7, 7], 65)))).toBe(OK);
    expect(passing(all)).toBe('ours GROUP OTHER_GROUP BROADCAST');
  });

  it('counts what it drops', () => {
    const { link, behaviour, net } = modern();
    net.command(...mode('promiscuous', 0));
    link.arrive(plainFrame(60, STATION));
    expect(behaviour.statistics.receiveFiltered).toBe(1);
  });

  it('begins anew after a reset', () => {
    const { guest, net, link, behaviour } = modern();
    for (const [commandClass, command, data] of [
      mode('promiscuous'),
      table,
      [1, 1, [STATION]],
      [2, 0, [[5, 0]]],
    ] as const)
      net.command(commandClass, command, data);
    const again = { guest, link, behaviour, net: restart(guest, CONTROL) };
    expect(passing(again)).toBe('ours STATION OTHER_STATION GROUP OTHER_GROUP BROADCAST');
    again.net.command(...mode('promiscuous', 0));
    expect(passing(again)).toBe('ours BROADCAST');
    again.net.buffer();
    expect(link.arrive(plainFrame(60, OUR_MAC, [0x81, 0, 0, 5]))).toBe(false);
    const at = guest.structure(4);
    expect([0, 1, 2, 3, 4, 5].map((i) => guest.machine.memoryRead(at + i, 1))).toEqual(OUR_MAC);
  });
});

describe('filtering by VLAN', () => {
  const tagged = (id: number, length = 60) =>
    plainFrame(length, OUR_MAC, [0x81, 0, 0xe0 | (id >> 8), id & 0xff]);
  const passes = ({ link, net }: ReturnType<typeof modern>, frame: Uint8Array) => {
    net.buffer();
    return link.arrive(frame);
  };

  it('lets through what is not tagged, and the VLANs that were added', () => {
    const all = modern();
    expect(all.net.command(2, 0, [[0x23, 0x01]])).toBe(OK);
    expect(all.net.command(2, 0, [[0xff, 0x0f]])).toBe(OK);
    expect([0x123, 0xfff, 0x124, 0].map((id) => passes(all, tagged(id)))).toEqual([true, true, false, false]);
    expect(passes(all, plainFrame())).toBe(true);
    expect(all.net.command(2, 1, [[0x23, 0x01]])).toBe(OK);
    expect(passes(all, tagged(0x123))).toBe(false);
    expect(all.behaviour.statistics.receiveFiltered).toBe(3);
  });

  it('lets everything through to a driver without CTRL_VLAN, or that is promiscuous', () => {
    expect(passes(modern({ features: [bit.controlQueue, bit.controlReceive] }), tagged(7))).toBe(true);
    const all = modern();
    all.net.command(0, 0, [[1]]);
    expect(passes(all, tagged(7))).toBe(true);
  });

  it('drops a frame that ends within its tag', () => {
    const all = modern();
    all.net.command(2, 0, [[0, 0]]);
    expect(passes(all, tagged(0, 18))).toBe(true);
    expect(passes(all, tagged(0, 18).subarray(0, 17))).toBe(false);
  });
});

describe('numbers in commands are in the byte order of the driver', () => {
  it.each([
    [
      'little-endian legacy',
      () =>
        legacy({
          queues: [0, 1, 2, 3, 4],
          device: { queuePairs: 2 },
          offloads: true,
          features: [...CONTROL, bit.multiQueue, bit.guestChecksum],
        }),
      true,
    ],
    [
      'big-endian legacy',
      () =>
        legacy({
          queues: [0, 1, 2, 3, 4],
          device: { queuePairs: 2 },
          offloads: true,
          features: [...CONTROL, bit.multiQueue, bit.guestChecksum],
          guestEndian: 'big',
        }),
      false,
    ],
    [
      'modern, of a big-endian guest',
      () =>
        modern({
          queues: [0, 1, 2, 3, 4],
          device: { queuePairs: 2 },
          offloads: true,
          features: [...CONTROL, bit.multiQueue, bit.guestChecksum],
          guestEndian: 'big',
        }),
      true,
    ],
  ] as const)('%s', (_, start, little) => {
    const all = start();
    const { net, guest, link } = all;
    expect(net.command(1, 0, [macs([STATION], little), macs([GROUP], little)])).toBe(OK);
    expect(net.command(2, 0, [number(2, 0x123, little)])).toBe(OK);
    expect(net.command(4, 0, [number(2, 2, little)])).toBe(OK);
    expect(net.command(5, 0, [number(8, 2 ** bit.guestChecksum, little)])).toBe(OK);
    expect(all.behaviour.save().switchedOff).not.toContain(bit.guestChecksum);
    expect(all.behaviour.save().switchedOff).toContain(bit.guestTso4);
    expect(passing(all as ReturnType<typeof modern>)).toContain('ours STATION GROUP BROADCAST');
    net.buffer();
    net.buffer([2048], 2);
    expect(link.arrive(plainFrame(60, OUR_MAC, [0x81, 0, 1, 0x23]))).toBe(true);
    expect(guest.clauses()).toEqual([]);
  });
});

describe('commands that are refused', () => {
  const offloads = (...bits: number[]) =>
    number(
      8,
      bits.reduce((sum, each) => sum | (1n << BigInt(each)), 0n),
      true,
    );
  const pairs = (count: number) => [number(2, count, true)];
  const all = [...CONTROL, bit.multiQueue, bit.guestChecksum, bit.guestTso4];

  it.each([
    ['a mode that is neither on nor off', 0, 0, [[2]], 'CONF-01'],
    ['a mode without a value', 0, 1, [], 'CONF-01'],
    ['a mode with too much of it', 0, 0, [[1, 0]], 'CONF-01'],
    ['an extra mode that is neither', 0, 5, [[0xff]], 'CONF-01'],
    ['an extra mode without a value', 0, 2, [], 'CONF-01'],
    ['a mode that does not exist', 0, 6, [[1]], 'BF-FEAT-03'],
    ['no tables', 1, 0, [], 'NET-CVQ-11'],
    ['one table', 1, 0, [macs([STATION])], 'NET-CVQ-11'],
    ['a table cut off in its count', 1, 0, [macs([]), [0, 0, 0]], 'NET-CVQ-11'],
    ['a table shorter than its count', 1, 0, [macs([STATION], true, 2), macs([])], 'NET-CVQ-11'],
    ['a second table shorter than its count', 1, 0, [macs([]), macs([GROUP], true, 2)], 'NET-CVQ-11'],
    ['a table of 2^32 - 1 entries', 1, 0, [macs([STATION], true, 0xffffffff), macs([])], 'NET-CVQ-11'],
    ['a count that wraps around', 1, 0, [macs([], true, 0x2aaaaaab), macs([])], 'NET-CVQ-11'],
    ['bytes after the tables', 1, 0, [macs([STATION]), [...macs([GROUP]), 0]], 'NET-CVQ-11'],
    ['a group among stations', 1, 0, [macs([STATION, GROUP]), macs([])], 'NET-CVQ-11'],
    ['a station among groups', 1, 0, [macs([]), macs([GROUP, STATION])], 'NET-CVQ-11'],
    ['an address that is too short', 1, 1, [STATION.slice(0, 5)], 'CONF-01'],
    ['an address that is too long', 1, 1, [[...STATION, 0]], 'CONF-01'],
    ['a VLAN beyond the last', 2, 0, [[0, 0x10]], 'CONF-01'],
    ['a VLAN of one byte', 2, 1, [[5]], 'CONF-01'],
    ['an acknowledgement with data', 3, 0, [[0]], 'CONF-01'],
    ['no pairs', 4, 0, pairs(0), 'NET-CVQ-20'],
    ['too many pairs', 4, 0, pairs(3), 'NET-CVQ-20'],
    ['65535 pairs', 4, 0, pairs(65535), 'NET-CVQ-20'],
    ['a number of pairs in one byte', 4, 0, [[1]], 'NET-CVQ-20'],
    ['an RSS configuration', 4, 1, [[0, 0, 0, 0]], 'BF-FEAT-03'],
    ['an offload that was not accepted', 5, 0, [offloads(8)], 'NET-CVQ-31'],
    ['an offload beyond bit 32 that was not accepted', 5, 0, [offloads(54)], 'NET-CVQ-31'],
    ['a feature that is no offload', 5, 0, [offloads(15)], 'NET-CVQ-31'],
    ['the last of all bits', 5, 0, [offloads(63)], 'NET-CVQ-31'],
    ['offloads of four bytes', 5, 0, [[0, 0, 0, 0]], 'NET-CVQ-31'],
    ['coalescing', 6, 0, [[0, 0, 0, 0, 0, 0, 0, 0]], 'BF-FEAT-03'],
    ['a class that does not exist', 0xff, 0xff, [], 'BF-FEAT-03'],
  ] as const)('%s', (_, commandClass, command, data, clause) => {
    const everything = modern({
      features: all,
      device: { queuePairs: 2 },
      queues: [0, 1, 2, 3, 4],
      offloads: true,
    });
    const { net, guest, behaviour } = everything;
    net.command(1, 0, [macs([STATION]), macs([GROUP])]);
    const before = JSON.stringify(behaviour.save());
    expect([net.command(commandClass, command, data), guest.clauses()]).toEqual([ERROR, [clause]]);
    // Nothing of it took effect.
    expect(JSON.stringify(behaviour.save())).toBe(before);
  });

  it.each([
    ['receive modes', bit.controlReceive, 0, 0, [[1]], ['NET-CVQ-03']],
    ['extra receive modes', bit.controlReceiveExtra, 0, 2, [[1]], ['NET-CVQ-04']],
    ['MAC tables', bit.controlReceive, 1, 0, [macs([]), macs([])], ['NET-CVQ-09']],
    ['a MAC address', bit.controlMacAddress, 1, 1, [STATION], ['NET-CVQ-09']],
    ['VLANs', bit.controlVlan, 2, 0, [[1, 0]], ['BF-FEAT-03']],
    ['an acknowledgement', bit.guestAnnounce, 3, 0, [], ['BF-FEAT-03']],
    ['pairs of queues', bit.multiQueue, 4, 0, [[1, 0]], ['BF-FEAT-03']],
    ['offloads', bit.controlGuestOffloads, 5, 0, [[0, 0, 0, 0, 0, 0, 0, 0]], ['NET-CVQ-31']],
  ] as const)('%s without their feature', (_, without, commandClass, command, data, clauses) => {
    const { net, guest } = modern({ features: CONTROL.filter((each) => each !== without) });
    expect([net.command(commandClass, command, data), guest.clauses()]).toEqual([ERROR, clauses]);
  });

  it('names a MAC address that is set without CTRL_RX, and takes it', () => {
    const { net, guest } = modern({ features: CONTROL.filter((each) => each !== bit.controlReceive) });
    expect([net.command(1, 1, [STATION]), guest.clauses()]).toEqual([OK, ['NET-CVQ-09']]);
  });

  it('pairs whose queues were not set up', () => {
    const { net, guest } = modern({
      features: [...CONTROL, bit.multiQueue],
      device: { queuePairs: 2 },
      queues: [0, 1, 2, 4],
    });
    expect([net.command(4, 0, pairs(2)), guest.clauses()]).toEqual([ERROR, ['NET-CVQ-19']]);
    expect(net.command(4, 0, pairs(1))).toBe(OK);
  });

  it.each([
    ['no room for the ack', [2, 1], [], null, ['CONF-01']],
    ['nothing but an ack', [], [1], ERROR, ['CONF-01']],
    ['half a command', [1], [1], ERROR, ['CONF-01']],
    ['room for more than the ack', [2, 1], [3, 4], OK, ['CONF-01']],
    ['one descriptor for everything', [3], [1], OK, []],
    ['a byte each', [1, 1, 1], [1], OK, []],
  ] as const)('a command with %s', (_, readable, writable, ack, clauses) => {
    const { net, guest } = modern();
    expect(net.command(0, 0, [[1]], readable, writable)).toBe(ack);
    expect(guest.clauses()).toEqual(clauses);
  });

  it('an ack, data or tables out of reach', () => {
    const { net, guest, behaviour } = modern();
    const put = (...bytes: number[]) =>
      guest.machine.ram.write(0x100000 - bytes.length, Uint8Array.from(bytes));
    put(0, 0, 1);
    net.expose(2, 0x100000 - 3, [3], [1]);
    expect([net.ring(2).used(1)[0]![1], guest.clauses()]).toEqual([0, ['RF-05']]);
    put(0, 0);
    net.expose(2, 0x100000 - 2, [2, 1], [1]);
    expect(guest.clauses()).toEqual(['RF-05', 'RF-05']);
    put(1, 0, 1, 0, 0, 0);
    net.expose(2, 0x100000 - 6, [2, 4, 10], [1]);
    expect(guest.clauses()).toEqual(['RF-05', 'RF-05']);
    expect(behaviour.device.status & 0x40).toBe(0);
  });
});

describe('framing without ANY_LAYOUT', () => {
  const one = [0, 0, [[1]]] as const;
  const tables = [1, 0, [macs([STATION]), macs([GROUP])]] as const;

  it.each([
    ['a command as it has to be', one, undefined, [1], []],
    ['a command without data as it has to be', [3, 0, []], undefined, [1], []],
    ['tables as they have to be', tables, undefined, [1], []],
    ['class and command apart', one, [1, 1, 1], [1], ['LEG-NET-13', 'LEG-NET-14']],
    ['class, command and data in one', one, [3], [1], ['LEG-NET-13', 'LEG-NET-14']],
    ['both tables in one', tables, [2, 20], [1], ['LEG-NET-15']],
    ['tables cut elsewhere', tables, [2, 4, 16], [1], ['LEG-NET-15']],
    ['an ack of two bytes', one, undefined, [2], ['LEG-NET-16']],
    ['an ack in a longer row', one, undefined, [1, 1], ['LEG-NET-16']],
  ] as const)('%s', (_, [commandClass, command, data], readable, writable, clauses) => {
    const { net, guest } = legacy({ anyLayout: false });
    expect(net.command(commandClass, command, data, readable, writable)).toBe(OK);
    expect(guest.clauses()).toEqual(clauses);
  });

  it('is of no interest with ANY_LAYOUT', () => {
    const { net, guest } = legacy();
    expect(net.command(...tables, [22], [1])).toBe(OK);
    expect(guest.clauses()).toEqual([]);
  });
});

it('a control queue that was not accepted answers nothing but errors', () => {
  const { net, guest } = modern({ features: [] });
  expect([net.command(0, 0, [[1]]), guest.clauses()]).toEqual([ERROR, ['NET-CVQ-03']]);
});

it('with MQ accepted, the control queue is the last of all that the device has', () => {
  const { net } = modern({
    features: [...CONTROL, bit.multiQueue],
    device: { queuePairs: 3 },
    queues: [0, 1, 6],
  });
  expect(net.command(0, 0, [[1]])).toBe(OK);
  const without = modern({ device: { queuePairs: 3 } });
  expect(without.net.command(0, 0, [[1]])).toBe(OK);
});

it('queues that are none without MQ are given back', () => {
  const { net, guest } = modern({ device: { queuePairs: 3 }, queues: [0, 1, 2, 3, 4] });
  net.send(new Uint8Array(12), plainFrame(), undefined, 3);
  net.buffer([2048], 4);
  expect(guest.clauses()).toEqual(['BF-FEAT-03', 'BF-FEAT-03']);
  expect([net.ring(3).usedIndex, net.ring(4).usedIndex]).toEqual([1, 1]);
});
