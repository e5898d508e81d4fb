import type { BarRegion } from './bar-contents.ts';
import type { Msix } from './msix.ts';

/** Both tables of MSI-X in one BAR: the pending bits at `pendingAt`, in bytes from its start. */
export const msixRegions = (msix: Msix, pendingAt: number): BarRegion[] => [
  { name: 'msix-table', offset: 0, length: msix.tableBytes, target: msix.table },
  { name: 'msix-pba', offset: pendingAt, length: msix.pendingBytes, target: msix.pendingBits },
];
