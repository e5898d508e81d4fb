import type { AccessEvent, Register, RegisterMap, Width } from '../../core/index.ts';
import { registerAt } from '../../core/index.ts';
import { commonConfig, legacyHeaderWithVectors } from '../../virtio/layout/index.ts';
import { placeNamed } from '../watch/sites.ts';

/** An access to a register of the legacy block or of the common configuration, at its own width. */
export interface RegisterAccess {
  /** The function, as `00:04.0`. */
  readonly fn: string;
  readonly window: 'legacy' | 'common';
  /** As its table names it. */
  readonly register: string;
  readonly operation: 'read' | 'write';
  readonly value: number;
  /** Which access of the recording it is, from 1 on. */
  readonly number: number;
}

const windows: Readonly<Record<string, RegisterMap>> = {
  legacy: legacyHeaderWithVectors,
  common: commonConfig,
};

const whole = ({ offset, width }: Register, at: number, bytes: Width): boolean =>
  offset === at && width === bytes;

/** What an access is to; null for one that is none to such a register, or not to all of it. */
export function registerAccess(event: AccessEvent, number: number): RegisterAccess | null {
  const place = placeNamed(event.space, event.target);
  const map = windows[place?.structure ?? ''];
  if (place === null || map === undefined) return null;
  const found = registerAt(map, event.offset);
  if (found === undefined || !whole(found[1], event.offset, event.width)) return null;
  return {
    fn: place.fn,
    window: place.structure as RegisterAccess['window'],
    register: found[0],
    operation: event.operation,
    value: event.value,
    number,
  };
}
