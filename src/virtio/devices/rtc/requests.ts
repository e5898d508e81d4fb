import { lengthOf, type RegisterMap, Room } from '../../../core/index.ts';
import { reachClause, shapeClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  RTC_HEAD_BYTES,
  RTC_MOST_BYTES,
  RTC_OWN_RANGE,
  type RtcRequestName,
  type RtcRequestRow,
  rtcCounter,
  rtcFeature,
  rtcFlag,
  rtcRequests,
  rtcSmearing,
  rtcStatus,
} from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import type { ClockLine } from './clock-line.ts';

interface Known extends RtcRequestRow {
  readonly name: RtcRequestName;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

const known: ReadonlyMap<number, Known> = new Map(
  Object.entries(rtcRequests).map(([name, row]) => [
    row.message,
    {
      ...row,
      name: name as RtcRequestName,
      requestBytes: lengthOf(row.request),
      responseBytes: lengthOf(row.response),
    },
  ]),
);

/** Counters that the specification knows. */
const counters: readonly number[] = Object.values(rtcCounter);
const RESERVED = ['headReserved', 'reserved'] as const;

/** Answers to the requests of a driver, in the order in which they come (RTC-READ-03, RTC-READ-04). */
export class RtcRequests {
  readonly #device: DevicePort;
  readonly #lines: readonly ClockLine[];
  readonly #request = new Room(RTC_MOST_BYTES);
  readonly #response = new Room(RTC_MOST_BYTES);

  constructor(device: DevicePort, lines: readonly ClockLine[]) {
    this.#device = device;
    this.#lines = lines;
  }

  handle(chain: Chain): void {
    const device = this.#device;
    const room = chain.writableBytes;
    // RTC-OP-16: where the status does not fit nothing is written.
    if (room === 0) {
      device.report('driver', 'RTC-OP-06', 'a request without room for a status', aboutChain(chain));
      device.complete(chain, 0);
      return;
    }
    const { bytes, view } = this.#response;
    bytes.fill(0);
    const row = this.#rowOf(chain);
    const status = typeof row === 'number' ? row : this.#answer(row, chain);
    view.setUint8(rtcRequests.read.response.status.offset, status);
    const length = status === rtcStatus.ok ? (row as Known).responseBytes : Math.min(RTC_HEAD_BYTES, room);
    const written = chain.write(0, bytes, 0, length);
    if (!written && chain.live)
      device.report('driver', reachClause(device), 'an answer out of reach', aboutChain(chain));
    device.complete(chain, written ? length : 0);
  }

  /** Reads the request, as long as its type is. @returns the status instead where that cannot be done. */
  #rowOf(chain: Chain): Known | number {
    const { bytes, view } = this.#request;
    const sent = chain.readableBytes;
    if (sent < RTC_HEAD_BYTES) return this.#torn(chain, sent);
    if (!chain.read(0, bytes, 0, RTC_HEAD_BYTES)) return this.#outOfReach(chain);
    const row = known.get(view.getUint16(rtcRequests.read.request.messageType.offset, true));
    // RTC-OP-10. A driver may ask for more than a device has: nothing is said.
    if (row === undefined) return rtcStatus.notSupported;
    if (sent < row.requestBytes) return this.#torn(chain, sent);
    if (!chain.read(0, bytes, 0, row.requestBytes)) return this.#outOfReach(chain);
    const room = chain.writableBytes;
    if (room >= row.responseBytes) return row;
    const about = aboutChain(chain, 'length in bytes', room);
    this.#device.report('driver', 'RTC-OP-06', 'a request without room for its answer', about);
    return rtcStatus.invalid;
  }

  #torn(chain: Chain, sent: number): number {
    const about = aboutChain(chain, 'length in bytes', sent);
    this.#device.report('driver', shapeClause(this.#device), 'a request that is not whole', about);
    return rtcStatus.invalid;
  }

  #outOfReach(chain: Chain): number {
    this.#device.report('driver', reachClause(this.#device), 'a request out of reach', aboutChain(chain));
    return rtcStatus.ioError;
  }

  /** Fills the response in. @returns the status. */
  #answer(row: Known, chain: Chain): number {
    const { view } = this.#request;
    const { request } = row;
    const { clockId, hardwareCounter, flags } = request;
    const line = clockId === undefined ? null : this.#lines[view.getUint16(clockId.offset, true)];
    if (line === undefined) return rtcStatus.noDevice;
    if (ofAlarms.has(row.name) && !this.#mayAlarm(line!)) return rtcStatus.noDevice;
    const counter = hardwareCounter === undefined ? 0 : view.getUint8(hardwareCounter.offset);
    if (hardwareCounter !== undefined && !this.#knows(counter, row, line!, chain))
      return rtcStatus.notSupported;
    if (!this.#inOrder(request, chain)) return rtcStatus.invalid;
    const enabled = flags !== undefined && (view.getUint8(flags.offset) & rtcFlag.alarmEnabled) !== 0;
    switch (row.name) {
      case 'config':
        return this.#config();
      case 'clockCapabilities':
        return this.#capabilities(line!);
      case 'crossCapabilities':
        return this.#crossCapabilities(line!, counter);
      case 'read':
        return this.#readClock(line!);
      case 'readCross':
        return this.#readCross(line!, counter);
      case 'readAlarm':
        return this.#readAlarm(line!);
      case 'setAlarm':
        line!.setAlarm(view.getBigUint64(rtcRequests.setAlarm.request.alarmTime.offset, true), enabled);
        return rtcStatus.ok;
      case 'setAlarmEnabled':
        line!.setAlarm(line!.alarmTime, enabled);
        return rtcStatus.ok;
    }
  }

  /** RTC-ALC-02, RTC-ALC-03. */
  #mayAlarm(line: ClockLine): boolean {
    return line.hasAlarm && this.#device.has(rtcFeature.alarm);
  }

  /** RTC-OP-11: of an implementation's own counters none is known but the clock's. */
  #knows(counter: number, { name }: Known, { clock }: ClockLine, chain: Chain): boolean {
    if (counters.includes(counter) || clock.counters?.includes(counter) === true) return true;
    if (counter < RTC_OWN_RANGE.first)
      this.#device.report(
        'driver',
        name === 'readCross' ? 'RTC-READ-01' : 'RTC-CTL-01',
        'a hardware counter that is none',
        aboutChain(chain, 'hardware counter', counter),
      );
    return false;
  }

  /** RTC-OP-13: nothing is set that has to be 0. */
  #inOrder(request: RegisterMap, chain: Chain): boolean {
    const { bytes } = this.#request;
    for (const name of RESERVED) {
      const field = request[name];
      if (field === undefined) continue;
      const stray = bytes.subarray(field.offset, field.offset + field.count).find((byte) => byte !== 0);
      if (stray === undefined) continue;
      this.#device.report(
        'driver',
        'RTC-OP-02',
        'a reserved field that is not 0',
        aboutChain(chain, 'byte', stray),
      );
      return false;
    }
    const flags = request.flags === undefined ? 0 : bytes[request.flags.offset]!;
    if ((flags & ~rtcFlag.alarmEnabled) === 0) return true;
    this.#device.report('driver', 'RTC-OP-03', 'flags that are none', aboutChain(chain, 'flags', flags));
    return false;
  }

  #config(): number {
    const { numClocks } = rtcRequests.config.response;
    this.#response.view.setUint16(numClocks.offset, this.#lines.length, true);
    return rtcStatus.ok;
  }

  #capabilities(line: ClockLine): number {
    const { view } = this.#response;
    const { type, leapSecondSmearing, flags } = rtcRequests.clockCapabilities.response;
    view.setUint8(type.offset, line.clock.type);
    view.setUint8(leapSecondSmearing.offset, line.clock.smearing ?? rtcSmearing.unspecified);
    view.setUint8(flags.offset, this.#mayAlarm(line) ? rtcFlag.alarmCapable : 0);
    return rtcStatus.ok;
  }

  #crossCapabilities({ clock }: ClockLine, counter: number): number {
    const { flags } = rtcRequests.crossCapabilities.response;
    const capable = clock.counters?.includes(counter) === true;
    this.#response.view.setUint8(flags.offset, capable ? rtcFlag.crossCapable : 0);
    return rtcStatus.ok;
  }

  #readClock(line: ClockLine): number {
    const reading = line.read();
    if (reading === null) return rtcStatus.ioError;
    this.#response.view.setBigUint64(rtcRequests.read.response.clockReading.offset, reading, true);
    return rtcStatus.ok;
  }

  #readCross(line: ClockLine, counter: number): number {
    if (line.clock.counters?.includes(counter) !== true) return rtcStatus.notSupported;
    const both = line.readCross(counter);
    if (both === null) return rtcStatus.ioError;
    const { view } = this.#response;
    const { clockReading, counterCycles } = rtcRequests.readCross.response;
    view.setBigUint64(clockReading.offset, both.reading, true);
    view.setBigUint64(counterCycles.offset, both.cycles, true);
    return rtcStatus.ok;
  }

  #readAlarm({ alarmTime, enabled }: ClockLine): number {
    const { view } = this.#response;
    const { response } = rtcRequests.readAlarm;
    view.setBigUint64(response.alarmTime.offset, alarmTime, true);
    view.setUint8(response.flags.offset, enabled ? rtcFlag.alarmEnabled : 0);
    return rtcStatus.ok;
  }
}

const ofAlarms: ReadonlySet<RtcRequestName> = new Set(['readAlarm', 'setAlarm', 'setAlarmEnabled']);
