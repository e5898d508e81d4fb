import type { VirtioDevice } from '../device.ts';
import type { VirtioInterrupts } from '../transport/interrupts.ts';

/** A device of a group, as far as its owner's commands reach it. A `VirtioFunction` is one. */
export interface GroupMember {
  readonly device: VirtioDevice;
  readonly interrupts: VirtioInterrupts;
}

/** The virtual functions of a physical function (GRP-01). */
export interface MemberGroup {
  /** VF Enable is set: without it there is no group. */
  readonly enabled: boolean;
  /** NumVFs: members have the numbers 1 to that. */
  readonly count: number;
  /** Of 1 to {@link count}; it may be made here, at first use. */
  member(id: number): GroupMember;
}
