/** Clauses that a configuration space alone can break. */
export const configClauses = [
  'PCI-BUS-01',
  'PCI-ID-03',
  'PCI-ID-06',
  'PCI-ID-07',
  'LEG-ID-01',
  'LEG-ID-02',
  'LEG-DET-01',
  'PCI-CAP-02',
  'PCI-CAP-04',
  'PCI-CAP-15',
  'PCI-COM-01',
  'PCI-COM-02',
  'PCI-NOT-01',
  'PCI-NOT-02',
  'PCI-NOT-03',
  'PCI-NOT-04',
  'PCI-ISR-01',
  'PCI-DEV-01',
  'PCI-DEV-02',
  'PCI-SHM-02',
  'PCI-VND-03',
  'PCI-VND-04',
  'PCI-CFGW-01',
  'PCI-MSIX-01',
] as const;

export type ConfigClause = (typeof configClauses)[number];
