import type { BusTarget, Width } from '../../core/index.ts';
import { capabilityId, type PciFunction } from '../../pci/index.ts';
import { pciConfigCapability, structureType } from '../layout/index.ts';

/**
 * The PCI configuration access capability: reading or writing its data register reads or writes the BAR that it points
 * at, decoded or not (PCI-CFGW-02, PCI-CFGW-03). Lengths other than 1, 2, 4 and unaligned offsets do nothing; a place
 * where nothing stands reads 0; I/O BARs cannot be reached (observed).
 */
export function addPciConfigWindow(fn: PciFunction): void {
  const at = fn.capabilities.add(capabilityId.vendorSpecific, pciConfigCapability, {
    capabilityLength: 20,
    structureType: structureType.pciConfig,
  });
  const field = (name: 'bar' | 'offset' | 'length') =>
    fn.config.get(at + pciConfigCapability[name].offset, name === 'bar' ? 1 : 4);
  const data = at + pciConfigCapability.data.offset;

  const target = (): { target: BusTarget; offset: number; width: Width } | 'nowhere' | null => {
    const [offset, width] = [field('offset'), field('length')];
    if ((width !== 1 && width !== 2 && width !== 4) || offset % width !== 0) return null;
    const bar = fn.bars.find(({ index, kind }) => index === field('bar') && kind !== 'io');
    const region = bar?.regions.find(
      (each) => offset >= each.offset && offset + width <= each.offset + each.length,
    );
    return region === undefined
      ? 'nowhere'
      : { target: region.target, offset: offset - region.offset, width };
  };

  fn.config.onRead(data, 4, () => {
    const found = target();
    if (found === null) return;
    fn.config.set(data, 4, found === 'nowhere' ? 0 : found.target.read(found.offset, found.width));
  });
  fn.config.onWrite(data, 4, () => {
    const found = target();
    if (found === null || found === 'nowhere') return;
    found.target.write(found.offset, found.width, fn.config.get(data, 4) % 2 ** (8 * found.width));
  });
}
