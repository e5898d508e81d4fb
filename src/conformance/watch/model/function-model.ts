import type { FunctionAddress } from '../../../core/index.ts';
import { ConfigImage } from '../../../driver/index.ts';
import {
  type DeviceType,
  deviceStatus,
  FEATURE_WORDS,
  type FeatureWords,
  hasFeature,
} from '../../../virtio/layout/index.ts';
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
    this.status = 0;
    this.accepted.empty();
    this.featureWrites = 0;
    this.featuresOk = null;
    this.queues.clear();
    this.configVector = null;
    this.configVectorUnread = false;
    this.configUsed.clear();
    this.generationReads = 0;
    this.notes = null;
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
