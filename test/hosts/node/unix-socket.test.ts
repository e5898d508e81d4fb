import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  checkSocketPath,
  connectTo,
  freeSocketPath,
  type Listener,
  listenAt,
  NotASocketError,
  SocketError,
  SocketInUseError,
  SocketPathError,
} from '../../../src/hosts/node/index.ts';

let folder: string;
let path: string;
const listeners: Listener[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-socket-'));
  path = join(folder, 'socket');
});
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close();
  rmSync(folder, { recursive: true, force: true });
});

const listen = async (at = path) => {
  const listener = await listenAt(at, (socket) => socket.resume().end('hello'));
  listeners.push(listener);
  return listener;
};

const heard = async (at: string): Promise<string> => {
  let text = '';
  const socket = await connectTo(at);
  socket.on('data', (bytes) => (text += bytes.toString()));
  await once(socket, 'close');
  return text;
};

/** A program that listens and is killed leaves its socket behind. */
async function leaveBehind(at: string): Promise<void> {
  const code = `require('net').createServer().listen(${JSON.stringify(at)}, () => console.log('there'))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
}

/** A path below the folder of so many bytes. */
const ofLength = (bytes: number) => join(folder, 'x'.repeat(bytes - Buffer.byteLength(folder) - 1));

describe('a socket to listen on', () => {
  it('is there for clients, and gone when it is closed', async () => {
    const listener = await listen();
    expect(await heard(path)).toBe('hello');
    await listener.close();
    expect(existsSync(path)).toBe(false);
    await expect(connectTo(path)).rejects.toMatchObject({ code: 'ENOENT', path });
  });

  it('takes the place of one that a killed program left behind', async () => {
    await leaveBehind(path);
    expect(existsSync(path)).toBe(true);
    await listen();
    expect(await heard(path)).toBe('hello');
  });

  it('is refused where another program listens, which goes on', async () => {
    await listen();
    await expect(listen()).rejects.toThrow(SocketInUseError);
    expect(await heard(path)).toBe('hello');
  });

  it.each([
    ['regular file', () => writeFileSync(path, '')],
    ['directory', () => mkdirSync(path)],
    ['symbolic link', () => symlinkSync(join(folder, 'nothing'), path)],
  ])('is refused where a %s is, which stays', async (found, make) => {
    make();
    await expect(listen()).rejects.toThrow(NotASocketError);
    await expect(listen()).rejects.toMatchObject({ found });
    if (found !== 'symbolic link') expect(existsSync(path)).toBe(true);
  });

  it('may have a path of 107 bytes, and none of 108', async () => {
    await listen(ofLength(107));
    expect(existsSync(ofLength(107))).toBe(true);
    await expect(listen(ofLength(108))).rejects.toThrow(SocketPathError);
    // Of two bytes each.
    const wide = join(folder, 'ä'.repeat(53));
    await expect(listen(wide)).rejects.toThrow(SocketPathError);
    await expect(connectTo(wide)).rejects.toThrow(SocketPathError);
  });

  it.each(['', 'a\0b'])('may not have the path %j', (bad) => {
    expect(() => checkSocketPath(bad)).toThrow(SocketPathError);
  });

  it('is refused in a folder that is none', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(listen(join(folder, 'nothing', 'socket'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(listen(join(folder, 'file', 'socket'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.skipIf(process.getuid?.() === 0)('is refused in a folder that one may not write', async () => {
    chmodSync(folder, 0o500);
    await expect(listen()).rejects.toMatchObject({ code: 'EACCES' });
    chmodSync(folder, 0o700);
  });

  it('leaves the name to whoever has it by then', async () => {
    const listener = await listen();
    rmSync(path);
    const other = createServer().listen(path);
    await once(other, 'listening');
    await expect(freeSocketPath(path)).rejects.toThrow(SocketError);
    const gone = once(other, 'close');
    const client = connect(path);
    await once(client, 'connect');
    client.destroy();
    listeners.splice(0);
    await Promise.all([listener.close(), other.close(), gone]);
  });

  it('says in one line what is wrong, the path quoted', () => {
    const { message } = new SocketInUseError('a\nb');
    expect(message).toBe('socket "a\\nb": another program listens there; wants a path of its own for each');
  });
});
