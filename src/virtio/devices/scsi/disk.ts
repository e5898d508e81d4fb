import { type State, VirtiolabError } from '../../../core/index.ts';
import {
  CONTROL_NACA,
  type ScsiCommandName,
  SECTOR_BYTES,
  type Sense,
  scsiCdb,
  scsiSense,
} from '../../layout/index.ts';
import type { Storage } from '../../storage.ts';
import { StorageSizeError } from '../block/config.ts';
import { readCapacity10, readCapacity16 } from './capacity.ts';
import type { ScsiCommand } from './command.ts';
import { inquireDisk } from './disk-pages.ts';
import { checkIdentity, type UnitIdentity } from './inquiry.ts';
import { blocksOf, commandsOf, lbaOf } from './lookup.ts';
import { modeSelect, modeSense } from './mode.ts';
import { startStopUnit } from './start-stop.ts';
import { diskState } from './state.ts';
import { reportSupportedCommands } from './supported-commands.ts';
import { read, synchronizeCache, verify, write } from './transfers.ts';
import type { ScsiUnit, UnitPort } from './unit.ts';
import { unmap } from './unmap.ts';
import { writeSame } from './write-same.ts';

export interface DiskOptions extends Partial<UnitIdentity> {
  readonly storage: Storage;
  /** Bytes of a logical block. */
  readonly blockBytes?: 512 | 4096;
}

/** Commands of a disk that are answered by the disk itself. */
type DiskCommandName = Exclude<ScsiCommandName, 'reportLuns' | 'requestSense'>;

const handlers: Record<DiskCommandName, (disk: DiskUnit, command: ScsiCommand) => void> = {
  testUnitReady: (_, command) => command.good(),
  inquiry: inquireDisk,
  read6: read,
  read10: read,
  read12: read,
  read16: read,
  write6: write,
  write10: write,
  write12: write,
  write16: write,
  verify10: verify,
  verify16: verify,
  synchronizeCache10: synchronizeCache,
  synchronizeCache16: synchronizeCache,
  writeSame10: writeSame,
  writeSame16: writeSame,
  unmap,
  modeSense6: modeSense,
  modeSense10: modeSense,
  modeSelect6: modeSelect,
  modeSelect10: modeSelect,
  readCapacity10,
  readCapacity16,
  startStopUnit,
  // There is no medium that could be removed.
  preventAllow: (_, command) => command.good(),
  supportedCommands: reportSupportedCommands,
};

/** Carried out by a disk that was stopped, too. */
const withoutMedium: ReadonlySet<DiskCommandName> = new Set([
  'inquiry',
  'modeSense6',
  'modeSense10',
  'modeSelect6',
  'modeSelect10',
  'startStopUnit',
  'preventAllow',
  'supportedCommands',
]);

/** A disk as a logical unit (SPC-4, SBC-3), over a storage. */
export class DiskUnit implements ScsiUnit {
  readonly record = diskState;
  readonly storage: Storage;
  readonly blockBytes: number;
  readonly identity: UnitIdentity;
  /** Writes may stay in a cache until the driver asks for more. */
  writeCache = true;
  /** Ready for whatever wants the medium. */
  started = true;
  #port: UnitPort | null = null;

  /** @throws StorageSizeError; VirtiolabError for another block size, or a name that does not fit */
  constructor(options: DiskOptions) {
    const { storage, blockBytes = SECTOR_BYTES } = options;
    const { vendor = 'VIRTLAB', product = 'virtiolab disk', revision = '1', serial = 'virtiolab' } = options;
    if (blockBytes !== SECTOR_BYTES && blockBytes !== 4096)
      throw new VirtiolabError(`blocks of ${blockBytes} bytes: wants ${SECTOR_BYTES} or 4096`);
    if (storage.length < blockBytes || storage.length % SECTOR_BYTES !== 0)
      throw new StorageSizeError(storage.length);
    this.identity = { vendor, product, revision, serial };
    checkIdentity(this.identity);
    this.storage = storage;
    this.blockBytes = blockBytes;
  }

  /** Whole logical blocks of the storage. */
  get blocks(): number {
    return Math.floor(this.storage.length / this.blockBytes);
  }

  /** Blocks that are not needed can be given back. */
  get thin(): boolean {
    return this.storage.discard !== undefined;
  }

  attach(port: UnitPort): void {
    this.#port = port;
  }

  /** The storage has another length now: the initiator is told. */
  capacityChanged(): void {
    this.#port?.changed(scsiSense.capacityChanged);
  }

  /** True for a command that this disk has: without a storage that discards there is no UNMAP. */
  supports(name: ScsiCommandName): boolean {
    return name !== 'unmap' || this.thin;
  }

  execute(command: ScsiCommand): void {
    const { known, cdb } = command;
    if (known === null || !this.supports(known.name)) {
      // An opcode that is known with other service actions is another mistake than one that is not.
      if (known === null && commandsOf(cdb[0]!).some(({ row }) => row.action !== null))
        command.check(scsiSense.invalidFieldInCdb, scsiCdb.bare.flags.offset);
      else command.check(scsiSense.invalidOperationCode, scsiCdb.bare.opcode.offset);
      return;
    }
    const name = known.name as DiskCommandName;
    const control = known.row.usage.length - 1;
    if ((cdb[control]! & CONTROL_NACA) !== 0) command.check(scsiSense.invalidFieldInCdb, control);
    else if (!this.started && !withoutMedium.has(name) && !command.underWay)
      command.check(scsiSense.notReadyInitializingCommandRequired);
    else handlers[name](this, command);
  }

  /**
   * Looks at the blocks that a CDB names. @returns whether they lie on the disk, and the disk may be written where that is
   * wanted; the command has ended otherwise.
   */
  accepts(command: ScsiCommand, writes: boolean): boolean {
    const { row } = command.known!;
    if (writes && this.storage.readOnly) return this.#refuse(command, scsiSense.writeProtected);
    if (lbaOf(command.cdb, row) + blocksOf(command.cdb, row) > this.blocks)
      return this.#refuse(command, scsiSense.lbaOutOfRange);
    return true;
  }

  #refuse(command: ScsiCommand, sense: Sense): boolean {
    command.check(sense);
    return false;
  }

  reset(): void {
    this.started = this.writeCache = true;
  }

  /** Not its length: a disk may have another one whenever its initiator looks. */
  #shape() {
    const { blockBytes, thin } = this;
    return { unit: 'disk', blockBytes, thin, readOnly: this.storage.readOnly };
  }

  check(state: State, path = 'logical unit') {
    return diskState.parse(state, path, this.#shape());
  }

  save() {
    const { writeCache, started } = this;
    return diskState.save({ shape: this.#shape(), writeCache, started });
  }

  load(state: State): void {
    const saved = this.check(state);
    this.writeCache = saved.writeCache;
    this.started = saved.started;
  }
}
