import {
  CAPACITY16_BYTES,
  capacity16Data,
  capacityFlag,
  cdbFlag,
  getBigEndian,
  INQUIRY_BYTES,
  inquiryData,
  LUN_LIST_HEADER_BYTES,
  lunList,
  putBigEndian,
  type ScsiCommandRow,
  scsiCommands,
  scsiResponse,
  scsiStatus,
  senseKey,
  UNMAP_DESCRIPTOR_BYTES,
  UNMAP_HEADER_BYTES,
  unmapDescriptor,
  unmapHeader,
} from '../../virtio/layout/index.ts';
import { ArgumentError, checkWhole, RequestFailedError } from '../errors.ts';
import type { ScsiDriver, ScsiReply } from './scsi.ts';
import type { ScsiAddress } from './scsi-address.ts';
import { decodeSense, senseText } from './scsi-sense.ts';

/** A command that did not end well; `status` is the SCSI status, or 0 where the host answered for the unit. */
export class ScsiCommandError extends RequestFailedError {
  readonly reply: ScsiReply;

  constructor(what: string, reply: ScsiReply) {
    const sense = decodeSense(reply.sense);
    const name = Object.entries(scsiResponse).find(([, value]) => value === reply.response)?.[0] ?? 'unknown';
    const why =
      sense === null ? `response ${reply.response} (${name}), status ${reply.status}` : senseText(sense);
    super(`${what}: ${why}`, reply.status);
    this.reply = reply;
  }
}

/** A CDB of the table: fields by their names there, the service action filled in. */
export function scsiCdbOf<R extends ScsiCommandRow>(
  row: R,
  values: Partial<Record<keyof R['fields'], number>> = {},
): Uint8Array {
  const bytes = new Uint8Array(row.usage.length);
  for (const [name, value] of Object.entries(values)) putBigEndian(bytes, row.fields[name]!, value as number);
  bytes[0] = row.opcode;
  if (row.action !== null) bytes[1] = bytes[1]! | row.action;
  return bytes;
}

const LIST_BYTES = 4096;
/** Unit attentions in a row that are taken for news, and the command sent again. */
const MAX_ATTENTIONS = 8;

export interface DiskCapacity {
  readonly blocks: number;
  readonly blockBytes: number;
  /** Blocks can be given back with {@link ScsiDisk.unmap}. */
  readonly thin: boolean;
}

/** One disk of a SCSI host: the commands that a disk driver sends, with unit attentions taken note of. */
export class ScsiDisk {
  readonly host: ScsiDriver;
  readonly address: ScsiAddress;
  #capacity: DiskCapacity | null = null;

  constructor(host: ScsiDriver, address: ScsiAddress) {
    this.host = host;
    this.address = address;
  }

  /** Sends a command; what a unit attention tells is left to events. @throws ScsiCommandError */
  async #send(
    what: string,
    cdb: Uint8Array,
    dataOut: Uint8Array = new Uint8Array(),
    inBytes = 0,
  ): Promise<Uint8Array> {
    for (let attentions = 0; ; attentions++) {
      const reply = await this.host.command(this.address, cdb, dataOut, inBytes);
      if (reply.response === scsiResponse.ok && reply.status === scsiStatus.good) return reply.data;
      if (decodeSense(reply.sense)?.key !== senseKey.unitAttention || attentions === MAX_ATTENTIONS)
        throw new ScsiCommandError(what, reply);
    }
  }

  /** Names of the unit, without their padding. */
  async inquiry(): Promise<{ type: number; vendor: string; product: string; revision: string }> {
    const cdb = scsiCdbOf(scsiCommands.inquiry, { length: INQUIRY_BYTES });
    const data = await this.#send('INQUIRY', cdb, undefined, INQUIRY_BYTES);
    const text = (name: 'vendor' | 'product' | 'revision') => {
      const { offset, count } = inquiryData[name];
      return String.fromCharCode(...data.subarray(offset, offset + count)).trimEnd();
    };
    return { type: data[0]!, vendor: text('vendor'), product: text('product'), revision: text('revision') };
  }

  /** A page of vital product data. */
  async vitalProductData(page: number): Promise<Uint8Array> {
    const flags = cdbFlag.vitalProductData;
    const cdb = scsiCdbOf(scsiCommands.inquiry, { flags, page, length: LIST_BYTES });
    return this.#send(`page ${page}`, cdb, undefined, LIST_BYTES);
  }

  /** LUNs of this disk's target, as the eight bytes of each. */
  async reportLuns(): Promise<readonly Uint8Array[]> {
    const cdb = scsiCdbOf(scsiCommands.reportLuns, { length: LIST_BYTES });
    const data = await this.#send('REPORT LUNS', cdb, undefined, LIST_BYTES);
    const end = Math.min(data.length, LUN_LIST_HEADER_BYTES + getBigEndian(data, lunList.length));
    const luns: Uint8Array[] = [];
    for (let at = LUN_LIST_HEADER_BYTES; at < end; at += 8) luns.push(data.slice(at, at + 8));
    return luns;
  }

  /** Asks anew each time: a disk may grow. */
  async capacity(): Promise<DiskCapacity> {
    const cdb = scsiCdbOf(scsiCommands.readCapacity16, { length: CAPACITY16_BYTES });
    const data = await this.#send('READ CAPACITY 16', cdb, undefined, CAPACITY16_BYTES);
    this.#capacity = {
      blocks: getBigEndian(data, capacity16Data.lastLba) + 1,
      blockBytes: getBigEndian(data, capacity16Data.blockBytes),
      thin: (getBigEndian(data, capacity16Data.provisioning) & capacityFlag.managed) !== 0,
    };
    return this.#capacity;
  }

  /** Reads whole blocks. @throws ArgumentError for no whole numbers, or more blocks than there are; ScsiCommandError */
  async read(lba: number, blocks: number): Promise<Uint8Array> {
    const { blockBytes } = await this.#checkRange(lba, () => blocks);
    const whole = new Uint8Array(blocks * blockBytes);
    await this.#pieces(lba, whole.length, blockBytes, async (at, from, length) => {
      const cdb = scsiCdbOf(scsiCommands.read16, { lba: at, blocks: length / blockBytes });
      whole.set(await this.#send('READ', cdb, undefined, length), from);
    });
    return whole;
  }

  /**
   * Writes whole blocks, as many as `data` has; with `stable`, they are when this ends.
   * @throws ArgumentError as {@link read}, and for half blocks; ScsiCommandError
   */
  async write(lba: number, data: Uint8Array, stable = false): Promise<void> {
    const { blockBytes } = await this.#checkRange(lba, (bytes) => {
      if (data.length % bytes !== 0)
        throw new ArgumentError('bytes of data', data.length, `whole blocks of ${bytes} bytes`);
      return data.length / bytes;
    });
    const flags = stable ? cdbFlag.forceUnitAccess : 0;
    await this.#pieces(lba, data.length, blockBytes, async (at, from, length) => {
      const cdb = scsiCdbOf(scsiCommands.write16, { flags, lba: at, blocks: length / blockBytes });
      await this.#send('WRITE', cdb, data.subarray(from, from + length));
    });
  }

  /**
   * Whole numbers, and no more blocks than the disk has; it may have grown since its capacity was read. Where they begin is the
   * disk's to judge.
   */
  async #checkRange(lba: number, blocksOf: (blockBytes: number) => number): Promise<DiskCapacity> {
    let capacity = this.#capacity ?? (await this.capacity());
    const blocks = blocksOf(capacity.blockBytes);
    checkWhole('lba', lba, 0, Number.MAX_SAFE_INTEGER);
    if (blocks > capacity.blocks) capacity = await this.capacity();
    checkWhole('blocks', blocks, 0, Math.min(capacity.blocks, Number.MAX_SAFE_INTEGER - lba));
    return capacity;
  }

  async #pieces(
    lba: number,
    length: number,
    blockBytes: number,
    piece: (lba: number, from: number, length: number) => Promise<void>,
  ): Promise<void> {
    const most = Math.max(blockBytes, this.host.requestBytes - (this.host.requestBytes % blockBytes));
    const all: Promise<void>[] = [];
    for (let from = 0; from < length; from += most)
      all.push(piece(lba + from / blockBytes, from, Math.min(most, length - from)));
    // Whoever hears of an error may rely on nothing of this being under way any more.
    for (const each of await Promise.allSettled(all)) if (each.status === 'rejected') throw each.reason;
  }

  /** Makes everything that was written stable. @throws ScsiCommandError */
  async sync(): Promise<void> {
    await this.#send('SYNCHRONIZE CACHE', scsiCdbOf(scsiCommands.synchronizeCache16));
  }

  /** Gives blocks back; they read as zeros where the disk says so. @throws as {@link read} */
  async unmap(extents: readonly { readonly lba: number; readonly blocks: number }[]): Promise<void> {
    for (const { lba, blocks } of extents) await this.#checkRange(lba, () => blocks);
    const list = new Uint8Array(UNMAP_HEADER_BYTES + UNMAP_DESCRIPTOR_BYTES * extents.length);
    putBigEndian(list, unmapHeader.length, list.length - 2);
    putBigEndian(list, unmapHeader.descriptorLength, list.length - UNMAP_HEADER_BYTES);
    for (const [i, { lba, blocks }] of extents.entries()) {
      const at = UNMAP_HEADER_BYTES + UNMAP_DESCRIPTOR_BYTES * i;
      putBigEndian(list, unmapDescriptor.lba, lba, at);
      putBigEndian(list, unmapDescriptor.blocks, blocks, at);
    }
    await this.#send('UNMAP', scsiCdbOf(scsiCommands.unmap, { length: list.length }), list);
  }
}
