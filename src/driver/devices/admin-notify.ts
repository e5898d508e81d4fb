import { FOUR_GIB } from '../../core/index.ts';
import {
  ADMIN_NOTIFY_ENTRIES,
  ADMIN_NOTIFY_ENTRY_BYTES,
  adminNotifyEntry,
  adminNotifyFlag,
  NOTIFICATION_BYTES,
} from '../../virtio/layout/index.ts';
import type { FoundBar } from '../function-config.ts';

/** An address at which kicking a queue of a member is writing its legacy queueNotify register (ADL-13). */
export interface AdminNotifyPlace {
  /** Whose BAR it is. */
  readonly of: 'owner' | 'member';
  readonly bar: number;
  /** In the BAR, in bytes. */
  readonly offset: number;
}

/**
 * The entries of LEGACY_NOTIFY_INFO's result that a driver may use, in the order in which they are to be preferred. One with flags 0 ends
 * the list; others whose flags are not known, whose BAR is none, or whose offset is odd or leads out of it, are passed over (ADL-24 to ADL-28).
 */
export function notifyPlaces(
  result: Uint8Array,
  bars: Readonly<Record<AdminNotifyPlace['of'], readonly FoundBar[]>>,
): AdminNotifyPlace[] {
  const view = new DataView(result.buffer, result.byteOffset, result.byteLength);
  const places: AdminNotifyPlace[] = [];
  for (let i = 0; i < ADMIN_NOTIFY_ENTRIES; i++) {
    const at = ADMIN_NOTIFY_ENTRY_BYTES * i;
    const flags = view.getUint8(at + adminNotifyEntry.flags.offset);
    if (flags === adminNotifyFlag.end) break;
    if (flags !== adminNotifyFlag.owner && flags !== adminNotifyFlag.member) continue;
    const of = flags === adminNotifyFlag.owner ? 'owner' : 'member';
    const bar = view.getUint8(at + adminNotifyEntry.bar.offset);
    const { offset: low } = adminNotifyEntry.offset;
    const offset = view.getUint32(at + low + 4, true) * FOUR_GIB + view.getUint32(at + low, true);
    const found = bars[of].find(({ index, address }) => index === bar && address !== 0);
    if (found === undefined || offset % 2 !== 0 || offset + NOTIFICATION_BYTES > found.size) continue;
    places.push({ of, bar, offset });
  }
  return places;
}
