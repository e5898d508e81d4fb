import {
  balloonFeature,
  blockFeature,
  deviceTypes,
  feature,
  networkFeature,
  unmetDependency,
} from '../../../src/virtio/layout/index.ts';
import type { Case, Operation } from './operations.ts';

/*
 * What a legacy guest must not do for a modern function behind the shim to look like a legacy one: everything that
 * docs/ways-to-legacy.md says that breaks, and nothing else.
 */

const bits = (features: readonly number[]) => features.reduce((sum, bit) => sum + 2 ** bit, 0);

/** Offered by legacy functions alone, by type; the first of any. */
const legacyOnly: Readonly<Record<string, readonly number[]>> = {
  any: [feature.notifyOnEmpty],
  block: [blockFeature.barrier, blockFeature.scsi],
  network: [networkFeature.gso],
};

/** Features that a tame guest accepts always, and never. */
const always: Readonly<Record<string, readonly number[]>> = {
  any: [feature.anyLayout],
  network: [networkFeature.mergeableBuffers],
};
const never: Readonly<Record<string, readonly number[]>> = {
  any: [feature.unused],
  block: [blockFeature.configWriteCache],
  balloon: [balloonFeature.statisticsQueue],
};

const of = (table: Readonly<Record<string, readonly number[]>>, type: string) =>
  bits([...(table.any ?? []), ...(table[type] ?? [])]);

/** Accepted features without those that lack what they need. */
function consistent(features: number, type: string): number {
  const { dependencies } = deviceTypes.find(({ name }) => name === type)!;
  const words = [features];
  for (;;) {
    const unmet = unmetDependency(words, dependencies);
    if (unmet === null) return words[0]!;
    words[0]! &= ~(1 << unmet[0]);
  }
}

function tameFeatures(features: number, type: string): number {
  return consistent(((features & ~of(never, type)) | of(always, type)) >>> 0, type) >>> 0;
}

/** Requests of the block device whose type a modern one does not know: BARRIER, and FLUSH by its other number. */
function isLegacyRequest(operation: Operation & { do: 'chain' }): boolean {
  const header = operation.chain.readable.flat();
  return (header[3]! & 0x80) !== 0 || header[0] === 5;
}

/** Registers are left to bring-ups, configuration space and rings to themselves. */
const kept = new Set<Operation['do']>([
  'bring-up',
  'chain',
  'stimulus',
  'kick',
  'reset',
  'msix',
  'vector',
  'work',
  'arrive',
  'settle',
]);

/** A case of one function as a tame guest has it. */
export function tame({ setup, start, operations }: Case): Case {
  const [type] = setup.types as [string];
  const tamed = (operation: Operation): Operation =>
    operation.do === 'bring-up'
      ? { ...operation, features: tameFeatures(operation.features, type) }
      : operation;
  const harmless = (operation: Operation) =>
    kept.has(operation.do) && !(operation.do === 'chain' && type === 'block' && isLegacyRequest(operation));
  return {
    setup: { ...setup, bigEndian: false, blind: of(legacyOnly, type) },
    start: start.map(tamed),
    operations: operations.filter(harmless).map(tamed),
  };
}
