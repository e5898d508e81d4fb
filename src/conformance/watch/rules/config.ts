import { inOrder, type RegisterMap, registerAt } from '../../../core/index.ts';
import {
  balloonConfig,
  balloonFeature,
  blockFeature,
  consoleConfig,
  consoleFeature,
  deviceStatus,
  networkConfig,
  networkFeature,
  p9Feature,
  scsiConfig,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { Moment } from '../moment.ts';
import { BROKEN, cites, seen, type Violation, type WatchRule } from '../rule.ts';

type Needs = Readonly<Record<string, readonly number[]>>;

const each = (names: readonly string[], ...features: number[]): Needs =>
  Object.fromEntries(names.map((name) => [name, features]));

/** Fields of device configuration that are there with one of some features only, by device type. */
export const fieldFeatures: Readonly<Record<string, Needs>> = {
  block: {
    ...each(['sizeMax'], blockFeature.sizeMax),
    ...each(['segmentMax'], blockFeature.segmentMax),
    ...each(['cylinders', 'heads', 'sectors'], blockFeature.geometry),
    ...each(['blockSize'], blockFeature.blockSize),
    ...each(
      ['physicalBlockExponent', 'alignmentOffset', 'minimumIoSize', 'optimalIoSize'],
      blockFeature.topology,
    ),
    ...each(['writeback'], blockFeature.configWriteCache),
    ...each(['numQueues'], blockFeature.multiQueue),
    ...each(['maxDiscardSectors', 'maxDiscardSegments', 'discardSectorAlignment'], blockFeature.discard),
    ...each(
      ['maxWriteZeroesSectors', 'maxWriteZeroesSegments', 'writeZeroesMayUnmap'],
      blockFeature.writeZeroes,
    ),
    ...each(
      ['maxSecureEraseSectors', 'maxSecureEraseSegments', 'secureEraseSectorAlignment'],
      blockFeature.secureErase,
    ),
  },
  network: {
    ...each(['mac'], networkFeature.mac),
    ...each(['status'], networkFeature.status),
    ...each(['maxQueuePairs'], networkFeature.multiQueue, networkFeature.rss),
    ...each(['mtu'], networkFeature.mtu),
    ...each(['speed', 'duplex'], networkFeature.speedDuplex),
    ...each(
      ['rssMaxKeySize', 'rssMaxTableLength', 'supportedHashTypes'],
      networkFeature.rss,
      networkFeature.hashReport,
    ),
    ...each(['supportedTunnelTypes'], networkFeature.hashTunnel),
  },
  console: {
    ...each(['columns', 'rows'], consoleFeature.size),
    ...each(['maxPorts'], consoleFeature.multiport),
    ...each(['emergencyWrite'], consoleFeature.emergencyWrite),
  },
  balloon: {
    ...each(['freePageHintCommandId'], balloonFeature.freePageHint),
    ...each(['poisonValue'], balloonFeature.pagePoison),
  },
  p9: each(['tagLength', 'tag'], p9Feature.mountTag),
};

/** The field of an access to device configuration. */
function fieldOf({ fn, offset }: Moment): readonly [name: string, map: RegisterMap] | null {
  if (fn.type === null) return null;
  const found = registerAt(fn.type.config, offset);
  return found === undefined ? null : [found[0], fn.type.config];
}

const at = (offset: number, more: Partial<Violation> = {}): Violation =>
  seen('configuration offset', offset, more);

/** A console's last words may come before everything (CON-02). */
const isEmergency = ({ type }: FunctionModel, offset: number) =>
  type?.name === 'console' && offset === consoleConfig.emergencyWrite.offset;

/** What a legacy driver may write beside what the tables say: nothing but the address of a network card. */
const writable = (now: Moment, name: string, map: RegisterMap) =>
  map[name]!.access === 'rw' && !(name === 'mac' && now.fn.modern);

export const configChapter: readonly WatchRule[] = [
  {
    id: 'config-field-without-feature',
    clauses: cites('BF-CFG-03'),
    level: 'must',
    says: 'a field of device configuration was used whose feature is not offered',
    on: ['config-read', 'config-write'],
    when(now) {
      const { fn, offset, operation } = now;
      const field = fieldOf(now);
      const needs = field === null ? undefined : fieldFeatures[fn.type!.name]?.[field[0]];
      if (needs === undefined || (field![0] === 'mac' && fn.legacy && operation === 'write')) return null;
      return needs.every((bit) => fn.offered.lacks(bit)) ? at(offset) : null;
    },
  },
  {
    id: 'config-read-only-written',
    clauses: cites('CONF-01'),
    legacyClauses: cites('LEG-FEAT-04'),
    level: 'must',
    says: 'device configuration was written where it is read only',
    on: ['config-write'],
    when(now) {
      const { fn, offset } = now;
      if (fn.type === null || fn.type.name === 'scsi' || (fn.type.name === 'network' && fn.modern))
        return null;
      const field = fieldOf(now);
      return field === null || !writable(now, ...field) ? at(offset) : null;
    },
  },
  {
    id: 'network-config-written',
    clauses: cites('NET-CFG-15'),
    level: 'must',
    speaks: 'modern',
    type: 'network',
    says: 'device configuration was written',
    on: ['config-write'],
    when: ({ offset }) => at(offset),
  },
  {
    id: 'scsi-config-written',
    clauses: cites('SCSI-CFG-04'),
    level: 'must',
    type: 'scsi',
    says: 'device configuration was written, of which only sense_size and cdb_size may be',
    on: ['config-write'],
    when: ({ offset, width }) =>
      [scsiConfig.senseSize, scsiConfig.cdbSize].some(
        (field) => offset >= field.offset && offset + width <= field.offset + field.width,
      )
        ? null
        : at(offset),
  },
  {
    id: 'config-written-while-negotiating',
    clauses: cites('INIT-03'),
    level: 'must',
    speaks: 'modern',
    says: 'device configuration was written before FEATURES_OK',
    on: ['config-write'],
    when: ({ fn, offset }) =>
      fn.isNot(deviceStatus.featuresOk) && fn.featuresOk === null && !isEmergency(fn, offset)
        ? at(offset)
        : null,
  },
  {
    id: 'config-width',
    clauses: cites('PCI-LAY-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a field of device configuration was accessed in another width than its own',
    on: ['config-read', 'config-write'],
    when(now) {
      const field = fieldOf(now);
      if (field === null) return null;
      const { offset, width } = field[1][field[0]]!;
      const own = Math.min(width, 4);
      return now.width === own && (now.offset - offset) % own === 0 ? null : at(now.offset);
    },
  },
  {
    id: 'wide-field-without-generation',
    clauses: cites('BF-CFG-02 BF-CFG-01'),
    level: 'should',
    speaks: 'modern',
    says: 'a field of 64 bits was read in halves without the generation being looked at',
    on: ['kick', 'end'],
    when: ({ fn }) => (fn.whole && fn.wideReads > 0 && fn.generationReads === 0 ? BROKEN : null),
  },
  {
    id: 'legacy-field-read-once',
    clauses: cites('LEG-CFG-02'),
    level: 'note',
    speaks: 'legacy',
    says: 'capacity or mac was read once only, and may have changed meanwhile',
    on: ['kick'],
    when: ({ fn, queue }) =>
      fn.whole &&
      queue?.kicks === 1 &&
      fn.firstReads === 1 &&
      (fn.type?.name === 'block' || fn.type?.name === 'network')
        ? at(0)
        : null,
  },
  {
    id: 'writeback-read-early',
    clauses: cites('BLK-INIT-03'),
    level: 'must',
    speaks: 'modern',
    type: 'block',
    says: 'writeback was read before FEATURES_OK',
    on: ['config-read'],
    when: (now) =>
      fieldOf(now)?.[0] === 'writeback' && now.fn.isNot(deviceStatus.featuresOk) ? at(now.offset) : null,
  },
  {
    id: 'poison-late',
    clauses: cites('BAL-FPH-07'),
    level: 'must',
    type: 'balloon',
    says: 'poison_val was written after DRIVER_OK',
    on: ['config-write'],
    when: ({ fn, offset, value }) =>
      offset === balloonConfig.poisonValue.offset && fn.started ? seen('poison_val', value) : null,
  },
  {
    id: 'actual-in-pieces',
    clauses: cites('LEG-BAL-05'),
    level: 'must',
    speaks: 'legacy',
    type: 'balloon',
    says: 'actual was not written in one access of 4 bytes',
    on: ['config-write'],
    when: ({ offset, width }) => {
      const { actual } = balloonConfig;
      return offset >= actual.offset && offset < actual.offset + actual.width && width !== actual.width
        ? at(offset)
        : null;
    },
  },
  {
    id: 'link-state-not-read',
    clauses: cites('NET-CFG-19'),
    level: 'note',
    type: 'network',
    says: 'STATUS was accepted, and the state of the link never read',
    on: ['end'],
    when: ({ fn }) =>
      fn.whole &&
      fn.started &&
      fn.has(networkFeature.status) &&
      !fn.configUsed.has(networkConfig.status.offset)
        ? at(networkConfig.status.offset)
        : null,
  },
  ...changePassedOver('block-change-passed-over', 'BLK-OP-02', 'block', 'capacity'),
  ...changePassedOver('network-change-passed-over', 'NET-CFG-25', 'network', 'status'),
];

function changePassedOver(id: string, clause: string, type: string, what: string): readonly WatchRule[] {
  return [
    {
      id,
      clauses: [clause],
      level: 'note',
      type,
      says: `device configuration changed, and ${what} was not read again`,
      on: ['end'],
      when: ({ fn }) => (fn.changeUnread && fn.started ? BROKEN : null),
    },
  ];
}

/** Fields of 64 bits, by map. */
const wide = new WeakMap<RegisterMap, ReadonlySet<number>>();

/** The offset is that of the lower half of a field of 64 bits. */
export function isWide(map: RegisterMap, offset: number): boolean {
  let offsets = wide.get(map);
  if (offsets === undefined) {
    offsets = new Set(inOrder(map).flatMap(([, field]) => (field.width === 8 ? [field.offset] : [])));
    wide.set(map, offsets);
  }
  return offsets.has(offset);
}
