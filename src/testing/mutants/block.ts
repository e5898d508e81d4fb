import type { BlockDevice, Chain, VirtioFunction } from '../../virtio/index.ts';
import {
  BLOCK_REQUEST_BYTES,
  BLOCK_ZONED_OFFSET,
  blockConfig,
  blockFeature,
  blockRequest,
  blockRequestType,
  blockSegment,
  blockStatus,
  blockZonedConfig,
  blockZoneModel,
  blockZoneRequestType,
  deviceStatus,
  legacyHeader,
} from '../../virtio/layout/index.ts';
import { type DeviceMutant, type MutantAccess, touches } from './mutant.ts';
import {
  beforeCompletion,
  configLie,
  configOffset,
  offers,
  readableOf,
  readsBackwards,
  swapped,
} from './tricks.ts';

const type = 'block';
const zonedEverywhere = { with: [blockFeature.zoned] };

const zonedField = (name: keyof typeof blockZonedConfig, value: number) =>
  [{ offset: BLOCK_ZONED_OFFSET + blockZonedConfig[name].offset }, value] as const;

const isWriteback = (access: MutantAccess) => configOffset(access) === blockConfig.writeback.offset;

const typeOf = (chain: Chain) =>
  new DataView(readableOf(chain, BLOCK_REQUEST_BYTES).buffer).getUint32(blockRequest.type.offset, true);

/** Some requests end with another status than they ought to. */
const endWith =
  (status: number, which: (chain: Chain, requestType: number) => boolean) =>
  (fn: VirtioFunction): void =>
    beforeCompletion(fn, (chain) => {
      if (which(chain, typeOf(chain))) chain.writeLast(status);
      return undefined;
    });

const { ok, ioError } = blockStatus;
const { out, flushOut, discard, writeZeroes, secureErase, getLifetime } = blockRequestType;
const zoneRequests: readonly number[] = Object.values(blockZoneRequestType);

/** A request of segments whose first one has flags. */
const flagged = (chain: Chain, flags: number) => {
  const bytes = readableOf(chain, chain.readableBytes);
  const at = BLOCK_REQUEST_BYTES + blockSegment.flags.offset;
  return bytes.length > at && (new DataView(bytes.buffer).getUint32(at, true) & flags) !== 0;
};

/** Block devices that are wrong. */
export const blockMutants: readonly DeviceMutant[] = [
  {
    name: 'block-barrier-for-modern',
    breaks: ['LEG-BLK-01'],
    says: 'BARRIER is offered to modern drivers',
    type,
    device: ({ device }) => device.features.offer(blockFeature.barrier),
  },
  {
    name: 'block-without-flush',
    breaks: ['BLK-INIT-08', 'BLK-INIT-09'],
    says: 'FLUSH is not offered, and CONFIG_WCE is',
    type,
    device: (fn) => offers(fn, { without: [blockFeature.flush] }),
  },
  {
    name: 'block-writeback-without-flush',
    breaks: ['BLK-INIT-10'],
    says: 'writeback is 1 whatever features were agreed on',
    type,
    device: (_, { behaviour }) => void ((behaviour as BlockDevice).negotiated = () => {}),
  },
  {
    name: 'block-padding',
    breaks: ['BLK-INIT-11'],
    says: 'a byte of padding is not 0',
    type,
    bus: configLie([{ offset: blockConfig.unused1.offset + 2 }, 1]),
  },
  {
    name: 'block-zoned-without-zones',
    breaks: ['BLK-INIT-12', 'BLK-INIT-13'],
    says: 'a disk without zones offers ZONED, to legacy drivers too',
    type,
    device: (fn) => offers(fn, zonedEverywhere),
    bus: configLie(zonedField('model', blockZoneModel.none)),
  },
  {
    name: 'block-host-managed-for-everybody',
    breaks: ['BLK-INIT-14'],
    says: 'a host-managed disk takes drivers without ZONED',
    type,
    device: (fn) => offers(fn, zonedEverywhere),
    bus: configLie(zonedField('model', blockZoneModel.hostManaged)),
  },
  {
    name: 'block-zones-of-no-size',
    breaks: ['BLK-INIT-15'],
    says: 'a zoned disk has zones of 0 sectors',
    type,
    device: (fn) => offers(fn, zonedEverywhere),
    bus: configLie(zonedField('model', blockZoneModel.hostAware), zonedField('zoneSectors', 0)),
  },
  {
    name: 'block-capacity-big-endian',
    breaks: ['LEG-BLK-02'],
    says: 'the capacity is big-endian for legacy drivers',
    type,
    setting: 'legacy',
    bus: () => ({
      read: (access, value) => {
        const at = configOffset(access);
        return access.width === 4 && at >= 0 && at < blockConfig.sizeMax.offset ? swapped(value, 4) : value;
      },
    }),
  },
  {
    name: 'block-cache-mode-after-features',
    breaks: ['LEG-BLK-03'],
    says: 'writeback takes nothing before a legacy driver has set DRIVER',
    type,
    setting: 'legacy',
    bus() {
      let status = 0;
      return {
        write(access, value) {
          if (touches(access, 'legacy', legacyHeader.deviceStatus)) status = value;
          // Before MSI-X is on.
          const early = configOffset(access, false) === blockConfig.writeback.offset;
          return (early || isWriteback(access)) && (status & deviceStatus.driver) === 0 ? null : value;
        },
      };
    },
  },
  {
    name: 'block-cache-mode-follows-status',
    breaks: ['LEG-BLK-05'],
    says: 'DRIVER switches a legacy driver to writeback',
    type,
    setting: 'legacy',
    device({ device }, { behaviour }) {
      const register = device.statusRegister;
      const write = register.write.bind(register);
      register.write = (value) => {
        write(value);
        if ((value & deviceStatus.driver) !== 0) (behaviour as BlockDevice).config.set('writeback', 1);
      };
    },
  },
  {
    name: 'block-cache-mode-follows-features',
    breaks: ['LEG-BLK-06'],
    says: 'CONFIG_WCE without FLUSH switches a legacy driver to writethrough',
    type,
    setting: 'legacy',
    device({ device: { features } }, { behaviour }) {
      const accept = features.acceptLegacy.bind(features);
      features.acceptLegacy = (value) => {
        accept(value);
        (behaviour as BlockDevice).negotiated();
      };
    },
  },
  {
    name: 'block-grows-in-silence',
    breaks: ['BLK-OP-15'],
    says: 'nobody is told of another capacity',
    type,
    device: ({ device }) => void (device.configChanged = () => {}),
  },
  {
    name: 'block-read-only-says-ok',
    breaks: ['BLK-OP-16'],
    says: 'writes to a read-only disk end well',
    type: 'block-readonly',
    device: endWith(ok, (_, requestType) => requestType === out),
  },
  {
    name: 'block-takes-any-flag',
    breaks: ['BLK-OP-17'],
    says: 'flags of segments that mean nothing are passed over',
    type,
    device: endWith(
      ok,
      (chain, requestType) =>
        [discard, writeZeroes, secureErase].some((each) => each === requestType) && flagged(chain, ~1),
    ),
  },
  {
    name: 'block-discards-with-unmap',
    breaks: ['BLK-OP-18'],
    says: 'a discard may ask for unmap',
    type,
    device: endWith(ok, (chain, requestType) => requestType === discard && flagged(chain, 1)),
  },
  {
    name: 'block-writes-no-zeroes',
    breaks: ['BLK-OP-20'],
    says: 'a write of zeroes changes nothing',
    type,
    device(_, { behaviour }) {
      const { storage } = behaviour as BlockDevice;
      storage.writeZeroes = (transfer) => transfer.done(true);
    },
  },
  {
    name: 'block-may-unmap-perhaps',
    breaks: ['BLK-OP-21'],
    says: 'write_zeroes_may_unmap is neither yes nor no',
    type,
    bus: configLie([blockConfig.writeZeroesMayUnmap, 0x5a]),
  },
  {
    name: 'block-lifetime-reserved',
    breaks: ['BLK-OP-24'],
    says: 'a metric of its lifetime is a reserved value',
    type,
    device(fn) {
      fn.device.features.offer(blockFeature.lifetime);
      beforeCompletion(fn, (chain) => {
        if (typeOf(chain) !== getLifetime) return undefined;
        chain.write(0, Uint8Array.of(1, 0, 12, 0, 1, 0, ok), 0, 7);
        return 7;
      });
    },
  },
  {
    name: 'block-opens-zones-of-none',
    breaks: ['BLK-OP-25'],
    says: 'zone requests fail as if there were zones',
    type,
    device: endWith(ioError, (_, requestType) => zoneRequests.includes(requestType)),
  },
  {
    name: 'block-opens-any-number',
    breaks: ['BLK-OP-01'],
    says: 'any number of zones are opened where one may be',
    type,
    device(fn) {
      offers(fn, zonedEverywhere);
      endWith(ok, (_, requestType) => requestType === blockZoneRequestType.open)(fn);
    },
    bus: configLie(
      zonedField('model', blockZoneModel.hostManaged),
      zonedField('zoneSectors', 16),
      zonedField('maxOpenZones', 1),
    ),
  },
  {
    name: 'block-reports-no-zone',
    breaks: ['BLK-OP-26'],
    says: 'a report of zones has none',
    type,
    device(fn) {
      offers(fn, zonedEverywhere);
      endWith(ok, (_, requestType) => requestType === blockZoneRequestType.report)(fn);
    },
    bus: configLie(zonedField('model', blockZoneModel.hostManaged), zonedField('zoneSectors', 16)),
  },
  {
    name: 'block-reads-backwards',
    breaks: ['LEG-BLK-07'],
    says: 'a little-endian legacy driver is taken for a big-endian one',
    type,
    setting: 'legacy',
    device: readsBackwards,
  },
  {
    name: 'block-no-priorities',
    breaks: ['LEG-BLK-09'],
    says: 'a request with a priority fails',
    type,
    device: endWith(
      ioError,
      (chain) => readableOf(chain, BLOCK_REQUEST_BYTES)[blockRequest.reserved.offset] !== 0,
    ),
  },
  {
    name: 'block-knows-one-flush',
    breaks: ['LEG-BLK-10'],
    says: 'requests of type 5 are unsupported',
    type,
    device: endWith(blockStatus.unsupported, (_, requestType) => requestType === flushOut),
  },
  {
    name: 'block-overtakes-barriers',
    breaks: ['LEG-BLK-11'],
    says: 'each request but the last ends after the one that follows it',
    type,
    setting: 'legacy',
    device({ device }) {
      const complete = device.complete.bind(device);
      let kept: (() => void) | null = null;
      device.complete = (...args) => {
        const before = kept;
        kept = before === null ? () => complete(...args) : null;
        if (before === null) return;
        complete(...args);
        before();
      };
    },
  },
];
