import { lengthOf, type Register } from '../../../core/index.ts';
import { walkCapabilities } from '../../../driver/index.ts';
import {
  capabilityId,
  command,
  sriovCapability,
  sriovControl,
  type0Header,
} from '../../../pci/layout/index.ts';
import {
  deviceStatus,
  feature,
  pciConfigCapability,
  structureCapability,
  structureType,
  vendorDataCapability,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import { sriovAt } from '../model/sriov.ts';
import type { Moment } from '../moment.ts';
import { cites, seen, type WatchRule } from '../rule.ts';

/** The virtio capability that an access to configuration space falls into, or null. */
function structureAt({ fn, offset }: Moment): { readonly at: number; readonly type: number } | null {
  if (offset < type0Header.capabilitiesPointer.offset) return null;
  return fn.config.ask((read) => {
    for (const { id, offset: at } of walkCapabilities(read)) {
      if (id !== capabilityId.vendorSpecific || offset < at) continue;
      if (offset >= at + read(at + structureCapability.capabilityLength.offset, 1)) continue;
      return { at, type: read(at + structureCapability.structureType.offset, 1) };
    }
    return null;
  });
}

const covers = ({ offset, width }: Moment, at: number, register: Register) =>
  offset < at + register.offset + register.width && offset + width > at + register.offset;

/** The window as the driver set it, where all of it is known. */
function windowOf(fn: FunctionModel, at: number) {
  const { window } = fn;
  return window !== null && window.at === at && window.bar >= 0 && window.offset >= 0 && window.length >= 0
    ? window
    : null;
}

/** What is written into the control register of SR-IOV; -1 for a write elsewhere. */
export function controlWritten(now: Moment): number {
  const at = sriovAt(now.fn);
  if (at === null || at === 0) return -1;
  const from = at + sriovCapability.control.offset;
  return now.offset === from ? now.value & 0xffff : -1;
}

/** The window of PCI_CFG, where its data are accessed and it is known; else null. */
function windowUsed(now: Moment) {
  const found = structureAt(now);
  return found?.type === structureType.pciConfig && covers(now, found.at, pciConfigCapability.data)
    ? windowOf(now.fn, found.at)
    : null;
}

export const pciChapter: readonly WatchRule[] = [
  {
    id: 'capability-written',
    clauses: cites('PCI-CAP-14'),
    level: 'must',
    speaks: 'modern',
    says: 'a virtio capability was written, which only the window of PCI_CFG is for',
    on: ['pci-write'],
    when(now) {
      const found = structureAt(now);
      return found !== null && found.type !== structureType.pciConfig && found.type !== structureType.vendor
        ? seen('configuration offset', now.offset)
        : null;
    },
  },
  {
    id: 'vendor-data-unidentified',
    clauses: cites('PCI-VND-07'),
    level: 'must',
    speaks: 'modern',
    says: 'vendor data were written although their vendor id was not read',
    on: ['pci-write'],
    when(now) {
      const found = structureAt(now);
      return found?.type === structureType.vendor &&
        !now.fn.vendorRead &&
        now.offset >= found.at + lengthOf(vendorDataCapability)
        ? seen('configuration offset', now.offset)
        : null;
    },
  },
  {
    id: 'vendor-data-in-use',
    clauses: cites('PCI-VND-06'),
    level: 'note',
    speaks: 'modern',
    says: 'vendor data were read while the device works',
    on: ['pci-read'],
    when(now) {
      if (!now.fn.started) return null;
      const found = structureAt(now);
      return found?.type === structureType.vendor && now.offset >= found.at + lengthOf(vendorDataCapability)
        ? seen('configuration offset', now.offset)
        : null;
    },
  },
  {
    id: 'window-misaligned',
    clauses: cites('PCI-CFGW-04'),
    level: 'must',
    speaks: 'modern',
    says: 'the window of PCI_CFG was used at an offset that is no multiple of its length',
    on: ['pci-read', 'pci-write'],
    when(now) {
      const window = windowUsed(now);
      return window !== null && window.length > 0 && window.offset % window.length !== 0
        ? seen('window offset', window.offset)
        : null;
    },
  },
  {
    id: 'window-nowhere',
    clauses: cites('PCI-CFGW-05'),
    level: 'must',
    speaks: 'modern',
    says: 'the data of PCI_CFG were accessed while its window is at no virtio structure',
    on: ['pci-read', 'pci-write'],
    when(now) {
      const window = windowUsed(now);
      if (window === null) return null;
      if (window.length !== 1 && window.length !== 2 && window.length !== 4)
        return seen('window length', window.length);
      return reachesStructure(now.fn, window) ? null : seen('window offset', window.offset);
    },
  },
  {
    id: 'bus-master-taken',
    clauses: cites('INIT-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'should',
    says: 'bus mastering was switched off while the device works',
    on: ['pci-write'],
    when: ({ fn, offset, value, width }) =>
      offset === type0Header.command.offset &&
      width >= 2 &&
      fn.started &&
      fn.command !== null &&
      (fn.command & command.busMaster) !== 0 &&
      (value & command.busMaster) === 0
        ? seen('command bits', value & 0xffff)
        : null,
  },
  {
    id: 'sriov-accepted-without-capability',
    clauses: cites('RF-10'),
    level: 'must',
    speaks: 'modern',
    says: 'SR_IOV was accepted of a function without the capability',
    on: ['status'],
    when: ({ fn, value, register }) =>
      register === 'deviceStatus' &&
      (value & deviceStatus.featuresOk) !== 0 &&
      fn.isNot(deviceStatus.featuresOk) &&
      fn.has(feature.singleRootIov) &&
      sriovAt(fn) === 0
        ? seen('feature bit', feature.singleRootIov)
        : null,
  },
  {
    id: 'virtual-functions-before-agreement',
    clauses: cites('RF-11'),
    level: 'must',
    speaks: 'modern',
    says: 'VF Enable was set before SR_IOV was agreed on',
    on: ['pci-write'],
    when(now) {
      const { fn } = now;
      const control = controlWritten(now);
      if (control < 0 || (control & sriovControl.enable) === 0 || fn.sriovAgreed || !fn.whole) return null;
      return fn.lacks(feature.singleRootIov) || fn.isNot(deviceStatus.featuresOk)
        ? seen('control bits', control)
        : null;
    },
  },
  {
    id: 'mixed-interfaces',
    clauses: cites('LEG-LAY-02'),
    level: 'must',
    speaks: 'legacy',
    says: 'a driver that uses the legacy interface wrote to a structure of virtio 1.x',
    on: ['common-register', 'kick'],
    when: ({ fn, operation, register, offset }) =>
      operation === 'write' &&
      fn.whole &&
      fn.is(deviceStatus.driver) &&
      (register === 'notify' || register in modernOnly)
        ? seen('register offset', offset)
        : null,
  },
  {
    id: 'capabilities-not-looked-for',
    clauses: cites('LEG-DET-02 LEG-DET-03'),
    level: 'note',
    speaks: 'legacy',
    says: 'the legacy interface was taken although the driver never looked for virtio capabilities',
    on: ['start'],
    when: ({ fn }) =>
      fn.decodedHere && fn.configReads > 0 && !fn.scanned
        ? seen('reads of configuration space', fn.configReads)
        : null,
  },
];

/** Registers that only the common configuration has, by name. */
const modernOnly: Readonly<Record<string, true>> = {
  deviceFeatureSelect: true,
  driverFeatureSelect: true,
  driverFeature: true,
  queueEnable: true,
  queueReset: true,
  queueDescriptorLow: true,
  queueDriverLow: true,
  queueDeviceLow: true,
};

/** The window lies within a structure that some capability names. */
function reachesStructure(
  fn: FunctionModel,
  window: { bar: number; offset: number; length: number },
): boolean {
  const found = fn.config.ask((read) => {
    for (const { id, offset: at } of walkCapabilities(read)) {
      if (id !== capabilityId.vendorSpecific) continue;
      const type = read(at + structureCapability.structureType.offset, 1);
      if (type === structureType.pciConfig || type === structureType.vendor) continue;
      const start = read(at + structureCapability.offset.offset, 4);
      const end = start + read(at + structureCapability.length.offset, 4);
      if (
        read(at + structureCapability.bar.offset, 1) === window.bar &&
        window.offset >= start &&
        window.offset + window.length <= end
      )
        return true;
    }
    return false;
  });
  return found !== false;
}
