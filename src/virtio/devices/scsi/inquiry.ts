import { VirtiolabError } from '../../../core/index.ts';
import {
  cdbFlag,
  getBigEndian,
  INQUIRY_BYTES,
  inquiryData,
  inquiryValue,
  putBigEndian,
  scsiCdb,
  scsiSense,
  VPD_HEADER_BYTES,
  vpdHeader,
  vpdPage,
} from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';

/** How a unit names itself. Printable ASCII; the first three are padded with spaces. */
export interface UnitIdentity {
  /** At most 8, 16 and 4 characters. */
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  /** At most 32 characters: the number of this one unit. */
  readonly serial: string;
}

const LIMITS = { vendor: 8, product: 16, revision: 4, serial: 32 } as const;

/** @throws VirtiolabError for a name that is too long, or no printable ASCII. */
export function checkIdentity(identity: UnitIdentity): void {
  for (const [name, limit] of Object.entries(LIMITS)) {
    const text = identity[name as keyof UnitIdentity];
    if (text.length > limit || !/^[ -~]*$/.test(text))
      throw new VirtiolabError(
        `${name} ${JSON.stringify(text)}: wants at most ${limit} characters of printable ASCII`,
      );
  }
}

/** Bytes of a text. */
export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (each) => each.charCodeAt(0));

/** Standard INQUIRY data of a peripheral (SPC-4). */
export function standardInquiry(peripheral: number, { vendor, product, revision }: UnitIdentity): Uint8Array {
  const bytes = new Uint8Array(INQUIRY_BYTES);
  const put = (name: keyof typeof inquiryData, value: number) =>
    putBigEndian(bytes, inquiryData[name], value);
  put('peripheral', peripheral);
  put('version', inquiryValue.version);
  put('format', inquiryValue.format);
  put('additionalLength', INQUIRY_BYTES - inquiryData.additionalLength.offset - 1);
  put('flags7', inquiryValue.commandQueuing);
  bytes.set(ascii(vendor.padEnd(inquiryData.vendor.count)), inquiryData.vendor.offset);
  bytes.set(ascii(product.padEnd(inquiryData.product.count)), inquiryData.product.offset);
  bytes.set(ascii(revision.padEnd(inquiryData.revision.count)), inquiryData.revision.offset);
  return bytes;
}

/** A page of vital product data, its header filled in. `length` in bytes, header included. */
export function vpd(peripheral: number, page: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  putBigEndian(bytes, vpdHeader.peripheral, peripheral);
  putBigEndian(bytes, vpdHeader.page, page);
  putBigEndian(bytes, vpdHeader.length, length - VPD_HEADER_BYTES);
  return bytes;
}

/** The page that names the pages, itself included. */
export function supportedPages(peripheral: number, pages: readonly number[]): Uint8Array {
  const all = [vpdPage.supported, ...pages];
  const bytes = vpd(peripheral, vpdPage.supported, VPD_HEADER_BYTES + all.length);
  bytes.set(all, VPD_HEADER_BYTES);
  return bytes;
}

/** Answers INQUIRY. @param pageOf a page of vital product data, or null where there is no such page. */
export function answerInquiry(
  command: ScsiCommand,
  standard: () => Uint8Array,
  pageOf: (page: number) => Uint8Array | null,
): void {
  const { cdb } = command;
  const { flags, page, length } = scsiCdb.inquiry;
  const number = cdb[page.offset]!;
  const allocation = getBigEndian(cdb, length);
  if ((cdb[flags.offset]! & cdbFlag.vitalProductData) !== 0) {
    const bytes = pageOf(number);
    if (bytes === null) command.check(scsiSense.invalidFieldInCdb, page.offset);
    else command.reply(bytes, allocation);
  } else if (number !== 0) command.check(scsiSense.invalidFieldInCdb, page.offset);
  else command.reply(standard(), allocation);
}
