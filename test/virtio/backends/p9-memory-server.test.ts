import { describe, expect, it, test } from 'vitest';
import { P9Client } from '../../../src/driver/index.ts';
import { decodeP9, encodeP9, type P9Connection, P9MemoryServer, p9Error } from '../../../src/virtio/index.ts';

const text = (value: string) => new TextEncoder().encode(value);
const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`file number ${i}`, text(`${i}`)]));
const TREE = {
  hello: text('hello'),
  empty: new Uint8Array(),
  folder: { deep: { down: text('here') }, many },
};

/** A client straight at the server. The server is pinned down by Linux's client, in the tests with a guest. */
async function mounted(messageBytes = 512) {
  const connection = connect();
  const client = new P9Client({ messageBytes, rpc: async (message) => connection.ask(message) });
  await client.mount();
  return { client, ...connection };
}

function connect() {
  let reply: Uint8Array = new Uint8Array();
  const server = new P9MemoryServer(TREE);
  const link: P9Connection = server.connect({ data: (bytes) => (reply = bytes.slice()), closed: () => {} });
  const ask = (message: Uint8Array) => {
    link.send(message);
    return reply;
  };
  return { ask, link, error: (message: Uint8Array) => decodeP9('Rlerror', ask(message))?.ecode };
}

describe('the 9P server in memory', () => {
  it('lists folders that take more than one message, and reads files', async () => {
    const { client } = await mounted();
    expect((await client.list([])).map(({ name }) => name)).toEqual(['hello', 'empty', 'folder']);
    expect((await client.list(['folder', 'many'])).map(({ name }) => name)).toEqual(Object.keys(many));
    expect(await client.read(['folder', 'deep', 'down'])).toEqual(text('here'));
    expect(await client.read(['empty'])).toEqual(new Uint8Array());
    expect(await client.read(['folder', '..', 'hello'])).toEqual(text('hello'));
    expect((await client.stat(['hello'])).size).toBe(5n);
    expect((await client.stat([])).mode & 0o170000).toBe(0o040000);
  });

  test.each([
    ['what is not there', ['nothing'], p9Error.noEntry],
    ['what a file cannot hold', ['hello', 'more'], p9Error.noEntry],
    ['a folder as a file', ['folder'], p9Error.invalid],
  ])('refuses to read %s', async (_, path, status) => {
    const { client } = await mounted();
    await expect(client.read(path)).rejects.toMatchObject({ status });
  });

  it('answers what it does not know, or cannot do, with an error', async () => {
    const { error, ask } = await mounted();
    expect(error(Uint8Array.of(7, 0, 0, 0, 122, 1, 0))).toBe(p9Error.notSupported);
    expect(error(Uint8Array.of(8, 0, 0, 0, 116, 1, 0, 0))).toBe(p9Error.invalid);
    expect(error(encodeP9('Tread', { fid: 9, offset: 0n, count: 1 }, 1))).toBe(p9Error.badFid);
    expect(error(encodeP9('Tlopen', { fid: 0, flags: 1 }, 1))).toBe(p9Error.readOnly);
    expect(error(encodeP9('Twrite', { fid: 0, offset: 0n, data: text('x') }, 1))).toBe(p9Error.readOnly);
    expect(error(encodeP9('Treaddir', { fid: 0, offset: 2n ** 63n, count: 100 }, 1))).toBeUndefined();
    expect(ask(encodeP9('Tflush', { oldtag: 3 }, 1))[4]).toBe(109);
    expect(decodeP9('Rstatfs', ask(encodeP9('Tstatfs', { fid: 0 }, 1)))).toMatchObject({ namelen: 255 });
  });

  it('reads from anywhere, and never more than a message holds', async () => {
    const { ask, client } = await mounted(300);
    await client.stat(['hello']);
    ask(encodeP9('Twalk', { fid: 0, newfid: 50, names: ['hello'] }, 1));
    const read = (offset: bigint, count: number) =>
      new TextDecoder().decode(
        decodeP9('Rread', ask(encodeP9('Tread', { fid: 50, offset, count }, 1)))!.data,
      );
    expect([read(1n, 2), read(4n, 0xffffffff), read(5n, 1), read(2n ** 64n - 1n, 1)]).toEqual([
      'el',
      'o',
      '',
      '',
    ]);
  });

  test.each([
    [0, 0],
    [100, 100],
    [255, 255],
    [4096, 4096],
    [1 << 20, 1 << 20],
    [0xffffffff, 1 << 20],
  ])('agrees on messages of no more bytes than it was asked for: %d', (msize, agreed) => {
    const { ask } = connect();
    expect(decodeP9('Rversion', ask(encodeP9('Tversion', { msize, version: '9P2000.L' })))).toEqual({
      msize: agreed,
      version: '9P2000.L',
    });
  });

  it('sends none that is longer, however little was agreed on', () => {
    const { ask, error } = connect();
    ask(encodeP9('Tversion', { msize: 64, version: '9P2000.L' }));
    ask(encodeP9('Tattach', { fid: 0, afid: 0xffffffff, uname: '', aname: '', nUname: 0 }, 1));
    ask(encodeP9('Twalk', { fid: 0, newfid: 1, names: ['hello'] }, 1));
    expect(error(encodeP9('Tgetattr', { fid: 1, requestMask: 0n }, 1))).toBe(p9Error.tooLong);
    expect(
      decodeP9('Rread', ask(encodeP9('Tread', { fid: 1, offset: 0n, count: 500 }, 1)))!.data.length,
    ).toBe(5);
    ask(encodeP9('Tversion', { msize: 8, version: '9P2000.L' }));
    ask(encodeP9('Tattach', { fid: 0, afid: 0xffffffff, uname: '', aname: '', nUname: 0 }, 1));
    expect(error(encodeP9('Treaddir', { fid: 0, offset: 0n, count: 500 }, 1))).toBe(p9Error.tooLong);
  });

  it('speaks 9P2000.L only, forgets its fids with each version message, and is silent once left', async () => {
    const { ask, error, link } = await mounted();
    const spoken = (version: string) =>
      decodeP9('Rversion', ask(encodeP9('Tversion', { msize: 999, version })));
    expect(spoken('9P2000.u')).toEqual({ msize: 999, version: 'unknown' });
    expect(spoken('9P2000.L')).toEqual({ msize: 999, version: '9P2000.L' });
    expect(error(encodeP9('Tgetattr', { fid: 0, requestMask: 0n }, 1))).toBe(p9Error.badFid);
    const before = ask(encodeP9('Tflush', { oldtag: 3 }, 1));
    link.close();
    expect(ask(encodeP9('Tflush', { oldtag: 3 }, 2))).toBe(before);
  });
});
