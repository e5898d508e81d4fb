import { lengthOf, type RegisterMap, VirtiolabError } from '../core/index.ts';
import type { ConfigSpace, FieldValues } from './config-space.ts';
import {
  CAPABILITIES_START,
  CONVENTIONAL_BYTES,
  capabilityHeader,
  EXTENDED_START,
  packExtendedHeader,
  status,
  type0Header,
  unpackExtendedHeader,
} from './layout/index.ts';

/**
 * A capability that configuration space does not hold: no room is left, its id or length cannot be, or it is an extended one
 * on a function that is not PCI Express.
 */
export class CapabilitySpaceError extends VirtiolabError {
  readonly capability: number;
  readonly lengthBytes: number;

  constructor(capability: number, lengthBytes: number, reason: string) {
    super(`capability 0x${capability.toString(16)} of ${lengthBytes} bytes: ${reason}`);
    this.capability = capability;
    this.lengthBytes = lengthBytes;
  }
}

/** What a capability's table must begin with. */
export type CapabilityMap = RegisterMap & typeof capabilityHeader;

const NONE: readonly number[] = [];

const align4 = (value: number) => (value + 3) & ~3;

/** The ordinary capability list: one-byte pointers from 0x34 on, in the order of adding. */
export class CapabilityList {
  #free = CAPABILITIES_START;
  #tail: number = type0Header.capabilitiesPointer.offset;
  #offsets = NONE;

  readonly space: ConfigSpace;

  constructor(space: ConfigSpace) {
    this.space = space;
  }

  /** Where its capabilities begin, in the order of adding. */
  get offsets(): readonly number[] {
    return this.#offsets;
  }

  /**
   * Appends a capability. `lengthBytes` may exceed the table's, for padding (PCI-CAP-16).
   * @returns its offset in configuration space.
   * @throws CapabilitySpaceError when there is no room, or no such id or length.
   */
  add<M extends CapabilityMap>(
    id: number,
    map: M,
    values: FieldValues<M>,
    lengthBytes = lengthOf(map),
  ): number {
    const at = this.#free;
    if (!Number.isInteger(id) || id < 0 || id > 0xff)
      throw new CapabilitySpaceError(id, lengthBytes, 'wants an id of 8 bits');
    if (!Number.isInteger(lengthBytes) || lengthBytes < lengthOf(map))
      throw new CapabilitySpaceError(id, lengthBytes, `its registers take ${lengthOf(map)} bytes`);
    if (at + lengthBytes > CONVENTIONAL_BYTES)
      throw new CapabilitySpaceError(id, lengthBytes, `only ${CONVENTIONAL_BYTES - at} bytes are free`);
    this.space.place(map, at, { ...values, capabilityId: id });
    this.link(this.#tail, at);
    this.space.set(
      type0Header.status.offset,
      2,
      this.space.get(type0Header.status.offset, 2) | status.capabilities,
    );
    this.#tail = at + capabilityHeader.nextPointer.offset;
    this.#free = align4(at + lengthBytes);
    this.#offsets = this.#offsets.concat(at);
    return at;
  }

  /** Leaves bytes behind the last capability, in which nothing stands; the next begins at a multiple of 4. */
  leave(bytes: number): void {
    this.#free = align4(this.#free + bytes);
  }

  /** Writes any pointer anywhere: `pointer` is the byte that holds it. For malformed lists in tests. */
  link(pointer: number, next: number): void {
    this.space.set(pointer, 1, next);
  }
}

/** The extended capability list, from 0x100 on. */
export class ExtendedCapabilityList {
  #free = EXTENDED_START;
  #offsets = NONE;

  readonly space: ConfigSpace;

  constructor(space: ConfigSpace) {
    this.space = space;
  }

  /** Where its capabilities begin, in the order of adding. */
  get offsets(): readonly number[] {
    return this.#offsets;
  }

  /**
   * Appends an extended capability; the header dword is filled in here.
   * @returns its offset in configuration space.
   * @throws CapabilitySpaceError when there is no room, or no extended space at all.
   */
  add<M extends RegisterMap>(id: number, version: number, map: M, values: FieldValues<M>): number {
    const at = this.#free;
    const lengthBytes = lengthOf(map);
    if (
      !Number.isInteger(id) ||
      id < 0 ||
      id > 0xffff ||
      !Number.isInteger(version) ||
      version < 0 ||
      version > 0xf
    )
      throw new CapabilitySpaceError(
        id,
        lengthBytes,
        `version ${version}; wants an id of 16 bits and a version of 4`,
      );
    if (at + lengthBytes > this.space.length)
      throw new CapabilitySpaceError(
        id,
        lengthBytes,
        this.space.length === CONVENTIONAL_BYTES
          ? 'extended capabilities want a PCI Express function'
          : 'no room is left',
      );
    this.space.place(map, at, values);
    this.space.set(at, 4, packExtendedHeader(id, version, 0));
    const tail = this.offsets.at(-1);
    if (tail !== undefined) this.link(tail, at);
    this.#free = align4(at + lengthBytes);
    this.#offsets = this.#offsets.concat(at);
    return at;
  }

  /** Makes the capability at `from` point to `next`, whatever stands there. For malformed lists in tests. */
  link(from: number, next: number): void {
    const { id, version } = unpackExtendedHeader(this.space.get(from, 4));
    this.space.set(from, 4, packExtendedHeader(id, version, next));
  }
}
