import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  SocketConsole,
  SocketError,
  SocketInUseError,
  StreamConsole,
  TerminalConsole,
} from '../../../src/hosts/node/index.ts';
import type { ConsoleBackend, ConsolePort, ConsoleSize } from '../../../src/virtio/index.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (line: string) => new TextEncoder().encode(line);

/** A port that takes as much input as the test lets it. */
class FakePort implements ConsolePort {
  readonly number = 0;
  readonly opened: boolean[] = [];
  readonly sizes: ConsoleSize[] = [];
  readonly #backend: ConsoleBackend;
  room: number;
  resumed = 0;
  input = '';
  #starved = false;

  constructor(backend: ConsoleBackend, room = Number.POSITIVE_INFINITY) {
    this.#backend = backend;
    this.room = room;
    backend.attach(this);
  }

  get open(): boolean {
    return this.opened.at(-1) ?? false;
  }

  receive(bytes: Uint8Array, offset: number, length: number): number {
    const taken = Math.min(length, this.room);
    this.room -= taken;
    this.input += text(bytes.subarray(offset, offset + taken));
    this.#starved = taken < length;
    return taken;
  }

  /** There is room for more. */
  take(room: number): void {
    this.room += room;
    if (this.#starved) this.#backend.inputWanted();
  }

  write(line: string): number {
    return this.#backend.transmit(bytesOf(`..${line}..`), 2, bytesOf(line).length);
  }

  resume = () => void this.resumed++;
  setOpen = (open: boolean) => void (this.open === open || this.opened.push(open));
  resize = (size: ConsoleSize) => void this.sizes.push(size);
}

const until = (what: () => boolean) => vi.waitUntil(what, { timeout: 20_000, interval: 1 });

describe('streams as a console', () => {
  it('take output until they are full, and go on when they have drained', async () => {
    const written: string[] = [];
    const ends: (() => void)[] = [];
    const output = new Writable({
      highWaterMark: 4,
      write: (chunk, _, done) => {
        written.push(text(chunk));
        ends.push(done);
      },
    });
    const port = new FakePort(new StreamConsole(new PassThrough(), output));
    expect([port.open, port.write('abc'), port.write('def'), port.write('ghi')]).toEqual([true, 3, 3, 0]);
    while (ends.length > 0 || port.resumed === 0) {
      ends.shift()?.();
      await new Promise(setImmediate);
    }
    expect([written.join(''), port.resumed, port.write('ghi')]).toEqual(['abcdef', 1, 3]);
  });

  it('keep input until the port takes it, and close after the last of it', async () => {
    const input = new PassThrough();
    const port = new FakePort(new StreamConsole(input, new PassThrough()), 3);
    input.end('abcdefgh');
    await until(() => port.input === 'abc');
    await new Promise(setImmediate);
    expect(port.open).toBe(true);
    port.take(4);
    expect([port.input, port.open]).toEqual(['abcdefg', true]);
    port.take(4);
    await until(() => !port.open);
    expect(port.input).toBe('abcdefgh');
  });

  it('close when the output breaks', async () => {
    const output = new PassThrough();
    const port = new FakePort(new StreamConsole(new PassThrough(), output));
    output.destroy(new Error('broken'));
    await until(() => !port.open);
    expect(port.write('lost')).toBe(4);
  });
});

describe('a terminal as a console', () => {
  function terminal() {
    const raw: boolean[] = [];
    const input = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (on: boolean) => raw.push(on),
    });
    const output = Object.assign(new PassThrough(), { columns: 80, rows: 25 });
    return { raw, input, output, console: new TerminalConsole({ input, output }) };
  }

  it('passes keys as they are pressed, prints, and follows the size', async () => {
    const { raw, input, output, console } = terminal();
    const port = new FakePort(console);
    input.write('\x03l');
    await until(() => port.input === '\x03l');
    port.write('out');
    output.columns = 132;
    output.emit('resize');
    expect([text(output.read()), raw, port.open]).toEqual(['out', [true], true]);
    expect(port.sizes).toEqual([
      { columns: 80, rows: 25 },
      { columns: 132, rows: 25 },
    ]);
  });

  it('hangs up at Ctrl-], and is as it was before', async () => {
    const { raw, input, output, console } = terminal();
    const port = new FakePort(console);
    let ended = 0;
    console.onEnd = () => ended++;
    input.write('\x1d');
    await until(() => !port.open);
    output.emit('resize');
    expect([raw, ended, input.listenerCount('data'), port.sizes.length]).toEqual([[true, false], 1, 0, 1]);
  });

  it('ends with its input where that is a pipe, and takes Ctrl-] for a character', async () => {
    const input = new PassThrough();
    const console = new TerminalConsole({ input, output: new PassThrough() });
    const port = new FakePort(console);
    let ended = 0;
    console.onEnd = () => ended++;
    input.end('a\x1d');
    await until(() => ended === 1);
    expect([port.input, port.open, port.sizes]).toEqual(['a\x1d', false, []]);
  });
});

describe('a UNIX socket as a console', () => {
  let folder: string;
  let path: string;
  const open: SocketConsole[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtiolab-'));
    path = join(folder, 'console');
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
    rmSync(folder, { recursive: true });
  });

  const listen = async () => {
    const made = await SocketConsole.listen(path);
    open.push(made);
    return made;
  };
  const client = async (): Promise<Socket & { got: string }> => {
    const socket = Object.assign(connect(path), { got: '' });
    socket.on('data', (bytes) => {
      socket.got += text(bytes);
    });
    await once(socket, 'connect');
    return socket;
  };

  it('is open while there is a client, both ways', async () => {
    const port = new FakePort(await listen());
    expect([port.open, port.write('nobody hears')]).toEqual([false, 12]);
    const socket = await client();
    await until(() => port.open);
    socket.write('in');
    port.write('out');
    await until(() => port.input === 'in' && socket.got === 'out');
    socket.end();
    await until(() => !port.open);
    expect(port.opened).toEqual([true, false]);
  });

  it('hears each client to its last byte, one after the other', async () => {
    const port = new FakePort(await listen(), 0);
    const first = await client();
    const second = await client();
    second.end('second');
    first.end('first');
    await until(() => port.open);
    await once(first, 'close');
    expect(port.opened).toEqual([true]);
    port.take(100);
    await until(() => port.opened.length === 4);
    expect([port.input, port.opened]).toEqual(['firstsecond', [true, false, true, false]]);
  });

  it('finds clients that came before there was a port', async () => {
    const made = await listen();
    const socket = await client();
    const port = new FakePort(made);
    socket.write('early');
    await until(() => port.input === 'early');
  });

  it('hangs up when the port is removed, and when it is closed', async () => {
    const made = await listen();
    const port = new FakePort(made);
    const socket = await client();
    await until(() => port.open);
    made.detach();
    await once(socket, 'close');
    await made.close();
    expect(existsSync(path)).toBe(false);
  });

  it('connects to somebody who listens', async () => {
    const server = createServer((socket) => socket.end('hello')).listen(path);
    await once(server, 'listening');
    const made = await SocketConsole.connect(path);
    open.push(made);
    const port = new FakePort(made);
    await until(() => port.input === 'hello' && !port.open);
    server.close();
  });

  it('says what is wrong with a path', async () => {
    await listen();
    await expect(SocketConsole.listen(path)).rejects.toThrow(SocketInUseError);
    await expect(SocketConsole.connect(join(folder, 'nothing'))).rejects.toThrow(SocketError);
  });
});
