import type { Bus } from '../../core/index.ts';
import { type FunctionConfig, StructureAccess } from '../../driver/index.ts';
import type { Draft } from '../../mmr/layout/index.ts';
import { type Structure, structuresOf } from '../../trace/bar-structures.ts';

/** A structure in a BAR of a function, where it is now; nothing is written to find it. */
export interface PlacedStructure {
  readonly name: string;
  readonly space: 'io' | 'memory';
  /** The BAR's, 0 while unassigned, and the structure's. */
  readonly base: number;
  readonly address: number;
  readonly length: number;
  readonly decoded: boolean;
}

/** Every structure that the function's capabilities name, and the legacy block of one with transitional ids. */
export function placesIn(config: FunctionConfig, draft: Draft): PlacedStructure[] {
  const placed = ({ name, bar, offset, length }: Structure): PlacedStructure => {
    const { space, address: base } = config.barPlace(bar);
    return { name, space, base, address: base + offset, length, decoded: config.decodes(space) };
  };
  return [...structuresOf(config.readAt, draft, config)].map(placed);
}

/** Access to one of them. */
export const accessTo = (bus: Bus, { space, address, length }: PlacedStructure): StructureAccess =>
  new StructureAccess(bus, { space, address, length, capability: 0 });
