import { type BusTarget, lengthOf, type RegisterMap } from '../../core/index.ts';
import { capabilityId, type PciFunction } from '../../pci/index.ts';
import { capabilityHeader } from '../../pci/layout/index.ts';
import type { VirtioDevice } from '../device.ts';
import type { CapabilityShape, OtherCapability } from '../layout/index.ts';
import { notifyCapability, structureCapability, structureType } from '../layout/index.ts';
import type { CommonConfigWindow } from './common-config.ts';
import { DeviceConfigWindow } from './device-config.ts';
import type { StructureStand } from './function-layout.ts';
import type { VirtioInterrupts } from './interrupts.ts';
import { IsrWindow } from './isr.ts';
import { NotifyWindow } from './notify.ts';
import { addPciConfigWindow } from './pci-config-window.ts';

/** Adds the capabilities that lead to the structures, and last the window into them. @throws CapabilitySpaceError */
export function addStructureCapabilities(
  pci: PciFunction,
  stands: readonly StructureStand[],
  { padding = 0, gap = 0, others = [] }: CapabilityShape,
): void {
  const { capabilities } = pci;
  const rest = [...others];
  const addOther = () => {
    const other = rest.shift();
    if (other === undefined) return;
    addOtherCapability(pci, other);
    capabilities.leave(gap);
  };
  for (const { name, bar, offset, length, multiplier } of stands) {
    addOther();
    const map: RegisterMap & typeof structureCapability =
      multiplier === null ? structureCapability : notifyCapability;
    const capabilityLength = lengthOf(map) + padding;
    const values = { capabilityLength, structureType: structureType[name], bar, offset, length };
    const all = multiplier === null ? values : { ...values, notifyOffMultiplier: multiplier };
    capabilities.add(capabilityId.vendorSpecific, map, all, capabilityLength);
    capabilities.leave(gap);
  }
  addPciConfigWindow(pci, padding);
  while (rest.length > 0) addOther();
}

function addOtherCapability(pci: PciFunction, { id, bytes }: OtherCapability): void {
  const start = lengthOf(capabilityHeader);
  const at = pci.capabilities.add(id, capabilityHeader, {}, start + bytes.length);
  for (const [i, byte] of bytes.entries()) pci.config.set(at + start + i, 1, byte);
}

/** What answers in each place of the structures; all places of one share its state. */
export function structureTargets(
  pci: PciFunction,
  device: VirtioDevice,
  interrupts: VirtioInterrupts,
  stands: readonly StructureStand[],
  common: CommonConfigWindow,
): Map<StructureStand, BusTarget> {
  const { notifyOffsets } = common;
  pci.parts.set('common', common);
  const isr = new IsrWindow(interrupts);
  const config = new DeviceConfigWindow(device);
  const targetOf = ({ name, multiplier }: StructureStand): BusTarget =>
    name === 'notify'
      ? new NotifyWindow(device, multiplier!, notifyOffsets)
      : { common, isr, device: config }[name];
  return new Map(stands.map((stand) => [stand, targetOf(stand)]));
}
