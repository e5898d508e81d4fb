import {
  anyState,
  bytes,
  FOUR_GIB,
  flag,
  group,
  integer,
  list,
  oneOf,
  optional,
  record,
  shape,
  u8,
  u16,
  u32,
  u53,
  upTo,
  type ValueOf,
} from '../../../core/index.ts';
import { MAX_CDB_BYTES, SCSI_LUNS, SCSI_TARGETS, scsiEventType, scsiResponse } from '../../layout/index.ts';
import { EVERY_TARGET, NOWHERE, unitKey, wellKnownKey } from './address.ts';

const MAX_KEY = unitKey(SCSI_TARGETS - 1, SCSI_LUNS - 1);
const response = upTo(scsiResponse.incorrectLun);

/** Units in the order of their addresses. */
export const scsiState = record('scsi', 1, {
  shape,
  events: group({
    /** Something happened, and there was no buffer to tell of it. */
    missed: flag,
    /** Events that wait for bus mastering. */
    pending: list(
      group({
        event: oneOf(scsiEventType.transportReset, scsiEventType.parameterChange),
        key: upTo(MAX_KEY),
        reason: u16,
      }),
    ),
    /** In hand. */
    buffers: u53,
  }),
  units: list(
    group({
      target: upTo(SCSI_TARGETS - 1),
      lun: upTo(SCSI_LUNS - 1),
      unit: anyState,
      /** Conditions that the initiator has not heard of, oldest first. */
      attentions: list(group({ key: upTo(15), asc: u8, ascq: u8 }), { most: 0x10000 }),
    }),
  ),
});

export type SavedScsi = ValueOf<typeof scsiState>;

/** A command as it was taken; its header and the driver's sizes may have changed since. */
export const scsiCommandState = record(
  'scsi-command',
  1,
  {
    /** Of a unit, `target * 16384 + lun`; -1 for none; below that of a well-known one. */
    address: integer(wellKnownKey(EVERY_TARGET), MAX_KEY),
    /** A unit stood there when it was taken. */
    attached: flag,
    id0: u32,
    id1: u32,
    /** Where the two data buffers begin, and their lengths, in bytes. */
    dataOutAt: u53,
    dataOutBytes: upTo(FOUR_GIB),
    dataInAt: u53,
    dataInBytes: upTo(FOUR_GIB),
    senseSize: u32,
    cdbBytes: upTo(MAX_CDB_BYTES),
    cdb: bytes(MAX_CDB_BYTES),
    /** Data out that say what to do, once they were taken. */
    parameters: optional(bytes()),
    /** A response that it gets instead of being carried out, and one with which it was aborted. */
    refused: optional(response),
    verdict: optional(response),
    /** Handed to its unit; worked on by a back end. */
    begun: flag,
    underWay: flag,
  },
  {
    relate({ address, attached, dataOutBytes, parameters, cdbBytes, refused }, expect) {
      expect(!attached || address > NOWHERE, 'attached', attached, 'false: no unit has such an address');
      const [taken, most] = [parameters?.length ?? 0, dataOutBytes];
      expect(taken <= most, 'parameters', taken, `at most ${most} bytes, as there are data out`);
      expect(cdbBytes > 0 || refused !== null, 'refused', refused, 'a response: there is no command');
    },
  },
);

export type SavedCommand = ValueOf<typeof scsiCommandState>;

export const diskState = record('scsi-disk', 1, {
  shape,
  /** Writes may stay in a cache. */
  writeCache: flag,
  /** Ready for whatever wants the medium. */
  started: flag,
});
