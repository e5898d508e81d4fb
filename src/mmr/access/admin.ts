import {
  type Bus,
  lengthOf,
  maskOf,
  type RegisterMap,
  record,
  type State,
  type Width,
} from '../../core/index.ts';
import {
  AdminCommandError,
  type AdminDriver,
  DeviceFailedError,
  DriverMsix,
  type FoundFunction,
  type FunctionReference,
  findFunction,
  findStructure,
  type LegacyArea,
  RequestFailedError,
  ResourceError,
  swapBytes,
} from '../../driver/index.ts';
import { MAX_IO_BYTES } from '../../pci/layout/index.ts';
import {
  balloonDeviceType,
  type DeviceType,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyHeaderWithVectors,
  NOTIFICATION_BYTES,
  structureType,
} from '../../virtio/layout/index.ts';
import { TranslatorError } from './backend.ts';
import { BlockBackend, blockBackendFields } from './block-backend.ts';
import { CommandTurns } from './command-turns.ts';
import type { HeldFunction, Holder, WindowPlace } from './held-function.ts';
import type { HostBlock } from './host-block.ts';

/** A virtual function as its owner's commands reach it. */
export interface AdminMember {
  /** The owner's driver, the legacy commands in use. */
  readonly driver: AdminDriver;
  /** The owner as it was found, where the member may be kicked in its BARs. */
  readonly owner: FoundFunction;
  /** 1 to NumVFs. */
  readonly memberId: number;
  /**
   * The guest is big-endian, and so is the configuration that it expects of a type whose legacy configuration has the guest's order:
   * commands are little-endian for whomever (ADL-20).
   */
  readonly bigEndian?: boolean;
  /** Bytes of its configuration, where they are known; no command tells, and its structure may be longer, as its type's may. */
  readonly configBytes?: number;
}

/** Width of the register that begins at each offset of the header; 0 where none does. */
const headerStarts = new Uint8Array(LEGACY_CONFIG_OFFSET_MSIX);
for (const { offset, width } of Object.values(legacyHeaderWithVectors)) headerStarts[offset] = width;

/** Fields of a configuration: by byte, where its field begins, and how wide that is. Bytes of none are each for themselves. */
class FieldBorders {
  readonly #starts: Uint16Array;
  readonly #widths: Uint8Array;
  readonly #mirrored: boolean;

  /** @param mirrored the guest has the bytes of each field the other way round. */
  constructor(map: RegisterMap, length: number, mirrored: boolean) {
    this.#mirrored = mirrored;
    this.#starts = Uint16Array.from({ length }, (_, at) => at);
    this.#widths = new Uint8Array(length).fill(1);
    for (const { offset, width, count } of Object.values(map))
      for (let at = offset; at < offset + width * count && at < length; at += width) {
        this.#starts.fill(at, at, at + width);
        this.#widths.fill(width, at, at + width);
      }
  }

  /** Bytes from `at` on that one command may be about: to the end of their field. */
  piece(at: number, left: number): Width {
    const bytes = Math.min(left, this.#starts[at]! + this.#widths[at]! - at);
    return (bytes === 3 ? 2 : bytes) as Width;
  }

  /** Where the owner has the bytes that the guest has at `at`. */
  offset(at: number, bytes: Width): number {
    return this.#mirrored ? 2 * this.#starts[at]! + this.#widths[at]! - at - bytes : at;
  }

  /** A piece of the guest's as the owner has it, and the other way round. */
  order(value: number, bytes: Width): number {
    return this.#mirrored ? swapBytes(value, bytes) : value;
  }
}

export const adminBackendState = record('admin-backend', 1, blockBackendFields);

/**
 * A member's legacy block by administration commands. A header register is a command of its own width whatever the guest's access has, as
 * in an I/O BAR; an access to the configuration is one command where it stays inside a field, and one for each field else, since the owner
 * would refuse it (ADL-05, ADL-06). Kicks go where LEGACY_NOTIFY_INFO says, or are commands as well.
 */
class AdminBlock implements HostBlock {
  readonly place: WindowPlace;
  readonly configBytes: number;
  readonly shape: { readonly type: string };
  readonly readsBack = true;
  readonly posted = false;
  readonly turns: CommandTurns;
  readonly #bus: Bus;
  readonly #held: HeldFunction;
  readonly #holder: Holder;
  readonly #member: AdminMember;
  readonly #fields: FieldBorders;
  readonly #kick: { readonly of: 'owner' | 'member'; readonly bar: number; readonly offset: number } | null;
  /** Address of that place, while it has one. */
  #doorbell = 0;
  #said = false;

  /** @throws TranslatorError where the owner has no legacy commands in use, or the member no structures. */
  constructor(held: HeldFunction, holder: Holder, member: AdminMember, fn: FoundFunction, type: DeviceType) {
    const { driver, memberId, owner } = member;
    if (!driver.uses('singleRootIov', 'legacyCommonConfigRead'))
      throw new TranslatorError('the owner of the function has no legacy commands in use');
    this.turns = CommandTurns.of(driver);
    const { host } = held;
    const device = findStructure(host.bus, fn, structureType.device);
    const most = Math.min(
      device?.length ?? 0,
      lengthOf(type.config),
      MAX_IO_BYTES - LEGACY_CONFIG_OFFSET_MSIX,
    );
    this.configBytes = Math.min(most, member.configBytes ?? most);
    this.shape = { type: type.name };
    this.#bus = host.bus;
    this.#held = held;
    this.#holder = holder;
    this.#member = member;
    // LEG-BAL-03: the balloon's is little-endian for every driver.
    const mirrored = member.bigEndian === true && type.name !== balloonDeviceType.name;
    this.#fields = new FieldBorders(type.config, this.configBytes, mirrored);
    const places = driver.notifyPlaces(memberId, { owner: owner.bars, member: fn.bars });
    this.#kick = places[0] ?? null;
    // Nothing of the block stands in a BAR; but without its messages a guest learns of nothing.
    this.place = { bar: new DriverMsix(host).tableBar, offset: 0, kind: 'memory' };
    this.found();
  }

  found(): void {
    const kick = this.#kick;
    if (kick === null) return;
    const { bars } = this.#member.owner;
    const base =
      kick.of === 'member'
        ? this.#held.host.barPlace(kick.bar).address
        : (bars.find(({ index }) => index === kick.bar)?.address ?? 0);
    this.#doorbell = base === 0 ? 0 : base + kick.offset;
  }

  read(offset: number, width: Width): number {
    if (offset < LEGACY_CONFIG_OFFSET_MSIX) {
      const own = headerStarts[offset] as Width | 0;
      return own === 0 ? maskOf(width) : ((this.#read('header', offset, own) ?? -1) & maskOf(width)) >>> 0;
    }
    let value = 0;
    const at = offset - LEGACY_CONFIG_OFFSET_MSIX;
    for (let done = 0; done < width; ) {
      const piece = this.#fields.piece(at + done, width - done);
      const read = this.#read('config', this.#fields.offset(at + done, piece), piece);
      // Across the end of the configuration there is nothing to read at all.
      if (read === null) return maskOf(width);
      value += this.#fields.order(read, piece) * 2 ** (8 * done);
      done += piece;
    }
    return value;
  }

  write(offset: number, width: Width, value: number): void {
    if (offset < LEGACY_CONFIG_OFFSET_MSIX) {
      const own = headerStarts[offset] as Width | 0;
      if (own !== 0) this.#write('header', offset, own, (value & maskOf(own) & maskOf(width)) >>> 0);
      return;
    }
    const at = offset - LEGACY_CONFIG_OFFSET_MSIX;
    this.#writeConfig(at, width, value);
  }

  /** Its fields, the last one first: across the end of the configuration nothing is written. @returns whether it was. */
  #writeConfig(at: number, bytes: number, value: number): boolean {
    const piece = this.#fields.piece(at, bytes);
    const more = bytes - piece;
    if (more > 0 && !this.#writeConfig(at + piece, more, Math.floor(value / 2 ** (8 * piece)))) return false;
    const own = this.#fields.order(value % 2 ** (8 * piece), piece);
    return this.#write('config', this.#fields.offset(at, piece), piece, own);
  }

  /** @returns null where that failed. */
  #read(area: LegacyArea, offset: number, width: Width): number | null {
    const { driver, memberId } = this.#member;
    try {
      return this.turns.run(() => driver.readLegacy(memberId, area, offset, width));
    } catch (error) {
      this.#failed(error, area, offset);
      return null;
    }
  }

  #write(area: LegacyArea, offset: number, width: Width, value: number): boolean {
    const { driver, memberId } = this.#member;
    try {
      this.turns.run(() => driver.writeLegacy(memberId, area, offset, width, value));
      return true;
    } catch (error) {
      this.#failed(error, area, offset);
      return false;
    }
  }

  /** A guest's access has to end; what went wrong is said once. @throws what is nobody's answer. */
  #failed(error: unknown, area: LegacyArea, offset: number): void {
    // ADL-06: it leads out of the configuration, whose end no guest is told.
    if (area === 'config' && error instanceof AdminCommandError) return;
    if (
      !(
        error instanceof DeviceFailedError ||
        error instanceof RequestFailedError ||
        error instanceof ResourceError
      )
    )
      throw error;
    if (!this.#said)
      this.#holder.report('ADL-01', 'the owner does not carry an access out', {
        what: 'register offset',
        value: offset,
      });
    this.#said = true;
  }

  kick(width: Width, value: number): void {
    if (this.#doorbell === 0) this.write(legacyHeader.queueNotify.offset, width, value);
    else this.#bus.memoryWrite(this.#doorbell, NOTIFICATION_BYTES, value & maskOf(NOTIFICATION_BYTES));
  }
}

/** Legacy register accesses as administration commands about a virtual function, which its owner carries out. */
export class AdminBackend extends BlockBackend<AdminBlock> {
  readonly record = adminBackendState;
  readonly name = 'admin';

  /**
   * @param type of the member, whose fields have to be known.
   * @throws AlreadyPresentedError, and TranslatorError when the owner has no legacy commands in use, or there is no MSI-X.
   */
  constructor(bus: Bus, fn: FunctionReference, member: AdminMember, type: DeviceType) {
    const found = typeof fn === 'number' ? findFunction(bus, fn) : fn;
    if (found === null) throw new TranslatorError('there is no function to be presented');
    super(bus, fn, (held, holder) => new AdminBlock(held, holder, member, found, type));
  }

  /** A message that comes while the owner is at a command is told of when it is done: what is done about it may take another. */
  override onMessage(vector: number): void {
    const tell = () => super.onMessage(vector);
    if (!this.block.turns.later(tell)) tell();
  }

  check(state: State, path = 'back end') {
    return this.checkFields(adminBackendState.parse(state, path, this.shape()), path);
  }

  save() {
    return adminBackendState.save(this.saveFields());
  }

  load(state: State): void {
    this.loadFields(this.check(state));
  }
}
