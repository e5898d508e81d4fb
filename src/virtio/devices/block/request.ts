import type { Task, ViewCache } from '../../../core/index.ts';
import { BLOCK_REQUEST_BYTES, blockRequestType, blockStatus, SECTOR_BYTES } from '../../layout/index.ts';
import type { Chain, TakenRequest } from '../../queue/chain.ts';
import type { Transfer } from '../../storage.ts';
import type { BlockDevice } from '../block.ts';
import type { Ordered } from './barriers.ts';
import { type SegmentCommand, SegmentList, segmentCommands } from './segments.ts';
import { blockRequestState, type SavedBlockRequest } from './state.ts';

/** One request: parsed from its chain, run by the scheduler, ended by the storage. Pooled. */
export class BlockRequest implements Task, Transfer, Ordered, TakenRequest {
  /** Of another queue than the first, it says so. */
  label = 'block request';
  offset = 0;
  length = 0;
  chain: Chain | null = null;
  type = 0;
  barrier = false;
  /** It stands in the order that barriers make: BARRIER was accepted when it was taken. */
  ordered = false;
  /** It was begun in writethrough mode, or was not; null before that. */
  writesThrough: boolean | null = null;
  /** Status to be given instead of running; null for a good request. */
  refused: number | null = null;
  /** What its segments are for; null for a request without any. */
  command: SegmentCommand | null = null;
  #segments: SegmentList | null = null;
  /** The segment that comes next. */
  #next = 0;
  /** A write in writethrough mode that still has to be made stable. */
  #stabilise = false;
  #ok = false;
  readonly #owner: BlockDevice;

  constructor(owner: BlockDevice) {
    this.#owner = owner;
  }

  /** Room for segments, made when first needed. */
  get segments(): SegmentList {
    this.#segments ??= new SegmentList();
    return this.#segments;
  }

  get live(): boolean {
    return this.chain?.live === true;
  }

  save() {
    const { offset, length, type, barrier, ordered, writesThrough, refused, command } = this;
    const segments = command === null ? null : this.segments.save();
    return blockRequestState.save({
      offset,
      length,
      type,
      barrier,
      ordered,
      writesThrough,
      refused,
      segments,
    });
  }

  /** The request once more, as it was taken: nothing of what was done of it counts. */
  load(saved: SavedBlockRequest): void {
    this.offset = saved.offset;
    this.length = saved.length;
    this.type = saved.type;
    this.barrier = saved.barrier;
    this.ordered = saved.ordered;
    this.writesThrough = saved.writesThrough;
    this.refused = saved.refused;
    this.command = saved.segments === null ? null : segmentCommands[saved.type]!;
    if (saved.segments !== null) this.segments.load(saved.segments);
  }

  run(): void {
    const { storage, device } = this.#owner;
    // Bus mastering may have gone off since the chain was taken.
    if (!device.dmaEnabled && this.live) {
      device.whenDma(this);
      return;
    }
    const { type, command } = this;
    this.writesThrough ??=
      (command === null ? type === blockRequestType.out : command.writes) && this.#owner.stableWrites;
    this.#stabilise = this.writesThrough;
    if (!this.live || this.refused !== null) this.#owner.finish(this, this.refused ?? blockStatus.ioError);
    else if (command !== null) this.#startSegments();
    else if (!this.#fits()) this.done(false);
    else if (type === blockRequestType.in) storage.read(this);
    else if (type === blockRequestType.out) storage.write(this);
    else if (type === blockRequestType.getId) this.done(this.#owner.giveId(this));
    else storage.flush(this);
  }

  dropped(): void {
    if (this.chain !== null) this.#owner.device.letGo(this.chain);
  }

  /** The storage may have become shorter since the request was taken. */
  #fits(): boolean {
    return this.offset + this.length <= this.#owner.reachBytes;
  }

  #startSegments(): void {
    this.#next = 0;
    this.#nextSegment();
  }

  #nextSegment(): void {
    const { sectors, lengths, flags } = this.segments;
    const index = this.#next++;
    this.offset = sectors[index]! * SECTOR_BYTES;
    this.length = lengths[index]! * SECTOR_BYTES;
    if (this.#fits()) this.command!.start(this.#owner.storage, this, flags[index]!);
    else this.done(false);
  }

  give(
    at: number,
    source: Uint8Array,
    sourceOffset: number,
    length: number,
    views?: ViewCache | null,
  ): boolean {
    return (
      this.#owner.device.dmaEnabled && this.chain!.write(at, source, sourceOffset, length, views ?? null)
    );
  }

  take(at: number, target: Uint8Array, targetOffset: number, length: number): boolean {
    return (
      this.#owner.device.dmaEnabled &&
      this.chain!.read(BLOCK_REQUEST_BYTES + at, target, targetOffset, length)
    );
  }

  whenReady(step: () => void): void {
    this.#owner.device.whenDma({ label: 'block transfer', run: step });
  }

  done(ok: boolean): void {
    // BLK-OP-13: after a segment that failed the others are left alone, and so they are after a reset (BF-RST-02).
    if (ok && this.command !== null && this.#next < this.segments.count && this.live) {
      this.#nextSegment();
      return;
    }
    if (ok && this.#stabilise && this.live) {
      this.#stabilise = false;
      this.#owner.storage.flush(this);
      return;
    }
    this.#ok = ok;
    this.#owner.device.whenDma(this.#finish);
  }

  readonly #finish: Task = {
    label: 'block completion',
    run: () => this.#owner.finish(this, this.#ok ? blockStatus.ok : blockStatus.ioError),
  };
}
