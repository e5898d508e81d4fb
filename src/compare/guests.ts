import type { WayName } from '../mmr/index.ts';

/** A legacy driver, and what it needs of a function. */
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

const namesOf = (memoryBar: boolean) =>
  legacyGuests
    .filter((guest) => guest.memoryBar === memoryBar)
    .map(({ name }) => name)
    .join(', ');

const PORTS = 'none: ports are what is translated';
const MODERN = 'every driver of virtio 1.x';

/** Who drives a function by a way without anything in between. */
export const needsNoTranslator: Readonly<Record<WayName, string>> = {
  'io-bar': PORTS,
  'memory-bar': PORTS,
  mmr: PORTS,
  'mmr-virtual': PORTS,
  admin: PORTS,
  'modern-shim': PORTS,
  'native-mmr': 'none: no driver in the field knows the draft',
  'legacy-memory': `legacy drivers of ${namesOf(true)}; not of ${namesOf(false)}`,
  'transitional-memory': MODERN,
  modern: MODERN,
};
