import { describe, expect, it, test } from 'vitest';
import { HeldScheduler, immediate, type LabEvent, type State } from '../../../src/core/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type ConsoleOptions,
  CountedStorage,
  DiskUnit,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  networkFeature,
  ScsiDevice,
  SteppedClock,
  VsockDevice,
  VsockHost,
  type VsockSocket,
} from '../../../src/virtio/index.ts';
import {
  ADD,
  ALL as CONSOLE_QUEUES,
  CONTROL_TX,
  modern as consoleOf,
  DEVICE_READY,
  MULTIPORT,
  OPEN,
  open as openConsole,
  Raw,
} from '../support/console.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from '../support/guests.ts';
import { OUR_MAC, plainFrame, RawNetwork, rawHeader, TestLink } from '../support/network.ts';
import { RawRequests } from '../support/requests.ts';
import { about, le, RawRtc, request } from '../support/rtc.ts';
import { CID, packetBytes, RawVsock, REQUEST, RW } from '../support/vsock.ts';
import { image, SlowStorage, settled, start } from './scsi/support.ts';

/*
 * What devices do at the edges of what they know: values at limits, moments between two steps, and what is said then.
 */

/** Findings since the last call, in words. */
const said = (events: LabEvent[]) =>
  events
    .splice(0)
    .flatMap((event) =>
      event.kind === 'finding'
        ? [
            `${event.party} ${event.clause} ${event.message}${event.what === undefined ? '' : `: ${event.what} ${event.value}`}`,
          ]
        : [],
    );

/** Where no memory is. */
const NOWHERE = 2 ** 40;
const [IN, OUT] = [0, 1];

describe('a block device', () => {
  it('tells its tasks apart by queue', () => {
    const tasks = new HeldScheduler();
    const storage = new MemoryStorage(new Uint8Array(4096));
    const machine = { scheduler: tasks, interruptScheduler: immediate };
    const guest = new ModernGuest(new BlockDevice({ storage, queues: 2 }), { machine });
    const rings = guest.start([12], [0, 1]);
    tasks.releaseAll();
    for (const queue of [0, 1])
      new RawRequests(guest, rings[queue]!, { queue, slot: queue }).send({ type: IN, inBytes: 512 });
    const seen = new Set<string>();
    while (tasks.pending.length > 0) {
      for (const { label } of tasks.pending) seen.add(label);
      tasks.release();
    }
    expect([...seen].filter((label) => label.startsWith('block'))).toEqual([
      'block request',
      'block request of queue 1',
    ]);
  });

  it('tells a header that is out of reach from one that is too short', () => {
    for (const [length, finding] of [
      [15, 'driver CONF-01 a header of 15 bytes: length in bytes 15'],
      [16, 'driver RF-05 a header out of reach: descriptor index 0'],
    ] as const) {
      const guest = new ModernGuest(new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512)) }));
      const ring = guest.start()[0]!;
      guest.clauses();
      ring.chain(0, [
        { address: NOWHERE, length },
        { address: BUFFERS, length: 1, flags: 2 },
      ]);
      ring.offer(0);
      guest.kick(0);
      expect(said(guest.events)).toEqual([finding]);
    }
  });

  it('asks its storage for nothing beyond the end that it has when a request begins', () => {
    const tasks = new HeldScheduler();
    const storage = new MemoryStorage(new Uint8Array(16 * 512));
    const counted = new CountedStorage(storage);
    const device = new BlockDevice({ storage: counted });
    const guest = new ModernGuest(device, { machine: { scheduler: tasks } });
    const ring = guest.start()[0]!;
    tasks.releaseAll();
    const requests = new RawRequests(guest, ring);
    requests.send({ type: IN, sector: 8, inBytes: 512 });
    tasks.release();
    storage.resize(8 * 512);
    device.resize();
    tasks.releaseAll();
    expect([requests.answer(512).status, counted.requests.read]).toEqual([1, 0]);
  });

  it('takes of saved requests only those that it can carry out', () => {
    const saved = (type: number) => {
      const slow = new SlowStorage();
      const guest = new ModernGuest(new BlockDevice({ storage: slow }));
      const ring = guest.start()[0]!;
      new RawRequests(guest, ring).send(
        type === OUT ? { type, out: new Uint8Array(512) } : { type, inBytes: 512 },
      );
      const device = guest.device.save() as never as { queues: { inFlight: { request: never }[] }[] };
      return device.queues[0]!.inFlight[0]!.request;
    };
    const readOnly = new BlockDevice({ storage: new MemoryStorage(new Uint8Array(16 * 512), true) });
    expect(() => readOnly.checkRequest(saved(IN), 'x')).not.toThrow();
    expect(() => readOnly.checkRequest(saved(OUT), 'x')).toThrow(
      'x.type: found 1, expected a request that the device offers',
    );
    // Whatever it is, it is refused already.
    expect(() => readOnly.checkRequest({ ...(saved(OUT) as object), refused: 1 }, 'x')).not.toThrow();
  });
});

describe('a console', () => {
  it('says nothing to a driver that it was to say to the one before', () => {
    const before = consoleOf({ ports: [{ backend: new MemoryConsole() }] });
    // Without a buffer what is to be said waits.
    before.control(0, DEVICE_READY, 1);
    const { guest } = before;
    guest.block.set('deviceStatus', 0);
    guest.machine.ram.fill(0x10000, BUFFERS - 0x10000, 0);
    const after = new Raw(guest, (guest as ModernGuest).start([MULTIPORT], CONSOLE_QUEUES, 64));
    expect(after.messages()).toEqual([]);
    after.control(0, DEVICE_READY, 1);
    expect(after.messages()).toEqual([[0, ADD, 1]]);
  });

  it('LEG-CON-04: says what is wrong with the framing of a control message', () => {
    const guest = new LegacyGuest(new ConsoleDevice({ maxPorts: 1 }));
    const rings = guest.start(2, [0, 1, 2, 3]);
    said(guest.events);
    guest.machine.ram.write(BUFFERS, new Uint8Array(8));
    rings[CONTROL_TX]!.chain(0, [
      { address: BUFFERS, length: 4 },
      { address: BUFFERS + 4, length: 4 },
    ]);
    rings[CONTROL_TX]!.offer(0);
    guest.kick(CONTROL_TX);
    expect(said(guest.events)[0]).toBe(
      'driver LEG-CON-04 framing that wants ANY_LAYOUT, which was not accepted: descriptor index 0',
    );
  });

  it('takes no input before it is in a machine, and none for a port that was pulled out', () => {
    const backend = new MemoryConsole();
    const device = new ConsoleDevice({ maxPorts: 1 });
    const port = device.addPort({ backend });
    expect(port.receive(Uint8Array.of(1), 0, 1)).toBe(0);
    device.removePort(port.number);
    port.setOpen(false);
    port.resize({ columns: 1, rows: 1 });
    port.resume();
    expect([port.receive(Uint8Array.of(1), 0, 1), device.ports]).toEqual([0, []]);
  });

  it('tells of an end that opens or closes once, whatever it is told again', () => {
    const { raw, second } = openConsole();
    const told = [[false, false], [true, true, true], [false]].map((changes) => {
      for (const open of changes) second.setOpen(open);
      return raw.messages();
    });
    expect(told).toEqual([[[1, OPEN, 0]], [[1, OPEN, 1]], [[1, OPEN, 0]]]);
  });

  it('forgets to announce a port that a loaded state was to announce and that is not there', () => {
    const from = consoleOf({ ports: [{ backend: new MemoryConsole() }] });
    from.control(0, DEVICE_READY, 1);
    const state = from.guest.device.behaviour.save();
    const heard = (ports: ConsoleOptions['ports']) => {
      const raw = consoleOf({ ports: ports! });
      (raw.guest.device.behaviour as ConsoleDevice).load(state);
      return raw.messages();
    };
    expect([heard([]), heard([{ backend: new MemoryConsole() }])]).toEqual([[], [[0, ADD, 1]]]);
  });
});

describe('a network device', () => {
  const open = () => {
    const link = new TestLink();
    const guest = new ModernGuest(new NetworkDevice({ link }));
    const net = new RawNetwork(guest, [0, 1, 2], guest.start([], [0, 1, 2]));
    guest.clauses();
    return { link, guest, net };
  };

  test.each([
    [14 + 4 + 40 + 65535, true],
    [14 + 4 + 40 + 65536, false],
    [14, true],
    [13, false],
  ])('sends a frame of %d bytes: %s', (length, sent) => {
    const { link, guest, net } = open();
    guest.machine.ram.write(BUFFERS, rawHeader({}, 12));
    net.expose(1, BUFFERS, [12, length], []);
    expect([link.sent.map(({ frame }) => frame.length), guest.clauses().length]).toEqual(
      sent ? [[length], 0] : [[], 1],
    );
  });

  it('sends frames that waited when its state was taken, from the machine that it was loaded into', () => {
    const { multiQueue, controlQueue, mac } = networkFeature;
    const queues = [0, 1, 2, 3, 4];
    const make = () => {
      const link = new TestLink();
      const guest = new ModernGuest(new NetworkDevice({ link, queuePairs: 2 }));
      const net = new RawNetwork(guest, queues, guest.start([mac, controlQueue, multiQueue], queues));
      net.command(4, 0, [[2, 0]]);
      return { link, guest, net };
    };
    const [from, into] = [make(), make()];
    let state: State = null;
    from.link.onTransmit = () => {
      from.link.onTransmit = () => {};
      // In the middle of the first: the second waits for its turn.
      const at = BUFFERS + 0x8000;
      from.guest.machine.ram.write(
        at + 12,
        Uint8Array.from({ length: 70 }, (_, i) => i + 1),
      );
      from.net.expose(3, at, [12, 70], []);
      state = from.guest.machine.save();
    };
    from.net.send(rawHeader({}, 12), plainFrame(60));
    expect(from.link.sent.map(({ frame }) => frame.length)).toEqual([60, 70]);
    into.guest.machine.load(state);
    // The first is on its way already.
    expect(into.link.sent.map(({ frame }) => frame.length)).toEqual([70]);
  });

  it('NET-TX-07: says of a type of segments that nobody knows that it was not accepted', () => {
    const link = new TestLink(true);
    const guest = new ModernGuest(new NetworkDevice({ link }));
    const { checksum, hostTso4 } = networkFeature;
    const net = new RawNetwork(guest, [0, 1, 2], guest.start([checksum, hostTso4], [0, 1, 2]));
    said(guest.events);
    net.send(
      rawHeader({ flags: 1, gsoType: 2, gsoSize: 100, csumStart: 14, csumOffset: 6 }, 12),
      plainFrame(60),
    );
    expect([said(guest.events), link.sent]).toEqual([
      ['driver NET-TX-07 a segmentation type that was not accepted: segmentation type 2'],
      [],
    ]);
  });

  it('receives what is no IP on the pair on which it was sent between these stations, of whatever type', () => {
    const link = new TestLink();
    const guest = new ModernGuest(new NetworkDevice({ link, queuePairs: 2 }));
    const { multiQueue, controlQueue, mac } = networkFeature;
    const queues = [0, 1, 2, 3, 4];
    const net = new RawNetwork(guest, queues, guest.start([mac, controlQueue, multiQueue], queues));
    // Two pairs (class MQ, command 0).
    expect(net.command(4, 0, [[2, 0]])).toBe(0);
    const frame = (to: readonly number[], from: readonly number[], type: number) => {
      const bytes = new Uint8Array(60);
      bytes.set([...to, ...from, 0x88, type]);
      return bytes;
    };
    const pairs = Array.from({ length: 8 }, (_, i) => {
      const station = [2, 0, 0, 3 * i, 7, i];
      net.send(rawHeader({}, 12), frame(station, OUR_MAC, 0xb5), undefined, 3);
      for (const queue of [0, 2]) net.buffer([2048], queue);
      expect(link.arrive(frame(OUR_MAC, station, 0xb6 + i))).toBe(true);
      return [0, 2].map((queue) => net.taken(queue).length);
    });
    expect(pairs).toEqual(Array(8).fill([0, 1]));
  });
});

describe('a clock device', () => {
  it('gives the time of an alarm with its lowest byte first', () => {
    const rtc = new RawRtc({ clocks: [new SteppedClock()] });
    const time = le(0x0102030405060708n, 8);
    expect(rtc.send(request(0x1004, ...time, 0, 0, 1, 0, 0, 0, 0, 0), 8)[0]).toBe(0);
    expect(rtc.send(request(0x1003, ...about(0)), 24).slice(8, 17)).toEqual([...time, 1]);
  });

  it('BF-FEAT-03: says of its driver that a queue is none', () => {
    const rtc = new RawRtc({}, false);
    said(rtc.guest.events);
    rtc.buffer();
    expect(said(rtc.guest.events)).toEqual([
      'driver BF-FEAT-03 a queue that is none without ALARM: descriptor index 0',
    ]);
  });
});

describe('a socket device', () => {
  it('lets its host do what it likes before it is in a machine', () => {
    const host = new VsockHost();
    const device = new VsockDevice({ guestCid: 9, peer: host });
    const told: string[] = [];
    host.connect(7, { closed: (how) => told.push(how) });
    device.ready();
    expect(told).toEqual([]);
  });

  it('takes one packet after the other, whatever they lead to', () => {
    const raw = new RawVsock();
    const sockets: VsockSocket[] = [];
    raw.host.listen(80, (socket) => sockets.push(socket));
    raw.connect([5000, 80]);
    const got: number[] = [];
    sockets[0]!.on = {
      received: () => {
        const bytes = sockets[0]!.read()!;
        // Whatever it does may lead back to the queue.
        raw.device.ready();
        got.push(...bytes);
      },
    };
    const before = raw.transmit.usedIndex;
    raw.guest.config.command(3);
    for (const byte of [1, 2, 3]) raw.put(packetBytes({ op: RW, ports: [5000, 80], payload: [byte] }));
    raw.guest.config.command(7);
    expect(got).toEqual([1, 2, 3]);
    const heads = raw.transmit.used((raw.transmit.usedIndex - before) & 0xffff).map(([head]) => head);
    expect(heads).toEqual([...heads].sort((a, b) => a - b));
  });

  it('VSOCK-RT-01: says which address a packet claims to be from', () => {
    const raw = new RawVsock();
    raw.put(packetBytes({ op: REQUEST, ports: [5000, 80], from: CID + 1 }));
    expect(said(raw.guest.events)).toEqual([
      `driver VSOCK-RT-01 a packet from another address than the driver's: CID ${CID + 1}`,
    ]);
  });
});

describe('a balloon', () => {
  it.each([
    [{ pagePoison: false }, 8],
    [{ pagePoison: false, freePageHints: true }, 12],
    [{}, 16],
  ])('made with %j has %d bytes of configuration, also after a reset and a load', (options, bytes) => {
    const device = new BalloonDevice(options);
    const guest = new ModernGuest(device);
    guest.start([], [0, 1]);
    device.setTarget(5);
    const state = guest.machine.save();
    guest.block.set('deviceStatus', 0);
    guest.machine.load(state);
    expect([device.config.length, device.config.get('numPages'), guest.clauses()]).toEqual([bytes, 5, []]);
  });
});

describe('a SCSI host', () => {
  it('carries out on a disk that cannot be written what writes nothing', () => {
    const { scsi } = settled({ storage: new MemoryStorage(image(64), true) });
    // VERIFY(10), SYNCHRONIZE CACHE(10), and a write.
    expect(scsi.outcome({ cdb: [0x2f, 0, 0, 0, 0, 0, 0, 0, 1, 0] })).toBe('good');
    expect(scsi.outcome({ cdb: [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0] })).toBe('good');
    expect(scsi.outcome({ cdb: [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], out: new Uint8Array(512) })).toBe(
      '07/27/00',
    );
  });

  it('writes the same into as many blocks as it says, and no more', () => {
    const storage = {
      length: 2 ** 17 * 512,
      readOnly: false,
      read: () => {},
      write: (transfer: { done(ok: boolean): void }) => transfer.done(true),
      flush: (transfer: { done(ok: boolean): void }) => transfer.done(true),
    };
    const { scsi } = settled({ storage: storage as never });
    const same = (blocks: number) => ({
      cdb: [0x93, 0, ...Array(8).fill(0), ...le(blocks, 4).reverse(), 0, 0],
      out: new Uint8Array(512),
    });
    expect([0xffff, 0x10000].map((blocks) => scsi.outcome(same(blocks)))).toEqual(['good', '05/24/00']);
  });

  it('SCSI-OP-14: has lost nothing with a buffer that is too short for an event, where there was none', () => {
    const { scsi } = settled();
    scsi.offerEvent(0, 2);
    scsi.offerEvent(1);
    expect(new Set(scsi.written(1, 16))).toEqual(new Set([0xee]));
  });

  it.each<[string, (lab: ReturnType<typeof settled>) => void]>([
    ['bus mastering is off', ({ guest }) => guest.config.command(3)],
    ['it was aborted', ({ scsi }) => expect(scsi.manage(1, [1])).toBe(0)],
    ['the device was reset', ({ guest }) => guest.block.set('deviceStatus', 0)],
  ])('touches no data of a command while %s', (_, change) => {
    const storage = new SlowStorage();
    const lab = settled({ storage, modern: true });
    for (const [slot, cdb, more] of [
      [0, 0x2a, { out: new Uint8Array(512) }],
      [1, 0x28, { inBytes: 512 }],
    ] as const)
      lab.scsi.send({ cdb: [cdb, 0, 0, 0, 0, 0, 0, 0, 1, 0], slot, ...more });
    const [write, read] = storage.waiting;
    const moved = () => [
      write!.take(0, new Uint8Array(512), 0, 512),
      read!.give(0, new Uint8Array(512), 0, 512),
    ];
    expect(moved()).toEqual([true, true]);
    change(lab);
    expect(moved()).toEqual([false, false]);
  });

  it('tells whose commands there are by unit', () => {
    const [first, second] = [new SlowStorage(), new SlowStorage()];
    const units = [first, second].map((storage, lun) => ({
      target: 0,
      lun,
      unit: new DiskUnit({ storage }),
    }));
    const { scsi } = start({ units });
    const [FIRST, SECOND] = [[1], [1, 0, 0, 1]] as const;
    scsi.settle(FIRST, SECOND);
    scsi.send({ lun: FIRST, cdb: [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], inBytes: 512 });
    // QUERY TASK SET: function succeeded for the one, complete for the other.
    expect([scsi.manage(7, FIRST), scsi.manage(7, SECOND)]).toEqual([10, 0]);
  });

  it('hears nothing of units that are not its own any more, and needs no machine to hear of them', () => {
    const own = new DiskUnit({ storage: new MemoryStorage(image(8)) });
    const apart = new ScsiDevice({ units: [{ target: 0, lun: 0, unit: own }] });
    expect(() => own.capacityChanged()).not.toThrow();
    apart.detachLun(0, 0);
    const { device, disk, scsi, storage } = settled();
    device.detachLun(0, 0);
    scsi.offerEvent(0);
    scsi.offerEvent(1);
    const before = [0, 1].map((slot) => [...scsi.written(slot, 16)]);
    storage.resize(128 * 512);
    disk.capacityChanged();
    expect([0, 1].map((slot) => [...scsi.written(slot, 16)])).toEqual(before);
  });

  it('names what its state is made of, with its units', () => {
    const { device } = start();
    expect(device.manifest()).toMatchObject({
      record: 'scsi',
      made: { type: 'scsi' },
      units: [{ unit: { record: 'scsi-disk' }, outside: { target: 0, lun: 0 } }],
    });
  });

  it('says what is wrong with a command that it refuses', () => {
    const { scsi, guest } = settled({ modern: true });
    said(guest.events);
    scsi.send({ cdb: [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], out: new Uint8Array(512), inBytes: 512 });
    expect(said(guest.events)).toEqual([
      'driver BF-FEAT-03 data in both directions without INOUT: descriptor index 0',
    ]);
    scsi.rings[0]!.chain(0, [
      { address: NOWHERE, length: 24 },
      { address: BUFFERS, length: 1, flags: 2 },
    ]);
    scsi.rings[0]!.offer(0);
    guest.kick(0);
    expect(said(guest.events)).toEqual(['driver RF-05 a control request out of reach: descriptor index 0']);
  });
});
