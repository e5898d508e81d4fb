import { read, type Stats, write } from 'node:fs';
import { access, constants, type FileHandle, open, stat } from 'node:fs/promises';
import { ViewCache } from '../../core/index.ts';
import { SECTOR_BYTES, type Storage, type StorageOperation, type Transfer } from '../../virtio/index.ts';
import { BounceBuffers } from './bounce-buffers.ts';
import {
  type FileChangedError,
  FileMissingError,
  FileNotWritableError,
  FileSizeError,
  FileTransferError,
  FileUnreadableError,
  NotAFileError,
} from './errors.ts';
import { ImageGuard } from './image-guard.ts';

export interface FileStorageOptions {
  /** Never write to the file; the device then offers its read-only feature. */
  readonly readOnly?: boolean;
  /** Bytes that one system call moves at most. */
  readonly chunkBytes?: number;
  /** Transfers that run at a time; further ones wait. Together with `chunkBytes` this bounds the memory in use. */
  readonly concurrency?: number;
  /**
   * Is told why a transfer failed that the guest saw fail, and that somebody else changed the file. Only with it is the file
   * looked at for changes.
   */
  readonly onTrouble?: (error: FileTransferError | FileChangedError) => void;
}

const CHUNK_BYTES = 1 << 18;
/** More than the four threads with which Node reads files, so that none of them waits for us. */
const CONCURRENCY = 16;
/** Write permission of owner, group or others. */
const ANY_WRITE = 0o222;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? 'unknown error';

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'directory';
  if (found.isFIFO()) return 'pipe';
  if (found.isSocket()) return 'socket';
  return 'device';
}

/** Looks at a file before it is opened: opening a pipe would wait for its other end. */
async function inspect(path: string, readOnly: boolean): Promise<number> {
  const found = await stat(path).catch((error: unknown) => {
    const code = codeOf(error);
    throw code === 'ENOENT' || code === 'ENOTDIR'
      ? new FileMissingError(path)
      : new FileUnreadableError(path, code);
  });
  if (!found.isFile()) throw new NotAFileError(path, kindOf(found));
  if (found.size === 0 || found.size % SECTOR_BYTES !== 0) throw new FileSizeError(path, found.size);
  // The system lets root write to a file that nobody may write to; whoever took the permission away meant it.
  if (!readOnly && (found.mode & ANY_WRITE) === 0) throw new FileNotWritableError(path, 'EACCES');
  return found.size;
}

/** Copies when guest memory may be touched. */
function ready(transfer: Transfer, copy: () => boolean): Promise<boolean> {
  return new Promise((resolve) => transfer.whenReady(() => resolve(copy())));
}

/**
 * Storage in a file. Bytes pass through buffers of our own and never straight between file and guest memory: a system
 * call cannot be called back, and after a reset nothing may reach the guest any more.
 */
export class FileStorage implements Storage {
  readonly path: string;
  readonly length: number;
  readonly readOnly: boolean;
  readonly #handle: FileHandle;
  readonly #buffers: BounceBuffers;
  /** As long as a buffer. */
  readonly #zeros: ViewCache;
  readonly #onTrouble: FileStorageOptions['onTrouble'];
  readonly #guard: ImageGuard | null;
  #inFlight = 0;
  /** A transfer's end is being told: what it starts in turn, such as making a write stable, belongs to it. */
  #ending = false;
  #closing: Promise<void> | null = null;
  #idle: (() => void) | null = null;

  private constructor(path: string, length: number, handle: FileHandle, options: FileStorageOptions) {
    this.path = path;
    this.length = length;
    this.readOnly = options.readOnly ?? false;
    this.#handle = handle;
    const bufferBytes = Math.min(options.chunkBytes ?? CHUNK_BYTES, length);
    this.#buffers = new BounceBuffers(options.concurrency ?? CONCURRENCY, bufferBytes);
    this.#zeros = new ViewCache(new Uint8Array(bufferBytes));
    const { onTrouble } = options;
    this.#onTrouble = onTrouble;
    this.#guard = onTrouble === undefined ? null : new ImageGuard(path, handle.fd, length, onTrouble);
  }

  /**
   * Opens an image; its length stays what it is now.
   * @throws FileMissingError, NotAFileError, FileUnreadableError, FileSizeError, FileNotWritableError
   */
  static async open(path: string, options: FileStorageOptions = {}): Promise<FileStorage> {
    const readOnly = options.readOnly ?? false;
    const length = await inspect(path, readOnly);
    const handle = await open(path, readOnly ? 'r' : 'r+').catch(async (error: unknown) => {
      const readable = await access(path, constants.R_OK).then(
        () => true,
        () => false,
      );
      throw readable && !readOnly
        ? new FileNotWritableError(path, codeOf(error))
        : new FileUnreadableError(path, codeOf(error));
    });
    return new FileStorage(path, length, handle, options);
  }

  read(transfer: Transfer): void {
    this.#run('read', transfer, () => this.#read(transfer));
  }

  write(transfer: Transfer): void {
    this.#run('write', transfer, () => (this.readOnly ? Promise.resolve(false) : this.#write(transfer)));
  }

  /** Writes that ended before this was called have reached the disk when it ends. */
  flush(transfer: Transfer): void {
    this.#run('flush', transfer, async () => {
      await this.#handle.sync();
      return true;
    });
  }

  /** Writes zeros: Node has no call that would give a range back to the file system. */
  discard(transfer: Transfer): void {
    this.writeZeroes(transfer);
  }

  writeZeroes(transfer: Transfer): void {
    this.#run('write', transfer, () =>
      this.readOnly ? Promise.resolve(false) : this.#writeZeroes(transfer),
    );
  }

  /** Waits for the transfers in flight, then closes the file. Transfers that come later fail. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.#handle.close();
  }

  /** Runs one transfer and ends it exactly once; an error of the system ends it as failed. */
  #run(operation: StorageOperation, transfer: Transfer, work: () => Promise<boolean>): void {
    if (this.#closing !== null && !this.#ending) {
      transfer.done(false);
      return;
    }
    if (this.#inFlight === 0) this.#guard?.look();
    this.#inFlight++;
    const whole = this.#guard?.has(transfer.offset + transfer.length) ?? true;
    void (whole ? work() : Promise.reject(this.#shorter()))
      .catch((error: unknown) => {
        this.#onTrouble?.(new FileTransferError(this.path, operation, codeOf(error)));
        return false;
      })
      .then((ok) => {
        this.#inFlight--;
        if (this.#inFlight === 0) this.#guard?.accept();
        this.#ending = true;
        try {
          transfer.done(ok);
        } finally {
          this.#ending = false;
        }
        if (this.#inFlight === 0) this.#idle?.();
      });
  }

  async #read(transfer: Transfer): Promise<boolean> {
    return this.#pieces(transfer, async (buffer, at, length) => {
      await this.#whole('read', buffer, transfer.offset + at, length);
      return ready(transfer, () => transfer.give(at, buffer.bytes, 0, length, buffer));
    });
  }

  async #write(transfer: Transfer): Promise<boolean> {
    return this.#pieces(transfer, async (buffer, at, length) => {
      if (!(await ready(transfer, () => transfer.take(at, buffer.bytes, 0, length)))) return false;
      await this.#whole('write', buffer, transfer.offset + at, length);
      return true;
    });
  }

  async #writeZeroes(transfer: Transfer): Promise<boolean> {
    return this.#pieces(transfer, async (_, at, length) => {
      await this.#whole('write', this.#zeros, transfer.offset + at, length);
      return true;
    });
  }

  /** Carries a transfer out in pieces of one buffer; ends at the first that fails, or that a reset has taken back. */
  async #pieces(
    transfer: Transfer,
    piece: (buffer: ViewCache, at: number, length: number) => Promise<boolean>,
  ): Promise<boolean> {
    const { length } = transfer;
    const buffer = await this.#buffers.take(() => transfer.live);
    if (buffer === null) return false;
    try {
      for (let at = 0; at < length; at += buffer.bytes.length)
        if (!transfer.live || !(await piece(buffer, at, Math.min(buffer.bytes.length, length - at))))
          return false;
      return true;
    } finally {
      this.#buffers.giveBack(buffer);
    }
  }

  #shorter(): FileUnreadableError {
    return new FileUnreadableError(this.path, 'it has become shorter');
  }

  /** Moves all of a piece, in as many system calls as the system wants. */
  async #whole(
    operation: 'read' | 'write',
    buffer: ViewCache,
    offset: number,
    length: number,
  ): Promise<void> {
    for (let done = 0; done < length; ) {
      const moved = await this.#call(operation, buffer, done, length - done, offset + done);
      if (moved === 0) throw this.#shorter();
      done += moved;
    }
  }

  /** One system call. The callback form takes half the time of the file handle's own for requests of one sector. */
  #call(
    operation: 'read' | 'write',
    { bytes }: ViewCache,
    at: number,
    length: number,
    position: number,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null, moved: number) =>
        error === null ? resolve(moved) : reject(error);
      if (operation === 'read') read(this.#handle.fd, bytes, at, length, position, settle);
      else write(this.#handle.fd, bytes, at, length, position, settle);
    });
  }
}
