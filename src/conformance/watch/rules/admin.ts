import { registerAt } from '../../../core/index.ts';
import { sriovControl } from '../../../pci/layout/index.ts';
import {
  ADMIN_COMMAND_BYTES,
  ADMIN_LEGACY_WRITE_BYTES,
  adminCommand,
  adminGroup,
  adminLegacyAccess,
  adminOpcode,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeaderWithVectors,
} from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { cites, seen, type Violation, type WatchLevel, type WatchRule } from '../rule.ts';
import { ADMIN_DATA, aboutVirtual, adminNotes, groupOf, isAdmin, opcodeOf } from '../types/admin.ts';
import { controlWritten } from './pci.ts';
import { bytes, ofChain } from './requests.ts';

const row = (
  id: string,
  clauses: string,
  level: WatchLevel,
  says: string,
  wrong: (now: Moment) => Violation | null,
): WatchRule => ({
  id,
  clauses: cites(clauses),
  level,
  speaks: 'modern',
  says,
  on: ['chain'],
  when: (now) => (isAdmin(now.fn, now.queue!) ? wrong(now) : null),
});

const command = (now: Moment) => ofChain(now, 'opcode', opcodeOf(now));
const isWhole = ({ chain }: Moment) => chain.readable >= ADMIN_COMMAND_BYTES;
const isList = (now: Moment) =>
  opcodeOf(now) === adminOpcode.listQuery || opcodeOf(now) === adminOpcode.listUse;
const bit = (opcode: number) => (opcode < 32 ? 2 ** opcode : 0);
const memberOf = ({ chain }: Moment) =>
  chain.u32(adminCommand.memberId.offset + 4, true) * 2 ** 32 + chain.u32(adminCommand.memberId.offset, true);
const GROUPS: ReadonlySet<number> = new Set(Object.values(adminGroup));
const UNIT = 8;

/** Bytes of a legacy access, and where it begins; null for other commands. */
function legacyAccess(
  now: Moment,
): { readonly offset: number; readonly length: number; readonly common: boolean } | null {
  const opcode = opcodeOf(now);
  const common =
    opcode === adminOpcode.legacyCommonConfigWrite || opcode === adminOpcode.legacyCommonConfigRead;
  const write =
    opcode === adminOpcode.legacyCommonConfigWrite || opcode === adminOpcode.legacyDeviceConfigWrite;
  const read = opcode === adminOpcode.legacyCommonConfigRead || opcode === adminOpcode.legacyDeviceConfigRead;
  if (!write && !read) return null;
  const length = write
    ? now.chain.readable - ADMIN_DATA - ADMIN_LEGACY_WRITE_BYTES
    : now.chain.writable - UNIT;
  return { offset: now.chain.u8(ADMIN_DATA + adminLegacyAccess.offset.offset), length, common };
}

/** Administration queues. */
export const adminChapter: readonly WatchRule[] = [
  row('admin-no-readable', 'AVQ-14', 'must', 'a command without a readable part', (now) =>
    now.chain.readable === 0 ? bytes(now, 0) : null,
  ),
  row('admin-no-writable', 'AVQ-14', 'must', 'a command without a writable part', (now) =>
    now.chain.writable === 0 ? bytes(now, 0) : null,
  ),
  row(
    'admin-readable-short',
    'AVQ-12',
    'should',
    'a readable part that is shorter than the head of a command',
    (now) => (now.chain.readable > 0 && !isWhole(now) ? bytes(now, now.chain.readable) : null),
  ),
  row('admin-part-length', 'AVQ-13', 'note', 'a part of a command that is no multiple of 8 bytes', (now) => {
    const { readable, writable } = now.chain;
    return readable % UNIT !== 0 ? bytes(now, readable) : writable % UNIT !== 0 ? bytes(now, writable) : null;
  }),
  row('admin-reserved', 'ADM-01 AVQ-01', 'must', 'reserved bytes of a command are not 0', (now) => {
    const { offset, width, count } = adminCommand.reserved;
    for (let i = 0; i < width * count; i++) if (now.chain.u8(offset + i) > 0) return command(now);
    return null;
  }),
  row('admin-group-unknown', 'GRP-01', 'must', 'a command for a group type that there is none of', (now) =>
    isWhole(now) && !GROUPS.has(groupOf(now)) ? ofChain(now, 'group type', groupOf(now)) : null,
  ),
  row(
    'admin-group-absent',
    'GRP-01',
    'must',
    'a command about virtual functions while VF Enable is clear',
    (now) =>
      isWhole(now) && groupOf(now) === adminGroup.singleRootIov && now.fn.virtualFunctions === 0
        ? command(now)
        : null,
  ),
  row('admin-member', 'ADM-35', 'must', 'a member that is none of 1 to NumVFs', (now) => {
    const count = now.fn.virtualFunctions;
    if (
      !isWhole(now) ||
      groupOf(now) !== adminGroup.singleRootIov ||
      isList(now) ||
      count === null ||
      count === 0
    )
      return null;
    return memberOf(now) < 1 || memberOf(now) > count ? ofChain(now, 'member', memberOf(now)) : null;
  }),
  row('admin-before-list', 'ADM-26 ADM-31', 'must', 'a command before LIST_USE for its group type', (now) =>
    isWhole(now) && now.fn.followed && !isList(now) && !adminNotes(now.fn).used.has(groupOf(now))
      ? command(now)
      : null,
  ),
  row('admin-not-in-list', 'ADM-31', 'must', 'a command that is not in the list in use', (now) => {
    const used = isWhole(now) && !isList(now) ? adminNotes(now.fn).used.get(groupOf(now)) : undefined;
    return used !== undefined && opcodeOf(now) < 32 && Math.floor(used / bit(opcodeOf(now))) % 2 === 0
      ? command(now)
      : null;
  }),
  row(
    'admin-list-unoffered',
    'ADM-30 ADM-29',
    'must',
    'LIST_USE with a command that the device did not list',
    (now) => {
      const offered =
        opcodeOf(now) === adminOpcode.listUse ? adminNotes(now.fn).offered.get(groupOf(now)) : undefined;
      if (offered === undefined) return null;
      const asked = Math.max(0, now.chain.u32(ADMIN_DATA, true));
      return (asked & ~offered) !== 0 ? ofChain(now, 'opcodes bits', asked) : null;
    },
  ),
  row('admin-list-in-flight', 'ADM-28', 'must', 'LIST_USE while other commands are in flight', (now) =>
    opcodeOf(now) === adminOpcode.listUse && adminNotes(now.fn).pending.size > 0
      ? ofChain(now, 'commands in flight', adminNotes(now.fn).pending.size)
      : null,
  ),
  row(
    'admin-header-access',
    'ADL-21',
    'should',
    'a legacy access that is not inside one field of the header',
    (now) => {
      const access = legacyAccess(now);
      if (access === null || !access.common || access.length <= 0) return null;
      const field = registerAt(legacyHeaderWithVectors, access.offset)?.[1];
      const inside = field !== undefined && access.offset + access.length <= field.offset + field.width;
      return inside || access.offset >= LEGACY_CONFIG_OFFSET_MSIX
        ? null
        : ofChain(now, 'register offset', access.offset);
    },
  ),
  row(
    'admin-config-access',
    'ADL-22',
    'should',
    'a legacy access that is not inside one field of device configuration',
    (now) => {
      const access = legacyAccess(now);
      if (access === null || access.common || access.length <= 0 || now.fn.type === null) return null;
      const field = registerAt(now.fn.type.config, access.offset)?.[1];
      if (field === undefined) return null;
      return access.offset + access.length <= field.offset + field.width * field.count
        ? null
        : ofChain(now, 'register offset', access.offset);
    },
  ),
  row(
    'admin-kick-by-command',
    'ADL-23',
    'should',
    'a kick by a command, although the device told where members are kicked',
    (now) => {
      const access = opcodeOf(now) === adminOpcode.legacyCommonConfigWrite ? legacyAccess(now) : null;
      const { queueNotify } = legacyHeaderWithVectors;
      return access?.offset === queueNotify.offset && adminNotes(now.fn).notifyInfo ? command(now) : null;
    },
  ),
  {
    id: 'admin-not-tried-again',
    clauses: cites('AVQ-19'),
    level: 'should',
    speaks: 'modern',
    says: 'a command that was answered with EAGAIN was not sent again, though others were',
    on: ['end'],
    when({ fn }) {
      // Who has sent nothing since then may have waited still.
      for (const [opcode, wentOn] of fn.admin?.again ?? []) if (wentOn) return seen('opcode', opcode);
      return null;
    },
  },
  {
    id: 'virtual-functions-taken',
    clauses: cites('ADM-36'),
    level: 'must',
    speaks: 'modern',
    says: 'VF Enable was cleared, or migration enabled, while commands about virtual functions are in flight',
    on: ['pci-write'],
    when(now) {
      const control = controlWritten(now);
      if (control < 0 || now.fn.admin === null || !aboutVirtual(now.fn.admin)) return null;
      return (control & sriovControl.enable) === 0 || (control & sriovControl.migrationEnable) !== 0
        ? seen('control bits', control)
        : null;
    },
  },
];
