import type { FunctionAddress, Register } from '../../../core/index.ts';
import { ConfigImage } from '../../../driver/index.ts';
import {
  type DeviceType,
  deviceStatus,
  FEATURE_WORDS,
  type FeatureWords,
  hasFeature,
} from '../../../virtio/layout/index.ts';
import type { AdminNotes } from '../types/admin.ts';
import { QueueModel } from './queue-model.ts';

/** Feature words, and which of them are known. */
export class KnownFeatures {
  readonly words = new Uint32Array(FEATURE_WORDS);
  /** A bit for each word. */
  known = 0;

  set(word: number, value: number): void {
    if (word < 0 || word >= FEATURE_WORDS) return;
    this.words[word] = value;
    this.known |= 1 << word;
  }

  knows(word: number): boolean {
    return ((this.known >> word) & 1) !== 0;
  }

  /** Nothing is in it, and that is certain. */
  empty(): void {
    this.words.fill(0);
    this.known = (1 << FEATURE_WORDS) - 1;
  }

  /** The bit is in it for certain. */
  has(bit: number): boolean {
    return this.knows(bit >> 5) && hasFeature(this.words as FeatureWords, bit);
  }

  /** The bit is not in it, for certain. */
  lacks(bit: number): boolean {
    return this.knows(bit >> 5) && !hasFeature(this.words as FeatureWords, bit);
  }
}

/** Bytes of device configuration that are remembered: no field of any type lies further on. */
const CONFIG_BYTES = 256;

/** Where the MSI-X capability stands, and what it says. */
export interface MsixModel {
  at: number;
  vectors: number | null;
  enabled: boolean | null;
}

/** What is known of a function and of its driver. Null is not known. */
export class FunctionModel {
  readonly name: string;
  readonly address: FunctionAddress | null;
  /** Configuration space as far as it was read, or told. */
  readonly config = new ConfigImage();
  type: DeviceType | null = null;
  /** It is a virtual function: its header says less. */
  readonly virtual: boolean;
  /** Where its capabilities stand, by id: the first of each. */
  places: ReadonlyMap<number, number> | null = null;
  command: number | null = null;
  /** Bytes between the places where queues are kicked; undefined until it was looked for. */
  multiplier: number | null | undefined = undefined;
  readonly msix: MsixModel = { at: 0, vectors: null, enabled: null };
  /** Address decoding was seen to be switched on: no register of the device was touched before that. */
  decodedHere = false;
  /** Registers of the device were accessed. */
  touched = false;
  /** Whose registers the driver uses. */
  speaks: 'legacy' | 'modern' | null = null;

  /** All that happened since power-on, or since a reset, was seen. */
  whole = false;
  /** Chains came and went before anybody looked: what they carried is not known. */
  missed = false;
  /** The driver wrote a reset in this life: false where it certainly has not, null where nobody knows. */
  resetSeen: boolean | null = null;
  /** A reset was written and not yet read back. */
  resetting = false;
  status: number | null = null;
  readonly offered = new KnownFeatures();
  readonly accepted = new KnownFeatures();
  /** Feature words that were written since the last reset. */
  featureWrites = 0;
  /** What FEATURES_OK read as since it was written; null where it was not read. */
  featuresOk: boolean | null = null;
  deviceSelect: number | null = null;
  driverSelect: number | null = null;
  queueSelect: number | null = null;
  readonly queues = new Map<number, QueueModel>();
  /** Administration queues, as the device says. */
  adminFirst: number | null = null;
  adminCount: number | null = null;
  /** Queues but those of administration, as the device says. */
  numQueues: number | null = null;
  /** A suspended device was asked to go on, and not seen to do so. */
  resuming = false;
  /** Entries of the vector table that were written. */
  readonly tableWrites = new Set<number>();
  /** A field of 64 bits was read since the last reset. */
  wideReads = 0;
  /** Reads of the first field of device configuration since then. */
  firstReads = 0;
  /** The window of PCI_CFG as it was set; -1 for what is not known. */
  window: { readonly at: number; bar: number; offset: number; length: number } | null = null;
  /** The vendor id of vendor data was read. */
  vendorRead = false;
  /** SR_IOV was agreed on once: from then on virtual functions may be enabled (RF-12). */
  sriovAgreed = false;
  /** Its capabilities were looked through by software, as far as that was seen. */
  scanned = false;
  configReads = 0;
  /** Reads of the configuration generation since the last reset. */
  generationReads = 0;
  /** Vector registers always stand in its legacy block (a draft's alternative). */
  fixedVectors = false;
  configVector: number | null = null;
  configVectorUnread = false;

  /** Interrupts since ISR was last read, and in all. */
  interrupts = 0;
  everInterrupted = false;
  /** ISR as it was read last, where nothing has been done since; else -1. */
  isr = -1;
  /** The interrupt for which it was read, where it was for one. */
  isrForInterrupt = false;
  /** The driver asks ISR without having been called. */
  polls = false;
  /** ISR told of a configuration change, and nothing was read since. */
  changeUnread = false;
  /** The last access went to a vector register. */
  afterVector = false;

  /** Device configuration as it was used since the last reset: the lowest offset in the legacy block, bytes as a set. */
  readonly configUsed = new Set<number>();
  /** Offsets of device configuration that were written since then. */
  readonly configWritten = new Set<number>();
  /** Bytes of device configuration as they were read or written last, -1 for those that were not; the first 256. */
  readonly configBytes = new Int16Array(CONFIG_BYTES).fill(-1);
  /** A legacy driver of it has what is in its own byte order most significant byte first. */
  bigEndianGuest = false;
  /** Commands of its administration queues; null before there were any. */
  admin: AdminNotes | null = null;
  /** NumVFs as it was written or read last, and virtual functions that are there: 0 while VF Enable is clear, null where nobody knows. */
  numVfs: number | null = null;
  virtualFunctions: number | null = null;
  /** What rules of one device type remember. */
  notes: unknown = null;

  constructor(name: string, address: FunctionAddress | null, virtual: boolean) {
    this.name = name;
    this.address = address;
    this.virtual = virtual;
  }

  get subject(): string {
    return this.type?.functionName ?? 'function';
  }

  /** Both sides agreed on it. */
  has(bit: number): boolean {
    return this.accepted.has(bit);
  }

  /** The driver did not accept it. */
  lacks(bit: number): boolean {
    return this.accepted.lacks(bit);
  }

  /** A status bit is set, for certain. */
  is(bit: number): boolean {
    return this.status !== null && (this.status & bit) !== 0;
  }

  isNot(bit: number): boolean {
    return this.status !== null && (this.status & bit) === 0;
  }

  get started(): boolean {
    return this.is(deviceStatus.driverOk);
  }

  get legacy(): boolean {
    return this.speaks === 'legacy';
  }

  get modern(): boolean {
    return this.speaks === 'modern';
  }

  /** Its driver has numbers least significant byte first; a balloon's configuration is so in any case (LEG-BAL-03). */
  get littleEndian(): boolean {
    return !this.bigEndianGuest || !this.legacy || this.type?.name === 'balloon';
  }

  /** A field of device configuration as it was read or written last; null where it was not, or not whole. */
  configValue({ offset, width }: Pick<Register, 'offset' | 'width'>): number | null {
    let value = 0;
    for (let i = 0; i < width; i++) {
      const byte = this.configBytes[offset + (this.littleEndian ? width - 1 - i : i)] ?? -1;
      if (byte < 0) return null;
      value = 256 * value + byte;
    }
    return value;
  }

  /** All that its queues carried since then was seen, too. */
  get followed(): boolean {
    return this.whole && !this.missed;
  }

  queue(index: number): QueueModel {
    let queue = this.queues.get(index);
    if (queue === undefined) this.queues.set(index, (queue = new QueueModel(index, this.whole)));
    return queue;
  }

  /** The queue that the selector names; null where that is not known. */
  get selected(): QueueModel | null {
    return this.queueSelect === null ? null : this.queue(this.queueSelect);
  }

  /** As after a reset, or at power-on: all of it is known. */
  begin(): void {
    this.whole = true;
    this.missed = false;
    this.status = 0;
    this.accepted.empty();
    this.featureWrites = 0;
    this.featuresOk = null;
    this.queues.clear();
    this.configVector = null;
    this.configVectorUnread = false;
    this.configUsed.clear();
    this.configWritten.clear();
    this.generationReads = 0;
    this.wideReads = 0;
    this.firstReads = 0;
    this.resuming = false;
    this.notes = null;
    this.admin = null;
    this.isr = -1;
    this.changeUnread = false;
  }

  /** Nobody knows what state it is in. */
  forget(): void {
    this.begin();
    this.whole = false;
    this.status = null;
    this.resetSeen = null;
    this.accepted.known = 0;
    this.resetting = false;
    this.queueSelect = this.deviceSelect = this.driverSelect = null;
  }
}
