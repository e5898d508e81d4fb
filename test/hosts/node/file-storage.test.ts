import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { functionAddress } from '../../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  LegacyTransport,
  legacyAccess,
  runFirmware,
} from '../../../src/driver/index.ts';
import {
  FileMissingError,
  FileNotWritableError,
  FileSizeError,
  FileStorage,
  FileStorageError,
  type FileStorageOptions,
  FileTransferError,
  NotAFileError,
} from '../../../src/hosts/node/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { BlockDevice, blockStatus, type Transfer, virtioFunction } from '../../../src/virtio/index.ts';

const SECTORS = 256;
/** A user without rights. */
const NOBODY = 65534;
const pattern = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * seed) & 0xff);
const contents = pattern(SECTORS * 512, 3);

let folder: string;
let path: string;
const opened: FileStorage[] = [];
const open = async (options: FileStorageOptions = {}) => {
  const storage = await FileStorage.open(path, options);
  opened.push(storage);
  return storage;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
  path = join(folder, 'disk.img');
  writeFileSync(path, contents);
});
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close();
  rmSync(folder, { recursive: true });
});

/** A transfer to and from a plain array, as a device would make it. Dead after `copies` copies, as after a reset. */
function transfer(offset: number, data: Uint8Array, copies = Number.POSITIVE_INFINITY) {
  const ends: boolean[] = [];
  let settle: (ok: boolean) => void = () => {};
  const end = new Promise<boolean>((resolve) => (settle = resolve));
  const made: Transfer = {
    offset,
    length: data.length,
    get live() {
      return copies > 0;
    },
    give: (at, source, from, length) => {
      if (copies-- <= 0) return false;
      data.set(source.subarray(from, from + length), at);
      return true;
    },
    take: (at, target, to, length) => {
      if (copies-- <= 0) return false;
      target.set(data.subarray(at, at + length), to);
      return true;
    },
    whenReady: (step) => step(),
    done: (ok) => {
      ends.push(ok);
      settle(ok);
    },
  };
  return { made, data, end, ends };
}

describe('file storage', () => {
  it.each(['discard', 'writeZeroes'] as const)(
    '%s leaves zeros there, and nothing else',
    async (operation) => {
      const storage = await open({ chunkBytes: 1000, concurrency: 1 });
      const zeroed = transfer(1024, new Uint8Array(5 * 512));
      storage[operation](zeroed.made);
      expect([await zeroed.end, zeroed.ends]).toEqual([true, [true]]);
      const expected = contents.slice();
      expected.fill(0, 1024, 1024 + 5 * 512);
      expect(new Uint8Array(readFileSync(path))).toEqual(expected);
    },
  );

  it.each(['discard', 'writeZeroes'] as const)(
    '%s changes nothing once a reset has taken the request back, nor where it may not write',
    async (operation) => {
      for (const [options, copies] of [
        [{}, 0],
        [{ readOnly: true }, 9],
      ] as const) {
        const storage = await open(options);
        const zeroed = transfer(512, new Uint8Array(512), copies);
        storage[operation](zeroed.made);
        expect(await zeroed.end).toBe(false);
      }
      expect(new Uint8Array(readFileSync(path))).toEqual(contents);
    },
  );

  it('reads and writes at any place, in pieces of its buffers', async () => {
    const storage = await open({ chunkBytes: 1000, concurrency: 2 });
    expect(storage.length).toBe(contents.length);
    const read = transfer(512, new Uint8Array(5 * 512));
    storage.read(read.made);
    expect(await read.end).toBe(true);
    expect(read.data).toEqual(contents.slice(512, 6 * 512));
    const write = transfer(1024, pattern(3 * 512, 5));
    storage.write(write.made);
    expect(await write.end).toBe(true);
    const expected = contents.slice();
    expected.set(write.data, 1024);
    expect(new Uint8Array(readFileSync(path))).toEqual(expected);
  });

  it('ends a transfer later, never within the call', async () => {
    const storage = await open();
    const read = transfer(0, new Uint8Array(512));
    storage.read(read.made);
    expect(read.ends).toEqual([]);
    await read.end;
    expect(read.ends).toEqual([true]);
  });

  it('runs more transfers than it has buffers, each with its own bytes', async () => {
    const storage = await open({ concurrency: 3 });
    const reads = Array.from({ length: 40 }, (_, i) => transfer(i * 512, new Uint8Array(512)));
    for (const { made } of reads) storage.read(made);
    await Promise.all(reads.map(({ end }) => end));
    for (const [i, { data }] of reads.entries()) expect(data).toEqual(contents.slice(i * 512, (i + 1) * 512));
  });

  it('stops copying when the transfer died, and says so once', async () => {
    const storage = await open({ chunkBytes: 512 });
    const read = transfer(0, new Uint8Array(4 * 512), 2);
    storage.read(read.made);
    expect(await read.end).toBe(false);
    expect(read.data.subarray(1024)).toEqual(new Uint8Array(1024));
    const write = transfer(0, new Uint8Array(4 * 512).fill(0xee), 1);
    storage.write(write.made);
    expect(await write.end).toBe(false);
    expect(readFileSync(path).subarray(512)).toEqual(Buffer.from(contents.subarray(512)));
    expect([read.ends, write.ends]).toEqual([[false], [false]]);
  });

  it('fails a read of a file that has become shorter', async () => {
    const storage = await open();
    truncateSync(path, 1024 + 100);
    const read = transfer(1024, new Uint8Array(512));
    storage.read(read.made);
    expect(await read.end).toBe(false);
    const still = transfer(512, new Uint8Array(512));
    storage.read(still.made);
    expect(await still.end).toBe(true);
  });

  it('tells why a transfer failed, and that somebody else changed the file', async () => {
    const told: string[] = [];
    const onTrouble = (error: Error) => void told.push(`${error.constructor.name}: ${error.message}`);
    const storage = await open({ onTrouble });
    const run = async (operation: 'read' | 'write', at: number) => {
      const each = transfer(at, new Uint8Array(512).fill(7));
      storage[operation](each.made);
      return each.end;
    };
    // Its own writes are nobody else's.
    for (let i = 0; i < 3; i++) expect(await run('write', 512 * i)).toBe(true);
    expect(await run('read', 0)).toBe(true);
    expect(told).toEqual([]);
    const later = new Date(Date.now() + 5000);
    utimesSync(path, later, later);
    expect(await run('read', 0)).toBe(true);
    expect(await run('read', 0)).toBe(true);
    const image = `image ${JSON.stringify(path)}`;
    const wrong = 'a guest that has it open may see wrong data';
    expect(told.splice(0)).toEqual([
      `FileChangedError: ${image}: was changed by somebody else while it was in use; ${wrong}`,
    ]);
    truncateSync(path, 1024);
    // A write beyond the end would make the file longer again, with zeros where data was.
    expect(await run('write', 2048)).toBe(false);
    expect(statSync(path).size).toBe(1024);
    expect(await run('read', 512)).toBe(true);
    expect(told).toEqual([
      `FileChangedError: ${image}: became shorter, 1024 of ${contents.length} bytes while it was in use; ${wrong}`,
      `FileTransferError: ${image}: a write failed (it has become shorter); the guest was told of an error`,
    ]);
  });

  it('says that the disk is full, and the device that the request failed', async ({ skip }) => {
    const full = mkdtempSync(join(tmpdir(), 'virtiolab-full-'));
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', full]);
    if (mount.status !== 0) {
      rmSync(full, { recursive: true });
      skip('no file system of 64 KiB can be mounted: wants root');
    }
    try {
      const image = join(full, 'disk.img');
      writeFileSync(image, '');
      truncateSync(image, 1 << 20);
      const told: string[] = [];
      const storage = await FileStorage.open(image, {
        onTrouble: (error) => void (error instanceof FileTransferError && told.push(error.code)),
      });
      const results: boolean[] = [];
      for (let at = 0; at < 1 << 18; at += 1 << 15) {
        const each = transfer(at, new Uint8Array(1 << 15).fill(1));
        storage.write(each.made);
        results.push(await each.end);
      }
      await storage.close();
      expect(results[0]).toBe(true);
      expect(results.at(-1)).toBe(false);
      expect(new Set(told)).toEqual(new Set(['ENOSPC']));
    } finally {
      spawnSync('umount', ['-l', full]);
      rmSync(full, { recursive: true, force: true });
    }
  });

  it('asks the system to make writes stable when it is flushed, and fails when that fails', async () => {
    const storage = await open();
    const handle = await openFile(path);
    const sync = vi.spyOn(Object.getPrototypeOf(handle), 'sync');
    await handle.close();
    const flush = transfer(0, new Uint8Array(0));
    storage.flush(flush.made);
    expect(await flush.end).toBe(true);
    expect(sync).toHaveBeenCalledTimes(1);
    sync.mockRejectedValueOnce(new Error('EIO'));
    const failing = transfer(0, new Uint8Array(0));
    storage.flush(failing.made);
    expect(await failing.end).toBe(false);
    sync.mockRestore();
  });

  it('never writes where it was opened read-only', async () => {
    chmodSync(path, 0o444);
    const storage = await open({ readOnly: true });
    const write = transfer(0, new Uint8Array(512));
    storage.write(write.made);
    expect(await write.end).toBe(false);
    expect(new Uint8Array(readFileSync(path))).toEqual(contents);
  });

  it('waits for what is in flight before it closes, and fails what comes later', async () => {
    const storage = await open({ chunkBytes: 512 });
    const write = transfer(0, new Uint8Array(64 * 512).fill(1));
    storage.write(write.made);
    await storage.close();
    expect(write.ends).toEqual([true]);
    expect(readFileSync(path).subarray(0, 64 * 512)).toEqual(Buffer.alloc(64 * 512, 1));
    const late = transfer(0, new Uint8Array(512));
    storage.read(late.made);
    expect(await late.end).toBe(false);
    await storage.close();
  });

  it('lets a write that is to be made stable end before it closes', async () => {
    const storage = await open();
    const flush = transfer(0, new Uint8Array(0));
    const write = transfer(0, new Uint8Array(512));
    storage.write({ ...write.made, done: () => storage.flush(flush.made) });
    await storage.close();
    expect(flush.ends).toEqual([true]);
  });
});

describe('what cannot be a storage', () => {
  const rejection = async (name: string, options: FileStorageOptions = {}) => {
    const error = await FileStorage.open(join(folder, name), options).then(
      () => null,
      (thrown: unknown) => thrown as FileStorageError,
    );
    expect(error).toBeInstanceOf(FileStorageError);
    expect(error?.message).not.toContain('\n');
    expect(error?.message).toContain(JSON.stringify(join(folder, name)));
    return error;
  };

  it('names what is missing', async () => {
    expect(await rejection('nothing.img')).toBeInstanceOf(FileMissingError);
    expect(await rejection('disk.img/below')).toBeInstanceOf(FileMissingError);
    expect(await rejection('line\nbreak')).toBeInstanceOf(FileMissingError);
  });

  it('takes regular files only, and does not wait at a pipe', async () => {
    expect(await rejection('.')).toMatchObject({ name: 'NotAFileError', found: 'directory' });
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    expect(await rejection('pipe')).toMatchObject({ found: 'pipe' });
    await expect(FileStorage.open('/dev/null')).rejects.toBeInstanceOf(NotAFileError);
  });

  it('wants whole sectors, at least one', async () => {
    writeFileSync(join(folder, 'odd.img'), new Uint8Array(1000));
    writeFileSync(join(folder, 'empty.img'), '');
    const odd = await rejection('odd.img');
    expect(odd).toBeInstanceOf(FileSizeError);
    expect(odd?.message).toMatch(/1000 bytes long, not a multiple of 512/);
    expect(await rejection('empty.img')).toMatchObject({ lengthBytes: 0 });
  });

  it('does not write to a file that nobody may write to', async () => {
    chmodSync(path, 0o444);
    expect(await rejection('disk.img')).toBeInstanceOf(FileNotWritableError);
    await (await open({ readOnly: true })).close();
  });

  it('names a file that may not be read', async () => {
    chmodSync(path, 0);
    const root = process.getuid?.() === 0;
    // Root may read everything, so somebody else has to ask.
    if (root) chmodSync(folder, 0o755);
    if (root) process.seteuid?.(NOBODY);
    try {
      const error = await rejection('disk.img', { readOnly: true });
      expect(error).toMatchObject({ name: 'FileUnreadableError', code: 'EACCES' });
    } finally {
      if (root) process.seteuid?.(0);
    }
  });
});

describe('a block device over a file', () => {
  const at = functionAddress(0, 4);

  const bringUp = (storage: FileStorage, requestBytes = 4096) => {
    const machine = new Machine();
    machine.plug(virtioFunction(new BlockDevice({ storage }), { kind: 'legacy' }).pci, at);
    const found = runFirmware(machine).find(({ address }) => address === at)!;
    const transport = new LegacyTransport(machine, found, legacyAccess(machine, found));
    const driver = new BlockDriver(transport, new DmaMemory(machine.ram, 0x100000), { requestBytes });
    return { machine, driver };
  };

  it('keeps what was written and flushed', async () => {
    const storage = await open();
    const { driver } = bringUp(storage);
    expect(await driver.read(0, SECTORS)).toEqual(contents);
    const written = pattern(20 * 512, 11);
    await driver.write(7, written);
    await driver.flush();
    expect(new Uint8Array(readFileSync(path).subarray(7 * 512, 27 * 512))).toEqual(written);
    driver.close();
    await storage.close();
    const again = bringUp(await open({ readOnly: true }));
    expect(again.driver.readOnly).toBe(true);
    expect(await again.driver.read(7, 20)).toEqual(written);
  });

  it('answers an error of the file with IOERR', async () => {
    const { driver } = bringUp(await open());
    truncateSync(path, 0);
    await expect(driver.read(0, 1)).rejects.toMatchObject({ status: blockStatus.ioError });
    expect(await driver.getId()).toBe('virtiolab');
  });

  it('writes nothing into guest memory after a reset', async () => {
    const storage = await open({ chunkBytes: 4096 });
    const { machine, driver } = bringUp(storage, 65536);
    const reading = driver.read(0, SECTORS).catch((error: Error) => error.name);
    driver.close();
    const range = machine.ram.ranges[0]!;
    const before = range.bytes.slice();
    await storage.close();
    expect(Buffer.compare(before, range.bytes)).toBe(0);
    expect(await reading).toBe('DeviceFailedError');
  });
});
