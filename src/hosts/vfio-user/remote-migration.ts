import { concatenated, lengthOf } from '../../core/index.ts';
import type { Connection } from './connection.ts';
import { CommandError } from './errors.ts';
import { getFields, structure } from './fields.ts';
import {
  deviceFeature,
  FEATURE_BYTES,
  featureFlags,
  featurePayload,
  loggingReportPayload,
  loggingStartPayload,
  MIG_DATA_BYTES,
  type MigStateName,
  migDataPayload,
  migState,
  migStatePayload,
} from './layout.ts';

/** Bytes of a stream in one command. */
const PIECE_BYTES = 1 << 16;
const PAGE_BYTES = 4096;
const NO_DESCRIPTOR = 0xffffffff;

/** Migration of a device in another process, as a machine that uses it asks for it: states, a stream, and a log of pages. */
export class RemoteMigration {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @returns what comes behind the head, a copy. @throws CommandError for what the device has not, or refuses */
  #feature(index: number, flags: number, data: Uint8Array, answer = data.length): Uint8Array {
    const argsz = FEATURE_BYTES + Math.max(answer, data.length);
    const request = structure(featurePayload, { argsz, flags: index | flags }, data);
    const { bytes, at, length } = this.#connection.command('deviceFeature', request);
    return bytes.slice(at + FEATURE_BYTES, at + length);
  }

  get state(): MigStateName {
    const answer = this.#feature(
      deviceFeature.migDeviceState,
      featureFlags.get,
      new Uint8Array(),
      lengthOf(migStatePayload),
    );
    if (answer.length < lengthOf(migStatePayload))
      throw new CommandError('EPROTO', `the state is answered by ${answer.length} bytes`);
    const { state } = getFields(migStatePayload, new DataView(answer.buffer));
    return (Object.keys(migState) as MigStateName[]).find((name) => migState[name] === state) ?? 'error';
  }

  /** @throws CommandError where no way leads there, or what was written cannot be loaded */
  set(state: MigStateName): void {
    const data = structure(migStatePayload, { state: migState[state], dataFd: NO_DESCRIPTOR });
    this.#feature(deviceFeature.migDeviceState, featureFlags.set, data);
  }

  /** All that there is to be read now. @throws CommandError where nothing is saved */
  read(): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (;;) {
      const request = structure(migDataPayload, { argsz: MIG_DATA_BYTES + PIECE_BYTES, size: PIECE_BYTES });
      const { bytes, at, length } = this.#connection.command('migDataRead', request);
      pieces.push(bytes.slice(at + MIG_DATA_BYTES, at + length));
      if (length < MIG_DATA_BYTES + PIECE_BYTES) return concatenated(pieces);
    }
  }

  /** @throws CommandError where nothing is loaded, or too much */
  write(stream: Uint8Array): void {
    for (let at = 0; at < stream.length; at += PIECE_BYTES) {
      const data = stream.subarray(at, at + PIECE_BYTES);
      const head = { argsz: MIG_DATA_BYTES, size: data.length };
      this.#connection.command('migDataWrite', structure(migDataPayload, head, data));
    }
  }

  /** The device logs the pages that it writes, of all memory. */
  startLogging(): void {
    const data = structure(loggingStartPayload, { pageSize: PAGE_BYTES, ranges: 0 });
    this.#feature(deviceFeature.dmaLoggingStart, featureFlags.set, data);
  }

  stopLogging(): void {
    this.#feature(deviceFeature.dmaLoggingStop, featureFlags.set, new Uint8Array());
  }

  /** Addresses of pages that were written since they were last asked for, ascending. @throws CommandError without a log */
  dirty(address: number, length: number): number[] {
    const head = lengthOf(loggingReportPayload);
    const bitmapBytes = 8 * Math.ceil(length / PAGE_BYTES / 64);
    const data = structure(loggingReportPayload, { address, length, pageSize: PAGE_BYTES });
    const answer = this.#feature(deviceFeature.dmaLoggingReport, featureFlags.get, data, head + bitmapBytes);
    const pages: number[] = [];
    for (let page = 0; page * PAGE_BYTES < length; page++)
      if (((answer[head + (page >>> 3)] ?? 0) & (1 << (page & 7))) !== 0)
        pages.push(address + page * PAGE_BYTES);
    return pages;
  }
}
