import { describe, expect, it } from 'vitest';
import { DmaDomain, functionAddress, HeldScheduler } from '../../../src/core/index.ts';
import {
  DeviceFailedError,
  DmaMemory,
  type FrameHeader,
  findFunction,
  ModernTransport,
  NetworkDriver,
  type NetworkDriverOptions,
  NoDeviceError,
  RequestFailedError,
  ResourceError,
  runFirmware,
  type TransportOptions,
} from '../../../src/driver/index.ts';
import {
  feature,
  Hub,
  NetworkDevice,
  type NetworkLink,
  type NetworkOptions,
  networkFeature,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { clausesIn, smallMachine, watch } from '../../pci/support.ts';
import { TestLink } from '../../virtio/support/network.ts';
import { functionWith, type Kind, kinds, transportOf } from '../support/kinds.ts';

const bit = networkFeature;
const MINE = [2, 0, 0, 0, 0, 1];
const THEIRS = [2, 0, 0, 0, 0, 2];

interface Options extends NetworkDriverOptions, TransportOptions {
  readonly link?: NetworkLink;
  readonly device?: Partial<NetworkOptions>;
  readonly scheduler?: HeldScheduler;
  readonly transportFeatures?: readonly number[];
}

function open(kind: Kind, options: Options = {}) {
  const { scheduler, bigEndian = false, transportFeatures } = options;
  const machine = smallMachine(scheduler === undefined ? {} : { scheduler });
  const link = new TestLink();
  const device = new NetworkDevice({
    link: options.link ?? link,
    macAddress: Uint8Array.from(MINE),
    queueSize: 64,
    ...options.device,
  });
  const shape = {
    guestEndian: bigEndian ? ('big' as const) : ('little' as const),
    ...(transportFeatures === undefined ? {} : { transportFeatures }),
  };
  const fn = functionWith(kind, device, shape);
  const slot = functionAddress(0, 4);
  machine.plug(fn.pci, slot, new DmaDomain(machine.ram));
  const events = watch(machine);
  runFirmware(machine);
  const found = findFunction(machine, slot)!;
  const transport = transportOf(kind, machine, found, options);
  const frames: { frame: Uint8Array; header: FrameHeader; pair: number }[] = [];
  const driver = new NetworkDriver(transport, new DmaMemory(machine.ram, 0x10000), {
    onFrame: (frame, header, pair) => frames.push({ frame, header, pair }),
    ...options,
  });
  return { machine, device, link, driver, events, frames };
}

const frame = (length: number, to: readonly number[] = MINE) => {
  const bytes = new Uint8Array(length).map((_, i) => (i * 3 + length) & 0xff);
  bytes.set([...to, ...THEIRS, 0x88, 0xb5]);
  return bytes;
};

describe.each(kinds)('the network driver, %s', (kind) => {
  it.each<readonly [string, Options]>([
    ['messages', {}],
    ['the line', { intx: true }],
    ['plain rings', { ringFeatures: [] }],
    ['buffers that are merged of many', { bufferBytes: 64, buffers: 60 }],
    ['buffers that are not merged', { features: [bit.mac] }],
    ['pieces', { framing: [12, 3, 1] }],
    ['one frame at a time', { depth: 1 }],
    ...(kind === 'modern'
      ? [
          [
            'packed rings',
            {
              ringFeatures: [feature.ringPacked, feature.ringEventIndex],
              transportFeatures: [feature.ringPacked, feature.ringEventIndex],
            },
          ] as const,
        ]
      : [['a big-endian guest', { bigEndian: true }] as const]),
  ])('sends and receives by %s, and breaks no clause', async (_, options) => {
    const { driver, link, frames, events } = open(kind, options);
    expect([...driver.macAddress!]).toEqual(MINE);
    const sent = Array.from({ length: 20 }, (_, i) => frame(60 + 70 * i, THEIRS));
    await Promise.all(sent.map((each) => driver.send(each)));
    expect(link.sent.map((each) => each.frame)).toEqual(sent);
    const arriving = Array.from({ length: 20 }, (_, i) => frame(60 + 70 * i));
    for (const each of arriving) expect(link.arrive(each)).toBe(true);
    expect(frames.map((each) => each.frame)).toEqual(arriving);
    expect(driver.receiveErrors).toBe(0);
    driver.close();
    expect(clausesIn(events)).toEqual([]);
  });

  it('tells the device what it wants', async () => {
    const { driver, device, link, events, frames } = open(kind, { queuePairs: 2, device: { queuePairs: 3 } });
    const commands = driver.commands!;
    expect(driver.queuePairs).toBe(2);
    await commands.setMode('allMulticast', true);
    await commands.setVlan(7, true);
    await driver.setMacAddress(Uint8Array.from(THEIRS));
    expect([...driver.macAddress!]).toEqual(THEIRS);
    await commands.setMacTable([Uint8Array.from(MINE)], []);
    await driver.setQueuePairs(2);
    for (const to of [MINE, THEIRS, [1, 2, 3, 4, 5, 6]]) expect(link.arrive(frame(60, to))).toBe(true);
    expect(link.arrive(frame(60, [2, 0, 0, 0, 0, 9]))).toBe(false);
    expect(frames.length).toBe(3);
    await driver.send(frame(60), null, 1);
    await commands.setGuestOffloads([]);
    expect(clausesIn(events)).toEqual([]);
    await expect(driver.setQueuePairs(3)).rejects.toThrow(RequestFailedError);
    await expect(driver.setQueuePairs(3)).rejects.toMatchObject({
      status: 1,
      message: '3 pairs of queues: the device answered 1',
    });
    await expect(driver.send(frame(60), null, 2)).rejects.toThrow(NoDeviceError);
    expect(device.device.has(bit.multiQueue)).toBe(true);
  });
});

describe('the network driver', () => {
  it('writes its address byte by byte to a device that takes no command for it', async () => {
    const { driver, device } = open('legacy', { features: [bit.mac] });
    await driver.setMacAddress(Uint8Array.from(THEIRS));
    expect([...device.macAddress]).toEqual(THEIRS);
    const other = open('modern', { features: [bit.mac] });
    await expect(other.driver.setMacAddress(Uint8Array.from(THEIRS))).rejects.toThrow(NoDeviceError);
  });

  it('hears of its link, and of what it is to announce: once each time', async () => {
    const heard: (boolean | string)[] = [];
    const { driver, device } = open('modern', {
      onLink: (up) => heard.push(up),
      onAnnounce: () => heard.push('announce'),
    });
    expect(driver.linkUp).toBe(true);
    device.setLink(false);
    device.setLink(true);
    for (let i = 0; i < 2; i++) {
      device.announce();
      await new Promise<void>((resolve) => setImmediate(resolve));
      expect(device.config.get('status')).toBe(1);
    }
    expect(heard).toEqual([false, true, 'announce', 'announce']);
    // Nobody has to listen.
    const quiet = open('modern');
    quiet.device.setLink(false);
    quiet.device.announce();
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect([quiet.driver.linkUp, quiet.driver.driver.failure]).toEqual([false, null]);
  });

  it('announces again when it is asked again before its acknowledgement came back', async () => {
    const scheduler = new HeldScheduler();
    let heard = 0;
    const { device } = open('modern', { scheduler, onAnnounce: () => heard++ });
    const settle = async () => {
      scheduler.releaseAll();
      await new Promise<void>((resolve) => setImmediate(resolve));
    };
    await settle();
    device.announce();
    // The acknowledgement is served here, and asked anew before the driver can know.
    scheduler.releaseAll();
    device.announce();
    for (let i = 0; i < 4; i++) await settle();
    expect(heard).toBe(2);
    expect(device.config.get('status')).toBe(1);
  });

  it('takes what the device cannot know for what it is: no address, no MTU, a link that is up', () => {
    const { driver } = open('modern', { features: [], device: { linkDown: true, mtu: 900 } });
    expect([driver.macAddress, driver.mtu, driver.linkUp, driver.commands]).toEqual([null, null, true, null]);
    const knows = open('modern', { device: { linkDown: true, mtu: 900 } }).driver;
    expect([knows.mtu, knows.linkUp]).toEqual([900, false]);
  });

  it.each([
    [
      { megabits: 40_000, duplex: 'full' as const },
      { megabits: 40_000, duplex: 'full' },
    ],
    [
      { megabits: 0, duplex: 'half' as const },
      { megabits: 0, duplex: 'half' },
    ],
    [
      { megabits: null, duplex: 'unknown' as const },
      { megabits: null, duplex: null },
    ],
    [
      { megabits: 0x80000000, duplex: 'full' as const },
      { megabits: null, duplex: 'full' },
    ],
  ])('reads a speed of %j', (speed, expected) => {
    expect(open('modern', { device: { speed } }).driver.speed).toEqual(expected);
    // Bit 63 is beyond what a legacy driver sees.
    expect(open('legacy', { device: { speed } }).driver.speed).toBe(null);
  });

  it.each([
    [0, false],
    [1, true],
    [0x8000, true],
    [0x8001, false],
  ])('NET-CFG-01: believes a device that has %d pairs of queues: %s', (pairs, believed) => {
    class Liar extends NetworkDevice {
      constructor(options: NetworkOptions) {
        super(options);
        this.config.set('maxQueuePairs', pairs);
      }
    }
    const machine = smallMachine();
    const device = new Liar({ link: new TestLink(), queuePairs: 2 });
    machine.plug(virtioFunction(device, { kind: 'modern' }).pci, functionAddress(0, 4));
    runFirmware(machine);
    const transport = new ModernTransport(machine, findFunction(machine, functionAddress(0, 4))!);
    const make = () => new NetworkDriver(transport, new DmaMemory(machine.ram, 0x10000));
    if (believed) expect(make().driver.failure).toBeNull();
    else {
      expect(make).toThrow(DeviceFailedError);
      expect(make).toThrow(`the device says that it has ${pairs} pairs of queues`);
      expect(transport.status & 0x80).toBe(0x80);
    }
  });

  it('carries offloads both ways between two functions on a hub', async () => {
    const hub = new Hub();
    const one = open('modern', { link: hub.socket() });
    const two = open('legacy', {
      link: hub.socket(),
      bigEndian: true,
      device: { macAddress: Uint8Array.from(THEIRS) },
    });
    const header = {
      flags: 1,
      gsoType: 0,
      headerLength: 34,
      gsoSize: 0,
      checksumStart: 14,
      checksumOffset: 6,
    };
    await one.driver.send(frame(100, THEIRS), header);
    await two.driver.send(frame(101, MINE), header);
    expect(two.frames).toEqual([{ frame: frame(100, THEIRS), header, pair: 0 }]);
    expect(one.frames).toEqual([{ frame: frame(101, MINE), header, pair: 0 }]);
  });

  it('refuses a frame that it has no room for, and fails what is in flight when it is closed', async () => {
    const scheduler = new HeldScheduler();
    const { driver } = open('modern', { scheduler, depth: 1 });
    await expect(driver.send(new Uint8Array(1519))).rejects.toThrow(ResourceError);
    await expect(driver.send(new Uint8Array(1519))).rejects.toThrow(
      'a frame of 1519 bytes; the driver has room for 1518',
    );
    const sent = [
      driver.send(frame(60)),
      driver.send(frame(61)),
      driver.commands!.setMode('promiscuous', true),
    ];
    const ends = Promise.allSettled(sent);
    await Promise.resolve();
    driver.close();
    for (const end of await ends)
      expect(end).toMatchObject({ status: 'rejected', reason: expect.any(DeviceFailedError) });
    await expect(driver.send(frame(60))).rejects.toThrow(DeviceFailedError);
  });

  it('fails when the device breaks', async () => {
    const { driver, device } = open('modern');
    device.device.fail('SPL-AVL-01', 'for a test');
    await expect(driver.send(frame(60))).rejects.toThrow('reset');
  });

  it('says that a ring is too short for a frame that is cut into more descriptors than it has', async () => {
    const { driver } = open('modern', {
      ringFeatures: [],
      maxQueueSize: 4,
      framing: [1, 1, 1, 1],
      features: [bit.mac],
      buffers: 0,
    });
    await expect(driver.send(frame(60))).rejects.toThrow(NoDeviceError);
  });
});
