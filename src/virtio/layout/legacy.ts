import { rc, registers, ro, rw } from '../../core/index.ts';

/** The legacy header, where MSI-X is off (LEG-LAY-06). Little-endian in whatever guest (LEG-LAY-05). */
export const legacyHeader = registers({
  deviceFeatures: ro(0x00, 4, 'LEG-LAY-06 LEG-LAY-10'),
  driverFeatures: rw(0x04, 4, 'LEG-LAY-06 LEG-LAY-10'),
  queueAddress: rw(0x08, 4, 'LEG-LAY-06 LEG-VQ-02'),
  queueSize: ro(0x0c, 2, 'LEG-LAY-06 LEG-VQ-03'),
  queueSelect: rw(0x0e, 2, 'LEG-LAY-06'),
  queueNotify: rw(0x10, 2, 'LEG-LAY-06'),
  deviceStatus: rw(0x12, 1, 'LEG-LAY-06'),
  isrStatus: rc(0x13, 1, 'LEG-LAY-06 PCI-ISR-05'),
});

/** The two registers that enabling MSI-X inserts before device configuration (LEG-LAY-07). */
export const legacyVectors = registers({
  configMsixVector: rw(0x14, 2, 'LEG-LAY-07 PCI-MSIX-06'),
  queueMsixVector: rw(0x16, 2, 'LEG-LAY-07 PCI-MSIX-06'),
});

/** The legacy header, where MSI-X is on. */
export const legacyHeaderWithVectors = registers({ ...legacyHeader, ...legacyVectors });

/** The BAR that has it, an I/O BAR (LEG-LAY-01, LEG-DET-01). */
export const LEGACY_BAR = 0;

/** Where device configuration begins, in bytes, with MSI-X off and on (LEG-LAY-09). */
export const LEGACY_CONFIG_OFFSET = 20;
export const LEGACY_CONFIG_OFFSET_MSIX = 24;

/** Unit of the queue address register, in bytes (LEG-VQ-02). */
export const QUEUE_ADDRESS_UNIT = 4096;

/** What queue notify reads: it keeps nothing (observed). */
export const NOTIFY_READS = 0xffff;
