import type { Bus } from '../../../src/core/index.ts';
import {
  type FoundFunction,
  LegacyTransport,
  legacyAccess,
  type Transport,
} from '../../../src/driver/index.ts';
import { type DirectOptions, type MmrFunctionOptions, ways } from '../../../src/mmr/index.ts';
import { type DeviceBehaviour, type VirtioFunction, virtioFunction } from '../../../src/virtio/index.ts';

/** Transports that a driver may have at the function itself. */
export const kinds = ['legacy', 'native-mmr', 'modern'] as const;
export type Kind = (typeof kinds)[number];

/** A function that has the kind's interface: a transitional one has two of them. */
export const functionWith = (
  kind: Kind,
  behaviour: DeviceBehaviour,
  options: MmrFunctionOptions = {},
): VirtioFunction =>
  kind === 'native-mmr'
    ? ways[kind].build(behaviour, options)
    : virtioFunction(behaviour, { ...options, kind: 'transitional' });

/** A driver's transport at a function that was found. */
export const transportOf = (
  kind: Kind,
  bus: Bus,
  found: FoundFunction,
  options: DirectOptions = {},
): Transport =>
  kind === 'legacy'
    ? new LegacyTransport(bus, found, legacyAccess(bus, found), options)
    : ways[kind].transport(bus, found, options);
