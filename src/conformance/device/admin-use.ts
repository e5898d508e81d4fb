import { FOUR_GIB } from '../../core/index.ts';
import { bitmapOf, bitsOf } from '../../driver/devices/admin-data.ts';
import {
  AdminDriver,
  DriverSriov,
  disableVirtualFunctions,
  type EnabledVirtualFunctions,
  enableVirtualFunctions,
  type FoundFunction,
} from '../../driver/index.ts';
import {
  ADMIN_ANSWER_BYTES,
  ADMIN_COMMAND_BYTES,
  adminAnswer,
  adminCommand,
  adminGroup,
  adminLegacyAccess,
  adminOpcode,
  adminStatus,
  feature,
} from '../../virtio/layout/index.ts';
import type { Bench, Running } from './bench.ts';
import type { Prepared } from './ring-use.ts';

/** One group administration command, as a check makes it: legal or not. */
export interface AdminAsk {
  readonly opcode: number;
  /** By default the function itself. */
  readonly group?: number;
  readonly member?: number;
  readonly data?: ArrayLike<number>;
  /** Bytes of the readable part: longer ones are filled up with 0xff, shorter ones are cut. By default as many as there are. */
  readonly readableBytes?: number;
  /** Bytes of the writable part, by default those of status and qualifier. */
  readonly writableBytes?: number;
  /** What reserved bytes hold. */
  readonly reserved?: number;
}

export interface AdminReply {
  readonly status: number;
  readonly qualifier: number;
  /** Used length. */
  readonly used: number;
  /** The writable part, whole; what was not written is {@link ADMIN_POISON}. */
  readonly bytes: Uint8Array;
  /** What follows status and qualifier, as far as it was written. */
  readonly result: Uint8Array;
}

/** What the writable part of a command is filled with. */
export const ADMIN_POISON = 0xa5;

/** Features of an owner that the suite takes. */
const OWNER_FEATURES = [
  feature.adminQueue,
  feature.singleRootIov,
  feature.accessPlatform,
  feature.orderPlatform,
];
const LIST_BYTES = 8;
/** Virtual functions that checks work with. */
const MEMBERS = 2;
const PART_UNIT = 8;

/** The owner of a group at work: its administration queue, and its virtual functions where it has any. */
export class AdminUse {
  readonly bench: Bench;
  readonly running: Running;
  readonly queue: number;
  #members: EnabledVirtualFunctions | null = null;

  /** Resets the device, takes its virtual functions away, and brings it up. Ends the check where it has no administration. */
  constructor(bench: Bench) {
    bench.needs(feature.adminQueue, 'ADMIN_VQ');
    this.bench = bench;
    const { bus, subject } = bench;
    if (this.#sriov()?.enabled === true) disableVirtualFunctions(bus, subject.target.fn);
    this.running = bench.start({
      queues: () => bench.transport.adminQueues(),
      transportFeatures: OWNER_FEATURES,
    });
    this.queue = bench.transport.adminQueues()[0] ?? bench.skip('there is no administration queue');
  }

  #sriov(): DriverSriov | null {
    return DriverSriov.find(this.bench.bus, this.bench.subject.target.fn);
  }

  /** Its SR-IOV capability. Ends the check where it has none. */
  get sriov(): DriverSriov {
    return this.#sriov() ?? this.bench.skip('the function has no SR-IOV capability');
  }

  /** Its virtual functions, which are enabled at first use; a few. */
  get members(): EnabledVirtualFunctions {
    const { bus, subject } = this.bench;
    const count = Math.min(MEMBERS, this.sriov.availableVfs);
    if (count === 0) this.bench.skip('the function has no virtual functions');
    this.#members ??= enableVirtualFunctions(bus, subject.target.fn, count);
    return this.#members;
  }

  /** Clears VF Enable. */
  dismiss(): void {
    this.#members = null;
    disableVirtualFunctions(this.bench.bus, this.bench.subject.target.fn);
  }

  member(index: number): FoundFunction {
    return this.members.find(index)!;
  }

  /** Sends a command, and waits for its answer. @throws Silence by `clause` */
  async send(clause: string, ask: AdminAsk): Promise<AdminReply> {
    const { bench, running, queue } = this;
    const { buffers, writable } = this.prepare(ask);
    running.driver.add(queue, buffers);
    running.driver.kick(queue);
    const { length } = await bench.taken(running.driver, queue, clause);
    return this.reply(writable, length);
  }

  /** Puts a command into memory. */
  prepare(ask: AdminAsk) {
    const { memory } = this.bench;
    const { writableBytes = ADMIN_ANSWER_BYTES } = ask;
    const out = commandBytes(ask);
    const address = memory.allocate(Math.max(1, out.length));
    memory.ram.write(address, out);
    const writable = { address: memory.allocate(Math.max(1, writableBytes)), length: writableBytes };
    memory.ram.fill(writable.address, writableBytes, ADMIN_POISON);
    const buffers = [
      { address, length: out.length, writable: false },
      { ...writable, writable: true },
    ];
    return { buffers, writable };
  }

  /** What stands in the writable part of a command that was handed back. */
  reply({ address, length }: Prepared['writable'], used: number): AdminReply {
    const bytes = this.bench.memory.ram.read(address, length);
    const at = (offset: number) => (used >= offset + 2 ? bytes[offset]! + 256 * bytes[offset + 1]! : 0);
    return {
      status: at(adminAnswer.status.offset),
      qualifier: at(adminAnswer.qualifier.offset),
      used,
      bytes,
      result: bytes.subarray(ADMIN_ANSWER_BYTES, Math.max(ADMIN_ANSWER_BYTES, used)),
    };
  }

  /** The command succeeds. */
  ok(clause: string, { status, qualifier }: AdminReply): void {
    this.bench.check(clause, status === adminStatus.ok, 'status OK', told({ status, qualifier }));
  }

  /** Sends a command that has to succeed. */
  async done(clause: string, ask: AdminAsk): Promise<AdminReply> {
    const reply = await this.send(clause, ask);
    this.ok(clause, reply);
    return reply;
  }

  /** The command is refused, by that qualifier. @param status clause on the status, where it is another. */
  refused(clause: string, { status, qualifier }: AdminReply, wanted: number, onStatus = clause): void {
    const seen = told({ status, qualifier });
    this.bench.check(onStatus, status === adminStatus.invalid, 'status EINVAL', seen);
    this.bench.check(clause, qualifier === wanted, `qualifier ${wanted}`, seen);
  }

  /** Opcodes that there are for a group. */
  async list(clause: string, group: number): Promise<number[]> {
    const ask = { opcode: adminOpcode.listQuery, group, writableBytes: ADMIN_ANSWER_BYTES + LIST_BYTES };
    const { result } = await this.done(clause, ask);
    return bitsOf(result);
  }

  /** Says which commands of a group will be used. */
  use(clause: string, group: number, opcodes: readonly number[]): Promise<AdminReply> {
    return this.send(clause, { opcode: adminOpcode.listUse, group, data: bitmapOf(opcodes) });
  }

  /** Enables virtual functions, and puts all commands about them in use. @returns their opcodes */
  async start(clause: string): Promise<readonly number[]> {
    void this.members;
    const opcodes = await this.list(clause, adminGroup.singleRootIov);
    this.ok(clause, await this.use(clause, adminGroup.singleRootIov, opcodes));
    return opcodes;
  }

  /** The same, where certain commands are among them; else the check ends. */
  async startWith(clause: string, name: string, ...wanted: readonly number[]): Promise<readonly number[]> {
    const opcodes = await this.start(clause);
    if (!wanted.every((opcode) => opcodes.includes(opcode))) this.bench.skip(`the owner has no ${name}`);
    return opcodes;
  }

  /** A command about a member that changes nothing. Ends the check where there is none in a list. */
  harmless(opcodes: readonly number[], member = 1): AdminAsk {
    const about = { group: adminGroup.singleRootIov, member };
    if (opcodes.includes(adminOpcode.legacyCommonConfigRead)) return legacyRead(member, 'header', STATUS, 1);
    if (opcodes.includes(adminOpcode.deviceModeSet))
      return { ...about, opcode: adminOpcode.deviceModeSet, data: new Uint8Array(PART_UNIT) };
    return this.bench.skip('the owner has no command about a member that this suite knows');
  }

  /** A driver of the same queue that carries out commands at once, with commands about members in use. */
  driver(): AdminDriver {
    void this.members;
    const driver = new AdminDriver(this.running.driver);
    driver.use('singleRootIov');
    return driver;
  }
}

/** Offset of device_status in the legacy header. */
const STATUS = 18;

const told = ({ status, qualifier }: Pick<AdminReply, 'status' | 'qualifier'>) =>
  `status ${status}, qualifier ${qualifier}`;

function commandBytes({
  opcode,
  group = adminGroup.self,
  member = 0,
  data = [],
  ...more
}: AdminAsk): Uint8Array {
  const described = ADMIN_COMMAND_BYTES + data.length;
  const { readableBytes = described, reserved = 0 } = more;
  const bytes = new Uint8Array(Math.max(described, readableBytes)).fill(0xff, described);
  const view = new DataView(bytes.buffer);
  view.setUint16(adminCommand.opcode.offset, opcode, true);
  view.setUint16(adminCommand.groupType.offset, group, true);
  const { offset, count } = adminCommand.reserved;
  bytes.fill(reserved, offset, offset + count);
  view.setUint32(adminCommand.memberId.offset, member % FOUR_GIB, true);
  view.setUint32(adminCommand.memberId.offset + 4, Math.floor(member / FOUR_GIB), true);
  bytes.set(Uint8Array.from(data), ADMIN_COMMAND_BYTES);
  return bytes.subarray(0, readableBytes);
}

const legacyOpcodes = {
  header: { read: adminOpcode.legacyCommonConfigRead, write: adminOpcode.legacyCommonConfigWrite },
  config: { read: adminOpcode.legacyDeviceConfigRead, write: adminOpcode.legacyDeviceConfigWrite },
} as const;
type Area = keyof typeof legacyOpcodes;

const offsetData = (offset: number, bytes: readonly number[] = []) => {
  const head = new Array<number>(PART_UNIT).fill(0);
  head[adminLegacyAccess.offset.offset] = offset;
  return [...head, ...bytes];
};

/** Reads `length` bytes of a member's legacy block. */
export const legacyRead = (member: number, area: Area, offset: number, length: number): AdminAsk => ({
  opcode: legacyOpcodes[area].read,
  group: adminGroup.singleRootIov,
  member,
  data: offsetData(offset),
  writableBytes: ADMIN_ANSWER_BYTES + length,
});

export const legacyWrite = (
  member: number,
  area: Area,
  offset: number,
  bytes: readonly number[],
): AdminAsk => ({
  opcode: legacyOpcodes[area].write,
  group: adminGroup.singleRootIov,
  member,
  data: offsetData(offset, bytes),
});
