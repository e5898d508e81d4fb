import { VirtiolabError } from '../../core/index.ts';

/** Names of the error numbers that Linux gives at these operations. */
export type Errno = 'EBUSY' | 'EINVAL' | 'ENOBUFS' | 'EEXIST' | 'EOPNOTSUPP';

/** An operation that a vDPA parent refuses. `errno` is the name of the number that user space gets for it from Linux. */
export class VdpaError extends VirtiolabError {
  readonly operation: string;
  readonly errno: Errno;
  readonly value: unknown;

  constructor(operation: string, errno: Errno, value: unknown, reason: string) {
    super(`${operation} ${value}: ${errno}, ${reason}`);
    this.operation = operation;
    this.errno = errno;
    this.value = value;
  }
}

const hex = (words: readonly number[]) => {
  const text = [...words].reverse().map((word) => word.toString(16).padStart(8, '0'));
  return `0x${text.join('').replace(/^0+(?=.)/, '')}`;
};

/** Features after FEATURES_OK. */
export class FeaturesSettledError extends VdpaError {
  constructor(words: readonly number[]) {
    super('set_features', 'EBUSY', hex(words), 'FEATURES_OK stands: reset the device first');
  }
}

/** Features that the policy, or the device, does not take. */
export class FeaturesRefusedError extends VdpaError {
  constructor(words: readonly number[], wants: string) {
    super('set_features', 'EINVAL', hex(words), `wants ${wants}`);
  }
}

/** Status bits that are to be taken back without a reset. */
export class StatusLoweredError extends VdpaError {
  constructor(value: number, status: number) {
    super('set_status', 'EINVAL', value, `status is ${status}: wants 0, or all of its bits`);
  }
}

/** A number that status cannot be. */
export class StatusValueError extends VdpaError {
  constructor(value: number) {
    super('set_status', 'EINVAL', value, 'wants a whole number of 8 bits');
  }
}

/** A number that is no queue's. */
export class NoSuchQueueError extends VdpaError {
  constructor(operation: string, index: number, count: number) {
    super(operation, 'ENOBUFS', index, `wants a queue from 0 to ${count - 1}`);
  }
}

/** A queue is changed while it is ready. */
export class QueueReadyError extends VdpaError {
  constructor(operation: string, index: number) {
    super(operation, 'EBUSY', index, 'the queue is ready: take it down first');
  }
}

/** A size, an address, a position that the queue cannot have. */
export class QueueValueError extends VdpaError {
  constructor(operation: string, value: unknown, wants: string) {
    super(operation, 'EINVAL', value, `wants ${wants}`);
  }
}

/** Bytes outside the configuration. */
export class ConfigRangeError extends VdpaError {
  constructor(operation: string, offset: number, length: number, whole: number) {
    super(operation, 'EINVAL', `${offset} + ${length}`, `wants bytes of the ${whole} that there are`);
  }
}

/** Addresses that are mapped already. */
export class MappedAlreadyError extends VdpaError {
  constructor(start: number, length: number) {
    super('iotlb map', 'EEXIST', `0x${start.toString(16)} + ${length}`, 'some of it is mapped already');
  }
}

/** Addresses that cannot be mapped: none at all, none that are whole, or such as end beyond 2^53. */
export class MapRangeError extends VdpaError {
  constructor(operation: string, start: number, length: number) {
    super(
      operation,
      'EINVAL',
      `0x${start.toString(16)} + ${length}`,
      'wants whole addresses, and bytes below 2^53',
    );
  }
}

/** A call that the policy has not, or a byte order that the device has not. */
export class UnsupportedCallError extends VdpaError {
  constructor(operation: string, value: unknown, reason: string) {
    super(operation, 'EOPNOTSUPP', value, reason);
  }
}
