import {
  OverlayStorage,
  SECTOR_BYTES,
  type Storage,
  StorageFilter,
  type StorageOperation,
  type Transfer,
} from '../../../virtio/index.ts';
import { FileStorage } from '../../node/index.ts';
import { QemuOptionError } from './errors.ts';
import type { Properties } from './properties.ts';

/** Bytes of a `null-co` drive where nothing is said. */
const NULL_BYTES = 2 ** 30;
const ZEROS = new Uint8Array(1 << 16);

/** Zeros as far as it is long. */
class ZeroStorage implements Storage {
  readonly readOnly = true;
  readonly length: number;

  constructor(lengthBytes: number) {
    this.length = lengthBytes;
  }

  read(transfer: Transfer): void {
    let [ok, at] = [true, 0];
    for (; ok && at < transfer.length; at += ZEROS.length)
      ok = transfer.give(at, ZEROS, 0, Math.min(ZEROS.length, transfer.length - at));
    transfer.done(ok);
  }

  write(transfer: Transfer): void {
    transfer.done(false);
  }

  flush(transfer: Transfer): void {
    transfer.done(true);
  }
}

/** A storage of which only the beginning may be shown. */
class ShownStorage extends StorageFilter {
  shown: number;

  constructor(inner: Storage) {
    super(inner);
    this.shown = inner.length;
  }

  override get length(): number {
    return this.shown;
  }

  protected pass(
    _operation: StorageOperation,
    transfer: Transfer,
    carryOut: (transfer: Transfer) => void,
  ): void {
    carryOut(transfer);
  }
}

/** What stands behind a disk. */
export interface Drive {
  readonly id: string;
  readonly storage: Storage;
  /** Gives it another length, and tells the devices that have it. @throws QemuOptionError */
  resize(lengthBytes: number): void;
  /** Told when its length changes. */
  onResize: () => void;
  close(): Promise<void>;
}

const whole = (bytes: number) => bytes > 0 && bytes % SECTOR_BYTES === 0;

/** Over a base that is only read: it may have any length, and what is written is in memory. */
function overlay(id: string, base: Storage, close: () => Promise<void>): Drive {
  const storage = new OverlayStorage(base);
  return {
    id,
    storage,
    close,
    onResize: () => {},
    resize(lengthBytes) {
      if (!whole(lengthBytes)) throw new QemuOptionError(id, `${lengthBytes} bytes: wants whole sectors`);
      storage.resize(lengthBytes);
      this.onResize();
    },
  };
}

/** A file that is written to: it may be shown shorter, and as long as it is again. */
function direct(id: string, file: FileStorage): Drive {
  const storage = new ShownStorage(file);
  return {
    id,
    storage,
    close: () => file.close(),
    onResize: () => {},
    resize(lengthBytes) {
      if (!whole(lengthBytes) || lengthBytes > file.length)
        throw new QemuOptionError(id, `${lengthBytes} bytes: wants whole sectors, ${file.length} at most`);
      storage.shown = lengthBytes;
      this.onResize();
    },
  };
}

const USELESS = [
  'auto-read-only',
  'cache',
  'aio',
  'detect-zeroes',
  'discard',
  'werror',
  'rerror',
  'index',
] as const;

/** @throws QemuOptionError, FileStorageError */
async function open(id: string, file: string, properties: Properties): Promise<Drive> {
  const readOnly = properties.flag('readonly', false) || properties.flag('read-only', false);
  const snapshot = properties.flag('snapshot', false);
  properties.finish();
  const storage = await FileStorage.open(file, { readOnly: readOnly || snapshot });
  return snapshot ? overlay(id, storage, () => storage.close()) : direct(id, storage);
}

/** `-drive if=none,id=,file=`: a raw file, or `null-co://`, which is zeros. @throws QemuOptionError, FileStorageError */
export async function openDrive(properties: Properties): Promise<Drive> {
  const id = properties.text('id');
  const file = properties.text('file');
  if ((properties.maybe('if') ?? 'none') !== 'none') properties.wrong('if', 'none');
  if ((properties.maybe('format') ?? 'raw') !== 'raw') properties.wrong('format', 'raw');
  properties.ignore(
    ...USELESS,
    'media',
    'file.locking',
    'file.read-zeroes',
    'file.image.read-zeroes',
    'file.align',
  );
  if (!/^(?:blkdebug::)?null-co:\/\//.test(file)) return open(id, file, properties);
  const base = new ZeroStorage(properties.bytes('size', NULL_BYTES));
  properties.ignore('readonly', 'snapshot');
  properties.finish();
  return overlay(id, base, async () => {});
}

/** `-blockdev driver=,node-name=`: a file or zeros, without further layers. @throws QemuOptionError, FileStorageError */
export async function openBlockNode(properties: Properties): Promise<Drive> {
  const id = properties.text('node-name');
  const driver = properties.text('driver');
  properties.ignore(...USELESS, 'locking', 'read-zeroes');
  if (driver === 'file') return open(id, properties.text('filename'), properties);
  if (driver !== 'null-co') properties.wrong('driver', 'file or null-co');
  const base = new ZeroStorage(properties.bytes('size', NULL_BYTES));
  properties.finish();
  return overlay(id, base, async () => {});
}
