import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { gzipSync } from 'node:zlib';

/** A file of the page, as it is sent. */
interface Served {
  readonly bytes: Buffer;
  readonly compressed: Buffer;
  readonly type: string;
  readonly etag: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** The policy that the page says of itself, and what only a header can say. */
function policyOf(page: string): string {
  const own =
    /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? "default-src 'self'";
  return `${own.replaceAll('&#39;', "'")}; frame-ancestors 'none'`;
}

const served = (folder: string, name: string): Served => servedBytes(readFileSync(join(folder, name)), name);

/** Longer ones are compressed already, or take too long. */
const MOST_COMPRESSED = 4 << 20;

function servedBytes(bytes: Buffer, name: string): Served {
  return {
    bytes,
    compressed: bytes.length > MOST_COMPRESSED ? bytes : gzipSync(bytes),
    type: types[extname(name)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`,
  };
}

/** Files by the path that a browser asks for: what is not in the list is not served, whatever the path says. */
function filesOf(folder: string): ReadonlyMap<string, Served> {
  const files = new Map<string, Served>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const name = join(entry.parentPath, entry.name).slice(folder.length + 1);
    files.set(`/${name.split(sep).join('/')}`, served(folder, name));
  }
  const page = files.get('/index.html');
  if (page !== undefined) files.set('/', page);
  return files;
}

/**
 * A server of the page's files, which listens to nothing yet.
 * @param folder what the build wrote. @param more files by path, in place of the folder's.
 */
export function labServer(folder: string, more: ReadonlyMap<string, Uint8Array> = new Map()): Server {
  const files = new Map(filesOf(folder));
  for (const [path, bytes] of more) files.set(path, servedBytes(Buffer.from(bytes), path));
  const policy = policyOf(files.get('/')?.bytes.toString('utf8') ?? '');
  return createServer((request, response) => answer(files, policy, request, response));
}

function answer(
  files: ReadonlyMap<string, Served>,
  policy: string,
  { method, url = '/', headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const path = url.replace(/[?#].*$/, '');
  const file = files.get(path);
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    return;
  }
  if (file === undefined) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('There is no such file.\n');
    return;
  }
  const { bytes, compressed, type, etag } = file;
  response.setHeader('ETag', etag);
  // Names of assets change with what they hold.
  const forever = path.startsWith('/assets/');
  response.setHeader('Cache-Control', forever ? 'public, max-age=31536000, immutable' : 'no-cache');
  if (headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  const gzip = /\bgzip\b/.test(headers['accept-encoding'] ?? '') && compressed.length < bytes.length;
  const body = gzip ? compressed : bytes;
  if (gzip) response.setHeader('Content-Encoding', 'gzip');
  response.setHeader('Vary', 'Accept-Encoding');
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length });
  response.end(method === 'HEAD' ? undefined : body);
}
