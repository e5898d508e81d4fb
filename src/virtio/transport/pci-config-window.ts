import { type BusTarget, lengthOf, maskOf, type Width } from '../../core/index.ts';
import { type ConfigListener, capabilityId, type PciFunction, reaches } from '../../pci/index.ts';
import { pciConfigCapability, structureCapability, structureType } from '../layout/index.ts';

/** What the window is aimed at; `target` is null where nothing stands. */
interface Aim {
  readonly target: BusTarget | null;
  readonly offset: number;
  readonly width: Width;
}

/** The bytes lie in a structure that a capability names, other than this window (PCI-CFGW-05). */
function inStructure(fn: PciFunction, bar: number, offset: number, width: number): boolean {
  return fn.capabilities.offsets.some((at) => {
    const field = (name: keyof typeof structureCapability, bytes: Width) =>
      fn.config.get(at + structureCapability[name].offset, bytes);
    const type = field('structureType', 1);
    if (field('capabilityId', 1) !== capabilityId.vendorSpecific) return false;
    if (type === structureType.pciConfig || type === structureType.vendor) return false;
    const start = field('offset', 4);
    return field('bar', 1) === bar && offset >= start && offset + width <= start + field('length', 4);
  });
}

/**
 * The PCI configuration access capability: reading or writing its data register reads or writes the BAR that it points
 * at, decoded or not (PCI-CFGW-02, PCI-CFGW-03). Lengths other than 1, 2, 4 and unaligned offsets do nothing; a place
 * where nothing stands reads 0; of I/O BARs only structures can be reached (observed of the legacy block). A driver that aims at no structure is reported,
 * unless it never aimed: tools read all of configuration space. `padding`: bytes behind its fields.
 */
export function addPciConfigWindow(fn: PciFunction, padding: number): void {
  const capabilityLength = lengthOf(pciConfigCapability) + padding;
  const values = { capabilityLength, structureType: structureType.pciConfig };
  const at = fn.capabilities.add(capabilityId.vendorSpecific, pciConfigCapability, values, capabilityLength);
  fn.config.listen(new PciConfigWindow(fn, at));
}

/** Its capability, as configuration space tells of it. */
class PciConfigWindow implements ConfigListener {
  readonly #function: PciFunction;
  readonly #at: number;

  /** `at` is where its capability begins. */
  constructor(fn: PciFunction, at: number) {
    this.#function = fn;
    this.#at = at;
  }

  #data(): number {
    return this.#at + pciConfigCapability.data.offset;
  }

  #field(name: 'bar' | 'offset' | 'length'): number {
    return this.#function.config.get(this.#at + pciConfigCapability[name].offset, name === 'bar' ? 1 : 4);
  }

  #report(clause: string, message: string, what: string, value: number): void {
    this.#function.report('driver', clause, message, { what, value });
  }

  #aim(): Aim | null {
    const fn = this.#function;
    const [index, offset, width] = [this.#field('bar'), this.#field('offset'), this.#field('length')];
    if (width === 0) return null;
    if (width !== 1 && width !== 2 && width !== 4) {
      this.#report(
        'PCI-CFGW-05',
        'a configuration access window of a length that no access has',
        'length in bytes',
        width,
      );
      return null;
    }
    if (offset % width !== 0) {
      this.#report(
        'PCI-CFGW-04',
        `a configuration access window of ${width} bytes that is not aligned`,
        'offset in the BAR',
        offset,
      );
      return null;
    }
    const named = inStructure(fn, index, offset, width);
    if (!named)
      this.#report(
        'PCI-CFGW-05',
        `a configuration access window on BAR${index}, outside any structure`,
        'offset in the BAR',
        offset,
      );
    const bar = fn.bars.find((each) => each.index === index && (named || each.kind !== 'io'));
    const region = bar?.regionAt(offset);
    if (region === undefined || offset + width > region.offset + region.length)
      return { target: null, offset, width };
    return { target: region.target, offset: offset - region.offset, width };
  }

  beforeRead(start: number, end: number): void {
    if (!reaches(start, end, this.#data(), 4)) return;
    const { config, powered } = this.#function;
    const found = this.#aim();
    if (found === null) return;
    // Below D0 the function decodes nothing: what would reach a BAR gets what an access to that BAR gets.
    const value = powered ? (found.target?.read(found.offset, found.width) ?? 0) : maskOf(found.width);
    config.set(this.#data(), 4, value);
  }

  afterWrite(start: number, end: number): void {
    if (!reaches(start, end, this.#data(), 4)) return;
    const { config, powered } = this.#function;
    const found = this.#aim();
    if (powered)
      found?.target?.write(found.offset, found.width, config.get(this.#data(), 4) % 2 ** (8 * found.width));
  }
}
