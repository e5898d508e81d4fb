import { OptionError, VirtiolabError } from '../../core/index.ts';

/** How the files of mediated devices say that something is refused, as Linux numbers it. */
export const errno = {
  ENOENT: 2,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
} as const;

export type ErrnoName = keyof typeof errno;

/** Something that a parent of mediated devices refuses. */
export abstract class MediatedError extends VirtiolabError {
  abstract readonly errno: ErrnoName;
}

/** Text that is no UUID: 8-4-4-4-12 hexadecimal digits of ASCII. */
export class UuidError extends MediatedError {
  readonly errno = 'EINVAL';
  readonly text: string;

  constructor(text: string) {
    super(`UUID ${JSON.stringify(text.slice(0, 60))}: wants 8-4-4-4-12 hexadecimal digits`);
    this.text = text;
  }
}

/** A UUID that a slice has already, of this parent. */
export class SliceExistsError extends MediatedError {
  readonly errno = 'EEXIST';
  readonly uuid: string;

  constructor(uuid: string) {
    super(`slice ${uuid} is there already`);
    this.uuid = uuid;
  }
}

/** The parent has not enough left of what a slice of the type takes. */
export class NoInstanceLeftError extends MediatedError {
  readonly errno = 'ENOSPC';
  readonly type: string;
  readonly lacks: string;

  constructor(type: string, lacks: string) {
    super(`type ${type}: no instance is left, for want of ${lacks}`);
    this.type = type;
    this.lacks = lacks;
  }
}

/** A type that the parent does not have, or not any more. */
export class UnknownSliceTypeError extends MediatedError {
  readonly errno = 'ENODEV';
  readonly type: string;

  constructor(type: string, types: readonly string[]) {
    super(`type ${JSON.stringify(type.slice(0, 60))}: the parent has ${types.join(', ') || 'none'}`);
    this.type = type;
  }
}

/** A slice that is not there, or not any more. */
export class UnknownSliceError extends MediatedError {
  readonly errno = 'ENODEV';
  readonly uuid: string;

  constructor(uuid: string) {
    super(`slice ${uuid} is not there`);
    this.uuid = uuid;
  }
}

/** A slice in the hands of a guest, where one in nobody's is wanted, or the other way round. */
export class SliceUseError extends MediatedError {
  readonly errno = 'EBUSY';
  readonly uuid: string;

  constructor(uuid: string, why: string) {
    super(`slice ${uuid}: ${why}`);
    this.uuid = uuid;
  }
}

/** What a parent cannot be made of, or a type of slices. */
export class ParentOptionError extends OptionError {}

/** A number that is no PASID, or a PASID of nobody's. */
export class PasidError extends VirtiolabError {
  readonly pasid: number;

  constructor(pasid: number, why: string) {
    super(`PASID ${pasid}: ${why}`);
    this.pasid = pasid;
  }
}
