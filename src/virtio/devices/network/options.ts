import { OptionError } from '../../../core/index.ts';
import type { NetworkLink } from '../../backends/network-link.ts';
import { DeviceConfig } from '../../config.ts';
import {
  MAC_BYTES,
  MTU_RANGE,
  NETWORK_SPEED_UNKNOWN,
  networkConfig,
  networkDuplex,
  networkFeature,
  networkStatus,
} from '../../layout/index.ts';
import { checkQueueSizes } from '../../queue/limits.ts';
import { isGroupAddress } from './addresses.ts';

/** An option of a network device that no device can have. */
export class NetworkOptionError extends OptionError {}

export interface NetworkOptions {
  readonly link: NetworkLink;
  /** 6 bytes, of one station. */
  readonly macAddress?: Uint8Array;
  /** Pairs of queues; with more than one MQ is offered. */
  readonly queuePairs?: number;
  /** Bytes of payload of a frame; offered where given. */
  readonly mtu?: number;
  /** Offered where given: Mbit/s, and whether both directions go at once. */
  readonly speed?: { readonly megabits: number | null; readonly duplex: keyof typeof networkDuplex };
  /** Descriptors of each receive and transmit queue, and of the control queue. */
  readonly queueSize?: number;
  readonly controlQueueSize?: number;
  /** Without it the device starts with its link up. */
  readonly linkDown?: boolean;
}

/** Frames by what became of them, since the device was made. */
export interface NetworkStatistics {
  transmitted: number;
  /** Of the driver's: broken, or sent while the link was down. */
  transmitRefused: number;
  transmitLinkDown: number;
  received: number;
  /** Of the link's: while the link was down or the driver did not run; no frame at all; longer than the MTU. */
  receiveNotReady: number;
  receiveMalformed: number;
  receiveTooLong: number;
  receiveFiltered: number;
  /** Buffers were missing, too short, or out of reach. */
  receiveNoBuffers: number;
  receiveFaults: number;
}

export const newStatistics = (): NetworkStatistics => ({
  transmitted: 0,
  transmitRefused: 0,
  transmitLinkDown: 0,
  received: 0,
  receiveNotReady: 0,
  receiveMalformed: 0,
  receiveTooLong: 0,
  receiveFiltered: 0,
  receiveNoBuffers: 0,
  receiveFaults: 0,
});

const bit = networkFeature;

/** What the observed QEMU offers without offloads. */
const BASE_FEATURES = [
  bit.controlGuestOffloads,
  bit.mac,
  bit.mergeableBuffers,
  bit.status,
  bit.controlQueue,
  bit.controlReceive,
  bit.controlVlan,
  bit.controlReceiveExtra,
  bit.guestAnnounce,
  bit.controlMacAddress,
];

const OFFLOAD_FEATURES = [
  bit.checksum,
  bit.guestChecksum,
  bit.guestTso4,
  bit.guestTso6,
  bit.guestEcn,
  bit.guestUfo,
  bit.hostTso4,
  bit.hostTso6,
  bit.hostEcn,
  bit.hostUfo,
  bit.guestUso4,
  bit.guestUso6,
  bit.hostUso,
];

/** What the field can show: NET-CFG-10 wants less, and drivers have to bear with more (NET-CFG-24). */
const MAX_MEGABITS = 0xffffffff;

/** Every pair takes two MSI-X vectors, of 2048, and control queue and configuration one each. */
const MAX_PAIRS = 1023;

/** Bytes of configuration, up to the last field that a feature calls for. */
function configLength(features: readonly number[]): number {
  const fields = [
    [bit.speedDuplex, networkConfig.duplex],
    [bit.mtu, networkConfig.mtu],
    [bit.multiQueue, networkConfig.maxQueuePairs],
    [bit.status, networkConfig.status],
  ] as const;
  const [, last] = fields.find(([feature]) => features.includes(feature))!;
  return last.offset + last.width;
}

/** Sets a field of the configuration that is there, if it is another value: no new generation without a change. */
export function setField(
  config: DeviceConfig<typeof networkConfig>,
  name: keyof typeof networkConfig,
  value: number,
): void {
  const { offset, width } = networkConfig[name];
  if (offset + width <= config.length && config.get(name) !== value) config.set(name, value);
}

/** What a device is made of, from its options. */
export interface NetworkShape {
  readonly macAddress: Uint8Array;
  readonly queuePairs: number;
  readonly mtu: number | null;
  readonly features: readonly number[];
  readonly queueSizes: readonly number[];
  readonly config: DeviceConfig<typeof networkConfig>;
}

/** @throws NetworkOptionError, QueueSizeError */
export function networkShape(options: NetworkOptions): NetworkShape {
  const { link, queuePairs = 1, mtu, speed, queueSize = 256, controlQueueSize = 64 } = options;
  const macAddress = options.macAddress?.slice() ?? Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);
  if (macAddress.length !== MAC_BYTES || isGroupAddress(macAddress, 0))
    throw new NetworkOptionError('macAddress', macAddress, 'the 6 bytes of an address of one station');
  if (!(queuePairs >= 1 && queuePairs <= MAX_PAIRS && Number.isInteger(queuePairs)))
    throw new NetworkOptionError('queuePairs', queuePairs, `1 to ${MAX_PAIRS}`);
  if (mtu !== undefined && !(mtu >= MTU_RANGE.first && mtu <= MTU_RANGE.last && Number.isInteger(mtu)))
    throw new NetworkOptionError('mtu', mtu, `${MTU_RANGE.first} to ${MTU_RANGE.last}`);
  const { megabits = null } = speed ?? {};
  if (megabits !== null && !(megabits >= 0 && megabits <= MAX_MEGABITS && Number.isInteger(megabits)))
    throw new NetworkOptionError(
      'speed.megabits',
      megabits,
      `0 to ${MAX_MEGABITS}, or null where it is not known`,
    );
  const features = [
    ...BASE_FEATURES,
    ...(link.offloads ? OFFLOAD_FEATURES : []),
    ...(queuePairs > 1 ? [bit.multiQueue] : []),
    ...(mtu === undefined ? [] : [bit.mtu]),
    ...(speed === undefined ? [] : [bit.speedDuplex]),
  ];
  const config = new DeviceConfig(networkConfig, configLength(features));
  config.setBytes('mac', macAddress);
  setField(config, 'status', options.linkDown === true ? 0 : networkStatus.linkUp);
  setField(config, 'maxQueuePairs', queuePairs);
  setField(config, 'mtu', mtu ?? 0);
  setField(config, 'speed', megabits ?? NETWORK_SPEED_UNKNOWN);
  setField(config, 'duplex', networkDuplex[speed?.duplex ?? 'unknown']);
  const queueSizes = [...new Array<number>(2 * queuePairs).fill(queueSize), controlQueueSize];
  checkQueueSizes(queueSizes);
  return { macAddress, queuePairs, mtu: mtu ?? null, features, queueSizes, config };
}
