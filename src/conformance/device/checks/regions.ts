import type { Register, Width } from '../../../core/index.ts';
import { FOUR_GIB, lengthOf } from '../../../core/index.ts';
import { capabilityId } from '../../../pci/layout/index.ts';
import {
  deviceStatus,
  sharedMemoryCapability,
  structureCapability,
  structureType,
  vendorDataCapability,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { statusOf } from '../probe.ts';

/** A stretch of a BAR that a capability names. */
interface Region {
  /** Where the capability stands. */
  readonly at: number;
  readonly type: number;
  readonly bar: number;
  readonly start: number;
  readonly length: number;
}

const reader =
  ({ bus, found }: Bench, at: number) =>
  ({ offset, width }: Register) =>
    bus.configRead(found.address, at + offset, width as Width);

/** The capabilities of structures of some types. */
const capabilitiesOf = (bench: Bench, types: readonly number[]): number[] =>
  bench.found.capabilities
    .filter(
      ({ id, offset }) =>
        id === capabilityId.vendorSpecific &&
        types.includes(reader(bench, offset)(structureCapability.structureType)),
    )
    .map(({ offset }) => offset);

function regionsOf(bench: Bench, types: readonly number[]): Region[] {
  return capabilitiesOf(bench, types).map((at) => {
    const read = reader(bench, at);
    const { bar, offset, length, offsetHigh, lengthHigh } = sharedMemoryCapability;
    const type = read(structureCapability.structureType);
    const wide = type === structureType.sharedMemory;
    const half = (register: Register) => (wide ? read(register) * FOUR_GIB : 0);
    return {
      at,
      type,
      bar: read(bar),
      start: half(offsetHigh) + read(offset),
      length: half(lengthHigh) + read(length),
    };
  });
}

/** Shared memory regions. Ends the check where there are none. */
function sharedMemory(bench: Bench): Region[] {
  const regions = regionsOf(bench, [structureType.sharedMemory]);
  return regions.length > 0 ? regions : bench.skip('the function has no shared memory regions');
}

const { common, notify, isr, device } = structureType;

const where = ({ bar, start, length }: Region) => `${length} bytes at 0x${start.toString(16)} of BAR${bar}`;

/** What stands in the BARs beside the structures, and what vendors add to the list. */
export const regionChecks: readonly Check[] = [
  {
    id: 'shared-memory-inside-bar',
    clauses: ['PCI-SHM-01'],
    passive: true,
    says: 'a shared memory region lies inside its BAR',
    run(bench) {
      for (const region of sharedMemory(bench)) {
        const size = bench.found.bars.find(({ index }) => index === region.bar)?.size ?? 0;
        const fits = region.start + region.length <= size;
        bench.check('PCI-SHM-01', fits, `a region inside the ${size} bytes of its BAR`, where(region));
      }
    },
  },
  {
    id: 'shared-memory-has-no-registers',
    clauses: ['SHM-01'],
    passive: true,
    says: 'no register is in a shared memory region',
    run(bench) {
      const structures = regionsOf(bench, [common, notify, isr, device]);
      for (const region of sharedMemory(bench)) {
        const other = structures.find(
          ({ bar, start, length }) =>
            bar === region.bar && start < region.start + region.length && region.start < start + length,
        );
        bench.check(
          'SHM-01',
          other === undefined,
          'a region apart from all structures',
          `${where(region)}, in which a structure of type ${other?.type} stands`,
        );
      }
    },
  },
  {
    id: 'vendor-data-is-only-read',
    clauses: ['PCI-VND-01', 'PCI-VND-05'],
    says: 'reading vendor data changes nothing',
    run(bench) {
      const found = capabilitiesOf(bench, [structureType.vendor]);
      if (found.length === 0) bench.skip('the function has no vendor data');
      const { acknowledge } = deviceStatus;
      bench.put(statusOf(bench), acknowledge);
      const all = () =>
        found.flatMap((at) => {
          const length =
            reader(bench, at)(vendorDataCapability.capabilityLength) - lengthOf(vendorDataCapability);
          return Array.from({ length: Math.max(0, length) }, (_, i) =>
            bench.bus.configRead(bench.found.address, at + lengthOf(vendorDataCapability) + i, 1),
          );
        });
      const [first, second] = [all(), all()];
      for (const [i, byte] of first.entries())
        bench.equal('PCI-VND-05', `byte ${i} of vendor data, read again`, second[i]!, byte);
      bench.equal('PCI-VND-01', 'status after vendor data was read', bench.get(statusOf(bench)), acknowledge);
    },
  },
];
