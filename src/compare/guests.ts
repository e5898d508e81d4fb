import type { ComparedWayName } from './scenes.ts';

/** A legacy driver, or one of virtio 1.x, and what it needs of a function. */
export interface Guest {
  readonly name: string;
  /** It takes a legacy block that stands in a memory BAR. */
  readonly memoryBar: boolean;
}

/** Legacy drivers in the field, as their code was read in November 2026. */
export const legacyGuests: readonly Guest[] = [
  { name: 'Linux', memoryBar: true },
  { name: 'FreeBSD', memoryBar: true },
  { name: 'OpenBSD', memoryBar: true },
  { name: 'virtio-win', memoryBar: true },
  { name: 'DPDK on x86', memoryBar: true },
  { name: 'iPXE', memoryBar: true },
  { name: 'nanos', memoryBar: true },
  { name: 'SeaBIOS', memoryBar: false },
  { name: 'U-Boot', memoryBar: false },
  { name: 'NetBSD', memoryBar: false },
  { name: 'DPDK elsewhere', memoryBar: false },
];

/** Who drives a function by a way without anything in between. */
export function needsNoTranslator(way: ComparedWayName): string {
  if (way === 'modern' || way === 'transitional-memory') return 'every driver of virtio 1.x';
  if (way === 'native-mmr') return 'none: no driver in the field knows the draft';
  if (way !== 'legacy-memory') return 'none: ports are what is translated';
  const names = legacyGuests.filter(({ memoryBar }) => memoryBar).map(({ name }) => name);
  const others = legacyGuests.filter(({ memoryBar }) => !memoryBar).map(({ name }) => name);
  return `legacy drivers of ${names.join(', ')}; not of ${others.join(', ')}`;
}
