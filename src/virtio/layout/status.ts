/** Bits of the device status field (BF-STAT-01). */
export const deviceStatus = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  suspend: 16,
  needsReset: 64,
  failed: 128,
} as const;

/** Bits of the ISR status field (PCI-ISR-02, PCI-ISR-03). */
export const isrStatus = { queue: 1, configuration: 2 } as const;

/** A vector register's value for "no vector" (PCI-MSIX-06). */
export const NO_VECTOR = 0xffff;
