import type { Bus } from '../../core/index.ts';
import type { FoundFunction } from '../../driver/index.ts';
import type { Draft } from '../../mmr/index.ts';
import { legacyHeaderWithVectors } from '../../virtio/layout/index.ts';
import { registerOf } from '../checks/blocks.ts';
import type { DraftDocument, DraftField } from '../document/document.ts';
import { modelOf, type PlacedField } from '../model.ts';
import { DraftedBus } from './drafted-bus.ts';
import { type LegacyRegister, legacyRegisters } from './registers.ts';
import { cannotRun, type DraftTable, tableOf } from './table.ts';

/** A register of a draft's block, by the draft's own name. */
export interface DraftedRegister {
  readonly name: string;
  /** From the start of the block, and bytes in all. */
  readonly offset: number;
  readonly bytes: number;
  readonly access: NonNullable<DraftField['access']>;
  /** It stands there only while MSI-X is enabled, or only while it is not. */
  readonly when: DraftField['when'];
  /** The register of the legacy header that it is; null for one that the header has not. */
  readonly means: LegacyRegister | null;
}

/** A draft by which functions can be made and driven. */
export interface DraftedFunction {
  /**
   * What functions of it are: with the draft's capability and ids (`mmrFunction` makes them); legacy ones with BAR0 in memory
   * (`legacy-memory`); or modern ones, over which legacy registers are made up.
   */
  readonly kind: DraftTable['kind'];
  /** What `mmrFunction`, `presentLegacy` and the ways take. */
  readonly draft: Draft;
  /** Device types that the draft has ids for. */
  readonly types: readonly string[];
  /** Choices that the document leaves open, and what was taken. */
  readonly assumed: readonly string[];
  readonly registers: readonly DraftedRegister[];
  /** What an access of software that knows the legacy header reaches: null for what the draft lacks, undefined for no whole register. */
  reached(offset: number, width: number): DraftedRegister | null | undefined;
  /** A host's bus on which the block of its function is what the draft says, and writes to it arrive when the draft says so. */
  bus(host: Bus, fn: FoundFunction, blockBytes: number): DraftedBus;
}

/** Where the block of a draft's function stands in the host. */
export function blockBase({ kind, draft }: Pick<DraftTable, 'kind' | 'draft'>, fn: FoundFunction): number {
  const { bar, offset } = kind === 'mmr' ? draft : { bar: 0, offset: 0 };
  return fn.bars.find(({ index }) => index === bar)!.address + offset;
}

function registersOf({ structure: { fields } }: DraftTable): DraftedRegister[] {
  const meanings = new Map<PlacedField, LegacyRegister>();
  for (const name of legacyRegisters) {
    const placed = registerOf(fields, name);
    if (placed !== undefined) meanings.set(placed, name);
  }
  return fields.map((placed) => {
    const { field, offset, bytes } = placed;
    const means = meanings.get(placed) ?? null;
    const access = field.access ?? (means === null ? 'rw' : legacyHeaderWithVectors[means].access);
    return { name: field.name, offset, bytes, access, when: field.when, means };
  });
}

/** What functions of a draft are, to be driven by whoever likes; or the reasons why none can be made. */
export function draftedFunction(
  document: DraftDocument,
): DraftedFunction | { readonly reasons: readonly string[] } {
  const table = tableOf(modelOf(document));
  if (cannotRun(table)) return table;
  const { kind, draft, assumed, structure } = table;
  const registers = registersOf(table);
  const { postedWrites } = document.rules ?? {};
  return {
    ...{ kind, draft, assumed, registers },
    types: Object.keys(draft.deviceIds),
    reached(offset, width) {
      const name = legacyRegisters.find((each) => {
        const register = legacyHeaderWithVectors[each];
        return register.offset === offset && register.width === width;
      });
      if (name === undefined) return undefined;
      return registers.find(({ means }) => means === name) ?? null;
    },
    bus(host: Bus, fn: FoundFunction, blockBytes: number) {
      const bus = new DraftedBus(host, structure, postedWrites, draft.prefetchable);
      bus.place(blockBase(table, fn), blockBytes);
      return bus;
    },
  };
}
