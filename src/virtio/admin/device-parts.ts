import { lengthOf } from '../../core/index.ts';
import {
  ADMIN_PART_HEAD_BYTES,
  ADMIN_RESOURCE_HEAD_BYTES,
  adminGroup,
  adminMetadataKind,
  adminMode,
  adminModeFlag,
  adminOpcode,
  adminPartsKind,
  adminPartsObjectKind,
  adminPartsSelection,
  adminQualifier,
  adminStatus,
} from '../layout/index.ts';
import { applyParts } from './apply-parts.ts';
import { type AdminCommand, MAX_ADMIN_DATA, RESULT_AT } from './command.ts';
import { bytesOf, namedPart, PartValues, partsOf, writeHead, writeParts } from './parts.ts';
import type { PartedMember } from './parts-table.ts';
import { objectKind } from './resources.ts';
import type { AdminOwner, AdminRow } from './rows.ts';

const { noMemory, busy } = adminStatus;
const SELECTION_BYTES = lengthOf(adminPartsSelection);
/** Size or count, and what is reserved behind it; heads follow. */
const METADATA_BYTES = 8;

/** The member whose parts a command is about; null where it has none, and then the command has failed. */
function parted(owner: AdminOwner, command: AdminCommand): PartedMember | null {
  const member = owner.member(command);
  if (member.common !== null) return member as PartedMember;
  command.refuse(adminQualifier.invalidMember);
  return null;
}

/** The same, once the command names an object of the right kind. */
function partedBy(owner: AdminOwner, command: AdminCommand, kind: number): PartedMember | null {
  const found = objectKind(owner, command);
  if (found === null) return null;
  if (found === kind) return parted(owner, command);
  command.refuse();
  return null;
}

const kindOf = ({ data }: AdminCommand) => data.getUint8(adminPartsSelection.kind.offset);

function metadata(owner: AdminOwner, command: AdminCommand): void {
  const member = partedBy(owner, command, adminPartsObjectKind.get);
  if (member === null) return;
  const kind = kindOf(command);
  const parts = partsOf(member);
  const heads = kind === adminMetadataKind.list ? parts : [];
  const length = METADATA_BYTES + ADMIN_PART_HEAD_BYTES * heads.length;
  if (kind > adminMetadataKind.list) command.refuse();
  else if (command.room < length) command.fail(noMemory, adminQualifier.noResource);
  else {
    const view = command.result(length);
    view.setUint32(RESULT_AT, kind === adminMetadataKind.size ? bytesOf(parts) : parts.length, true);
    for (const [i, part] of heads.entries())
      writeHead(part, view, RESULT_AT + METADATA_BYTES + ADMIN_PART_HEAD_BYTES * i);
  }
}

function get(owner: AdminOwner, command: AdminCommand): void {
  const member = partedBy(owner, command, adminPartsObjectKind.get);
  if (member === null) return;
  const kind = kindOf(command);
  if (kind > adminPartsKind.all) {
    command.refuse();
    return;
  }
  const all = partsOf(member);
  const parts = kind === adminPartsKind.all ? all : all.filter(selection(member, command));
  writeParts(new PartValues(member), parts, command.result(bytesOf(parts)), RESULT_AT);
}

/** Which parts a command names; those that the member does not have are passed over. */
function selection(member: PartedMember, { data, takenBytes }: AdminCommand) {
  const named = new Set<string>();
  const key = (type: number, selector: number) => `${type} ${selector}`;
  for (let at = SELECTION_BYTES; at + ADMIN_PART_HEAD_BYTES <= takenBytes; at += ADMIN_PART_HEAD_BYTES) {
    const part = namedPart(member, data, at);
    if (part !== null) named.add(key(part.row.type, part.selector));
  }
  return ({ row, selector }: ReturnType<typeof partsOf>[number]) => named.has(key(row.type, selector));
}

function set(owner: AdminOwner, command: AdminCommand): void {
  const member = partedBy(owner, command, adminPartsObjectKind.set);
  if (member === null) return;
  const { mode } = member.device;
  if (!mode.stopped) {
    owner.blame(
      command,
      'CONF-01',
      'parts of a device that is not stopped were set',
      'member',
      command.memberId,
    );
    command.fail(busy, adminQualifier.invalidCommand);
  } else if (command.dataBytes > MAX_ADMIN_DATA) command.fail(noMemory, adminQualifier.noResource);
  else {
    const values = new PartValues(member);
    if (
      values.take(
        command.data,
        ADMIN_RESOURCE_HEAD_BYTES,
        Math.max(ADMIN_RESOURCE_HEAD_BYTES, command.takenBytes),
      )
    )
      mode.staged = values.save();
    else command.refuse();
  }
}

function setMode(owner: AdminOwner, command: AdminCommand): void {
  const member = parted(owner, command);
  if (member === null) return;
  const flags = command.data.getUint8(adminMode.flags.offset);
  const stopped = (flags & adminModeFlag.stopped) !== 0;
  if ((flags & ~adminModeFlag.stopped) !== 0) command.refuse();
  else if (stopped) owner.wait(command, (then) => member.device.mode.stop(then));
  else {
    applyParts(member);
    member.device.mode.goOn();
  }
}

const row = (opcode: number, dataBytes: number, takes: number, run: AdminRow['run']): AdminRow => ({
  opcode,
  groups: [adminGroup.singleRootIov],
  member: true,
  dataBytes,
  takes,
  run,
});

/** Commands about the parts of a member, and its mode: all or none (ADP-01). */
export const partsRows: readonly AdminRow[] = [
  row(adminOpcode.devicePartsMetadataGet, SELECTION_BYTES, SELECTION_BYTES, metadata),
  row(adminOpcode.devicePartsGet, SELECTION_BYTES, MAX_ADMIN_DATA, get),
  row(adminOpcode.devicePartsSet, ADMIN_RESOURCE_HEAD_BYTES, MAX_ADMIN_DATA, set),
  row(adminOpcode.deviceModeSet, adminMode.flags.width, adminMode.flags.width, setMode),
];
