import { OptionError } from '../../core/index.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import type { MemberGroup } from './members.ts';
import type { PartsLimits } from './parts-objects.ts';
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
  /** Offers device parts of them, and so many objects by which they are read and written; up to 255 of each kind. */
  readonly parts?: PartsLimits;
  /** Commands are answered by a task of the scheduler each, in place of at once. */
  readonly lateAnswers?: boolean;
  /** How contradictions of the text are read. */
  readonly readings?: Partial<AdminReadings>;
}

/** An administration of a kind that cannot be. */
export class AdministrationOptionError extends OptionError {}

function checkParts(limits: PartsLimits, members: MemberGroup | undefined): void {
  if (members === undefined)
    throw new AdministrationOptionError('parts', 'device parts', 'members whose parts they are');
  for (const kind of ['get', 'set'] as const) {
    const limit = limits[kind];
    if (!Number.isInteger(limit) || limit < 1 || limit > MOST_OBJECTS)
      throw new AdministrationOptionError(`parts.${kind}`, limit, `1 to ${MOST_OBJECTS}`);
  }
}

/** A limit has 8 bits. */
const MOST_OBJECTS = 0xff;
/** NumVFs has 16 bits. */
const MOST_MEMBERS = 0xffff;

/** @throws QueueSizeError, QueueCountError, AdministrationOptionError */
export function checkAdministration({ queueSizes, members, legacy, parts }: AdministrationOptions): void {
  if (queueSizes !== undefined) checkQueueSizes(queueSizes);
  if (parts !== undefined) checkParts(parts, members);
  if (legacy === undefined) return;
  if (members === undefined)
    throw new AdministrationOptionError('legacy', 'legacy commands', 'members that they are about');
  const { notify = ['member'], ownerAddresses = 1 } = legacy;
  if (notify.length > 0 && members.bar0)
    throw new AdministrationOptionError('members.bar0', true, 'false, or no legacy.notify (ADL-19)');
  if (!Number.isInteger(ownerAddresses) || ownerAddresses < 1 || ownerAddresses > MOST_MEMBERS)
    throw new AdministrationOptionError('legacy.ownerAddresses', ownerAddresses, `1 to ${MOST_MEMBERS}`);
}
