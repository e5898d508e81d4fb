import { lengthOf, type RegisterMap } from '../../core/index.ts';
import type { IdClaim } from '../../mmr/access/claim.ts';
import { capabilityId, type0Header } from '../../pci/layout/index.ts';
import {
  deviceTypes,
  notifyCapability,
  pciConfigCapability,
  sharedMemoryCapability,
  structureCapability,
  structureType,
  VIRTIO_VENDOR_ID,
  vendorDataCapability,
} from '../../virtio/layout/index.ts';
import type { ConfigCase } from './case.ts';
import type { ConfigClause } from './clauses.ts';
import { judgeBar } from './lists.ts';

type StructureName = keyof typeof structureType;

const maps: Readonly<Record<StructureName, RegisterMap>> = {
  common: structureCapability,
  notify: notifyCapability,
  isr: structureCapability,
  device: structureCapability,
  pciConfig: pciConfigCapability,
  sharedMemory: sharedMemoryCapability,
  vendor: vendorDataCapability,
};

/** Structures that a function with the interface of virtio 1.x has, and the clause of each. */
const required: readonly (readonly [StructureName, ConfigClause])[] = [
  ['common', 'PCI-COM-02'],
  ['notify', 'PCI-NOT-01'],
  ['isr', 'PCI-ISR-01'],
  ['device', 'PCI-DEV-01'],
  ['pciConfig', 'PCI-CFGW-01'],
];

/** Types whose devices have configuration; of types that this project does not know nobody is accused. */
const configured = new Set(
  deviceTypes.filter(({ config }) => Object.keys(config).length > 0).map(({ typeNumber }) => typeNumber),
);

/** The capabilities of the structures of virtio 1.x, each for itself and all together. */
export function judgeStructures(it: ConfigCase, claim: IdClaim): void {
  const found = it.capabilities.found.filter(({ id }) => id === capabilityId.vendorSpecific);
  const names = found.map(({ offset }) => judgeOne(it, offset));
  judgeRegionIds(
    it,
    found.map(({ offset }) => offset).filter((_, i) => names[i] === 'sharedMemory'),
  );
  if (it.capabilities.end === 'unknown' || names.includes('unknown')) {
    it.leave('whether structures are missing');
    return;
  }
  // Transitional ids without any structure are those of a legacy function.
  if (claim.ids === 'transitional' && found.length === 0) return;
  for (const [name, clause] of required) {
    if (names.includes(name) || (name === 'device' && !configured.has(claim.typeNumber))) continue;
    it.report(
      clause,
      type0Header.capabilitiesPointer.offset,
      `there is no capability of a ${name} structure`,
    );
  }
}

/** @returns which structure it is; null where the type is reserved. */
function judgeOne(it: ConfigCase, at: number): StructureName | 'unknown' | null {
  const type = it.get(structureCapability.structureType, at);
  if (type === null) return 'unknown';
  const name = (Object.keys(structureType) as StructureName[]).find((each) => structureType[each] === type);
  if (name === undefined) {
    it.report('PCI-CAP-02', at, `a capability of structure type ${type}, which is reserved`);
    return null;
  }
  const length = it.get(structureCapability.capabilityLength, at);
  if (length === null) return 'unknown';
  const least = lengthOf(maps[name]);
  if (length < least)
    it.report(
      'PCI-CAP-15',
      at,
      `the capability of the ${name} structure says that it has ${length} bytes, where it has ${least}`,
    );
  if (name === 'vendor') judgeVendorData(it, at, length);
  // The driver's window is placed by the driver.
  else if (name !== 'pciConfig') judgePlace(it, at, name);
  return name;
}

function judgeVendorData(it: ConfigCase, at: number, length: number): void {
  if (it.get(vendorDataCapability.vendorId, at) === VIRTIO_VENDOR_ID)
    it.report('PCI-VND-03', at, `vendor data of vendor ${VIRTIO_VENDOR_ID.toString(16)}`);
  if (length % 4 !== 0)
    it.report('PCI-VND-04', at, `vendor data in a capability of ${length} bytes, no multiple of 4`);
}

function judgePlace(it: ConfigCase, at: number, name: StructureName): void {
  const [bar, offset, length] = [
    it.get(structureCapability.bar, at),
    it.get(structureCapability.offset, at),
    it.get(structureCapability.length, at),
  ];
  if (bar === null || offset === null || length === null) {
    it.leave(`the place of the ${name} structure`);
    return;
  }
  if (bar >= type0Header.bar.count)
    it.report('PCI-CAP-04', at, `the ${name} structure in BAR${bar}, which is reserved`);
  else judgeBar(it, at, `the ${name} structure is in`, bar);
  const misplaced = (clause: ConfigClause, unit: number) => {
    if (offset % unit !== 0)
      it.report(
        clause,
        at,
        `the ${name} structure at 0x${offset.toString(16)} of its BAR, no multiple of ${unit}`,
      );
  };
  if (name === 'common') misplaced('PCI-COM-01', 4);
  if (name === 'device') misplaced('PCI-DEV-02', 4);
  if (name !== 'notify') return;
  misplaced('PCI-NOT-02', 2);
  if (length < 2) it.report('PCI-NOT-04', at, `the notify structure has ${length} bytes, and a kick takes 2`);
  const multiplier = it.get(notifyCapability.notifyOffMultiplier, at);
  if (multiplier === null) {
    it.leave('the notify multiplier');
    return;
  }
  // A power of two, and an even one: 1 is none.
  const power = multiplier % 2 === 0 && Number.isInteger(Math.log2(multiplier));
  if (multiplier !== 0 && !power)
    it.report('PCI-NOT-03', at, `a notify multiplier of ${multiplier}, neither 0 nor an even power of two`);
}

function judgeRegionIds(it: ConfigCase, offsets: readonly number[]): void {
  const seen = new Set<number>();
  for (const at of offsets) {
    const id = it.get(structureCapability.id, at);
    if (id === null) continue;
    if (seen.has(id)) it.report('PCI-SHM-02', at, `a second shared memory region with id ${id}`);
    seen.add(id);
  }
}
