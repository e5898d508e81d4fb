import { VirtiolabError } from '../../core/errors.ts';
import { SECTOR_BYTES } from '../../virtio/layout/block.ts';

/** What an image has to be, in the words that every rejection ends with. */
const WANTED = `wants a regular file of whole ${SECTOR_BYTES}-byte sectors, at least one`;

/** A file that cannot be the storage of a device. The message is one line: path, what was found, what would be right. */
export class FileStorageError extends VirtiolabError {
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string, wanted: string = WANTED) {
    // Quoted as JSON, so that a name with line breaks or control characters stays on one line.
    super(`image ${JSON.stringify(path)}: ${reason}; ${wanted}`);
    this.path = path;
    this.reason = reason;
  }
}

/** Nothing has that name. */
export class FileMissingError extends FileStorageError {
  constructor(path: string) {
    super(path, 'no such file');
  }
}

/** A directory, a pipe, a socket or a device: something that is no regular file. */
export class NotAFileError extends FileStorageError {
  readonly found: string;

  constructor(path: string, found: string) {
    super(path, `is a ${found}`);
    this.found = found;
  }
}

/** The file is there and cannot be read. `code` is the system's, e.g. `EACCES`. */
export class FileUnreadableError extends FileStorageError {
  readonly code: string;

  constructor(path: string, code: string) {
    super(path, `cannot be read (${code})`, 'wants a file that you may read');
    this.code = code;
  }
}

/** Empty, or no whole number of sectors. */
export class FileSizeError extends FileStorageError {
  readonly lengthBytes: number;

  constructor(path: string, lengthBytes: number) {
    super(
      path,
      lengthBytes === 0 ? 'is empty' : `is ${lengthBytes} bytes long, not a multiple of ${SECTOR_BYTES}`,
    );
    this.lengthBytes = lengthBytes;
  }
}

/** The file is to be written and may not be. `code` is the system's, e.g. `EROFS`. */
export class FileNotWritableError extends FileStorageError {
  readonly code: string;

  constructor(path: string, code: string) {
    super(path, `is read-only (${code})`, 'wants a file that you may write, or to be opened read-only');
    this.code = code;
  }
}

/** The system refused a transfer; the guest sees it fail. `code` is the system's, e.g. `ENOSPC` or `EIO`. */
export class FileTransferError extends FileStorageError {
  readonly code: string;

  constructor(path: string, operation: string, code: string) {
    super(path, `a ${operation} failed (${code})`, 'the guest was told of an error');
    this.code = code;
  }
}

/** Somebody else wrote to an image that is in use, or changed its length. */
export class FileChangedError extends FileStorageError {
  readonly lengthBytes: number;

  /** @param expected length in bytes that the device shows @param found length of the file now */
  constructor(path: string, expected: number, found: number) {
    const what =
      found < expected ? `became shorter, ${found} of ${expected} bytes` : 'was changed by somebody else';
    super(path, `${what} while it was in use`, 'a guest that has it open may see wrong data');
    this.lengthBytes = found;
  }
}
