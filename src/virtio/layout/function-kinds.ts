import { LEGACY_BAR } from './legacy.ts';

/** Which windows for drivers stand on a function of one kind, and where. */
interface KindTraits {
  /** Kind of the BAR that the legacy block stands in; null where there is none. */
  readonly legacy: 'io' | 'memory32' | null;
  /** The structures of virtio 1.x stand on it. */
  readonly modern: boolean;
  /** The clause that every function of the kind breaks by the way it is built; null for what the specification allows. */
  readonly breaks: string | null;
}

const table = {
  legacy: { legacy: 'io', modern: false, breaks: null },
  transitional: { legacy: 'io', modern: true, breaks: null },
  modern: { legacy: null, modern: true, breaks: null },
  'legacy-memory': { legacy: 'memory32', modern: false, breaks: 'LEG-DET-01' },
  'transitional-memory': { legacy: 'memory32', modern: true, breaks: 'LEG-DET-01' },
} as const satisfies Readonly<Record<string, KindTraits>>;

export type FunctionKind = keyof typeof table;

/**
 * Every kind of virtio function. Those whose legacy block stands in a memory BAR0, under ordinary ids, the specification
 * forbids; clouds have them all the same, and most legacy drivers do not mind.
 */
export const functionKinds: Readonly<Record<FunctionKind, KindTraits>> = table;

/** In the table's order. */
export const functionKindNames = Object.keys(table) as readonly FunctionKind[];

/** The kind of a function with transitional ids, by what it has: a BAR0 or none, and structures of virtio 1.x or none. */
export function kindOfTransitionalIds(
  bars: readonly { readonly index: number; readonly kind: string }[],
  modern: boolean,
): FunctionKind {
  const first = bars.find(({ index }) => index === LEGACY_BAR);
  const inMemory = first !== undefined && first.kind !== 'io';
  return functionKindNames.find((name) => {
    const { legacy, modern: both } = functionKinds[name];
    return both === modern && legacy !== null && (legacy !== 'io') === inMemory;
  })!;
}
