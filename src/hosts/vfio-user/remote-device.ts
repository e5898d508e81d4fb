import { closeSync, readSync, writeSync } from 'node:fs';
import { lengthOf, maskOf, type Width } from '../../core/index.ts';
import type { Library } from '../posix/library.ts';
import { openEvent } from '../posix/poll.ts';
import type { Connection } from './connection.ts';
import { CommandError } from './errors.ts';
import { getFields, structure } from './fields.ts';
import {
  deviceInfoPayload,
  dmaFlags,
  dmaMapPayload,
  irqIndex,
  irqInfoPayload,
  irqSetFlags,
  irqSetPayload,
  REGION_ACCESS_BYTES,
  regionAccessPayload,
  regionInfoPayload,
} from './layout.ts';
import { MOST_FDS } from './negotiation.ts';

const count8 = new Uint8Array(8);

/** A little-endian number. */
export const valueAt = (view: DataView, width: Width, at = 0): number =>
  width === 4 ? view.getUint32(at, true) : width === 2 ? view.getUint16(at, true) : view.getUint8(at);

/** An event between us and the server: signalled by one, taken by the other. */
export class Event {
  readonly fd: number;

  constructor(library: Library) {
    this.fd = openEvent(library);
  }

  /** @returns whether it was signalled since it was last taken. */
  take(): boolean {
    try {
      return readSync(this.fd, count8) > 0;
    } catch {
      return false;
    }
  }

  signal(): void {
    writeSync(this.fd, new BigUint64Array([1n]));
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** A device behind a connection, by the commands of the protocol. */
export class RemoteDevice {
  readonly connection: Connection;
  readonly regions: number;
  readonly irqs: number;

  /** @throws TargetGoneError, TargetTimeoutError, CommandError */
  constructor(connection: Connection) {
    this.connection = connection;
    const request = structure(deviceInfoPayload, { argsz: lengthOf(deviceInfoPayload) });
    const { regions, irqs } = this.#ask('deviceGetInfo', request, deviceInfoPayload);
    this.regions = regions;
    this.irqs = irqs;
  }

  #ask<M extends typeof deviceInfoPayload | typeof regionInfoPayload | typeof irqInfoPayload>(
    name: 'deviceGetInfo' | 'deviceGetRegionInfo' | 'deviceGetIrqInfo',
    request: Uint8Array,
    map: M,
  ) {
    const { view, at, length, fds } = this.connection.command(name, request);
    for (const fd of fds.splice(0)) closeSync(fd);
    if (length < lengthOf(map)) throw new CommandError('EPROTO', `${name} answered by ${length} bytes`);
    return getFields(map, view, at);
  }

  /** Bytes of a region; 0 where there is none. */
  regionBytes(index: number): number {
    if (index >= this.regions) return 0;
    const request = structure(regionInfoPayload, { argsz: lengthOf(regionInfoPayload), index });
    return this.#ask('deviceGetRegionInfo', request, regionInfoPayload).size;
  }

  /** Interrupts of a kind. */
  irqCount(index: number): number {
    if (index >= this.irqs) return 0;
    const request = structure(irqInfoPayload, { argsz: lengthOf(irqInfoPayload), index });
    return this.#ask('deviceGetIrqInfo', request, irqInfoPayload).count;
  }

  /** @throws CommandError where the region ends before */
  read(region: number, offset: number, count: number): DataView {
    const answer = this.connection.command(
      'regionRead',
      structure(regionAccessPayload, { offset, region, count }),
    );
    if (answer.length < REGION_ACCESS_BYTES + count)
      throw new CommandError('EPROTO', `a read of ${count} bytes answered by ${answer.length}`);
    return new DataView(answer.bytes.buffer, answer.view.byteOffset + answer.at + REGION_ACCESS_BYTES, count);
  }

  /** An access of a CPU: what the device refuses reads all ones. */
  readRegister(region: number, offset: number, width: Width): number {
    return this.#orRefused(() => valueAt(this.read(region, offset, width), width), maskOf(width));
  }

  /** What the device refuses is lost. */
  writeRegister(region: number, offset: number, width: Width, value: number): void {
    const bytes = Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24).subarray(0, width);
    this.#orRefused(() => this.write(region, offset, bytes), undefined);
  }

  #orRefused<T>(act: () => T, refused: T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof CommandError) return refused;
      throw error;
    }
  }

  write(region: number, offset: number, bytes: Uint8Array): void {
    const head = { offset, region, count: bytes.length };
    this.connection.command('regionWrite', structure(regionAccessPayload, head, bytes));
  }

  reset(): void {
    this.connection.command('deviceReset', null);
  }

  /** Lets the device reach memory: shared, where a descriptor of it is given, else by asking. */
  map(address: number, size: number, fd: number | null, offset = 0): void {
    const fields = { argsz: lengthOf(dmaMapPayload), flags: dmaFlags.read | dmaFlags.write };
    const request = structure(dmaMapPayload, { ...fields, offset, address, size });
    this.connection.command('dmaMap', request, fd === null ? [] : [fd]);
  }

  /** Connects events to interrupts of a kind, from the first on. */
  connect(index: number, events: readonly Event[]): void {
    for (let start = 0; start < events.length; start += MOST_FDS) {
      const fds = events.slice(start, start + MOST_FDS).map(({ fd }) => fd);
      this.#setIrqs(index, irqSetFlags.eventfd | irqSetFlags.trigger, start, fds.length, fds);
    }
  }

  disconnect(index: number): void {
    this.#setIrqs(index, irqSetFlags.none | irqSetFlags.trigger, 0, 0);
  }

  unmaskLine(): void {
    this.#setIrqs(irqIndex.intx, irqSetFlags.none | irqSetFlags.unmask, 0, 1);
  }

  #setIrqs(index: number, flags: number, start: number, count: number, fds: readonly number[] = []): void {
    const argsz = lengthOf(irqSetPayload);
    this.connection.command(
      'deviceSetIrqs',
      structure(irqSetPayload, { argsz, flags, index, start, count }),
      fds,
    );
  }
}
