import { registers, ro, rw } from '../../core/index.ts';
import { extendedHeader } from './capabilities.ts';

/** Bits of its capabilities register. */
export const sriovCapabilities = { migration: 0x1, alternativeRoutingHierarchyPreserved: 0x2 } as const;

/** Bits of its control register. */
export const sriovControl = {
  enable: 0x0001,
  migrationEnable: 0x0002,
  migrationInterrupt: 0x0004,
  memorySpace: 0x0008,
  alternativeRoutingHierarchy: 0x0010,
} as const;

/**
 * Single Root I/O Virtualization (PCI Express 5.0, section 9.3.3), of a function without migration of virtual functions.
 * BARs are those of every virtual function; their writable bits are those of their size, and page sizes are multiples of
 * 4 KiB, one a bit.
 */
export const sriovCapability = registers({
  ...extendedHeader,
  capabilities: ro(0x04, 4),
  control: rw(0x08, 2, '', {
    writable: sriovControl.enable | sriovControl.memorySpace | sriovControl.alternativeRoutingHierarchy,
  }),
  status: ro(0x0a, 2),
  initialVfs: ro(0x0c, 2),
  totalVfs: ro(0x0e, 2),
  numVfs: rw(0x10, 2),
  functionDependencyLink: ro(0x12, 1),
  firstVfOffset: ro(0x14, 2),
  vfStride: ro(0x16, 2),
  vfDeviceId: ro(0x1a, 2),
  supportedPageSizes: ro(0x1c, 4, '', { reset: 0x553 }),
  systemPageSize: rw(0x20, 4, '', { reset: 0x1 }),
  bar: ro(0x24, 4, '', { count: 6 }),
  migrationStateArray: ro(0x3c, 4),
});

/** Version of the capability. */
export const SRIOV_VERSION = 1;

/** What one bit of a page size stands for: bit 0 for 4 KiB, bit n for 2**n times that. */
export const SRIOV_PAGE_BYTES = 0x1000;

/** Alternative Routing-ID Interpretation (PCI Express 5.0, section 7.8.7). */
export const alternativeRoutingCapability = registers({
  ...extendedHeader,
  capability: ro(0x04, 2),
  control: ro(0x06, 2),
});

/** Ids that every virtual function reads in its header (section 9.3.4.1.1): those that count stand in its physical function. */
export const VIRTUAL_FUNCTION_ID = 0xffff;
