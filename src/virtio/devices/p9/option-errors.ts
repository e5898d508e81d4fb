import { VirtiolabError } from '../../../core/index.ts';
import { MAX_MOUNT_TAG_BYTES } from '../../layout/index.ts';

/** Bytes that the bound on messages may be. */
export const MIN_MESSAGE = 256;
export const MAX_MESSAGE = 1 << 24;

/** A mount tag that is empty, or longer than the configuration has room for. */
export class MountTagError extends VirtiolabError {
  readonly mountTag: string;

  constructor(mountTag: string) {
    super(`mount tag ${JSON.stringify(mountTag)}: wants 1 to ${MAX_MOUNT_TAG_BYTES} bytes of UTF-8`);
    this.mountTag = mountTag;
  }
}

/** A bound on messages within which no version can be negotiated. */
export class P9MessageBoundError extends VirtiolabError {
  readonly bytes: number;

  constructor(bytes: number) {
    super(`messages of at most ${bytes} bytes: wants a whole number from ${MIN_MESSAGE} to ${MAX_MESSAGE}`);
    this.bytes = bytes;
  }
}
