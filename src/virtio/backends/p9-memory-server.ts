import { immediate, type Scheduler, type State, StateMismatchError } from '../../core/index.ts';
import {
  decodeP9,
  encodeP9,
  MAX_WALK,
  type P9Fields,
  type P9MessageName,
  type P9Qid,
  P9Writer,
  p9Error,
  p9Messages,
  p9Tag,
  p9Type,
  p9Version,
  READ_OVERHEAD_BYTES,
} from '../layout/index.ts';
import { MAX_MSIZE, p9ConnectionState, type SavedConnection } from './p9-connection-state.ts';
import { modeOf, P9FileTable, type P9Node, pathOf, sizeOf } from './p9-file-table.ts';
import { FileError, type P9Tree, type VirtualFolder } from './p9-files.ts';
import type { P9Connection, P9Receiver, P9Server } from './p9-link.ts';

const BLOCK_BYTES = 4096;
/** Everything but the birth time that Linux asks for. */
const BASIC_ATTRIBUTES = 0x7ffn;
const NINE_P_MAGIC = 0x01021997;
/** How a file is opened. */
const [OPEN_ACCESS, OPEN_TO_READ, OPEN_TO_WRITE] = [0o3, 0o0, 0o1];
const MAX_NAME_BYTES = 255;
const FILE_TYPE = { folder: 4, file: 8, link: 10 } as const;

/** An error as its number: what a request is answered with that cannot be carried out. */
class Refusal {
  readonly ecode: number;

  constructor(ecode: number) {
    this.ecode = ecode;
  }
}

type Handler<N extends P9MessageName> = (fields: P9Fields<N>) => Uint8Array;

/**
 * A small 9P2000.L server over a tree in memory: of bytes, which whoever connects may read and not write, or of files that do
 * what they like with what is read and written. Each connection has fids of its own, which a saved state keeps, with the
 * replies that are under way.
 */
export class P9MemoryServer implements P9Server {
  readonly #files: P9FileTable;
  readonly #scheduler: Scheduler;

  /** @param scheduler lets replies go; at once, unless it is one that holds them. */
  constructor(tree: P9Tree | VirtualFolder, scheduler: Scheduler = immediate) {
    this.#files = new P9FileTable(tree);
    this.#scheduler = scheduler;
  }

  connect(receiver: P9Receiver): P9Connection {
    return new MemoryConnection(new MemorySession(this.#files), this.#scheduler, receiver);
  }

  /** @throws StateMismatchError when a file that is open is not in the tree. */
  resume(receiver: P9Receiver, state: State): P9Connection | null {
    if (state === null) return null;
    const saved = p9ConnectionState.parse(state);
    const session = new MemorySession(this.#files);
    session.load(saved);
    return new MemoryConnection(session, this.#scheduler, receiver, saved.replies);
  }

  /** @throws StateMismatchError */
  check(state: State, path = '9P connection'): void {
    if (state !== null) new MemorySession(this.#files).load(p9ConnectionState.parse(state, path), path);
  }
}

class MemoryConnection implements P9Connection {
  readonly lingers = true;
  readonly #session: MemorySession;
  readonly #scheduler: Scheduler;
  readonly #receiver: P9Receiver;
  /** Replies under way, oldest first, and those of a saved state whose requests are not back yet. */
  readonly #replies = new Set<Uint8Array>();
  /** Replies that the scheduler has. */
  #scheduled = 0;
  #over = false;

  constructor(
    session: MemorySession,
    scheduler: Scheduler,
    receiver: P9Receiver,
    replies: readonly Uint8Array[] = [],
  ) {
    this.#session = session;
    this.#scheduler = scheduler;
    this.#receiver = receiver;
    for (const reply of replies) this.#replies.add(reply.slice());
  }

  send(message: Uint8Array): void {
    const reply = this.#session.answer(message.slice());
    this.#replies.add(reply);
    this.#submit(reply);
  }

  #submit(reply: Uint8Array): void {
    this.#scheduled++;
    this.#scheduler.submit({
      label: '9P server',
      run: () => {
        this.#replies.delete(reply);
        if (!this.#over) this.#receiver.data(reply);
        this.#gone();
      },
      dropped: () => this.#gone(),
    });
  }

  #gone(): void {
    this.#scheduled--;
    if (this.#over && this.#scheduled === 0) this.#receiver.ended?.();
  }

  close(): void {
    this.#over = true;
    if (this.#scheduled === 0) this.#receiver.ended?.();
  }

  awaited(tag: number): void {
    for (const reply of this.#replies) if (p9Tag(reply) === tag) this.#submit(reply);
  }

  save() {
    const replies = [...this.#replies].map((reply) => reply.slice());
    return p9ConnectionState.save({ ...this.#session.save(), replies });
  }
}

/** One connection: what its fids stand for. */
class MemorySession {
  readonly #files: P9FileTable;
  readonly #fids = new Map<number, P9Node>();
  #msize = MAX_MSIZE;
  #tag = 0;

  constructor(files: P9FileTable) {
    this.#files = files;
  }

  /** Each fid with the names that lead to its file. */
  save() {
    const fids = [...this.#fids].map(([fid, node]) => ({ fid, names: pathOf(node) }));
    return { msize: this.#msize, fids };
  }

  load({ msize, fids }: Pick<SavedConnection, 'msize' | 'fids'>, path = '9P connection'): void {
    this.#msize = msize;
    for (const [i, { fid, names }] of fids.entries()) {
      let node: P9Node | undefined = this.#files.root;
      for (const name of names) node = node === undefined ? node : this.#files.find(node, name);
      if (node === undefined)
        throw new StateMismatchError(`${path}.fids[${i}]`, `/${names.join('/')}`, 'a file that is there');
      this.#fids.set(fid, node);
    }
  }

  /** The reply to one message. */
  answer(message: Uint8Array): Uint8Array {
    this.#tag = p9Tag(message);
    try {
      for (const [name, handle] of this.#handlers)
        if (p9Messages[name].type === p9Type(message)) {
          const fields = decodeP9(name, message);
          if (fields === null) throw new Refusal(p9Error.invalid);
          return this.#fitting(handle(fields as never));
        }
      throw new Refusal(p9Error.notSupported);
    } catch (error) {
      if (error instanceof FileError) return this.#reply('Rlerror', { ecode: error.number });
      if (!(error instanceof Refusal)) throw error;
      return this.#reply('Rlerror', { ecode: error.ecode });
    }
  }

  /** A reply that is longer than was agreed on is none. */
  #fitting(reply: Uint8Array): Uint8Array {
    if (reply.length > this.#msize && p9Type(reply) !== p9Messages.Rversion.type)
      throw new Refusal(p9Error.tooLong);
    return reply;
  }

  #reply<N extends P9MessageName>(name: N, fields: P9Fields<N>): Uint8Array {
    return encodeP9(name, fields, this.#tag);
  }

  #at(fid: number): P9Node {
    const node = this.#fids.get(fid);
    if (node === undefined) throw new Refusal(p9Error.badFid);
    return node;
  }

  /** As many bytes as a reply may have. */
  #most(count: number): number {
    return Math.max(0, Math.min(count, this.#msize - READ_OVERHEAD_BYTES));
  }

  readonly #version: Handler<'Tversion'> = ({ msize, version }) => {
    this.#fids.clear();
    // Never more than the client asked for, however little that is.
    this.#msize = Math.min(msize, MAX_MSIZE);
    const known = version.startsWith(p9Version.linux) ? p9Version.linux : 'unknown';
    return this.#reply('Rversion', { msize: this.#msize, version: known });
  };

  readonly #attach: Handler<'Tattach'> = ({ fid }) => {
    const { root } = this.#files;
    this.#fids.set(fid, root);
    return this.#reply('Rattach', { qid: root.qid });
  };

  /** Stops at the first name that is not there; that is an error only where it is the first of all. */
  readonly #walk: Handler<'Twalk'> = ({ fid, newfid, names }) => {
    if (names.length > MAX_WALK) throw new Refusal(p9Error.invalid);
    let node = this.#at(fid);
    const qids: P9Qid[] = [];
    for (const name of names) {
      const next = name === '..' ? (node.parent ?? node) : this.#files.find(node, name);
      if (next === undefined && qids.length === 0)
        throw new Refusal(node.entry.kind === 'folder' ? p9Error.noEntry : p9Error.notDirectory);
      if (next === undefined) return this.#reply('Rwalk', { qids });
      qids.push(next.qid);
      node = next;
    }
    this.#fids.set(newfid, node);
    return this.#reply('Rwalk', { qids });
  };

  readonly #open: Handler<'Tlopen'> = ({ fid, flags }) => {
    const { entry, qid } = this.#at(fid);
    if (entry.kind === 'link') throw new Refusal(p9Error.invalid);
    const access = flags & OPEN_ACCESS;
    const writes = entry.kind === 'file' && entry.write !== undefined;
    if (access !== OPEN_TO_READ && !writes) throw new Refusal(this.#files.noWrite);
    if (access !== OPEN_TO_WRITE && entry.kind === 'file' && entry.read === undefined)
      throw new Refusal(p9Error.noAccess);
    return this.#reply('Rlopen', { qid, iounit: 0 });
  };

  readonly #read: Handler<'Tread'> = ({ fid, offset, count }) => {
    const { entry } = this.#at(fid);
    if (entry.kind !== 'file' || entry.read === undefined) throw new Refusal(p9Error.invalid);
    const content = entry.read();
    const from = Number(offset < BigInt(content.length) ? offset : BigInt(content.length));
    return this.#reply('Rread', { data: content.subarray(from, from + this.#most(count)) });
  };

  readonly #write: Handler<'Twrite'> = ({ fid, data }) => {
    const { entry } = this.#at(fid);
    if (entry.kind !== 'file' || entry.write === undefined) throw new Refusal(this.#files.noWrite);
    entry.write(data);
    return this.#reply('Rwrite', { count: data.length });
  };

  /** Of a file that takes writes it is a matter of form, as the shell's `>` asks for it: there is no length to be set. */
  readonly #setAttributes: Handler<'Tsetattr'> = ({ fid }) => {
    const { entry } = this.#at(fid);
    if (entry.kind !== 'file' || entry.write === undefined) throw new Refusal(this.#files.noWrite);
    return this.#reply('Rsetattr', {});
  };

  readonly #readLink: Handler<'Treadlink'> = ({ fid }) => {
    const { entry } = this.#at(fid);
    if (entry.kind !== 'link') throw new Refusal(p9Error.invalid);
    return this.#reply('Rreadlink', { target: entry.target });
  };

  /** Entries from the one at `offset` on: qid, offset of the next, type, name. */
  readonly #readFolder: Handler<'Treaddir'> = ({ fid, offset, count }) => {
    const node = this.#at(fid);
    if (node.entry.kind !== 'folder') throw new Refusal(p9Error.notDirectory);
    const names = ['.', '..', ...node.entry.names()];
    const data = new P9Writer();
    for (let i = Number(offset); i < names.length; i++) {
      const name = names[i]!;
      const each = i === 0 ? node : i === 1 ? (node.parent ?? node) : this.#files.find(node, name);
      if (each === undefined) continue;
      const type = FILE_TYPE[each.entry.kind];
      const entry = new P9Writer()
        .qid(each.qid)
        .u64(BigInt(i + 1))
        .uint(type, 1)
        .string(name);
      if (data.length + entry.length > this.#most(count)) break;
      data.raw(entry.take());
    }
    return this.#reply('Rreaddir', { data: data.take() });
  };

  readonly #attributes: Handler<'Tgetattr'> = ({ fid }) => {
    const node = this.#at(fid);
    const size = sizeOf(node);
    const none = { atimeSec: 0n, atimeNsec: 0n, mtimeSec: 0n, mtimeNsec: 0n, ctimeSec: 0n, ctimeNsec: 0n };
    return this.#reply('Rgetattr', {
      valid: BASIC_ATTRIBUTES,
      qid: node.qid,
      mode: modeOf(node),
      uid: 0,
      gid: 0,
      nlink: node.entry.kind === 'folder' ? 2n : 1n,
      rdev: 0n,
      size: BigInt(size),
      blksize: BigInt(BLOCK_BYTES),
      blocks: BigInt(Math.ceil(size / 512)),
      ...none,
      btimeSec: 0n,
      btimeNsec: 0n,
      gen: 0n,
      dataVersion: 0n,
    });
  };

  readonly #statistics: Handler<'Tstatfs'> = ({ fid }) => {
    this.#at(fid);
    const empty = { blocks: 0n, bfree: 0n, bavail: 0n, files: 0n, ffree: 0n, fsid: 0n };
    const sizes = { type: NINE_P_MAGIC, bsize: BLOCK_BYTES, namelen: MAX_NAME_BYTES };
    return this.#reply('Rstatfs', { ...sizes, ...empty });
  };

  readonly #clunk: Handler<'Tclunk'> = ({ fid }) => {
    this.#at(fid);
    this.#fids.delete(fid);
    return this.#reply('Rclunk', {});
  };

  readonly #handlers: readonly (readonly [P9MessageName, (fields: never) => Uint8Array])[] = [
    ['Tversion', this.#version],
    ['Tattach', this.#attach],
    ['Twalk', this.#walk],
    ['Tlopen', this.#open],
    ['Tread', this.#read],
    ['Treaddir', this.#readFolder],
    ['Tgetattr', this.#attributes],
    ['Tstatfs', this.#statistics],
    ['Tclunk', this.#clunk],
    // Everything is answered in turn: what is to be flushed has been.
    ['Tflush', () => this.#reply('Rflush', {})],
    ['Twrite', this.#write],
    ['Tsetattr', this.#setAttributes],
    ['Treadlink', this.#readLink],
  ];
}
