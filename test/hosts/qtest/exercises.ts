import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionAddress } from '../../../src/core/index.ts';
import {
  BalloonDriver,
  BlockDriver,
  ConsoleDriver,
  type ConsoleDriverPort,
  type DmaMemory,
  EntropyDriver,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  NetworkDriver,
  openTransport,
  P9Client,
  P9Driver,
  runFirmware,
  ScsiDisk,
  ScsiDriver,
  type Transport,
} from '../../../src/driver/index.ts';
import type { Qemu } from '../../../src/hosts/qtest/index.ts';
import { feature } from '../../../src/virtio/index.ts';
import { GREETING, memoryOf, Scratch, SECTORS, until } from './support.ts';

/** A function of each kind, and the properties that make it one. */
const functions = {
  transitional: 'disable-legacy=off,disable-modern=off',
  legacy: 'disable-legacy=off,disable-modern=on',
  modern: 'disable-legacy=on,disable-modern=off',
  packed: 'disable-legacy=on,disable-modern=off,packed=on',
} as const;
type Kind = keyof typeof functions;
const kinds = Object.keys(functions) as Kind[];
const FIRST_DEVICE = 4;
/** Device of the first network function's twin. */
const TWINS = 16;
const placeOf = (kind: Kind) => functionAddress(0, FIRST_DEVICE + kinds.indexOf(kind));

/** How a driver takes such a function. */
const ways = [
  { kind: 'transitional', transport: 'legacy', intx: false },
  { kind: 'transitional', transport: 'legacy', intx: true },
  { kind: 'transitional', transport: 'modern', intx: false },
  { kind: 'legacy', transport: 'legacy', intx: false },
  { kind: 'modern', transport: 'modern', intx: false },
  { kind: 'modern', transport: 'modern', intx: true },
  { kind: 'packed', transport: 'modern', intx: false },
] as const;
type Way = (typeof ways)[number];

const tolerate = ['packed-used-without-write', 'used-length-counts-readable'] as const;

const ring = [feature.ringIndirectDescriptors, feature.ringEventIndex];
const ringFeatures = ({ kind }: Way) => (kind === 'packed' ? [...ring, feature.ringPacked] : ring);

function open({ bus }: Qemu, { kind, transport, intx }: Way): Transport {
  const found = findFunction(bus, placeOf(kind))!;
  if (transport === 'modern') return new ModernTransport(bus, found, { intx, tolerate });
  return new LegacyTransport(bus, found, legacyAccess(bus, found), { intx, tolerate });
}

interface Exercise {
  /** A device of that kind, and what stands behind it: `number` is its own. */
  device(properties: string, number: number): string[];
  run(way: Way, qemu: Qemu, transport: Transport, memory: DmaMemory): Promise<void>;
  /** Behind the whole machine. */
  readonly more?: readonly string[];
}

/** Devices by name, with files of theirs in a folder. */
function exercisesIn(scratch: Scratch): Readonly<Record<string, Exercise>> {
  const drive = (number: number) =>
    `if=none,id=d${number},file=${scratch.disk},format=raw,snapshot=on,file.locking=off`;

  /** A monitor line of QEMU's own. */
  const monitor = (qemu: Qemu, line: string, done: () => boolean) => {
    const socket = createConnection(scratch.path('monitor'));
    socket.on('error', () => {});
    socket.write(`${line}\n`);
    return until(qemu, done).finally(() => socket.destroy());
  };

  return {
    block: {
      device: (properties, number) => [
        ...['-drive', drive(number)],
        ...['-device', `virtio-blk-pci,drive=d${number},serial=disk-${number},num-queues=2,${properties}`],
      ],
      async run(way, _, transport, memory) {
        const driver = new BlockDriver(transport, memory, {
          ringFeatures: ringFeatures(way),
          queues: 2,
          depth: 4,
        });
        expect([driver.capacity, driver.queues]).toEqual([SECTORS, 2]);
        const data = await driver.read(5, 200);
        expect([data[0], data[199 * 512]]).toEqual([5, 204]);
        await driver.write(7, new Uint8Array(1024).fill(0xa5));
        await driver.flush();
        expect(await driver.read(7, 2)).toEqual(new Uint8Array(1024).fill(0xa5));
        await driver.write(7, data.subarray(1024, 2048));
        expect(await driver.getId()).toMatch(/^disk-\d$/);
        await expect(driver.request(0, SECTORS, null, 512)).rejects.toThrow('status 1 (ioError)');
        driver.close();
      },
    },
    network: {
      // Each has a twin in a second machine's stead: two functions on one hub of QEMU's.
      device: (properties, number) => [
        ...['-netdev', `hubport,id=n${number},hubid=${number}`],
        ...['-netdev', `hubport,id=t${number},hubid=${number}`],
        ...['-device', `virtio-net-pci,netdev=n${number},mac=52:54:00:00:00:0${number},${properties}`],
        ...['-device', `virtio-net-pci,netdev=t${number},addr=${(TWINS + number).toString(16)}`],
      ],
      async run(way, qemu, transport, memory) {
        const frames: Uint8Array[][] = [[], []];
        const options = (i: number) => ({
          onFrame: (frame: Uint8Array) => void frames[i]!.push(frame.slice()),
        });
        const driver = new NetworkDriver(transport, memory, {
          ...options(0),
          ringFeatures: ringFeatures(way),
        });
        const twinPlace = functionAddress(0, TWINS + kinds.indexOf(way.kind));
        const twin = new NetworkDriver(openTransport(qemu.bus, twinPlace), memoryOf(qemu, 4), options(1));
        for (const each of [driver, twin]) await each.commands!.setMode('promiscuous', true);
        const frame = (seed: number) => new Uint8Array(100 + seed).map((_, i) => (i < 6 ? 0xff : i + seed));
        await driver.send(frame(1));
        await driver.send(frame(700));
        await twin.send(frame(2));
        await until(qemu, () => frames[0]!.length === 1 && frames[1]!.length === 2);
        expect(frames).toEqual([[frame(2)], [frame(1), frame(700)]]);
        expect(driver.macAddress!.at(-1)).toBe(kinds.indexOf(way.kind));
        twin.close();
        driver.close();
      },
    },
    console: {
      device: (properties, number) => [
        ...['-device', `virtio-serial-pci,id=s${number},${properties}`],
        ...['-chardev', `file,id=o${number},path=${scratch.path(`console-${number}`)}`],
        ...['-device', `virtconsole,bus=s${number}.0,nr=0,chardev=o${number}`],
        ...['-chardev', `file,id=c${number},path=${scratch.path(`port-${number}`)}`],
        ...['-device', `virtserialport,bus=s${number}.0,nr=1,chardev=c${number},name=org.example.${number}`],
      ],
      async run(way, qemu, transport, memory) {
        const number = kinds.indexOf(way.kind);
        const ports: ConsoleDriverPort[] = [];
        const driver = new ConsoleDriver(transport, memory, {
          ringFeatures: ringFeatures(way),
          onPort: (port) => void ports.push(port),
          maxPorts: 4,
        });
        await until(qemu, () => ports.some(({ name }) => name !== ''));
        expect(ports.map((port) => [port.number, port.name, port.isConsole])).toEqual([
          [0, '', true],
          [1, `org.example.${number}`, false],
        ]);
        const text = `${way.transport} ${way.intx} ${'and so on, '.repeat(900)}`;
        ports[1]!.open();
        for (const [port, file] of [
          [ports[0]!, 'console'],
          [ports[1]!, 'port'],
        ] as const) {
          await until(qemu, () => port.deviceOpen || port.isConsole);
          await port.write(new TextEncoder().encode(text));
          expect(readFileSync(scratch.path(`${file}-${number}`), 'utf8')).toMatch(new RegExp(`${text}$`));
        }
        driver.close();
      },
    },
    entropy: {
      device: (properties) => ['-device', `virtio-rng-pci,${properties}`],
      async run(way, _, transport, memory) {
        const driver = new EntropyDriver(transport, memory, { ringFeatures: ringFeatures(way) });
        const bytes = await driver.read(5000);
        expect(new Set(bytes).size).toBeGreaterThan(200);
        driver.close();
      },
    },
    balloon: {
      device: (properties, number) => [
        '-device',
        // A machine has one balloon only; the others are machines of their own.
        `virtio-balloon-pci,id=b${number},free-page-reporting=on,${properties}`,
      ],
      more: ['-chardev', 'socket,id=m,server=on,wait=off,path=MONITOR', '-mon', 'm'],
      async run(way, qemu, transport, memory) {
        const driver = new BalloonDriver(transport, memory, {
          ringFeatures: ringFeatures(way),
          pages: 600,
          numbering: 'contiguous',
        });
        await monitor(qemu, 'balloon 62', () => driver.balloon.length === 512);
        await driver.settled();
        if (transport.modern) expect((await driver.report(8)).length).toBe(8);
        await monitor(qemu, 'balloon 64', () => driver.balloon.length === 0);
        await driver.settled();
        driver.close();
      },
    },
    scsi: {
      device: (properties, number) => [
        ...['-device', `virtio-scsi-pci,id=h${number},${properties}`],
        ...['-drive', drive(number), '-device', `scsi-hd,drive=d${number},bus=h${number}.0,scsi-id=1,lun=2`],
      ],
      async run(way, _, transport, memory) {
        const driver = new ScsiDriver(transport, memory, { ringFeatures: ringFeatures(way), depth: 4 });
        const disk = new ScsiDisk(driver, { target: 1, lun: 2 });
        expect(await disk.inquiry()).toMatchObject({ type: 0, vendor: 'QEMU', product: 'QEMU HARDDISK' });
        expect(await disk.capacity()).toMatchObject({ blocks: SECTORS, blockBytes: 512 });
        const data = await disk.read(9, 20);
        expect([data[0], data[19 * 512]]).toEqual([9, 28]);
        await disk.write(11, new Uint8Array(512).fill(0x77));
        expect(await disk.read(11, 1)).toEqual(new Uint8Array(512).fill(0x77));
        await disk.write(11, new Uint8Array(512).fill(11));
        driver.close();
      },
    },
    p9: {
      device: (properties, number) => [
        ...['-fsdev', `local,id=f${number},path=${scratch.exported},security_model=none,readonly=on`],
        ...['-device', `virtio-9p-pci,fsdev=f${number},mount_tag=tag-${number},${properties}`],
      ],
      async run(way, _, transport, memory) {
        const driver = new P9Driver(transport, memory, { ringFeatures: ringFeatures(way) });
        expect(driver.mountTag).toBe(`tag-${kinds.indexOf(way.kind)}`);
        const client = new P9Client(driver);
        await client.mount();
        expect((await client.list([])).map(({ name }) => name)).toEqual(['greeting']);
        expect(await client.read(['greeting'])).toEqual(GREETING);
        await expect(client.read(['none'])).rejects.toThrow('Twalk: error 2');
        driver.close();
      },
    },
  };
}

/**
 * Tests of every driver on every device that a QEMU has, in every way.
 * @param title of the machine: `QEMU's`. @param skipped why there is none, or null.
 * @param program makes what is started in a QEMU's place, in a folder.
 */
export function driverTests(
  title: string,
  skipped: string | null,
  program?: (scratch: Scratch) => string,
): void {
  const scratch = new Scratch();
  afterAll(() => scratch.close());
  const started = program === undefined ? {} : { program: program(scratch) };
  const note = skipped === null ? '' : ` (skipped: ${skipped})`;

  describe.skipIf(skipped !== null).each(Object.entries(exercisesIn(scratch)))(
    `${title} %s device${note}`,
    (name, exercise) => {
      let qemu: Qemu;
      const start = (only: readonly Kind[]) => {
        const devices = only.flatMap((kind) => {
          const number = kinds.indexOf(kind);
          return exercise.device(`addr=${FIRST_DEVICE + number},${functions[kind]}`, number);
        });
        const more = exercise.more?.map((word) => word.replace('MONITOR', scratch.path('monitor'))) ?? [];
        return scratch.startWith({ ...started, arguments: [...devices, ...more] });
      };

      beforeAll(async () => {
        if (name === 'balloon') return;
        qemu = await start(kinds);
        runFirmware(qemu.bus);
      });

      it.each(ways)('$kind, by the $transport interface, INTx $intx', async (way) => {
        const own = name === 'balloon' ? await start([way.kind]) : qemu;
        try {
          if (own !== qemu) runFirmware(own.bus);
          await exercise.run(way, own, open(own, way), memoryOf(own, ways.indexOf(way) % 4));
          expect(own.output.split('; ').filter((line) => !/^$|warning/.test(line))).toEqual([]);
        } finally {
          // Its monitor's socket is the next one's.
          if (own !== qemu) own.close();
        }
      });

      afterAll(() => qemu?.close());
    },
  );
}
