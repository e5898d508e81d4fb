import { bytes, group, list, record, text, u32, upTo, type ValueOf } from '../../core/index.ts';
import { p9Header, READ_OVERHEAD_BYTES } from '../layout/index.ts';

/** Longest reply that a client of the server in memory is allowed. */
export const MAX_MSIZE = 1 << 20;

const replyState = bytes(p9Header.bytes, MAX_MSIZE + READ_OVERHEAD_BYTES);

export const p9ConnectionState = record(
  'p9-memory-connection',
  1,
  {
    /** Bytes of a message at most, as was agreed. */
    msize: upTo(MAX_MSIZE),
    /** Each with the names that lead to its file. */
    fids: list(group({ fid: u32, names: list(text()) })),
    /** Under way, oldest first. */
    replies: list(replyState),
  },
  {
    relate({ fids, replies }, expect) {
      const known = new Set<number>();
      for (const [i, { fid }] of fids.entries()) {
        expect(!known.has(fid), `fids[${i}].fid`, fid, 'one that is listed once');
        known.add(fid);
      }
      for (const [i, reply] of replies.entries()) {
        const size = new DataView(reply.buffer, reply.byteOffset).getUint32(p9Header.size, true);
        expect(size === reply.length, `replies[${i}]`, reply, `${size} bytes, as it says`);
      }
    },
  },
);

export type SavedConnection = ValueOf<typeof p9ConnectionState>;
