import {
  expectSame,
  group,
  lengthOf,
  list,
  record,
  type Shape,
  type State,
  type Stateful,
  shape,
  sizeOf,
  u16,
  VirtiolabError,
  type Width,
} from '../../core/index.ts';
import {
  ADMIN_CAPABILITY_HEAD_BYTES,
  ADMIN_LEGACY_WRITE_BYTES,
  ADMIN_NOTIFY_ENTRIES,
  ADMIN_NOTIFY_ENTRY_BYTES,
  ADMIN_RESOURCE_HEAD_BYTES,
  adminCapability,
  adminCapabilityHead,
  adminGroup,
  adminLegacyAccess,
  adminMetadataKind,
  adminMode,
  adminModeFlag,
  adminOpcode,
  adminPartsCapability,
  adminPartsKind,
  adminPartsObject,
  adminPartsObjectKind,
  adminResource,
  adminResourceCreate,
  adminResourceHead,
  feature,
} from '../../virtio/layout/index.ts';
import { checkWhole, NoDeviceError } from '../errors.ts';
import type { FoundBar } from '../function-config.ts';
import type { DmaMemory } from '../memory.ts';
import { ringRestState } from '../ring.ts';
import type { Transport } from '../transport/transport.ts';
import { VirtioDriver } from '../virtio-driver.ts';
import { adminData, bitmapOf, bitsOf } from './admin-data.ts';
import { type AdminNotifyPlace, notifyPlaces } from './admin-notify.ts';
import { type DevicePart, decodeParts, encodeParts } from './admin-parts.ts';
import { AdminQueue, type AdminQueueOptions, type AdminRequest } from './admin-queue.ts';

export type AdminGroup = keyof typeof adminGroup;
export type AdminCommandName = keyof typeof adminOpcode;
/** The parts of a member's legacy block, which have commands of their own. */
export type LegacyArea = 'header' | 'config';

/** A command that the owner has not, or that the driver has not said to use (ADM-26, ADM-31): it was not sent. */
export class AdminCommandUnusedError extends VirtiolabError {
  readonly command: AdminCommandName;
  readonly group: AdminGroup;

  constructor(command: AdminCommandName, group: AdminGroup, used: readonly number[]) {
    super(
      `admin command ${command} is not among those in use for group ${group}: ${used.length === 0 ? 'none is' : used.join(', ')}`,
    );
    this.command = command;
    this.group = group;
  }
}

const LIST_BYTES = 8;
/** Every command whose number is known here. */
const KNOWN: readonly number[] = Object.values(adminOpcode);
const MAX_LEGACY_OFFSET = 0xff;

const legacyCommands = {
  header: { read: 'legacyCommonConfigRead', write: 'legacyCommonConfigWrite' },
  config: { read: 'legacyDeviceConfigRead', write: 'legacyDeviceConfigWrite' },
} as const satisfies Record<LegacyArea, Record<'read' | 'write', AdminCommandName>>;

/** What a command about an object has: its type, its number, and what follows. */
const objectData = (id: number, tail: ArrayLike<number> = []) =>
  adminData(
    ADMIN_RESOURCE_HEAD_BYTES,
    [
      [adminResourceHead.type, adminResource.deviceParts],
      [adminResourceHead.id, id],
    ],
    tail,
  );

/** Features of an owner that its driver takes, whatever its type. */
const OWNER_FEATURES = [
  feature.adminQueue,
  feature.singleRootIov,
  feature.accessPlatform,
  feature.orderPlatform,
  feature.ringReset,
];

/**
 * Brings a device up for its group alone: with its administration queues, if it has any, and nothing of its type.
 * @throws NoDeviceError, DeviceFailedError
 */
export function bringUpOwner(transport: Transport, memory: DmaMemory): VirtioDriver {
  const driver = new VirtioDriver(transport, memory);
  const queues = () => transport.adminQueues();
  driver.bringUp(
    { features: [], transportFeatures: OWNER_FEATURES, queues },
    { queue: () => {}, config: () => {} },
  );
  return driver;
}

/** What a driver knows of an owner between two commands: which it said to use, and how far its rings are. */
export const adminDriverState = record('admin-driver', 1, {
  shape,
  used: group({ self: list(u16), singleRootIov: list(u16) }),
  queues: list(ringRestState),
});

/**
 * The driver of a group's owner: the group administration commands with their data and results. Every method sends its commands and waits for
 * them, and throws what {@link AdminQueue.command} does. Its state goes with that of the machine whose memory has its rings, where it is a
 * part of that, and can be saved between two commands.
 */
export class AdminDriver implements Stateful {
  readonly record = adminDriverState;
  readonly driver: VirtioDriver;
  readonly queues: readonly AdminQueue[];
  /** Commands in use, by group. */
  readonly #used: Record<AdminGroup, readonly number[]> = { self: [], singleRootIov: [] };

  /**
   * @param driver of a device that was brought up with its administration queues ({@link Transport.adminQueues}).
   * @throws NoDeviceError for one that has none.
   */
  constructor(driver: VirtioDriver, options: AdminQueueOptions = {}) {
    const indexes = driver.transport.adminQueues().filter((index) => driver.rings.has(index));
    if (indexes.length === 0)
      throw new NoDeviceError('the device has no administration queue that was set up');
    this.driver = driver;
    this.queues = indexes.map((index) => new AdminQueue(driver, index, options));
  }

  /**
   * Brings a device up for its administration alone: its type's own queues are left to others, that is, unused.
   * @throws NoDeviceError, DeviceFailedError
   */
  static bringUp(transport: Transport, memory: DmaMemory, options: AdminQueueOptions = {}): AdminDriver {
    return new AdminDriver(bringUpOwner(transport, memory), options);
  }

  /** The first queue that nobody waits for: a command within another goes to one of its own, as far as there are several. */
  get #queue(): AdminQueue {
    return this.queues.find(({ busy }) => !busy) ?? this.queues[0]!;
  }

  /** Numbers of the commands in use for a group. */
  used(group: AdminGroup): readonly number[] {
    return this.#used[group];
  }

  uses(group: AdminGroup, command: AdminCommandName): boolean {
    return this.#used[group].includes(adminOpcode[command]);
  }

  /** Numbers of the commands that the owner has for a group. */
  supported(group: AdminGroup): number[] {
    return bitsOf(
      this.#queue.command({
        opcode: adminOpcode.listQuery,
        groupType: adminGroup[group],
        resultBytes: LIST_BYTES,
      }),
    );
  }

  /**
   * Asks which commands there are for a group, and says which will be used: of those that are known here, the wanted ones (ADM-26, ADM-29,
   * ADM-30). @returns their numbers.
   */
  use(group: AdminGroup, wanted: readonly number[] = KNOWN): readonly number[] {
    const opcodes = this.supported(group).filter(
      (opcode) => KNOWN.includes(opcode) && wanted.includes(opcode),
    );
    this.#queue.command({
      opcode: adminOpcode.listUse,
      groupType: adminGroup[group],
      data: bitmapOf(opcodes),
    });
    this.#used[group] = opcodes;
    return opcodes;
  }

  #command(
    group: AdminGroup,
    command: AdminCommandName,
    request: Omit<AdminRequest, 'opcode' | 'groupType'>,
  ) {
    if (!this.uses(group, command)) throw new AdminCommandUnusedError(command, group, this.#used[group]);
    return this.#queue.command({ opcode: adminOpcode[command], groupType: adminGroup[group], ...request });
  }

  /** Reads a member's legacy block, little-endian: an access inside one field. @param offset in the area, in bytes. */
  readLegacy(memberId: number, area: LegacyArea, offset: number, width: Width): number {
    checkWhole('offset', offset, 0, MAX_LEGACY_OFFSET);
    const data = [offset];
    const request = { memberId, data, resultBytes: width, exact: true };
    const result = this.#command('singleRootIov', legacyCommands[area].read, request);
    return result.reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** Writes a member's legacy block, as {@link readLegacy}. */
  writeLegacy(memberId: number, area: LegacyArea, offset: number, width: Width, value: number): void {
    checkWhole('offset', offset, 0, MAX_LEGACY_OFFSET);
    const bytes = Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
    const data = adminData(ADMIN_LEGACY_WRITE_BYTES, [[adminLegacyAccess.offset, offset]], bytes);
    this.#command('singleRootIov', legacyCommands[area].write, { memberId, data, exact: true });
  }

  /**
   * Where a member is kicked as by its legacy block; empty where the owner has no such command, or names no place that can be used.
   * @param bars of owner and member, as they are found now.
   */
  notifyPlaces(
    memberId: number,
    bars: Readonly<Record<AdminNotifyPlace['of'], readonly FoundBar[]>>,
  ): AdminNotifyPlace[] {
    if (!this.uses('singleRootIov', 'legacyNotifyInfo')) return [];
    const resultBytes = ADMIN_NOTIFY_ENTRIES * ADMIN_NOTIFY_ENTRY_BYTES;
    return notifyPlaces(this.#command('singleRootIov', 'legacyNotifyInfo', { memberId, resultBytes }), bars);
  }

  /** Numbers of the capabilities that the device has. */
  capabilities(): number[] {
    return bitsOf(this.#command('self', 'capabilityIdListQuery', { resultBytes: LIST_BYTES }));
  }

  /** How many objects for reading, and for writing, device parts the device can have at once. */
  partsLimits(): { readonly get: number; readonly set: number } {
    const data = this.#capability([]);
    const [get, set] = this.#command('self', 'deviceCapabilityGet', { data, resultBytes: LIST_BYTES });
    return { get: get!, set: set! };
  }

  /** Says how many of them the driver means to have. */
  setPartsLimits(get: number, set: number): void {
    checkWhole('get', get, 0, 0xff);
    checkWhole('set', set, 0, 0xff);
    const { getLimit, setLimit } = adminPartsCapability;
    const limits = adminData(LIST_BYTES, [
      [getLimit, get],
      [setLimit, set],
    ]);
    this.#command('self', 'driverCapabilitySet', { data: this.#capability(limits) });
  }

  #capability(tail: ArrayLike<number>): Uint8Array {
    return adminData(
      ADMIN_CAPABILITY_HEAD_BYTES,
      [[adminCapabilityHead.id, adminCapability.deviceParts]],
      tail,
    );
  }

  /** Stops a member, whose parts may be read and written then, or lets it go on. */
  setStopped(memberId: number, stopped: boolean): void {
    const data = adminData(LIST_BYTES, [[adminMode.flags, stopped ? adminModeFlag.stopped : 0]]);
    this.#command('singleRootIov', 'deviceModeSet', { memberId, data });
  }

  /** Makes an object by which a member's parts are read, or written. @param id of the caller's choice */
  createPartsObject(memberId: number, id: number, kind: keyof typeof adminPartsObjectKind): void {
    const object = adminData(lengthOf(adminPartsObject), [
      [adminPartsObject.kind, adminPartsObjectKind[kind]],
    ]);
    const data = objectData(id, [...adminData(sizeOf(adminResourceCreate.flags), []), ...object]);
    this.#command('singleRootIov', 'resourceCreate', { memberId, data });
  }

  destroyPartsObject(memberId: number, id: number): void {
    this.#command('singleRootIov', 'resourceDestroy', { memberId, data: objectData(id) });
  }

  /** All of a member's parts, through an object for reading. @throws PartsTornError */
  readParts(memberId: number, id: number): DevicePart[] {
    const kind = (value: number) => objectData(id, [value, ...new Array<number>(LIST_BYTES - 1).fill(0)]);
    const asked = { memberId, data: kind(adminMetadataKind.size), resultBytes: LIST_BYTES };
    const size = this.#command('singleRootIov', 'devicePartsMetadataGet', asked);
    const resultBytes = new DataView(size.buffer, size.byteOffset).getUint32(0, true);
    const parts = { memberId, data: kind(adminPartsKind.all), resultBytes };
    return decodeParts(this.#command('singleRootIov', 'devicePartsGet', parts));
  }

  /** Gives a stopped member its parts, through an object for writing; they are in force when it goes on. */
  writeParts(memberId: number, id: number, parts: readonly DevicePart[]): void {
    const data = objectData(id, encodeParts(parts));
    this.#command('singleRootIov', 'devicePartsSet', { memberId, data });
  }

  #shape(): Shape {
    return {
      queues: this.queues.map(({ index }) => {
        const { size, place } = this.driver.rings.get(index)!;
        return { index, size, ...place };
      }),
    };
  }

  /** @throws AdminInFlightError */
  save() {
    const queues = this.queues.map((queue) => queue.save());
    const { self, singleRootIov } = this.#used;
    return adminDriverState.save({ shape: this.#shape(), used: { self, singleRootIov }, queues });
  }

  check(state: State, path = 'admin driver') {
    const saved = adminDriverState.parse(state, path, this.#shape());
    expectSame(`${path}.queues.length`, saved.queues.length, this.queues.length);
    for (const [i, queue] of this.queues.entries()) queue.check(saved.queues[i]!, `${path}.queues[${i}]`);
    return saved;
  }

  load(state: State): void {
    const { used, queues } = this.check(state);
    Object.assign(this.#used, used);
    for (const [i, queue] of this.queues.entries()) queue.load(queues[i]!);
  }

  /** Resets the device. */
  close(): void {
    this.driver.close();
  }
}
