import { Administration, adminGroup, adminNotifyEntry, adminOpcode } from '../../virtio/index.ts';
import type { DeviceMutant } from './mutant.ts';
import { afterwards, changesResult, ignores, takesAcross, without, wrong } from './owner.ts';

const o = adminOpcode;

/** Owners that get the legacy registers of their members wrong. */
export const adminLegacyMutants: readonly DeviceMutant[] = [
  wrong(
    'three-of-four',
    ['ADL-03'],
    'opcode 5 is missing',
    without(adminGroup.singleRootIov, o.legacyDeviceConfigRead, o.legacyNotifyInfo),
  ),
  wrong(
    'notify-info-alone',
    ['ADL-14'],
    'LEGACY_NOTIFY_INFO is there, and opcodes 2 to 5 are not',
    without(adminGroup.singleRootIov, 2, 3, 4, 5),
  ),
  wrong(
    'big-endian-registers',
    ['ADL-04'],
    'registers of two bytes are big-endian',
    changesResult(o.legacyCommonConfigRead, (result, { room }) => {
      if (room === 2) result.subarray(0, 2).reverse();
    }),
  ),
  wrong(
    'wrong-queue-size',
    ['ADL-08'],
    'queue_size reads twice what it is',
    changesResult(o.legacyCommonConfigRead, (result, { data }) => {
      if (data.getUint8(0) === 12) result[0]! <<= 1;
    }),
  ),
  wrong(
    'whole-registers-only',
    ['ADL-02'],
    'one byte of queue_size is not read',
    afterwards((command) => {
      const one = command.opcode === o.legacyCommonConfigRead && command.room === 1;
      if (one && command.data.getUint8(0) === 12) command.refuse();
    }),
  ),
  wrong(
    'status-not-written',
    ['ADL-07'],
    'writes of legacy registers are ignored',
    ignores(o.legacyCommonConfigWrite),
  ),
  wrong(
    'features-read-swapped',
    ['ADL-01'],
    'driver features read back with their bytes the other way round',
    changesResult(o.legacyCommonConfigRead, (result, { data }) => {
      if (data.getUint8(0) === 4) result.subarray(0, 4).reverse();
    }),
  ),
  wrong(
    'header-has-no-fields',
    ['ADL-05'],
    'accesses across header fields succeed',
    takesAcross(o.legacyCommonConfigRead, o.legacyCommonConfigWrite),
  ),
  wrong(
    'config-has-no-fields',
    ['ADL-06'],
    'accesses across fields of configuration succeed',
    takesAcross(o.legacyDeviceConfigRead, o.legacyDeviceConfigWrite),
    'block',
  ),
  wrong(
    'config-not-written',
    ['ADL-09'],
    'writes of configuration are ignored',
    ignores(o.legacyDeviceConfigWrite),
    'network',
  ),
  wrong(
    'config-read-wrong',
    ['ADL-10'],
    'the first byte of each field of configuration is another',
    changesResult(o.legacyDeviceConfigRead, (result) => {
      result[0]! ^= 1;
    }),
    'block',
  ),
  wrong(
    'notify-list-does-not-end',
    ['ADL-15'],
    'the last entry has flags',
    changesResult(o.legacyNotifyInfo, (result) => {
      result.copyWithin(48, 0, 16);
    }),
  ),
  wrong(
    'notify-in-no-bar',
    ['ADL-16'],
    'the first entry names a BAR that there is not',
    changesResult(o.legacyNotifyInfo, (result) => {
      result[adminNotifyEntry.bar.offset] = 0;
    }),
  ),
  wrong(
    'notify-at-odd-offset',
    ['ADL-17'],
    'the first entry has an odd offset',
    changesResult(o.legacyNotifyInfo, (result) => {
      result[adminNotifyEntry.offset.offset]! |= 1;
    }),
  ),
  wrong(
    'notify-of-nobody',
    ['ADL-18'],
    'the first entry names neither owner nor member',
    changesResult(o.legacyNotifyInfo, (result) => {
      result[adminNotifyEntry.flags.offset] = 3;
    }),
  ),
  {
    name: 'admin-doorbell-dead',
    breaks: ['ADL-13'],
    says: "a queue's number at the owner's address for kicks is no kick",
    kind: 'owner',
    setting: 'modern',
    device({ device: { administration } }) {
      if (administration instanceof Administration) administration.doorbells!.write = () => {};
    },
  },
  {
    name: 'admin-owner-is-transitional',
    breaks: ['ADL-12'],
    says: 'the owner has a transitional id',
    kind: 'owner',
    setting: 'modern',
    bus: () => ({
      read: ({ place, offset }, value) => (place === 'config' && offset === 2 ? 0x1005 : value),
    }),
  },
  {
    name: 'admin-owner-of-revision-0',
    breaks: ['ADL-11'],
    says: 'the owner has revision 0',
    kind: 'owner',
    setting: 'modern',
    bus: () => ({ read: ({ place, offset }, value) => (place === 'config' && offset === 8 ? 0 : value) }),
  },
  {
    name: 'admin-vf-bar0',
    breaks: ['ADL-19'],
    says: 'VF BAR0 keeps what is written to it',
    kind: 'owner',
    setting: 'modern',
    bus() {
      let bar = -1;
      let kept = 0;
      return {
        write({ place, offset, width }, value) {
          const extended = place === 'config' && offset >= 0x100 && width === 4;
          if (extended && (value === 0xffffffff || offset === bar))
            [bar, kept] = [offset, value & 0xfffff000];
          return value;
        },
        read: ({ place, offset }, value) =>
          place === 'config' && offset === bar && value === 0 ? kept >>> 0 : value,
      };
    },
  },
];
