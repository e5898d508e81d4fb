import { signal } from '@preact/signals';
import type { Group } from './state.ts';

/** What of the stream is shown. */
export const filterText = signal('');
export const hidden = signal<ReadonlySet<FilterKind>>(new Set(['config']));

export const filterKinds = {
  config: 'Configuration space',
  dma: 'DMA',
  interrupt: 'Interrupts',
} as const;
export type FilterKind = keyof typeof filterKinds;

/** The group with what is left of it, or null where nothing is. */
export function filtered(group: Group, text: string, hide: ReadonlySet<FilterKind>): Group | null {
  const { root } = group;
  // Configuration accesses that lead to something in the host are of interest.
  if (hide.has('config') && root.space === 'config' && group.rest.length === 0) return null;
  if (hide.has('interrupt') && root.kind === 'interrupt') return null;
  const rest =
    hide.has('dma') || hide.has('interrupt')
      ? group.rest.filter(
          ({ kind }) =>
            !(kind === 'dma' && hide.has('dma')) && !(kind === 'interrupt' && hide.has('interrupt')),
        )
      : group.rest;
  if (text === '') return rest === group.rest ? group : { ...group, rest };
  const wanted = text.toLowerCase();
  const fits = [root, ...rest].some(({ name, place, meaning, value, verb, clause }) =>
    `${verb} ${place} ${name} ${value} ${meaning} ${clause ?? ''}`.toLowerCase().includes(wanted),
  );
  return fits ? { ...group, rest } : null;
}
