import { createSocket } from 'node:dgram';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hands, SentFrame, Setting, Subject, SubjectSource } from '../../conformance/device/index.ts';
import { functionAddress, VirtiolabError } from '../../core/index.ts';
import { runFirmware } from '../../driver/index.ts';
import { type DeviceType, deviceTypes } from '../../virtio/layout/index.ts';
import { ARRIVAL, QemuLine, QemuMonitor } from './monitor.ts';
import { Qemu } from './qemu.ts';
import { qemuTarget } from './target.ts';

/** No function of QEMU's has that name. */
export class UnknownQemuSubjectError extends VirtiolabError {}

/** A function of each kind, by the properties that make it one, and how it can be driven. */
const kinds = {
  legacy: { properties: 'disable-legacy=off,disable-modern=on', settings: ['legacy'] },
  transitional: {
    properties: 'disable-legacy=off,disable-modern=off,packed=on',
    settings: ['legacy', 'modern', 'packed'],
  },
  modern: {
    properties: 'disable-legacy=on,disable-modern=off,packed=on',
    settings: ['modern', 'packed'],
  },
} as const satisfies Readonly<Record<string, { properties: string; settings: readonly Setting[] }>>;
type Kind = keyof typeof kinds;
const kindNames = Object.keys(kinds) as Kind[];

/** What a device needs outside of QEMU, made anew for each. */
class Surroundings {
  readonly folder = mkdtempSync(join(tmpdir(), 'virtiolab-qemu-'));
  readonly monitor = new QemuMonitor(this.path('monitor'));
  readonly line = new QemuLine(this.path('line'));
  readonly wire = createSocket('udp4');
  readonly #sent: Uint8Array[] = [];
  /** Of the wire's other end, QEMU's. */
  port = 0;

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A disk of 64 sectors, each of which begins with its number. */
  disk(): string {
    writeFileSync(
      this.path('disk'),
      new Uint8Array(64 * 512).map((_, i) => (i % 512 === 0 ? i >> 9 : 0)),
    );
    return this.path('disk');
  }

  /** Has the monitor do something. */
  async tell(line: string): Promise<void> {
    await this.monitor.command(line);
  }

  /** Frames that came out of QEMU since it was last asked. */
  async sentFrames(): Promise<SentFrame[]> {
    await new Promise((resolve) => setTimeout(resolve, ARRIVAL));
    return this.#sent.splice(0).map((bytes) => ({ bytes, offload: null }));
  }

  exported(): string {
    mkdirSync(this.path('exported'));
    writeFileSync(this.path('exported/greeting'), 'hello\n');
    return this.path('exported');
  }

  /** Finds two ports of the local machine, one for each end. @returns the near one. */
  async wired(): Promise<number> {
    const bound = (socket: ReturnType<typeof createSocket>) =>
      new Promise<number>((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)));
    const near = await bound(this.wire);
    this.wire.unref();
    this.wire.on('message', (bytes) => this.#sent.push(bytes));
    const other = createSocket('udp4');
    this.port = await bound(other);
    await new Promise<void>((resolve) => other.close(() => resolve()));
    return near;
  }

  close(): void {
    this.monitor.close();
    this.line.close();
    try {
      this.wire.close();
    } catch {
      // It was not bound.
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The link of a network device, which is up when a check begins. */
function link(around: Surroundings): Hands {
  let up = true;
  const set = (to: boolean) => {
    up = to;
    return around.tell(`set_link nic ${to ? 'on' : 'off'}`);
  };
  return {
    changeConfig: () => set(!up),
    setLink: set,
    putBack: async () => {
      if (!up) await set(true);
    },
  };
}

interface Row {
  readonly name: string;
  arguments(properties: string, around: Surroundings): string[] | Promise<string[]>;
  hands(around: Surroundings): Hands;
}

const drive = (around: Surroundings) =>
  `if=none,id=d,file=${around.disk()},format=raw,snapshot=on,file.locking=off`;

/** What is written to the monitor changes with each call. */
function changing(around: Surroundings, line: (nth: number) => string): Hands {
  let nth = 0;
  return {
    changeConfig: async () => {
      await around.monitor.command(line(++nth));
    },
  };
}

/** Memory of a QEMU that is started for a device, and pages of a balloon in each MiB of it. */
const RAM_MIB = 64;
const PAGES_A_MIB = 256;

const rows: readonly Row[] = [
  {
    name: 'network',
    async arguments(properties, around) {
      const near = await around.wired();
      return [
        ...['-netdev', `socket,id=n,udp=127.0.0.1:${near},localaddr=127.0.0.1:${around.port}`],
        ...['-device', `virtio-net-pci,netdev=n,id=nic,mac=52:54:00:00:00:01,${properties}`],
      ];
    },
    hands: (around) => ({
      ...link(around),
      announce: () => around.tell('announce_self'),
      sentFrames: () => around.sentFrames(),
      receiveFrame: (frame) =>
        new Promise<void>((resolve) => around.wire.send(frame, around.port, '127.0.0.1', () => resolve())),
    }),
  },
  {
    name: 'block',
    arguments: (properties, around) => [
      ...['-drive', drive(around)],
      ...['-device', `virtio-blk-pci,drive=d,serial=virtiolab,num-queues=2,${properties}`],
    ],
    hands: (around) => ({
      ...changing(around, (nth) => `block_resize d ${64 * 512 + 512 * nth}B`),
      resizeDisk: (sectors) => around.tell(`block_resize d ${sectors * 512}B`),
    }),
  },
  {
    name: 'console',
    arguments: (properties, around) => [
      ...['-device', `virtio-serial-pci,id=s,${properties}`],
      ...['-chardev', `socket,id=c,server=on,wait=off,path=${around.path('line')}`],
      ...['-device', 'virtconsole,bus=s.0,nr=0,chardev=c'],
    ],
    hands(around) {
      let ports = 0;
      return {
        receiveText: (bytes) => around.line.send(bytes),
        sentText: () => around.line.take(),
        plugPort: async () => {
          await around.tell(`device_add virtserialport,bus=s.0,nr=${++ports},id=p${ports}`);
          return ports;
        },
        unplugPort: (port) => around.tell(`device_del p${port}`),
      };
    },
  },
  {
    name: 'entropy',
    arguments: (properties) => ['-device', `virtio-rng-pci,${properties}`],
    hands: () => ({}),
  },
  {
    name: 'balloon',
    arguments: (properties) => ['-device', `virtio-balloon-pci,free-page-reporting=on,${properties}`],
    hands: (around) => ({
      ...changing(around, (nth) => `balloon ${RAM_MIB - (nth % 8)}`),
      setTarget: (pages) => around.tell(`balloon ${RAM_MIB - pages / PAGES_A_MIB}`),
      actualPages: async () => {
        const said = /actual=(\d+)/.exec(await around.monitor.command('info balloon'));
        return (RAM_MIB - Number(said?.[1])) * PAGES_A_MIB;
      },
    }),
  },
  {
    name: 'scsi',
    arguments: (properties, around) => [
      ...['-device', `virtio-scsi-pci,id=h,${properties}`],
      ...['-drive', drive(around), '-device', 'scsi-hd,drive=d,bus=h.0,scsi-id=0,lun=0'],
    ],
    hands(around) {
      let luns = 0;
      return {
        resizeDisk: (sectors) => around.tell(`block_resize d ${sectors * 512}B`),
        plugUnit: async () => {
          const name = `u${++luns}`;
          await around.tell(`drive_add 0 if=none,id=${name},file=null-co://,format=raw`);
          await around.tell(`device_add scsi-hd,drive=${name},bus=h.0,scsi-id=0,lun=${luns},id=d${name}`);
          return luns;
        },
        unplugUnit: (lun) => around.tell(`device_del du${lun}`),
      };
    },
  },
  {
    name: 'p9',
    arguments: (properties, around) => [
      ...['-fsdev', `local,id=f,path=${around.exported()},security_model=none,readonly=on`],
      ...['-device', `virtio-9p-pci,fsdev=f,mount_tag=virtiolab,${properties}`],
    ],
    hands: () => ({}),
  },
];

/** One that does not answer for so long hangs: the suite asks many that do. */
const ANSWER_MILLISECONDS = 1_500;
/** After so many pauses, most of them of a millisecond, a device counts as silent. */
const PAUSES = 500;
const PLACE = functionAddress(0, 4);
const MEMORY = { start: 0x200000, end: 0x300000 } as const;

async function open(row: Row, kind: Kind, program?: string): Promise<Subject> {
  const around = new Surroundings();
  try {
    const device = await row.arguments(`addr=4,${kinds[kind].properties}`, around);
    const listen = ['-chardev', `socket,id=m,server=on,wait=off,path=${around.path('monitor')}`, '-mon', 'm'];
    const qemu = await Qemu.start({
      arguments: [...device, ...listen],
      milliseconds: ANSWER_MILLISECONDS,
      ...(program === undefined ? {} : { program }),
    });
    runFirmware(qemu.bus);
    const target = qemuTarget(qemu, PLACE);
    const close = () => {
      target.close();
      around.close();
    };
    return {
      target: { ...target, name: `QEMU's ${row.name}`, close },
      type: deviceTypes.find(({ name }) => name === row.name) as DeviceType,
      settings: kinds[kind].settings,
      memory: MEMORY,
      patience: PAUSES,
      hands: row.hands(around),
    };
  } catch (error) {
    around.close();
    throw error;
  }
}

/** Types and kinds of functions that QEMU has. */
export const qemuSubjectNames: readonly (readonly [type: string, kind: string])[] = rows.flatMap(({ name }) =>
  kindNames.map((kind) => [name, kind] as const),
);

/**
 * Functions of a QEMU by type and kind, each in a process of its own. Opening throws QemuUnavailableError where there is no
 * QEMU. @param program by default `qemu-system-x86_64`. @throws UnknownQemuSubjectError, which lists the names
 */
export function qemuSource(type: string, kind: string, program?: string): SubjectSource {
  const row = rows.find(({ name }) => name === type);
  const found = kindNames.find((name) => name === kind);
  if (row === undefined || found === undefined) {
    const types = rows.map(({ name }) => name).join(', ');
    throw new UnknownQemuSubjectError(
      `QEMU has no ${kind} function of type '${type}'; types are ${types}, kinds ${kindNames.join(', ')}`,
    );
  }
  return { name: `qemu:${type}:${kind}`, cheap: false, open: () => open(row, found, program) };
}
