import { lengthOf } from '../../core/index.ts';
import type { ServedDevice } from './device.ts';
import { DirtyPages, LOG_PAGE_BYTES } from './dirty-pages.ts';
import { CommandError } from './errors.ts';
import { getFields, structure, viewOf } from './fields.ts';
import {
  deviceFeature,
  FEATURE_BYTES,
  featureFlags,
  featurePayload,
  loggingRange,
  loggingReportPayload,
  loggingStartPayload,
  migrationFlags,
  migrationPayload,
  migState,
  migStatePayload,
} from './layout.ts';
import type { Migration } from './migration.ts';

const { get: GET, set: SET, probe: PROBE, indexMask } = featureFlags;
const MOST_RANGES = 4096;

/** What can be asked of one feature, by what follows its head. */
interface Feature {
  get?(data: Uint8Array): Uint8Array;
  set?(data: Uint8Array): void;
}

/** DEVICE_FEATURE: migration, and the logging of pages that a device writes. */
export class Features {
  readonly #device: ServedDevice;
  readonly #migration: Migration;
  readonly #features: ReadonlyMap<number, Feature>;
  #log: DirtyPages | null = null;

  constructor(device: ServedDevice, migration: Migration) {
    this.#device = device;
    this.#migration = migration;
    this.#features = new Map<number, Feature>([
      [deviceFeature.migration, { get: () => supported }],
      [
        deviceFeature.migDeviceState,
        {
          get: () => structure(migStatePayload, { state: migState[migration.state] }),
          set: (data) => this.#setState(data),
        },
      ],
      [deviceFeature.dmaLoggingStart, { set: (data) => this.#start(data) }],
      [deviceFeature.dmaLoggingStop, { set: () => this.#stop() }],
      [deviceFeature.dmaLoggingReport, { get: (data) => this.#report(data) }],
    ]);
  }

  /** @param payload of the command. @returns that of the answer. @throws CommandError */
  command(payload: Uint8Array): Uint8Array {
    if (payload.length < FEATURE_BYTES) throw new CommandError('EINVAL', 'no feature is named');
    const { argsz, flags } = getFields(featurePayload, viewOf(payload));
    const [index, ways] = [flags & indexMask, flags & ~indexMask];
    const feature = this.#features.get(index);
    if (feature === undefined) throw new CommandError('ENOTSUP', `feature ${index}`);
    if ((ways & ~(GET | SET | PROBE)) !== 0 || (ways & (GET | SET | PROBE)) === 0)
      throw new CommandError('EINVAL', `flags ${flags}`);
    const lacks =
      ((ways & GET) !== 0 && feature.get === undefined) || ((ways & SET) !== 0 && feature.set === undefined);
    if (lacks) throw new CommandError('ENOTSUP', `feature ${index} cannot be used so`);
    if ((ways & PROBE) !== 0) return payload.slice();
    if ((ways & GET) !== 0 && (ways & SET) !== 0)
      throw new CommandError('EINVAL', 'a feature is read or set, not both');
    const data = payload.subarray(FEATURE_BYTES);
    if ((ways & SET) !== 0) {
      feature.set!(data);
      return payload.slice();
    }
    const found = feature.get!(data);
    const whole = FEATURE_BYTES + found.length;
    if (argsz < whole) return structure(featurePayload, { argsz: whole, flags });
    return structure(featurePayload, { argsz: whole, flags }, found);
  }

  #setState(data: Uint8Array): void {
    if (data.length < lengthOf(migStatePayload)) throw new CommandError('EINVAL', 'no state is named');
    this.#migration.set(getFields(migStatePayload, viewOf(data)).state);
  }

  #start(data: Uint8Array): void {
    const head = lengthOf(loggingStartPayload);
    if (data.length < head) throw new CommandError('EINVAL', 'no page size');
    const view = viewOf(data);
    const { ranges: count, pageSize } = getFields(loggingStartPayload, view);
    const each = lengthOf(loggingRange);
    if (count > MOST_RANGES || data.length < head + count * each)
      throw new CommandError('EINVAL', `${count} ranges in ${data.length} bytes`);
    if (pageSize === 0) throw new CommandError('EINVAL', `pages of 0 bytes; ${LOG_PAGE_BYTES} are logged`);
    const ranges = Array.from({ length: count }, (_, i) => getFields(loggingRange, view, head + i * each));
    const log = new DirtyPages(ranges);
    this.#log = log;
    this.#device.onWrite = (address, length) => log.wrote(address, length);
  }

  #stop(): void {
    this.#log = null;
    this.#device.onWrite = null;
  }

  #report(data: Uint8Array): Uint8Array {
    if (this.#log === null) throw new CommandError('EINVAL', 'nothing is logged');
    const head = lengthOf(loggingReportPayload);
    if (data.length < head) throw new CommandError('EINVAL', 'no range');
    const { address, length, pageSize } = getFields(loggingReportPayload, viewOf(data));
    const bitmap = this.#log.take({ address, length }, pageSize);
    return structure(loggingReportPayload, { address, length, pageSize }, bitmap);
  }

  /** The client has left. */
  reset(): void {
    this.#stop();
    this.#migration.reset();
  }
}

const supported = structure(migrationPayload, { flags: migrationFlags.stopCopy | migrationFlags.preCopy });
