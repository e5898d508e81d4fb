import type { VirtioDevice } from '../device.ts';
import type { CommonConfigWindow } from '../transport/common-config.ts';
import type { VirtioInterrupts } from '../transport/interrupts.ts';
import type { LegacyFields } from '../transport/legacy-fields.ts';

/** A device of a group, as far as its owner's commands reach it. A `VirtioFunction` is one. */
export interface GroupMember {
  readonly device: VirtioDevice;
  readonly interrupts: VirtioInterrupts;
  /** By which a modern driver drives it; null where it has none, and no parts. */
  readonly common: CommonConfigWindow | null;
  /** What the legacy commands reach; null where the member has no legacy interface. */
  readonly legacy: LegacyFields | null;
  /** Where in its BARs its queues are kicked as by the legacy interface; null for nowhere. */
  readonly legacyNotify: { readonly bar: number; readonly offset: number } | null;
}

/** Hears of a group. */
export interface GroupListener {
  /** VF Enable was cleared, by whatever. */
  groupEnds(): void;
}

/** The virtual functions of a physical function (GRP-01). */
export interface MemberGroup {
  /** VF Enable is set: without it there is no group. */
  readonly enabled: boolean;
  /** Members have a BAR0: not where LEGACY_NOTIFY_INFO is offered (ADL-19). */
  readonly bar0: boolean;
  /** NumVFs: members have the numbers 1 to that. */
  readonly count: number;
  /** The administration that the group is given to, which wants to hear of VF Enable. */
  listener?: GroupListener | null;
  /** Of 1 to {@link count}; it may be made here, at first use. */
  member(id: number): GroupMember;
}
