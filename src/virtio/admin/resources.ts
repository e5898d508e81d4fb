import { lengthOf } from '../../core/index.ts';
import {
  ADMIN_RESOURCE_HEAD_BYTES,
  adminGroup,
  adminOpcode,
  adminPartsObject,
  adminPartsObjectKind,
  adminQualifier,
  adminResource,
  adminResourceCreate,
  adminResourceHead,
  adminStatus,
} from '../layout/index.ts';
import { type AdminCommand, RESULT_AT } from './command.ts';
import type { AdminReadings } from './readings.ts';
import type { AdminOwner, AdminRow } from './rows.ts';

const { noSuchDevice, exists, noSpace } = adminStatus;
const OBJECT_BYTES = lengthOf(adminPartsObject);
/** Where what an object is made of begins: behind head and flags. */
const OBJECT_AT = lengthOf(adminResourceCreate);

const typeOf = ({ data }: AdminCommand) => data.getUint16(adminResourceHead.type.offset, true);
export const objectId = ({ data }: AdminCommand) => data.getUint32(adminResourceHead.id.offset, true);

/** The kind of the object that a command names; null where there is none, and then the command has failed. */
export function objectKind(owner: AdminOwner, command: AdminCommand): number | null {
  const known = typeOf(command) === adminResource.deviceParts;
  const kind = known ? owner.parts.kindOf(objectId(command), command.memberId) : null;
  if (kind === null) command.fail(noSuchDevice, adminQualifier.invalidField);
  return kind;
}

/** What an object is to be made of; null where it cannot be, and then the command has failed. */
function wantedKind(owner: AdminOwner, command: AdminCommand): number | null {
  const { data } = command;
  const { flags } = adminResourceCreate;
  if (data.getUint32(flags.offset, true) !== 0 || data.getUint32(flags.offset + 4, true) !== 0)
    owner.blame(command, 'ADM-01', 'reserved flags of an object are not 0', 'object', objectId(command));
  const kind = data.getUint8(OBJECT_AT + adminPartsObject.kind.offset);
  if (kind === adminPartsObjectKind.get || kind === adminPartsObjectKind.set) return kind;
  command.refuse();
  return null;
}

function create(owner: AdminOwner, command: AdminCommand): void {
  const { parts } = owner;
  const id = objectId(command);
  if (typeOf(command) !== adminResource.deviceParts) command.refuse();
  else {
    const kind = wantedKind(owner, command);
    if (kind === null) return;
    if (parts.has(id)) {
      owner.blame(command, 'CONF-01', 'an object that there is already was created', 'object', id);
      command.fail(exists, adminQualifier.invalidField);
    } else if (!parts.takesId(id)) {
      owner.blame(command, 'CONF-01', 'an object beyond the limits that the driver set', 'object', id);
      command.refuse();
    } else if (!parts.takesKind(kind)) command.fail(noSpace, adminQualifier.noResource);
    else parts.put(id, command.memberId, kind);
  }
}

function modify(owner: AdminOwner, command: AdminCommand): void {
  const before = objectKind(owner, command);
  if (before === null) return;
  const kind = wantedKind(owner, command);
  if (kind === null || kind === before) return;
  if (owner.parts.takesKind(kind)) owner.parts.put(objectId(command), command.memberId, kind);
  else command.fail(noSpace, adminQualifier.noResource);
}

function query(owner: AdminOwner, command: AdminCommand): void {
  const kind = objectKind(owner, command);
  if (kind !== null) command.result(OBJECT_BYTES).setUint8(RESULT_AT + adminPartsObject.kind.offset, kind);
}

function destroy(owner: AdminOwner, command: AdminCommand): void {
  if (objectKind(owner, command) !== null) owner.parts.destroy(objectId(command));
}

const row = (opcode: number, dataBytes: number, run: AdminRow['run']): AdminRow => ({
  opcode,
  groups: [adminGroup.singleRootIov],
  member: true,
  dataBytes,
  takes: dataBytes,
  run,
});

/** Commands about objects, of which there is one type: those by which device parts are read and written. */
export function resourceRows({ resourceNumbers }: AdminReadings): readonly AdminRow[] {
  const { resourceModify, resourceQuery } = adminOpcode;
  const described = resourceNumbers === 'described';
  return [
    row(adminOpcode.resourceCreate, OBJECT_AT + OBJECT_BYTES, create),
    row(described ? resourceModify : resourceQuery, OBJECT_AT + OBJECT_BYTES, modify),
    row(described ? resourceQuery : resourceModify, OBJECT_AT, query),
    row(adminOpcode.resourceDestroy, ADMIN_RESOURCE_HEAD_BYTES, destroy),
  ];
}
