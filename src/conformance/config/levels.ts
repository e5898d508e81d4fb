export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT';

/** How much each clause asks that a configuration space alone can break. */
export const levels = {
  'PCI-BUS-01': 'MUST',
  'PCI-ID-03': 'MUST',
  'PCI-ID-06': 'SHOULD',
  'PCI-ID-07': 'SHOULD',
  'LEG-ID-01': 'MUST',
  'LEG-ID-02': 'MUST',
  'LEG-DET-01': 'MUST',
  'PCI-CAP-02': 'MUST NOT',
  'PCI-CAP-04': 'MUST NOT',
  'PCI-CAP-15': 'MUST',
  'PCI-COM-01': 'MUST',
  'PCI-COM-02': 'MUST',
  'PCI-NOT-01': 'MUST',
  'PCI-NOT-02': 'MUST',
  'PCI-NOT-03': 'MUST',
  'PCI-NOT-04': 'MUST',
  'PCI-ISR-01': 'MUST',
  'PCI-DEV-01': 'MUST',
  'PCI-DEV-02': 'MUST',
  'PCI-SHM-02': 'MUST',
  'PCI-VND-03': 'MUST NOT',
  'PCI-VND-04': 'MUST',
  'PCI-CFGW-01': 'MUST',
  'PCI-MSIX-01': 'SHOULD',
} as const satisfies Readonly<Record<string, Level>>;

export type ConfigClause = keyof typeof levels;
