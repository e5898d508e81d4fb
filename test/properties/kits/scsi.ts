import fc from 'fast-check';
import type { State } from '../../../src/core/index.ts';
import {
  DiskUnit,
  MemoryStorage,
  putBigEndian,
  SCSI_ADDRESS_BYTES,
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  SCSI_EVENT_BYTES,
  SCSI_NOTIFICATION_BYTES,
  SCSI_TASK_MANAGEMENT_BYTES,
  ScsiDevice,
  scsiCommandHeader,
  scsiCommands,
  scsiConfig,
  scsiControlType,
  scsiDeviceType,
  scsiFeature,
  scsiNotification,
  scsiQueue,
  scsiTaskManagement,
} from '../../../src/virtio/index.ts';
import type { KitChain, KitDevice, TypeKit } from './kit.ts';

const BLOCKS = 16;
const OTHER_BLOCKS = 4;
/** Identifiers that commands and task management have in common. */
const IDS = [1, 2, 3] as const;
const CDB_BYTES = scsiConfig.cdbSize.reset;
const RESPONSE_BYTES = SCSI_COMMAND_RESPONSE_BYTES + scsiConfig.senseSize.reset;

type Stimulus =
  | { readonly do: 'plug' | 'unplug' | 'reset' }
  | { readonly do: 'resize'; readonly blocks: number };

const filled = (blocks: number) => new Uint8Array(blocks * 512).map((_, i) => (i * 13 + (i >> 9)) & 0xff);

/** A disk that is always there, and one of the same target that comes and goes. */
class World implements KitDevice<Stimulus> {
  readonly behaviour: ScsiDevice;
  readonly #storage = new MemoryStorage(filled(BLOCKS));
  readonly #other = new MemoryStorage(filled(OTHER_BLOCKS));
  readonly #disk = new DiskUnit({ storage: this.#storage });
  #plugged = false;

  constructor(queueSize: number) {
    const units = [{ target: 0, lun: 0, unit: this.#disk }];
    this.behaviour = new ScsiDevice({ units, queueSize, requestQueues: 1, inOut: true });
  }

  stimulate(stimulus: Stimulus): void {
    // A line is told at once and a message waits for bus mastering: what happens meanwhile would tell windows apart.
    if (!this.behaviour.device.dmaEnabled) return;
    if (stimulus.do === 'reset') this.behaviour.resetLun(0, 0);
    else if (stimulus.do === 'resize') {
      this.#storage.resize(stimulus.blocks * 512);
      this.#disk.capacityChanged();
    } else this.#plug(stimulus.do === 'plug');
  }

  #plug(plugged: boolean): void {
    if (plugged === this.#plugged) return;
    this.#plugged = plugged;
    if (plugged) this.behaviour.attachLun(0, 1, new DiskUnit({ storage: this.#other }));
    else this.behaviour.detachLun(0, 1);
  }

  outside(): unknown {
    return [this.#storage.bytes.slice(), this.#other.bytes.slice(), this.#plugged];
  }

  saveOutside(): State {
    return { first: this.#storage.bytes.slice(), other: this.#other.bytes.slice(), plugged: this.#plugged };
  }

  loadOutside(state: State): void {
    const { first, other, plugged } = state as { first: Uint8Array; other: Uint8Array; plugged: boolean };
    this.#storage.resize(first.length);
    this.#storage.bytes.set(first);
    this.#other.bytes.set(other);
    this.#plug(plugged);
  }
}

const rarely = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>, weight = 12) =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: rare });
const address = (...bytes: number[]) => [
  ...bytes,
  ...Array<number>(SCSI_ADDRESS_BYTES - bytes.length).fill(0),
];
const addresses = rarely(
  fc.constantFrom(
    address(1),
    address(1),
    address(1, 0, 0, 1),
    address(1, 0, 0x40, 1),
    address(1, 0, 0, 2),
    address(1, 1),
    address(0xc1, 1),
    address(1, 0, 0xc1, 1),
  ),
  fc.array(fc.nat(255), { minLength: SCSI_ADDRESS_BYTES, maxLength: SCSI_ADDRESS_BYTES }),
);

/** Values that commands have in their fields: small ones, those around the ends of the disks, and whatever fits. */
const numbers = rarely(fc.nat(BLOCKS + 1), fc.constantFrom(255, 512, 0xffff, 0xffffffff, 2 ** 52), 8);

interface Cdb {
  readonly bytes: readonly number[];
  readonly data: 'none' | 'in' | 'out';
}

/** A command of the table with drawn fields; now and then with any bits of its second byte, or any bytes at all. */
const cdbs: fc.Arbitrary<Cdb> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .record({
        row: fc.constantFrom(...Object.values(scsiCommands)),
        lba: numbers,
        blocks: rarely(fc.nat(3), numbers),
        length: rarely(fc.constantFrom(0, 8, 24, 36, 255), numbers),
        page: fc.constantFrom(0, 0, 0x80, 0x83, 0xb0, 0xb1, 0xb2, 0x08, 0x0a, 0x3f, 0x48, 0xff),
        select: rarely(fc.nat(2), fc.nat(255)),
        flags: rarely(fc.constantFrom(0, 0, 1, 0x08, 0x10), fc.nat(255)),
        control: rarely(fc.constant(0), fc.nat(255)),
      })
      .map(({ row, control, ...values }) => {
        const bytes = new Uint8Array(row.usage.length);
        for (const [name, value] of Object.entries(values)) {
          const field = (row.fields as Record<string, typeof scsiCommandHeader.lun>)[name];
          if (field !== undefined) putBigEndian(bytes, field, value);
        }
        bytes[0] = row.opcode;
        if (row.action !== null) bytes[1] = row.action;
        bytes[bytes.length - 1] = control;
        return { bytes: [...bytes], data: row.data };
      }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      bytes: fc.array(fc.nat(255), { maxLength: CDB_BYTES, size: 'max' }),
      data: fc.constantFrom<Cdb['data']>('none', 'in', 'out'),
    }),
  },
);

/** Data out: lists for UNMAP and MODE SELECT begin with their lengths, blocks with anything. */
const dataOut = fc.oneof(
  fc
    .record({ bytes: fc.constantFrom(512, 512, 1024, 1536, 100), seed: fc.nat(255) })
    .map(({ bytes, seed }) => Array.from({ length: bytes }, (_, i) => (seed + 7 * i) & 0xff)),
  fc
    .array(fc.tuple(fc.nat(BLOCKS + 1), fc.nat(3)), { maxLength: 3 })
    .map((extents) => [
      ...[0, 6 + 16 * extents.length, 0, 16 * extents.length, 0, 0, 0, 0],
      ...extents.flatMap(([lba, blocks]) => [0, 0, 0, 0, 0, 0, 0, lba, 0, 0, 0, blocks, 0, 0, 0, 0]),
    ]),
  fc.constantFrom(0, 4).map((cache) => [0, 0, 0, 0, 8, 18, cache, ...Array<number>(17).fill(0)]),
);

/** A request before it is cut into descriptors. */
interface Whole {
  readonly queue: number;
  readonly readable: readonly number[];
  readonly writable: number;
  /** Ends of its headers. */
  readonly cuts: readonly number[];
}

function word(bytes: Uint8Array, offset: number, value: number, littleEndian: boolean): void {
  new DataView(bytes.buffer).setUint32(offset, value, littleEndian);
}

/** Identifiers differ in one word only, which is enough to tell them apart. */
const idPlace = (offset: number, littleEndian: boolean) => (littleEndian ? offset : offset + 4);

function commands(littleEndian: boolean): fc.Arbitrary<Whole> {
  return fc
    .record({
      lun: addresses,
      id: fc.constantFrom(...IDS),
      task: rarely(fc.constant(0), fc.nat(3)),
      cdb: cdbs,
      out: dataOut,
      inBytes: fc.constantFrom(512, 1024, 300, 36, 8, 0),
      both: rarely(fc.constant(false), fc.constant(true)),
    })
    .map(({ lun, id, task, cdb, out, inBytes, both }) => {
      const header = new Uint8Array(SCSI_COMMAND_HEADER_BYTES + CDB_BYTES);
      header.set(lun, scsiCommandHeader.lun.offset);
      word(header, idPlace(scsiCommandHeader.id.offset, littleEndian), id, littleEndian);
      header[scsiCommandHeader.taskAttribute.offset] = task;
      header.set(cdb.bytes, SCSI_COMMAND_HEADER_BYTES);
      return {
        queue: scsiQueue.request,
        readable: [...header, ...(cdb.data === 'out' || both ? out : [])],
        writable: RESPONSE_BYTES + (cdb.data === 'in' || both ? inBytes : 0),
        cuts: [header.length, RESPONSE_BYTES],
      };
    });
}

function management(littleEndian: boolean): fc.Arbitrary<Whole> {
  return fc
    .record({ subtype: rarely(fc.nat(7), fc.nat(0xffffffff)), lun: addresses, id: fc.constantFrom(...IDS) })
    .map(({ subtype, lun, id }) => {
      const bytes = new Uint8Array(SCSI_TASK_MANAGEMENT_BYTES);
      word(bytes, scsiTaskManagement.subtype.offset, subtype, littleEndian);
      bytes.set(lun, scsiTaskManagement.lun.offset);
      word(bytes, idPlace(scsiTaskManagement.id.offset, littleEndian), id, littleEndian);
      return { queue: scsiQueue.control, readable: [...bytes], writable: 1, cuts: [] };
    });
}

function notifications(littleEndian: boolean): fc.Arbitrary<Whole> {
  const { notificationQuery, notificationSubscribe } = scsiControlType;
  return fc
    .record({
      type: rarely(fc.constantFrom(notificationQuery, notificationSubscribe), fc.nat(0xffffffff)),
      lun: addresses,
      writable: rarely(fc.constant(5), fc.nat(8)),
    })
    .map(({ type, lun, writable }) => {
      const bytes = new Uint8Array(SCSI_NOTIFICATION_BYTES);
      word(bytes, scsiNotification.type.offset, type, littleEndian);
      bytes.set(lun, scsiNotification.lun.offset);
      return { queue: scsiQueue.control, readable: [...bytes], writable, cuts: [] };
    });
}

const eventBuffers: fc.Arbitrary<Whole> = fc
  .record({
    bytes: rarely(fc.constant(SCSI_EVENT_BYTES), fc.nat(40)),
    readable: rarely(fc.constant(0), fc.nat(3)),
  })
  .map(({ bytes, readable }) => ({
    queue: scsiQueue.event,
    readable: Array<number>(readable).fill(0),
    writable: bytes,
    cuts: [],
  }));

/** Anything at all, anywhere. */
const rubbish: fc.Arbitrary<Whole> = fc.record({
  queue: fc.nat(2),
  readable: fc.array(fc.nat(255), { maxLength: 80, size: 'max' }),
  writable: fc.nat(200),
  cuts: fc.constant([]),
});

/** Cuts a request into descriptors: as drivers do, or somewhere else. */
function framed(wholes: fc.Arbitrary<Whole>): fc.Arbitrary<KitChain> {
  return fc
    .record({
      whole: wholes,
      odd: rarely(fc.constant([] as number[]), fc.array(fc.nat(200), { maxLength: 3 }), 4),
    })
    .map(({ whole: { queue, readable, writable, cuts }, odd }) => {
      const ends = (length: number) =>
        [...new Set([...(odd.length > 0 ? odd : cuts).filter((cut) => cut > 0 && cut < length), length])]
          .filter((end) => end > 0)
          .sort((a, b) => a - b);
      const [outs, ins] = [ends(readable.length), ends(writable)];
      return {
        queue,
        readable: outs.map((end, i) => readable.slice(outs[i - 1] ?? 0, end)),
        writable: ins.map((end, i) => end - (ins[i - 1] ?? 0)),
      };
    })
    .filter(({ readable, writable }) => readable.length + writable.length > 0);
}

export const scsiKit: TypeKit<Stimulus> = {
  type: scsiDeviceType,
  features: [scsiFeature.inOut, scsiFeature.hotplug, scsiFeature.change],
  queues: [scsiQueue.request, scsiQueue.control, scsiQueue.event],
  make: (queueSize) => new World(queueSize),
  chains: (littleEndian) =>
    framed(
      fc.oneof(
        { weight: 12, arbitrary: commands(littleEndian) },
        { weight: 3, arbitrary: management(littleEndian) },
        { weight: 1, arbitrary: notifications(littleEndian) },
        { weight: 4, arbitrary: eventBuffers },
        { weight: 1, arbitrary: rubbish },
      ),
    ),
  stimuli: fc.oneof<fc.Arbitrary<Stimulus>[]>(
    fc.constantFrom<Stimulus[]>({ do: 'plug' }, { do: 'unplug' }, { do: 'reset' }),
    fc.constantFrom(BLOCKS, BLOCKS + 1, 4).map((blocks) => ({ do: 'resize', blocks })),
  ),
};
