import { OptionError } from '../../core/index.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import type { MemberGroup } from './members.ts';
import type { AdminReadings } from './readings.ts';

/** Legacy commands about the virtual functions of an owner (ADL-*). */
export interface LegacyCommandOptions {
  /**
   * Whose BARs have addresses at which a member is kicked, in the order in which they are to be preferred; by default the
   * member's own. None: LEGACY_NOTIFY_INFO is not offered.
   */
  readonly notify?: readonly ('member' | 'owner')[];
  /** Members that the owner's BAR has addresses for, by default 256. */
  readonly ownerAddresses?: number;
}

export interface AdministrationOptions {
  /** Of each administration queue, in descriptors; by default one of 64. */
  readonly queueSizes?: readonly number[];
  /** The virtual functions that the device owns; without them there is the self group alone. */
  readonly members?: MemberGroup;
  /** Offers legacy commands about them. */
  readonly legacy?: LegacyCommandOptions;
  /** Commands are answered by a task of the scheduler each, in place of at once. */
  readonly lateAnswers?: boolean;
  /** How contradictions of the text are read. */
  readonly readings?: Partial<AdminReadings>;
}

/** An administration of a kind that cannot be. */
export class AdministrationOptionError extends OptionError {}

/** NumVFs has 16 bits. */
const MOST_MEMBERS = 0xffff;

/** @throws QueueSizeError, QueueCountError, AdministrationOptionError */
export function checkAdministration({ queueSizes, members, legacy }: AdministrationOptions): void {
  if (queueSizes !== undefined) checkQueueSizes(queueSizes);
  if (legacy === undefined) return;
  if (members === undefined)
    throw new AdministrationOptionError('legacy', 'legacy commands', 'members that they are about');
  const { notify = ['member'], ownerAddresses = 1 } = legacy;
  if (notify.length > 0 && members.bar0)
    throw new AdministrationOptionError('members.bar0', true, 'false, or no legacy.notify (ADL-19)');
  if (!Number.isInteger(ownerAddresses) || ownerAddresses < 1 || ownerAddresses > MOST_MEMBERS)
    throw new AdministrationOptionError('legacy.ownerAddresses', ownerAddresses, `1 to ${MOST_MEMBERS}`);
}
