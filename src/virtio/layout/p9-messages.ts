/** Kinds of fields; integers are little-endian, strings UTF-8 with a 16-bit length before, data has a 32-bit one. */
export type P9FieldKind = 'u8' | 'u16' | 'u32' | 'u64' | 'string' | 'strings' | 'qid' | 'qids' | 'data';

export interface P9Message {
  readonly type: number;
  readonly fields: Readonly<Record<string, P9FieldKind>>;
}

/** Messages of 9P2000.L by name, fields in their order: those that this project sends or answers. */
export const p9Messages = {
  Rlerror: { type: 7, fields: { ecode: 'u32' } },
  Tstatfs: { type: 8, fields: { fid: 'u32' } },
  Rstatfs: {
    type: 9,
    fields: {
      type: 'u32',
      bsize: 'u32',
      blocks: 'u64',
      bfree: 'u64',
      bavail: 'u64',
      files: 'u64',
      ffree: 'u64',
      fsid: 'u64',
      namelen: 'u32',
    },
  },
  Tlopen: { type: 12, fields: { fid: 'u32', flags: 'u32' } },
  Rlopen: { type: 13, fields: { qid: 'qid', iounit: 'u32' } },
  Tgetattr: { type: 24, fields: { fid: 'u32', requestMask: 'u64' } },
  Rgetattr: {
    type: 25,
    fields: {
      valid: 'u64',
      qid: 'qid',
      mode: 'u32',
      uid: 'u32',
      gid: 'u32',
      nlink: 'u64',
      rdev: 'u64',
      size: 'u64',
      blksize: 'u64',
      blocks: 'u64',
      atimeSec: 'u64',
      atimeNsec: 'u64',
      mtimeSec: 'u64',
      mtimeNsec: 'u64',
      ctimeSec: 'u64',
      ctimeNsec: 'u64',
      btimeSec: 'u64',
      btimeNsec: 'u64',
      gen: 'u64',
      dataVersion: 'u64',
    },
  },
  Treadlink: { type: 22, fields: { fid: 'u32' } },
  Rreadlink: { type: 23, fields: { target: 'string' } },
  Tsetattr: {
    type: 26,
    fields: {
      fid: 'u32',
      valid: 'u32',
      mode: 'u32',
      uid: 'u32',
      gid: 'u32',
      size: 'u64',
      atimeSec: 'u64',
      atimeNsec: 'u64',
      mtimeSec: 'u64',
      mtimeNsec: 'u64',
    },
  },
  Rsetattr: { type: 27, fields: {} },
  Treaddir: { type: 40, fields: { fid: 'u32', offset: 'u64', count: 'u32' } },
  Rreaddir: { type: 41, fields: { data: 'data' } },
  Tversion: { type: 100, fields: { msize: 'u32', version: 'string' } },
  Rversion: { type: 101, fields: { msize: 'u32', version: 'string' } },
  Tattach: {
    type: 104,
    fields: { fid: 'u32', afid: 'u32', uname: 'string', aname: 'string', nUname: 'u32' },
  },
  Rattach: { type: 105, fields: { qid: 'qid' } },
  /** 9P2000; 9P2000.u has the error number behind the text. */
  Rerror: { type: 107, fields: { ename: 'string' } },
  Tflush: { type: 108, fields: { oldtag: 'u16' } },
  Rflush: { type: 109, fields: {} },
  Twalk: { type: 110, fields: { fid: 'u32', newfid: 'u32', names: 'strings' } },
  Rwalk: { type: 111, fields: { qids: 'qids' } },
  Tread: { type: 116, fields: { fid: 'u32', offset: 'u64', count: 'u32' } },
  Rread: { type: 117, fields: { data: 'data' } },
  Twrite: { type: 118, fields: { fid: 'u32', offset: 'u64', data: 'data' } },
  Rwrite: { type: 119, fields: { count: 'u32' } },
  Tclunk: { type: 120, fields: { fid: 'u32' } },
  Rclunk: { type: 121, fields: {} },
} as const satisfies Readonly<Record<string, P9Message>>;

export type P9MessageName = keyof typeof p9Messages;

/** A message of the driver's has an even type; its reply's is one higher. */
export const isRequest = (type: number) => type % 2 === 0;

/** What a server says a file is: type bits (0x80 for a directory), version, and a path that no other file has. */
export interface P9Qid {
  readonly type: number;
  readonly version: number;
  readonly path: bigint;
}
export const qidType = { directory: 0x80, symlink: 0x02, file: 0x00 } as const;
/** Bytes of a qid in a message. */
export const QID_BYTES = 13;

/** Error numbers, as Linux has them. */
export const p9Error = {
  noEntry: 2,
  io: 5,
  badFid: 9,
  noAccess: 13,
  notDirectory: 20,
  invalid: 22,
  readOnly: 30,
  nameTooLong: 36,
  notSupported: 95,
  tooLong: 90,
} as const;

/** Most elements that one walk takes. */
export const MAX_WALK = 16;
/** Bytes of an Rread, or Rreaddir, beside its data: header and count. */
export const READ_OVERHEAD_BYTES = 11;
/** Bytes that a client leaves free in a message beside the data it asks for: servers insist on them. */
export const CLIENT_OVERHEAD_BYTES = 24;
