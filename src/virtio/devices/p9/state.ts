import {
  anyState,
  bytes,
  flag,
  optional,
  record,
  shape,
  text,
  u8,
  u16,
  type ValueOf,
} from '../../../core/index.ts';
import { isRequest } from '../../layout/index.ts';

export const p9State = record(
  'p9',
  1,
  {
    shape,
    /** Its version, as was agreed. */
    protocol: text(),
    connected: flag,
    /** What the connection says of itself; null where it does not. */
    session: anyState,
  },
  {
    relate({ connected, session }, expect) {
      expect(connected || session === null, 'session', session, 'none: there is no connection');
    },
  },
);

export const p9RequestState = record(
  'p9-request',
  1,
  {
    tag: u16,
    type: u8,
    /** Which request a Tflush means. */
    oldTag: u16,
    /** The reply, where it is there and waits for DMA; empty for a request that gets none. */
    reply: optional(bytes()),
  },
  {
    relate({ type, reply }, expect) {
      expect(reply !== null || isRequest(type), 'type', type, 'the type of a request');
    },
  },
);

export type SavedP9Request = ValueOf<typeof p9RequestState>;
