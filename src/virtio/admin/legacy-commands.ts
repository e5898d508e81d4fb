import {
  ADMIN_LEGACY_WRITE_BYTES,
  ADMIN_NOTIFY_ENTRIES,
  ADMIN_NOTIFY_ENTRY_BYTES,
  adminGroup,
  adminLegacyAccess,
  adminNotifyEntry,
  adminNotifyFlag,
  adminOpcode,
  adminQualifier,
} from '../layout/index.ts';
import type { LegacyFields } from '../transport/legacy-fields.ts';
import { type AdminCommand, MAX_ADMIN_DATA, RESULT_AT } from './command.ts';
import type { AdminOwner, AdminRow } from './rows.ts';

/** One of the two structures that commands reach. */
interface Reached {
  readonly name: string;
  readonly clause: string;
  holds(fields: LegacyFields, offset: number, length: number): boolean;
  read(fields: LegacyFields, offset: number, target: Uint8Array, at: number, length: number): void;
  write(fields: LegacyFields, offset: number, source: Uint8Array, at: number, length: number): void;
}

const header: Reached = {
  name: 'the header',
  clause: 'ADL-21',
  holds: (fields, offset, length) => fields.inHeader(offset, length),
  read: (fields, offset, target, at, length) => fields.readHeader(offset, target, at, length),
  write: (fields, offset, source, at, length) => fields.writeHeader(offset, source, at, length),
};

const config: Reached = {
  name: 'device configuration',
  clause: 'ADL-22',
  holds: (fields, offset, length) => fields.inConfig(offset, length),
  read: (fields, offset, target, at, length) => fields.readConfig(offset, target, at, length),
  write: (fields, offset, source, at, length) => fields.writeConfig(offset, source, at, length),
};

/** The member's legacy block where the access stays inside one field; else the command has failed. */
function reach(owner: AdminOwner, command: AdminCommand, to: Reached, length: number): LegacyFields | null {
  const { legacy } = owner.member(command);
  const offset = offsetOf(command);
  if (legacy === null) command.refuse(adminQualifier.invalidMember);
  else if (to.holds(legacy, offset, length)) return legacy;
  else {
    owner.blame(
      command,
      to.clause,
      `an access of ${length} bytes that is not inside one field of ${to.name}`,
      'register offset',
      offset,
    );
    command.refuse();
  }
  return null;
}

const offsetOf = ({ data }: AdminCommand) => data.getUint8(adminLegacyAccess.offset.offset);

const writing = (opcode: number, to: Reached): AdminRow => ({
  opcode,
  groups: [adminGroup.singleRootIov],
  member: true,
  dataBytes: ADMIN_LEGACY_WRITE_BYTES,
  takes: MAX_ADMIN_DATA,
  anyLength: true,
  run(owner, command) {
    const length = Math.max(0, command.dataBytes - ADMIN_LEGACY_WRITE_BYTES);
    const fields = reach(owner, command, to, length);
    if (fields !== null)
      to.write(fields, offsetOf(command), command.dataArray, ADMIN_LEGACY_WRITE_BYTES, length);
  },
});

const reading = (opcode: number, to: Reached): AdminRow => ({
  opcode,
  groups: [adminGroup.singleRootIov],
  member: true,
  dataBytes: 1,
  takes: 1,
  anyLength: true,
  run(owner, command) {
    const length = command.room;
    const fields = reach(owner, command, to, length);
    if (fields === null) return;
    command.result(length);
    to.read(fields, offsetOf(command), command.resultArray, RESULT_AT, length);
  },
});

/** Registers of a member's legacy block: all four or none (ADL-03). */
export const legacyRegisterRows: readonly AdminRow[] = [
  writing(adminOpcode.legacyCommonConfigWrite, header),
  reading(adminOpcode.legacyCommonConfigRead, header),
  writing(adminOpcode.legacyDeviceConfigWrite, config),
  reading(adminOpcode.legacyDeviceConfigRead, config),
];

/** Where queues of a member are kicked, in the order in which they are to be preferred. */
export const notifyRow: AdminRow = {
  opcode: adminOpcode.legacyNotifyInfo,
  groups: [adminGroup.singleRootIov],
  member: true,
  dataBytes: 0,
  takes: 0,
  run(owner, command) {
    const places = owner.notifyPlaces(command);
    const view = command.result(ADMIN_NOTIFY_ENTRIES * ADMIN_NOTIFY_ENTRY_BYTES);
    // ADL-15: the last entry ends the list, unless the text is read otherwise; then there are as many as can be.
    const entries = owner.readings.notifyEnd === 'always' ? places.length : ADMIN_NOTIFY_ENTRIES;
    for (let i = 0; i < entries && places.length > 0; i++) {
      const { of, bar, offset } = places[i % places.length]!;
      const at = RESULT_AT + ADMIN_NOTIFY_ENTRY_BYTES * i;
      view.setUint8(at + adminNotifyEntry.flags.offset, adminNotifyFlag[of]);
      view.setUint8(at + adminNotifyEntry.bar.offset, bar);
      view.setUint32(at + adminNotifyEntry.offset.offset, offset, true);
    }
  },
};
