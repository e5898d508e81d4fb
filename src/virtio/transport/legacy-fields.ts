import {
  alignedPiece,
  type BusTarget,
  inOrder,
  type RegisterMap,
  type State,
  type Stateful,
  sizeOf,
  type Width,
} from '../../core/index.ts';
import type { VirtioDevice } from '../device.ts';
import { legacyHeader, legacyHeaderWithVectors } from '../layout/index.ts';
import type { VirtioInterrupts } from './interrupts.ts';
import { LegacyWindow } from './legacy.ts';

/** By offset: the end of the field that has that byte, or 0. */
type FieldEnds = Uint16Array;

const known = new WeakMap<RegisterMap, Map<number, FieldEnds>>();

/** One table for all structures of a map that go on to the same length. */
function fieldEnds(map: RegisterMap, length: number): FieldEnds {
  let lengths = known.get(map);
  if (lengths === undefined) known.set(map, (lengths = new Map()));
  let ends = lengths.get(length);
  if (ends === undefined) {
    ends = new Uint16Array(length);
    for (const [, register] of inOrder(map)) {
      const end = Math.min(register.offset + sizeOf(register), length);
      if (end > register.offset) ends.fill(end, register.offset, end);
    }
    lengths.set(length, ends);
  }
  return ends;
}

/**
 * The legacy block of a device without a place in its BARs: the owner of its group reaches it by commands. Header and device
 * configuration begin at 0 each; an access stays inside one field, part of which is enough (ADL-02, ADL-05, ADL-06); all is
 * little-endian, whatever the guest is (ADL-04). The vector registers are there while the device's own MSI-X is enabled.
 */
export class LegacyFields implements Stateful {
  readonly #window: LegacyWindow;
  readonly #config: FieldEnds;

  constructor(device: VirtioDevice, interrupts: VirtioInterrupts) {
    this.#window = new LegacyWindow(device, interrupts, 'as-legacy', 'little');
    this.#config = fieldEnds(device.config.map, device.config.length);
  }

  get record() {
    return this.#window.record;
  }

  /** The queue that the queue registers are about. */
  get queueSelect(): number {
    return this.#window.queueSelect;
  }

  set queueSelect(queue: number) {
    this.#window.queueSelect = queue;
  }

  /** The bytes are some of one header field's. */
  inHeader(offset: number, length: number): boolean {
    const map = this.#window.vectorsShown() ? legacyHeaderWithVectors : legacyHeader;
    return inField(fieldEnds(map, this.#window.configOffset()), offset, length);
  }

  /** The bytes are some of one field of device configuration. */
  inConfig(offset: number, length: number): boolean {
    return inField(this.#config, offset, length);
  }

  readHeader(offset: number, target: Uint8Array, at: number, length: number): void {
    readBytes(this.#window, offset, target, at, length);
  }

  readConfig(offset: number, target: Uint8Array, at: number, length: number): void {
    readBytes(this.#window, this.#window.configOffset() + offset, target, at, length);
  }

  writeHeader(offset: number, source: Uint8Array, at: number, length: number): void {
    writeBytes(this.#window, offset, source, at, length);
  }

  writeConfig(offset: number, source: Uint8Array, at: number, length: number): void {
    writeBytes(this.#window, this.#window.configOffset() + offset, source, at, length);
  }

  /** A queue's number arrives at a notification address: as if it were written to the register (ADL-13). */
  kick(queue: number): void {
    this.#window.write(legacyHeader.queueNotify.offset, 2, queue);
  }

  save() {
    return this.#window.save();
  }

  check(state: State, path?: string) {
    return this.#window.check(state, path);
  }

  load(state: State): void {
    this.#window.load(state);
  }
}

function inField(ends: FieldEnds, offset: number, length: number): boolean {
  return length > 0 && offset < ends.length && offset + length <= ends[offset]!;
}

function readBytes(window: BusTarget, offset: number, target: Uint8Array, at: number, length: number): void {
  for (let done = 0; done < length; ) {
    const piece = alignedPiece(offset + done, length - done);
    const value = window.read(offset + done, piece);
    for (let i = 0; i < piece; i++) target[at + done + i] = value >>> (8 * i);
    done += piece;
  }
}

function writeBytes(window: BusTarget, offset: number, source: Uint8Array, at: number, length: number): void {
  for (let done = 0; done < length; ) {
    const piece = alignedPiece(offset + done, length - done);
    let value = 0;
    for (let i = piece - 1; i >= 0; i--) value = value * 256 + source[at + done + i]!;
    window.write(offset + done, piece, value);
    done += piece;
  }
}

/** An address in a BAR of the member where its queues are kicked (ADL-13). It reads 0. */
export class LegacyNotify implements BusTarget {
  readonly #fields: LegacyFields;

  constructor(fields: LegacyFields) {
    this.#fields = fields;
  }

  read(): number {
    return 0;
  }

  write(_offset: number, _width: Width, value: number): void {
    this.#fields.kick(value & 0xffff);
  }
}
