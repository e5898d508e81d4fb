import { concatenated } from '../../../core/index.ts';
import {
  ALL_SUBPAGES,
  CACHING_PAGE_BYTES,
  CONTROL_PAGE_BYTES,
  cachingPage,
  cdbFlag,
  controlPage,
  getBigEndian,
  MODE_BLOCK_DESCRIPTOR_BYTES,
  MODE_HEADER6_BYTES,
  MODE_HEADER10_BYTES,
  MODE_PAGE_HEADER_BYTES,
  modeBlockDescriptor,
  modeDevice,
  modeHeader6,
  modeHeader10,
  modePage,
  modePageHeader,
  pageControl,
  putBigEndian,
  type Sense,
  scsiCdb,
  scsiSense,
  UNRESTRICTED_REORDERING,
  WRITE_CACHE_ENABLE,
} from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';
import type { DiskUnit } from './disk.ts';
import { flushThen } from './transfers.ts';

type Control = typeof pageControl.current | typeof pageControl.changeable | typeof pageControl.defaults;

function page(code: number, bytes: number): Uint8Array {
  const made = new Uint8Array(bytes);
  putBigEndian(made, modePageHeader.page, code);
  putBigEndian(made, modePageHeader.length, bytes - MODE_PAGE_HEADER_BYTES);
  return made;
}

/** The caching page: whether writes are cached is all that can be changed, and all that there is. */
function caching(disk: DiskUnit, control: Control): Uint8Array {
  const bytes = page(modePage.caching, CACHING_PAGE_BYTES);
  const enabled = control === pageControl.current ? disk.writeCache : true;
  putBigEndian(bytes, cachingPage.flags, enabled ? WRITE_CACHE_ENABLE : 0);
  return bytes;
}

/** The control page: commands end in any order; nothing can be changed. */
function controlOf(_: DiskUnit, control: Control): Uint8Array {
  const bytes = page(modePage.control, CONTROL_PAGE_BYTES);
  if (control !== pageControl.changeable) {
    putBigEndian(bytes, controlPage.queueing, UNRESTRICTED_REORDERING);
  }
  return bytes;
}

const pages = new Map<number, (disk: DiskUnit, control: Control) => Uint8Array>([
  [modePage.caching, caching],
  [modePage.control, controlOf],
]);

/** Blocks that a short descriptor cannot count. */
const MANY_BLOCKS = 0xffffffff;

function blockDescriptor(disk: DiskUnit): Uint8Array {
  const bytes = new Uint8Array(MODE_BLOCK_DESCRIPTOR_BYTES);
  putBigEndian(bytes, modeBlockDescriptor.blocks, Math.min(disk.blocks, MANY_BLOCKS));
  putBigEndian(bytes, modeBlockDescriptor.blockBytes, disk.blockBytes);
  return bytes;
}

/** MODE SENSE 6 and 10. */
export function modeSense(disk: DiskUnit, command: ScsiCommand): void {
  const { cdb, known } = command;
  const six = known!.name === 'modeSense6';
  const fields = six ? scsiCdb.modeSense6 : scsiCdb.modeSense10;
  const wanted = cdb[fields.page.offset]!;
  const control = wanted & pageControl.mask;
  const code = wanted & modePage.mask;
  const subpage = cdb[fields.subpage.offset]!;
  if (control === pageControl.saved) {
    command.check(scsiSense.savingParametersNotSupported, fields.page.offset);
    return;
  }
  const chosen = code === modePage.all ? [...pages.values()] : pages.has(code) ? [pages.get(code)!] : [];
  if (chosen.length === 0) {
    command.check(scsiSense.invalidFieldInCdb, fields.page.offset);
    return;
  }
  if (subpage !== 0 && (code !== modePage.all || subpage !== ALL_SUBPAGES)) {
    command.check(scsiSense.invalidFieldInCdb, fields.subpage.offset);
    return;
  }
  const withDescriptor = (cdb[fields.flags.offset]! & cdbFlag.noBlockDescriptors) === 0;
  const descriptor = withDescriptor ? blockDescriptor(disk) : new Uint8Array();
  const body = [descriptor, ...chosen.map((each) => each(disk, control as Control))];
  const header = new Uint8Array(six ? MODE_HEADER6_BYTES : MODE_HEADER10_BYTES);
  const bytes = concatenated([header, ...body]);
  const layout = six ? modeHeader6 : modeHeader10;
  // The length counts what follows it.
  putBigEndian(bytes, layout.length, bytes.length - layout.length.count);
  const protect = disk.storage.readOnly ? modeDevice.writeProtected : 0;
  putBigEndian(bytes, layout.device, protect | modeDevice.forceUnitAccess);
  putBigEndian(bytes, layout.descriptorLength, descriptor.length);
  command.reply(bytes, getBigEndian(cdb, fields.length));
}

/** Longest parameter list that is looked at: everything that there is fits into it several times. */
const MAX_LIST_BYTES = 255;

/** MODE SELECT 6 and 10: only the write cache can be switched; everything else has to be what it is. */
export function modeSelect(disk: DiskUnit, command: ScsiCommand): void {
  const { cdb, known } = command;
  const six = known!.name === 'modeSelect6';
  const fields = six ? scsiCdb.modeSelect6 : scsiCdb.modeSelect10;
  const flags = cdb[fields.flags.offset]!;
  const listBytes = getBigEndian(cdb, fields.length);
  if ((flags & cdbFlag.pageFormat) === 0 || (flags & cdbFlag.savePages) !== 0) {
    command.check(scsiSense.invalidFieldInCdb, fields.flags.offset);
    return;
  }
  if (listBytes === 0) {
    command.good();
    return;
  }
  if (listBytes > MAX_LIST_BYTES) {
    command.check(scsiSense.parameterListLengthError, fields.length.offset);
    return;
  }
  const list = new Uint8Array(listBytes);
  if (!command.take(0, list, 0, listBytes)) {
    command.failed(scsiSense.writeError);
    return;
  }
  const wanted = parametersOf(disk, list, six);
  if (typeof wanted !== 'boolean') {
    command.check(wanted);
    return;
  }
  const end = (each: ScsiCommand, ok: boolean) => {
    if (!ok) {
      each.failed(scsiSense.writeError);
      return;
    }
    disk.writeCache = wanted;
    each.good(listBytes);
  };
  // What is in the cache goes with it.
  if (disk.writeCache && !wanted) flushThen(disk, command, end);
  else end(command, true);
}

/** Reads a parameter list. @returns whether the write cache is to be on, or what is wrong with the list. */
function parametersOf(disk: DiskUnit, list: Uint8Array, six: boolean): boolean | Sense {
  const layout = six ? modeHeader6 : modeHeader10;
  const headerBytes = six ? MODE_HEADER6_BYTES : MODE_HEADER10_BYTES;
  if (list.length < headerBytes) return scsiSense.parameterListLengthError;
  const descriptorBytes = getBigEndian(list, layout.descriptorLength);
  let at = headerBytes + descriptorBytes;
  if (list.length < at) return scsiSense.parameterListLengthError;
  if (descriptorBytes !== 0) {
    if (descriptorBytes !== MODE_BLOCK_DESCRIPTOR_BYTES) return scsiSense.invalidFieldInParameterList;
    const blocks = getBigEndian(list, modeBlockDescriptor.blocks, headerBytes);
    const same = getBigEndian(list, modeBlockDescriptor.blockBytes, headerBytes) === disk.blockBytes;
    if (!same || (blocks !== 0 && blocks !== Math.min(disk.blocks, MANY_BLOCKS)))
      return scsiSense.invalidFieldInParameterList;
  }
  let writeCache = disk.writeCache;
  while (at < list.length) {
    const current = pages.get(list[at]!)?.(disk, pageControl.current);
    if (current === undefined) return scsiSense.invalidFieldInParameterList;
    if (list.length < at + current.length) return scsiSense.parameterListLengthError;
    const changeable = pages.get(list[at]!)!(disk, pageControl.changeable);
    // The first two bytes say which page it is and how long; the mask begins behind them.
    for (let i = 1; i < current.length; i++) {
      const mask = i < MODE_PAGE_HEADER_BYTES ? 0 : changeable[i]!;
      if (((list[at + i]! ^ current[i]!) & ~mask) !== 0) return scsiSense.invalidFieldInParameterList;
    }
    if (list[at] === modePage.caching)
      writeCache = (list[at + cachingPage.flags.offset]! & WRITE_CACHE_ENABLE) !== 0;
    at += current.length;
  }
  return writeCache;
}
