import { lengthOf } from '../../core/index.ts';
import {
  ADMIN_CAPABILITY_HEAD_BYTES,
  adminCapability,
  adminCapabilityHead,
  adminGroup,
  adminOpcode,
  adminPartsCapability,
  adminQualifier,
  adminStatus,
} from '../layout/index.ts';
import { type AdminCommand, RESULT_AT } from './command.ts';
import type { AdminOwner, AdminRow } from './rows.ts';

/** Ids of capabilities are bits of a list, in units of 64. */
const LIST_BYTES = 8;
const PARTS_BYTES = lengthOf(adminPartsCapability);
const { getLimit, setLimit } = adminPartsCapability;

/** The capability that a command names; else the command has failed. */
function known(command: AdminCommand): boolean {
  const id = command.data.getUint16(adminCapabilityHead.id.offset, true);
  if (id === adminCapability.deviceParts) return true;
  command.fail(adminStatus.noSuchDevice, adminQualifier.invalidField);
  return false;
}

/** What is in the capability of device parts, at `at` of a view. */
const limitsAt = (view: DataView, at: number) => ({
  get: view.getUint8(at + getLimit.offset),
  set: view.getUint8(at + setLimit.offset),
});

function setDriverLimits(owner: AdminOwner, command: AdminCommand): void {
  const { offered, count } = owner.parts;
  const limits = limitsAt(command.data, ADMIN_CAPABILITY_HEAD_BYTES);
  if (limits.get > offered.get || limits.set > offered.set) {
    const [most, wanted] = limits.get > offered.get ? [offered.get, limits.get] : [offered.set, limits.set];
    owner.blame(command, 'CONF-01', `a limit above that of the device, ${most}`, 'limit', wanted);
    command.refuse();
    return;
  }
  if (count > 0) owner.blame(command, 'CONF-01', 'limits are set while there are objects', 'objects', count);
  if (owner.parts.fits(limits)) owner.parts.use(limits);
  else command.fail(adminStatus.busy, adminQualifier.invalidCommand);
}

const self = { groups: [adminGroup.self], member: true } as const;

/** Commands about what the device has beside its features (ADC-01). */
export const capabilityRows: readonly AdminRow[] = [
  {
    ...self,
    opcode: adminOpcode.capabilityIdListQuery,
    dataBytes: 0,
    takes: 0,
    run(_, command) {
      command.result(LIST_BYTES).setUint32(RESULT_AT, 2 ** adminCapability.deviceParts, true);
    },
  },
  {
    ...self,
    opcode: adminOpcode.deviceCapabilityGet,
    dataBytes: ADMIN_CAPABILITY_HEAD_BYTES,
    takes: ADMIN_CAPABILITY_HEAD_BYTES,
    run({ parts }, command) {
      if (!known(command)) return;
      const view = command.result(PARTS_BYTES);
      view.setUint8(RESULT_AT + getLimit.offset, parts.offered.get);
      view.setUint8(RESULT_AT + setLimit.offset, parts.offered.set);
    },
  },
  {
    ...self,
    opcode: adminOpcode.driverCapabilitySet,
    dataBytes: ADMIN_CAPABILITY_HEAD_BYTES + setLimit.offset + setLimit.width,
    takes: ADMIN_CAPABILITY_HEAD_BYTES + PARTS_BYTES,
    run(owner, command) {
      if (known(command)) setDriverLimits(owner, command);
    },
  },
];
