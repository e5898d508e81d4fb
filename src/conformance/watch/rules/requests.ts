import { feature } from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { cites, seen, type Violation, type WatchLevel, type WatchRule } from '../rule.ts';

/** A legacy driver without ANY_LAYOUT, which has to cut its requests in one way (LEG-FRM-01). */
export const isStrict = ({ fn }: Moment): boolean => fn.legacy && fn.lacks(feature.anyLayout);

export const swap16 = (value: number) => ((value & 0xff) << 8) | (value >>> 8);
export const swap32 = (value: number) => (swap16(value & 0xffff) * 0x10000 + swap16(value >>> 16)) >>> 0;

/** About the chain that was made available. */
export const ofChain = ({ chain }: Moment, what: string, value: number): Violation =>
  seen(what, value, { descriptor: chain.head });

export const bytes = (now: Moment, length: number) => ofChain(now, 'length in bytes', length);

/** Rows of one device type's requests. `broken` says what is wrong with a chain, or null. */
export function requestRules(type: string) {
  return (
    id: string,
    clauses: string,
    level: WatchLevel,
    says: string,
    broken: (now: Moment) => Violation | null,
    more: Partial<WatchRule> = {},
  ): WatchRule => ({ id, clauses: cites(clauses), level, type, says, on: ['chain'], when: broken, ...more });
}

/** What no clause is about alone: the umbrella over each kind of driver. */
export const SHAPE = { clauses: cites('CONF-01'), legacyClauses: cites('LEG-FEAT-04') } as const;
