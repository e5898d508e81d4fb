import { concatenated } from '../../core/index.ts';
import {
  CLIENT_OVERHEAD_BYTES,
  decodeP9,
  encodeP9,
  NO_FID,
  NO_TAG,
  type P9Fields,
  type P9MessageName,
  type P9Qid,
  P9Reader,
  p9Tag,
  p9Version,
} from '../../virtio/layout/index.ts';
import { DeviceFailedError, RequestFailedError } from '../errors.ts';

/** What carries messages: a {@link P9Driver}. */
export interface P9Carrier {
  readonly messageBytes: number;
  rpc(message: Uint8Array): Promise<Uint8Array>;
}

/** An entry of a folder. */
export interface P9Entry {
  readonly name: string;
  readonly qid: P9Qid;
}

const ROOT = 0;

/** A tiny 9P2000.L client that reads: enough to try a device, or a server, with. Paths are lists of names. */
export class P9Client {
  readonly #carrier: P9Carrier;
  #msize: number;
  #tags = 0;
  #fids = ROOT;

  constructor(carrier: P9Carrier) {
    this.#carrier = carrier;
    this.#msize = carrier.messageBytes;
  }

  /** Bytes of a message, as it was agreed on. */
  get msize(): number {
    return this.#msize;
  }

  /** Begins a session at the root of what the server exports under that name. */
  async mount(aname = '', uid = 0): Promise<void> {
    const asked = { msize: this.#carrier.messageBytes, version: p9Version.linux };
    const { msize, version } = await this.#call('Tversion', 'Rversion', asked, NO_TAG);
    if (version !== p9Version.linux)
      throw new DeviceFailedError(`the server speaks ${version}, and not ${p9Version.linux}`);
    this.#msize = Math.min(msize, this.#carrier.messageBytes);
    const user = { uname: 'root', nUname: uid };
    await this.#call('Tattach', 'Rattach', { fid: ROOT, afid: NO_FID, aname, ...user });
  }

  /** All of a file. @throws RequestFailedError with the server's error number. */
  read(path: readonly string[]): Promise<Uint8Array> {
    return this.#opened(path, async (fid) => {
      const pieces: Uint8Array[] = [];
      const count = this.#msize - CLIENT_OVERHEAD_BYTES;
      for (let offset = 0; ; offset += pieces.at(-1)!.length) {
        const { data } = await this.#call('Tread', 'Rread', { fid, offset: BigInt(offset), count });
        if (data.length === 0) return concatenated(pieces);
        pieces.push(data);
      }
    });
  }

  /** What a folder holds, itself and its parent left out. @throws RequestFailedError */
  list(path: readonly string[]): Promise<P9Entry[]> {
    return this.#opened(path, async (fid) => {
      const entries: P9Entry[] = [];
      const count = this.#msize - CLIENT_OVERHEAD_BYTES;
      for (let offset = 0n; ; ) {
        const { data } = await this.#call('Treaddir', 'Rreaddir', { fid, offset, count });
        if (data.length === 0) return entries.filter(({ name }) => name !== '.' && name !== '..');
        for (const from = new P9Reader(data); from.left > 0 && from.ok; ) {
          const qid = from.qid();
          offset = from.u64();
          from.uint(1);
          entries.push({ qid, name: from.string() });
        }
      }
    });
  }

  /** @throws RequestFailedError */
  stat(path: readonly string[]): Promise<P9Fields<'Rgetattr'>> {
    return this.#walked(path, (fid) => this.#call('Tgetattr', 'Rgetattr', { fid, requestMask: 0x7ffn }));
  }

  #opened<T>(path: readonly string[], use: (fid: number) => Promise<T>): Promise<T> {
    return this.#walked(path, async (fid) => {
      await this.#call('Tlopen', 'Rlopen', { fid, flags: 0 });
      return use(fid);
    });
  }

  async #walked<T>(names: readonly string[], use: (fid: number) => Promise<T>): Promise<T> {
    const fid = ++this.#fids;
    const { qids } = await this.#call('Twalk', 'Rwalk', { fid: ROOT, newfid: fid, names });
    if (qids.length < names.length)
      throw new RequestFailedError(`no ${names.slice(0, qids.length + 1).join('/')}`, 2);
    try {
      return await use(fid);
    } finally {
      await this.#call('Tclunk', 'Rclunk', { fid });
    }
  }

  /** Sends one message and takes its reply apart. @throws RequestFailedError, DeviceFailedError */
  async #call<T extends P9MessageName, R extends P9MessageName>(
    name: T,
    replyName: R,
    fields: P9Fields<T>,
    tag = this.#tags++ % NO_TAG,
  ): Promise<P9Fields<R>> {
    const reply = await this.#carrier.rpc(encodeP9(name, fields, tag));
    const error = decodeP9('Rlerror', reply);
    if (error !== null) throw new RequestFailedError(`${name}: error ${error.ecode}`, error.ecode);
    const found = decodeP9(replyName, reply);
    if (found === null || p9Tag(reply) !== tag)
      throw new DeviceFailedError(`no ${replyName} of tag ${tag} came back for ${name}`);
    return found;
  }
}
