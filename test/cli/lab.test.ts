import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labServer } from '../../src/cli/lab-server.ts';
import { virtiolab } from './run.ts';

const page = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self'">`;
const script = 'x();\n'.repeat(1000);

let folder: string;
let port: number;
let server: ReturnType<typeof labServer>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-lab-'));
  mkdirSync(join(folder, 'page/assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'not for you');
  writeFileSync(join(folder, 'page/index.html'), page);
  writeFileSync(join(folder, 'page/assets/main.js'), script);
  server = labServer(join(folder, 'page'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** Asks for a path as it stands: nothing takes dots out of it. */
function ask(path: string, options: { method?: string; headers?: Record<string, string> } = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; bytes: Buffer }>(
    (resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path, ...options }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, bytes: Buffer.concat(pieces) }),
        );
      });
      asked.on('error', reject).end();
    },
  );
}

describe('the server of the page', () => {
  it('serves the page at /, with its policy and what only a header can say', async () => {
    const { status, headers, bytes } = await ask('/?x=1');
    expect([status, bytes.toString()]).toEqual([200, page]);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; frame-ancestors 'none'",
    );
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it('compresses for who can take it, and sends nothing twice', async () => {
    const plain = await ask('/assets/main.js');
    expect(plain.bytes.toString()).toBe(script);
    const packed = await ask('/assets/main.js', { headers: { 'accept-encoding': 'gzip, br' } });
    expect([packed.headers['content-encoding'], packed.bytes.length < 200]).toEqual(['gzip', true]);
    const again = await ask('/assets/main.js', {
      headers: { 'if-none-match': String(plain.headers['etag']) },
    });
    expect([again.status, again.bytes.length]).toEqual([304, 0]);
  });

  it.each([
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/assets/../../secret.txt',
    '//secret.txt',
    '/assets',
    '/%00',
    '/nothing',
  ])('has no %s', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it('takes nothing in', async () => {
    expect((await ask('/', { method: 'POST' })).status).toBe(405);
    const head = await ask('/', { method: 'HEAD' });
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
  });
});

describe.concurrent('virtiolab lab', () => {
  it.each([
    [['lab', '--port', 'x'], /--port x': wants a number of 0..65535/],
    [['lab', 'here'], /unexpected argument 'here'/],
  ])('refuses %j', async (args, words) => {
    const { status, stdout, stderr } = await virtiolab(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(words);
  });
});
