import type { Setting } from '../../conformance/device/index.ts';
import type { VirtioFunction } from '../../virtio/index.ts';
import type { SubjectKind } from '../subjects.ts';
import type { Stage } from './stage.ts';

/** A way to get stuck, and the reason that `explain` gives for it. */
export interface StuckCase {
  /** Id of the reason, and the name of the case. */
  readonly reason: string;
  /** What happened, in one line. */
  readonly says: string;
  /** By which a driver can get into it; by default any. */
  readonly settings?: readonly Setting[];
  /** Device types that it can happen to; by default any. */
  readonly types?: readonly string[];
  /** Kinds of functions that it can happen to; by default any. */
  readonly kinds?: readonly SubjectKind[];
  readonly except?: readonly SubjectKind[];
  /** Other reasons come first. */
  readonly later?: true;
  /** What the function has to have, before any driver has touched it. */
  device?(fn: VirtioFunction): void;
  make(stage: Stage): void;
}
