import {
  cdbFlag,
  FIXED_SENSE_BYTES,
  getBigEndian,
  inquiryValue,
  LUN_LIST_HEADER_BYTES,
  lunList,
  putBigEndian,
  REPORT_LUNS_UNIT,
  SCSI_ADDRESS_BYTES,
  type Sense,
  scsiCdb,
  scsiSense,
  selectReport,
  vpdPage,
} from '../../layout/index.ts';
import { EVERY_TARGET, lunOf, putAddress, putLun, targetOf } from './address.ts';
import { UnitAttentions } from './attention.ts';
import type { ScsiCommand } from './command.ts';
import { answerInquiry, standardInquiry, supportedPages, type UnitIdentity } from './inquiry.ts';
import { putSense } from './sense.ts';
import type { ScsiUnit } from './unit.ts';

/** What an address leads to. */
export interface Addressee {
  /** Bytes of a logical block; 0 where there are none. */
  readonly blockBytes: number;
  execute(command: ScsiCommand): void;
}

/** The units of a host, as far as others speak for them. */
export interface UnitDirectory {
  /** Keys of the units of a target, or of all, in order of address. */
  unitsOf(target: number): readonly number[];
  /** The initiator has been told which units a target has, or all of them have. */
  lunsReported(target: number): void;
}

/** REPORT LUNS accepts no allocation that has no room for one LUN (SPC-4). */
const MIN_LUN_ALLOCATION = 16;

/** Answers REPORT LUNS for one target, or for all: whole addresses then, whose two first levels are bus and target. */
function reportLuns(command: ScsiCommand, target: number, directory: UnitDirectory): void {
  const { cdb } = command;
  const { select, length } = scsiCdb.reportLuns;
  const allocation = getBigEndian(cdb, length);
  const which = cdb[select.offset]!;
  if (which > selectReport.all) {
    command.check(scsiSense.invalidFieldInCdb, select.offset);
    return;
  }
  if (allocation < MIN_LUN_ALLOCATION) {
    command.check(scsiSense.invalidFieldInCdb, length.offset);
    return;
  }
  const units = which === selectReport.wellKnown ? [] : directory.unitsOf(target);
  const wellKnown = which === selectReport.logicalUnits ? 0 : 1;
  const listBytes = SCSI_ADDRESS_BYTES * (units.length + wellKnown);
  const bytes = new Uint8Array(LUN_LIST_HEADER_BYTES + listBytes);
  putBigEndian(bytes, lunList.length, listBytes);
  let at = LUN_LIST_HEADER_BYTES;
  for (const key of units) {
    if (target === EVERY_TARGET) putAddress(bytes, at, key);
    else putLun(bytes, at, lunOf(key));
    at += SCSI_ADDRESS_BYTES;
  }
  if (wellKnown === 1) bytes.set([REPORT_LUNS_UNIT.method, REPORT_LUNS_UNIT.number], at);
  directory.lunsReported(target);
  command.reply(bytes, allocation);
}

/** Answers REQUEST SENSE with a condition, in the one format that there is. */
function requestSense(command: ScsiCommand, condition: () => Sense): void {
  const { cdb } = command;
  const { flags, length } = scsiCdb.requestSense;
  if ((cdb[flags.offset]! & cdbFlag.descriptorFormat) !== 0) {
    command.check(scsiSense.invalidFieldInCdb, flags.offset);
    return;
  }
  const bytes = new Uint8Array(FIXED_SENSE_BYTES);
  putSense(bytes, 0, condition());
  command.reply(bytes, getBigEndian(cdb, length));
}

const nameless: UnitIdentity = { vendor: '', product: '', revision: '', serial: '' };

/** A LUN of a target that exists, with nothing behind it. */
export class AbsentUnit implements Addressee {
  readonly blockBytes = 0;
  readonly #target: number;
  readonly #directory: UnitDirectory;

  constructor(target: number, directory: UnitDirectory) {
    this.#target = target;
    this.#directory = directory;
  }

  execute(command: ScsiCommand): void {
    const name = command.known?.name;
    if (name === 'reportLuns') reportLuns(command, this.#target, this.#directory);
    else if (name === 'requestSense') requestSense(command, () => scsiSense.logicalUnitNotSupported);
    else if (name === 'inquiry')
      answerInquiry(
        command,
        () => standardInquiry(inquiryValue.noUnit, nameless),
        () => null,
      );
    else command.check(scsiSense.logicalUnitNotSupported);
  }
}

/** The REPORT LUNS well-known logical unit, of a target or of the whole host (SCSI-OP-02). */
export class ReportLunsUnit implements Addressee {
  readonly blockBytes = 0;
  readonly #target: number;
  readonly #directory: UnitDirectory;

  constructor(target: number, directory: UnitDirectory) {
    this.#target = target;
    this.#directory = directory;
  }

  execute(command: ScsiCommand): void {
    const name = command.known?.name;
    if (name === 'reportLuns') reportLuns(command, this.#target, this.#directory);
    else if (name === 'requestSense') requestSense(command, () => scsiSense.noSense);
    else if (name === 'testUnitReady') command.good();
    else if (name === 'inquiry')
      answerInquiry(
        command,
        () => standardInquiry(inquiryValue.wellKnownUnit, nameless),
        (page) => (page === vpdPage.supported ? supportedPages(inquiryValue.wellKnownUnit, []) : null),
      );
    else command.check(scsiSense.invalidOperationCode, scsiCdb.bare.opcode.offset);
  }
}

/** A unit at its address, with what its initiator has still to hear. */
export class AttachedUnit implements Addressee {
  readonly key: number;
  readonly unit: ScsiUnit;
  readonly attentions = new UnitAttentions();
  /** Commands that have not been answered. */
  inFlight = 0;
  readonly #directory: UnitDirectory;

  constructor(key: number, unit: ScsiUnit, directory: UnitDirectory) {
    this.key = key;
    this.unit = unit;
    this.#directory = directory;
  }

  get blockBytes(): number {
    return this.unit.blockBytes;
  }

  /** INQUIRY, REPORT LUNS and REQUEST SENSE are carried out whatever there is to be told; others tell it (SPC-4). */
  execute(command: ScsiCommand): void {
    const name = command.known?.name;
    if (name === 'reportLuns') reportLuns(command, targetOf(this.key), this.#directory);
    else if (name === 'requestSense')
      requestSense(command, () => this.attentions.take() ?? scsiSense.noSense);
    else {
      const attention = name === 'inquiry' || command.begun ? null : this.attentions.take();
      command.begun = attention === null;
      if (attention !== null) command.check(attention);
      else this.unit.execute(command);
    }
  }
}
