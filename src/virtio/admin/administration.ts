import { expectAt, record, type State } from '../../core/index.ts';
import type { DeviceAdministration } from '../behaviour.ts';
import { reachClause } from '../clauses.ts';
import type { DevicePort } from '../device-port.ts';
import { ADMIN_COMMAND_BYTES, adminGroup, adminOpcode, adminQualifier } from '../layout/index.ts';
import { aboutChain, type Chain } from '../queue/chain.ts';
import { capabilityRows } from './capabilities.ts';
import type { AdminCommand } from './command.ts';
import { partsRows } from './device-parts.ts';
import { OwnerDoorbells } from './doorbells.ts';
import { legacyRegisterRows, notifyRow } from './legacy-commands.ts';
import { AdminLine, type AdminServer, lateAnswerState } from './line.ts';
import { GroupList, groupListState, groupListsState, listRows } from './lists.ts';
import type { GroupListener, GroupMember, MemberGroup } from './members.ts';
import { type AdministrationOptions, checkAdministration } from './options.ts';
import { type PartsLimits, PartsObjects, partsObjectsState } from './parts-objects.ts';
import { type AdminReadings, usualReadings } from './readings.ts';
import { resourceRows } from './resources.ts';
import type { AdminOwner, AdminRow, NotifyPlace } from './rows.ts';

/** Unit of both parts of a command, in bytes (AVQ-13). */
const PART_UNIT = 8;

const DEFAULT_SIZES: readonly number[] = [64];
const USUAL_NOTIFY: readonly ('member' | 'owner')[] = ['member'];
const USUAL_ADDRESSES = 256;
const NO_PARTS: PartsLimits = { get: 0, set: 0 };

export const administrationState = record('administration', 1, {
  lists: groupListsState,
  parts: partsObjectsState,
});

/**
 * What the owner of groups does with the commands in its administration queues (chapters Group administration commands and
 * Administration Virtqueues): looks at them in the order group, opcode, member (ADM-05..07), carries them out, and writes as
 * much of the answer as there is room for.
 */
export class Administration implements DeviceAdministration, AdminOwner, AdminServer, GroupListener {
  readonly record = administrationState;
  readonly requestRecord = lateAnswerState;
  readonly queueSizes: readonly number[];
  readonly readings: AdminReadings;
  readonly #members: MemberGroup | null;
  readonly late: boolean;
  readonly #notify: readonly ('member' | 'owner')[];
  readonly doorbells?: OwnerDoorbells;
  readonly parts: PartsObjects;
  /** By group type. */
  readonly #lists: readonly GroupList[];
  readonly #lines = new Map<number, AdminLine>();
  #port!: DevicePort;

  /** @throws QueueSizeError, QueueCountError, AdministrationOptionError */
  constructor(options: AdministrationOptions = {}) {
    checkAdministration(options);
    const { members = null, legacy, parts } = options;
    this.queueSizes = options.queueSizes ?? DEFAULT_SIZES;
    this.#members = members;
    if (members !== null) members.listener = this;
    this.#notify = legacy?.notify ?? USUAL_NOTIFY;
    if (members !== null && legacy !== undefined && this.#notify.includes('owner'))
      this.doorbells = new OwnerDoorbells(members, legacy.ownerAddresses ?? USUAL_ADDRESSES);
    this.late = options.lateAnswers ?? false;
    this.readings = { ...usualReadings, ...options.readings };
    const rows: AdminRow[] = [...listRows];
    if (legacy !== undefined) rows.push(...legacyRegisterRows);
    if (legacy !== undefined && this.#notify.length > 0) rows.push(notifyRow);
    this.parts = new PartsObjects(parts ?? NO_PARTS);
    if (parts !== undefined) rows.push(...capabilityRows, ...resourceRows(this.readings), ...partsRows);
    const types = this.#members === null ? [adminGroup.self] : [adminGroup.self, adminGroup.singleRootIov];
    this.#lists = types.map((type) => new GroupList(type, rows));
  }

  attach(device: DevicePort): void {
    this.#port = device;
  }

  #line(queue: number): AdminLine {
    let line = this.#lines.get(queue);
    if (line === undefined) this.#lines.set(queue, (line = new AdminLine(this, this.#port, queue)));
    return line;
  }

  get inFlight(): number {
    let count = 0;
    for (const line of this.#lines.values()) count += line.inFlight;
    return count;
  }

  list(groupType: number): GroupList {
    return this.#lists[groupType]!;
  }

  member({ memberId }: AdminCommand): GroupMember {
    return this.#members!.member(memberId);
  }

  notifyPlaces(command: AdminCommand): readonly NotifyPlace[] {
    const { chain, memberId } = command;
    if (this.#members!.bar0)
      this.#port.report(
        'device',
        'ADL-19',
        'members have a BAR0, and LEGACY_NOTIFY_INFO is offered',
        aboutChain(chain, 'member', memberId),
      );
    const places: NotifyPlace[] = [];
    for (const of of this.#notify) {
      const at = of === 'owner' ? this.doorbells!.placeOf(memberId) : this.member(command).legacyNotify;
      if (at !== null) places.push({ of, bar: at.bar, offset: at.offset });
    }
    return places;
  }

  groupEnds(): void {
    let count = 0;
    for (const line of this.#lines.values()) count += line.inFlightAbout(adminGroup.singleRootIov);
    if (count > 0)
      this.#port.report(
        'driver',
        'ADM-36',
        'VF Enable was cleared while commands about virtual functions are in flight',
        { what: 'commands in flight', value: count },
      );
  }

  blame({ chain }: AdminCommand, clause: string, message: string, what: string, value: number): void {
    this.#port.report('driver', clause, message, aboutChain(chain, what, value));
  }

  handle(chain: Chain): void {
    this.#line(chain.queue).take(chain);
  }

  wait({ chain }: AdminCommand, begin: (end: () => void) => void): void {
    this.#line(chain.queue).wait(begin);
  }

  unanswered(command: AdminCommand, length: number): void {
    this.blame(command, reachClause(this.#port), 'an answer out of reach', 'length in bytes', length);
  }

  resumeChain(chain: Chain, request: State): void {
    this.#line(chain.queue).resume(chain, request);
  }

  checkRequest(request: State, path: string): void {
    if (request !== null) lateAnswerState.parse(request, path);
  }

  #unreached(command: AdminCommand): void {
    const { readableBytes } = command;
    this.blame(command, reachClause(this.#port), 'a command out of reach', 'length in bytes', readableBytes);
    command.refuse(adminQualifier.invalidCommand);
  }

  carryOut(command: AdminCommand, chain: Chain): void {
    if (command.begin(chain)) this.#judge(command);
    else this.#unreached(command);
  }

  /** Looks at a command, and carries it out where it stands. */
  #judge(command: AdminCommand): void {
    if (!this.#groupStands(command)) {
      command.refuse(adminQualifier.invalidGroup);
      return;
    }
    const list = this.list(command.groupType);
    const row = list.rows[command.opcode];
    this.#judgeParts(command, row);
    const legal = row !== undefined && list.legal(command.opcode);
    if (!legal) this.#blameOpcode(command, list);
    if (row === undefined || !(legal || this.#takenAllTheSame(command, list)))
      command.refuse(adminQualifier.invalidOpcode);
    else if (!this.#memberStands(command, row)) command.refuse(adminQualifier.invalidMember);
    else if (!command.readData(row.dataBytes, row.takes)) this.#unreached(command);
    else row.run(this, command);
  }

  /** ADM-05, ADM-23 */
  #groupStands(command: AdminCommand): boolean {
    const { groupType, opcode } = command;
    if (groupType >= this.#lists.length) {
      // ADM-25: a driver may try.
      if (opcode !== adminOpcode.listQuery)
        this.blame(
          command,
          'GRP-01',
          'a command for a group type that there is none of',
          'group type',
          groupType,
        );
      return false;
    }
    if (groupType !== adminGroup.singleRootIov || this.#members!.enabled) return true;
    this.blame(
      command,
      'GRP-01',
      'a command about virtual functions while VF Enable is clear',
      'opcode',
      opcode,
    );
    const lists = opcode === adminOpcode.listQuery || opcode === adminOpcode.listUse;
    return lists && this.readings.listBeforeVfEnable === 'lenient';
  }

  #blameOpcode(command: AdminCommand, { used }: GroupList): void {
    if (used === null)
      this.blame(command, 'ADM-26', 'a command before LIST_USE for its group type', 'opcode', command.opcode);
    else this.blame(command, 'ADM-31', 'a command that is not in the list in use', 'opcode', command.opcode);
  }

  /** Commands about capabilities without a list, for drivers that send none for the self group. */
  #takenAllTheSame({ groupType }: AdminCommand, { used }: GroupList): boolean {
    return this.readings.capabilitiesBeforeUse === 'taken' && groupType === adminGroup.self && used === null;
  }

  /** ADM-07, ADM-24 */
  #memberStands(command: AdminCommand, row: AdminRow): boolean {
    const { groupType, memberId } = command;
    if (groupType === adminGroup.self) {
      if (!row.member || memberId === 0) return true;
      this.blame(command, 'GRP-01', 'a member of the self group other than 0', 'member', memberId);
      return false;
    }
    if (!row.member && this.readings.memberOfList === 'ignored') return true;
    if (memberId >= 1 && memberId <= this.#members!.count) return true;
    this.blame(command, 'ADM-35', 'a member that is none of 1 to NumVFs', 'member', memberId);
    return false;
  }

  /** What is wrong with the parts of a command, which is carried out all the same (AVQ-05). */
  #judgeParts(command: AdminCommand, row: AdminRow | undefined): void {
    const { readableBytes, writableBytes } = command;
    if (command.reservedSet)
      this.blame(command, 'ADM-01', 'reserved bytes of a command are not 0', 'opcode', command.opcode);
    if (readableBytes === 0 || writableBytes === 0)
      this.blame(
        command,
        'AVQ-14',
        `a command without a ${readableBytes === 0 ? 'readable' : 'writable'} part`,
        'opcode',
        command.opcode,
      );
    else if (row !== undefined && readableBytes < ADMIN_COMMAND_BYTES + row.dataBytes)
      this.blame(
        command,
        'AVQ-12',
        'a readable part that is shorter than the command',
        'length in bytes',
        readableBytes,
      );
    const odd = readableBytes % PART_UNIT !== 0 ? readableBytes : writableBytes;
    if (odd % PART_UNIT !== 0 && row?.anyLength !== true)
      this.blame(command, 'AVQ-13', 'a part that is no multiple of 8 bytes', 'length in bytes', odd);
  }

  queueReset(index: number): void {
    this.#lines.get(index)?.reset();
  }

  reset(): void {
    for (const line of this.#lines.values()) line.reset();
    for (const list of this.#lists) list.used = null;
    this.parts.reset();
  }

  check(state: State, path = 'administration') {
    const saved = administrationState.parse(state, path);
    const expect = expectAt(path);
    expect(
      saved.lists.length === this.#lists.length,
      'lists.length',
      saved.lists.length,
      `${this.#lists.length}: one for each group type`,
    );
    for (const [i, { groupType, supported }] of this.#lists.entries()) {
      const { used, groupType: type } = saved.lists[i]!;
      expect(type === groupType, `lists[${i}].groupType`, type, `${groupType}`);
      const fits = ((used ?? 0) & ~supported) === 0;
      expect(fits, `lists[${i}].used`, used, `commands that there are: bits of ${supported}`);
    }
    this.parts.check(saved.parts, `${path}.parts`);
    return saved;
  }

  save() {
    const lists = this.#lists.map(({ groupType, used }) => ({ groupType, used }));
    return administrationState.save({
      lists: lists.map((each) => groupListState.save(each)),
      parts: this.parts.save(),
    });
  }

  load(state: State): void {
    const saved = this.check(state);
    this.reset();
    for (const [i, list] of this.#lists.entries()) list.used = saved.lists[i]!.used;
    this.parts.load(saved.parts);
  }
}
