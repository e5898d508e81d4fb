import type { Task, ViewCache } from '../../../core/index.ts';
import { reachClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  MAX_CDB_BYTES,
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  type Sense,
  scsiResponse,
  scsiSense,
  scsiStatus,
} from '../../layout/index.ts';
import { aboutChain, type Chain, type TakenRequest } from '../../queue/chain.ts';
import type { Transfer } from '../../storage.ts';
import { NOWHERE } from './address.ts';
import { type Addressee, AttachedUnit } from './addressee.ts';
import { behindHeader, readHeader } from './framing.ts';
import { commandIn, type KnownCommand } from './lookup.ts';
import { prepareResponse, prepareSense, writeResponse } from './response.ts';
import { NO_FIELD } from './sense.ts';
import { type SavedCommand, scsiCommandState } from './state.ts';

/** What a command needs of its host. */
export interface CommandHost {
  readonly device: DevicePort;
  execute(command: ScsiCommand): void;
  /** The command has been answered, or will never be. */
  ended(command: ScsiCommand): void;
  /** Nobody holds the command any more. */
  free(command: ScsiCommand): void;
}

/** What a back end's end leads to. */
export type Continuation = (command: ScsiCommand, ok: boolean) => void;

/**
 * One request of a request queue, from its chain to its answer. It is answered once: by the unit that it is for, or by
 * whoever aborts it. What a back end still does with an answered command touches nothing. Pooled.
 */
export class ScsiCommand implements Task, Transfer, TakenRequest {
  readonly label = 'scsi command';
  /** Place of a transfer in the storage, in bytes. */
  offset = 0;
  length = 0;
  chain: Chain | null = null;
  readonly cdb = new Uint8Array(MAX_CDB_BYTES);
  /** The command of the CDB; null for one that nobody knows. */
  known: KnownCommand | null = null;
  /** The response that it gets instead of being carried out; null for a good request. */
  refused: number | null = null;
  /** Key of the address. */
  address = NOWHERE;
  /** What answers; null when there is no such target. */
  addressee: Addressee | null = null;
  /** Identifier, as two words in the guest's order. */
  id0 = 0;
  id1 = 0;
  /** Bytes of the two data buffers. */
  dataOutBytes = 0;
  dataInBytes = 0;
  /** The host's bookkeeping: place in its task set, and order of coming. */
  slot = 0;
  order = 0;
  /** Handed to its unit, conditions that it had to tell first notwithstanding. */
  begun = false;
  /** A back end works on it, or did: its unit was ready for it. */
  underWay = false;
  /** Answered, or never to be answered. */
  over = true;
  /** The response with which it was aborted, while that cannot be told yet. */
  #verdict: number | null = null;
  /** Who may still call back: the scheduler, a back end. */
  #holders = 0;
  /** The chain, for as long as the command counts against its queue. */
  #counted: Chain | null = null;
  #senseSize = 0;
  /** Bytes of the CDB, as far as any command has them. */
  #cdbBytes = 0;
  /** Where the two data buffers begin in the readable and in the writable bytes. */
  #dataOutAt = 0;
  #dataInAt = 0;
  /** Data out that say what to do, once they were taken. */
  #parameters: Uint8Array | null = null;
  /** The guest's buffers, not the back end, made a transfer fail. */
  #outOfReach = false;
  #then: Continuation = () => {};
  readonly #host: CommandHost;

  constructor(host: CommandHost) {
    this.#host = host;
  }

  /**
   * Reads the header. @returns false when it, or room for the answer's fields, is missing: the command can then only be
   * answered with FAILURE, or with nothing.
   * @param oldFraming the driver is a legacy one without ANY_LAYOUT: a header is a descriptor (LEG-SCSI-06), whatever
   * stands behind it there. Drivers that do not pack the structure send 52 bytes, or 56 (SeaBIOS 1.7.0 to 1.7.2).
   */
  parse(chain: Chain, cdbSize: number, senseSize: number, oldFraming: boolean): boolean {
    this.chain = this.#counted = chain;
    chain.held = true;
    this.over = this.begun = this.underWay = false;
    this.#verdict = null;
    this.#outOfReach = false;
    this.#parameters = null;
    this.#senseSize = senseSize;
    this.addressee = this.known = this.refused = null;
    this.address = NOWHERE;
    this.id0 = this.id1 = this.#cdbBytes = 0;
    this.#place(chain, SCSI_COMMAND_HEADER_BYTES + cdbSize, SCSI_COMMAND_RESPONSE_BYTES + senseSize);
    if (!readHeader(this, chain, cdbSize, this.#host.device)) return false;
    this.#look(Math.min(cdbSize, MAX_CDB_BYTES));
    if (oldFraming) {
      const { readableCount, count } = chain;
      const dataOutAt = behindHeader(this, chain, 0, readableCount, this.#dataOutAt, 'out');
      const dataInAt = behindHeader(this, chain, readableCount, count, this.#dataInAt, 'in');
      this.#place(chain, dataOutAt, dataInAt);
    }
    return chain.writableBytes >= SCSI_COMMAND_RESPONSE_BYTES + senseSize;
  }

  save() {
    const { address, id0, id1, dataOutBytes, dataInBytes, refused, begun, underWay, addressee } = this;
    return scsiCommandState.save({
      ...{ address, id0, id1, dataOutBytes, dataInBytes, refused, begun, underWay },
      attached: addressee instanceof AttachedUnit,
      senseSize: this.#senseSize,
      cdbBytes: this.#cdbBytes,
      cdb: this.cdb.slice(),
      verdict: this.#verdict,
      dataOutAt: this.#dataOutAt,
      dataInAt: this.#dataInAt,
      parameters: this.#parameters?.slice() ?? null,
    });
  }

  /** The command once more, as it was taken; its header and the driver's sizes may have changed since. */
  load(chain: Chain, saved: SavedCommand): void {
    this.chain = this.#counted = chain;
    chain.held = true;
    this.over = false;
    this.#outOfReach = false;
    this.#parameters = saved.parameters?.slice() ?? null;
    this.#senseSize = saved.senseSize;
    this.#verdict = saved.verdict;
    this.addressee = null;
    this.address = saved.address;
    this.id0 = saved.id0;
    this.id1 = saved.id1;
    this.dataOutBytes = saved.dataOutBytes;
    this.dataInBytes = saved.dataInBytes;
    this.#dataOutAt = saved.dataOutAt;
    this.#dataInAt = saved.dataInAt;
    this.refused = saved.refused;
    this.begun = saved.begun;
    this.underWay = saved.underWay;
    this.cdb.set(saved.cdb);
    this.#look(saved.cdbBytes);
  }

  /** Finds the command in a CDB of so many bytes. */
  #look(cdbBytes: number): void {
    this.#cdbBytes = cdbBytes;
    this.known = cdbBytes === 0 ? null : commandIn(this.cdb, cdbBytes);
  }

  /** Data buffers begin there. */
  #place(chain: Chain, dataOutAt: number, dataInAt: number): void {
    this.#dataOutAt = dataOutAt;
    this.#dataInAt = dataInAt;
    this.dataOutBytes = Math.max(0, chain.readableBytes - dataOutAt);
    this.dataInBytes = Math.max(0, chain.writableBytes - dataInAt);
  }

  /** Gives the command to the scheduler; one that was aborted already is answered instead. */
  submit(): void {
    const verdict = this.#verdict;
    if (verdict !== null) {
      this.#verdict = null;
      this.abort(verdict);
      return;
    }
    this.#holders++;
    this.#host.device.scheduler.submit(this);
  }

  run(): void {
    const { device } = this.#host;
    // Bus mastering may have gone off since the chain was taken.
    if (!this.over && !device.dmaEnabled) {
      device.whenDma(this);
      return;
    }
    if (this.#letGo()) this.#host.execute(this);
  }

  /** A holder is done with the command. @returns whether the command is to go on. */
  #letGo(): boolean {
    this.#holders--;
    if (this.over && this.#holders === 0) this.#release();
    return this.live;
  }

  #release(): void {
    const chain = this.#counted;
    this.chain = this.#counted = null;
    this.#host.free(this);
    if (chain !== null) this.#host.device.letGo(chain);
  }

  dropped(): void {
    if (this.#counted !== null) this.#host.device.letGo(this.#counted);
  }

  /** Prepares for a back end: `then` runs when it has called `done`. Offset and length in bytes. */
  prepare(offset: number, length: number, then: Continuation): void {
    this.offset = offset;
    this.length = length;
    this.#then = then;
    this.#holders++;
    this.underWay = true;
  }

  /** Still to be carried out: neither answered, nor aborted, nor taken back by a reset. */
  get live(): boolean {
    return !this.over && this.#verdict === null && this.chain?.live === true;
  }

  give(
    at: number,
    source: Uint8Array,
    sourceOffset: number,
    length: number,
    views: ViewCache | null = null,
  ): boolean {
    if (!this.live || !this.#host.device.dmaEnabled) return false;
    const place = this.#dataInAt + at;
    if (at + length <= this.dataInBytes && this.chain!.write(place, source, sourceOffset, length, views))
      return true;
    this.#outOfReach = true;
    return false;
  }

  take(at: number, target: Uint8Array, targetOffset: number, length: number): boolean {
    if (!this.live || !this.#host.device.dmaEnabled) return false;
    const place = this.#dataOutAt + at;
    if (this.chain!.read(place, target, targetOffset, length)) return true;
    this.#outOfReach = true;
    return false;
  }

  /**
   * The first `length` bytes of data out, taken once: what the driver changes afterwards does not count, whether or not the
   * command is saved and goes on elsewhere. @returns null when they are out of reach.
   */
  takeParameters(length: number): Uint8Array | null {
    if (this.#parameters?.length === length) return this.#parameters;
    const bytes = new Uint8Array(length);
    this.#parameters = this.take(0, bytes, 0, length) ? bytes : null;
    return this.#parameters;
  }

  whenReady(step: () => void): void {
    this.#host.device.whenDma({ label: 'scsi transfer', run: step });
  }

  #ok = false;

  done(ok: boolean): void {
    this.#ok = ok;
    if (this.over) this.#letGo();
    else this.#host.device.whenDma(this.#continue);
  }

  readonly #continue: Task = {
    label: 'scsi continuation',
    run: () => {
      if (this.#letGo()) this.#then(this, this.#ok);
    },
  };

  /** Ends with GOOD; so many bytes were transferred. */
  good(transferred = 0): void {
    this.#answer(scsiResponse.ok, scsiStatus.good, transferred, 0);
  }

  /** Sends `bytes` as data in, as many of them as were asked for, and ends with GOOD. */
  reply(bytes: Uint8Array, allocation: number): void {
    const length = Math.min(bytes.length, allocation);
    if (this.give(0, bytes, 0, length)) this.good(length);
    else this.failed(scsiSense.unrecoveredReadError);
  }

  /** Ends with CHECK CONDITION. @param field the byte of the CDB that was wrong. */
  check(sense: Sense, field = NO_FIELD): void {
    const length = prepareSense(sense, field);
    this.#answer(scsiResponse.ok, scsiStatus.checkCondition, 0, Math.min(length, this.#senseSize));
  }

  /** Ends after a back end failed: with `sense`, unless it was the guest's own buffers. */
  failed(sense: Sense): void {
    if (!this.#outOfReach) {
      this.check(sense);
      return;
    }
    const about = this.chain === null ? undefined : aboutChain(this.chain);
    const { device } = this.#host;
    device.report('driver', reachClause(device), 'a data buffer out of reach', about);
    this.respond(scsiResponse.failure);
  }

  /** Ends without having been carried out. */
  respond(code: number): void {
    this.#answer(code, scsiStatus.good, 0, 0);
  }

  /** Ends before its time, as soon as guest memory may be touched. */
  abort(code: number): void {
    if (this.over || this.#verdict !== null) return;
    this.#verdict = code;
    this.#holders++;
    this.#host.device.whenDma({
      label: 'scsi abort',
      run: () => {
        if (!this.over) this.respond(code);
        this.#letGo();
      },
    });
  }

  /** The chain is dead: there will be no answer. */
  forget(): void {
    if (this.over) return;
    this.over = true;
    if (this.#holders === 0) this.#release();
  }

  /** Writes the answer and hands the chain back: all that was written from the first byte on counts (SPL-USED-02). */
  #answer(code: number, status: number, transferred: number, senseBytes: number): void {
    const chain = this.chain!;
    const { device } = this.#host;
    const left = this.dataOutBytes + this.dataInBytes - transferred;
    prepareResponse(device.littleEndian, code, status, left, senseBytes);
    const head = writeResponse(device, chain, this.#senseSize);
    // Behind a header that is padded, or sense data longer than any, there is a gap.
    const dataIn = this.known?.row.data === 'in' && head === this.#dataInAt ? transferred : 0;
    this.over = true;
    this.chain = null;
    this.#host.ended(this);
    // A back end that still works on it is told that it is over, and gives it back itself.
    const lingers = this.#holders > 0;
    if (!lingers) this.#counted = null;
    device.complete(chain, head === 0 ? 0 : head + dataIn, lingers);
    if (!lingers) this.#host.free(this);
  }
}
