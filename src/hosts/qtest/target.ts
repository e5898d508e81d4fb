import {
  type FunctionAddress,
  formatFunctionAddress,
  type KnownDeviation,
  type Target,
} from '../../core/index.ts';
import type { Qemu } from './qemu.ts';

/** What QEMU 7.2 does otherwise, by the ids of docs/deviations.md. */
export const qemuDeviations: readonly KnownDeviation[] = [
  { id: 'pfn-zero-one-queue', does: 'a queue address of 0 resets the whole device' },
  { id: 'queue-select-16-bits', does: 'queue selectors from 1024 on are ignored' },
  { id: 'status-3-bus-master', does: 'writing status 3 sets bus master' },
  { id: 'absent-queue-vector', does: 'a queue that does not exist takes a vector' },
  {
    id: 'modern-queue-size-power-of-two',
    does: 'a queue size is any number but 0, even above the size offered',
  },
  {
    id: 'unoffered-features-refused',
    does: 'FEATURES_OK stands although features were accepted that were not offered',
  },
  {
    id: 'absent-queue-notify-off',
    does: 'the notify offset of a queue that does not exist is the selector',
  },
  { id: 'notify-wide-read', does: 'a four-byte read of queueNotify is all ones' },
  {
    id: 'packed-used-without-write',
    does: 'used descriptors of a packed ring have a length and never WRITE',
  },
  {
    id: 'used-length-counts-readable',
    does: 'the used length of a SCSI command counts the data that the device read, too',
  },
];

/** A function of a QEMU that was started for it: closing the target ends QEMU. */
export function qemuTarget(qemu: Qemu, fn: FunctionAddress): Target {
  return {
    name: `QEMU's ${formatFunctionAddress(fn)}`,
    bus: qemu.bus,
    fn,
    held: null,
    stateful: null,
    sharedRam: true,
    deviations: qemuDeviations,
    close: () => qemu.close(),
  };
}
