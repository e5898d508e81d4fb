import { deviceStatus } from './status.ts';

const { driverOk, failed, featuresOk, needsReset } = deviceStatus;
const ANY = 0xff;

/** A write to the device status that a driver may not make; bits as masks. */
export interface StatusRule {
  /** It binds while all of these are set. */
  readonly while: number;
  /** Broken by a write that raises one of these, */
  readonly raises: number;
  /** or clears one of these; writing 0 is a reset, and clears nothing in this sense. */
  readonly clears: number;
  readonly clause: string;
  /** What is said of who breaks it. */
  readonly message: string;
}

/** What a driver may not do to the device status. Each rule that a write breaks is said, in this order. */
export const statusRules: readonly StatusRule[] = [
  {
    ...{ while: 0, raises: 0, clears: ANY & ~needsReset },
    clause: 'BF-STAT-02',
    message: 'a status bit was cleared without a reset',
  },
  {
    ...{ while: failed, raises: ANY, clears: failed },
    clause: 'BF-STAT-03',
    message: 'status was changed after FAILED, without a reset',
  },
  {
    ...{ while: 0, raises: needsReset, clears: 0 },
    clause: 'BF-STAT-01',
    message: 'the driver set NEEDS_RESET, which only the device may',
  },
];

/** What a device does when the driver raises a bit. */
export interface StatusTransition {
  readonly raised: number;
  /** Bits that were set before. */
  readonly before: number;
  /** `settle` the features, which may refuse the bit; `start` to work. */
  readonly effect: 'settle' | 'start';
}

/** In this order. In whichever order FEATURES_OK and DRIVER_OK come, from the later one on the device works. */
export const statusTransitions: readonly StatusTransition[] = [
  { raised: featuresOk, before: 0, effect: 'settle' },
  { raised: featuresOk, before: driverOk, effect: 'start' },
  { raised: driverOk, before: 0, effect: 'start' },
];

/** Where a queue is in its life, as the common configuration shows it. */
export type QueueState = 'absent' | 'unset' | 'ready' | 'resetting';

/** What becomes of a queue: its next state, or what is said where the driver may not do this; it stays as it is then. */
export type QueueTransition =
  | { readonly to: QueueState }
  | { readonly clause: string; readonly message: string };

/**
 * What the driver does to a queue by the common configuration: it writes 1 into `queueEnable` or `queueReset`. The end of
 * `resetting`, and a reset of the device, lead to `unset`.
 */
export const queueTransitions: Readonly<
  Record<'enable' | 'reset', Readonly<Record<QueueState, QueueTransition>>>
> = {
  enable: {
    absent: { clause: 'PCI-VQ-01', message: 'queue_enable was written for a queue that does not exist' },
    unset: { to: 'ready' },
    ready: { to: 'ready' },
    resetting: { clause: 'PCI-COM-24', message: 'a queue was enabled before its reset was finished' },
  },
  reset: {
    absent: { to: 'absent' },
    unset: { to: 'resetting' },
    ready: { to: 'resetting' },
    resetting: { to: 'resetting' },
  },
};
