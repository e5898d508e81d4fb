/** Why a rule on a bus cannot tell that a driver breaks a clause, and which clauses that holds of. */
const reasons: readonly (readonly [reason: string, clauses: string])[] = [
  [
    'it allows something, so that nobody can break it',
    `LEG-FEAT-03 BF-VQR-04 INIT-02 RF-02 RF-09 RF-12 TERM-01 TERM-03 CONF-07 KICK-02 PCI-ID-11 PCI-LAY-02 PCI-CAP-06
    PCI-CAP-13 PCI-COM-25 PCI-COM-26 PCI-COM-28 LEG-LAY-03 PCI-MSIX-11 PCI-MSIX-12 PCI-MSIX-15 SPL-UNS-02 SPL-UNS-04
    SPL-SUP-01 SPL-SUP-02 SPL-SUP-07 PKD-DESC-08 PKD-SUP-01 PKD-SUP-06 ADM-25 ADM-27 ADM-32 AVQ-11 AVQ-15 ADL-02
    LEG-NET-03 NET-TX-01 NET-TX-06 NET-TX-08 NET-CVQ-16 NET-CVQ-17 BLK-INIT-02 BLK-INIT-06 LEG-BLK-04 BLK-OP-10
    LEG-BLK-12 SCSI-CFG-01 BAL-OP-02 BAL-OP-04 BAL-OP-07 BAL-OP-11 BAL-STAT-06`,
  ],
  ['it sums up others', 'CONF-03 CONF-06'],
  [
    'whether a driver takes a device that it may not refuse is told by a device made for that, not by its accesses',
    `BF-CFG-04 BF-CFG-05 PCI-ID-08 PCI-ID-09 PCI-ID-10 PCI-CAP-07 PCI-CAP-08 PCI-CAP-09 PCI-CAP-10 PCI-CAP-11 PCI-CAP-12
    PCI-MSIX-10 LEG-FEAT-01 LEG-DET-04 LEG-DET-05`,
  ],
  [
    'the order of memory accesses within a processor crosses no bus',
    'SPL-SUP-04 SPL-SUP-06 PKD-SUP-03 PKD-SUP-05 RF-08',
  ],
  ['how an IOMMU is set up is no access to the device', 'RF-04'],
  [
    'what a driver makes of what it read or was given shows in no access',
    `LEG-CFG-01 SPL-UNS-05 SPL-USED-04 SPL-USED-05 LEG-USED-01 SPL-INO-02 PKD-LAY-02 ADM-33 ADM-34 AVQ-16 AVQ-17 ADL-01 ADL-20
    ADL-24 ADL-25 ADL-26 ADL-27 ADL-28 NET-CFG-24 LEG-NET-06 NET-RX-28 NET-RX-29 NET-RX-30 NET-RX-31 NET-RX-32 NET-RX-33
    BLK-OP-11 BLK-OP-13 LEG-BLK-08 LEG-BLK-14 SCSI-FEAT-01 LEG-SCSI-02 LEG-SCSI-05 SCSI-OP-07 SCSI-OP-13 CON-09 LEG-CON-03
    RNG-02 LEG-BAL-04`,
  ],
  [
    'it is about what a driver could do or means to do',
    'AVQ-18 NET-CVQ-10 BLK-INIT-01 BAL-FEAT-02 BAL-FEAT-03 NET-TX-18',
  ],
  ['the text contradicts itself on where the boundary is', 'BAL-OP-03'],
];

/** By clause that binds drivers: why no rule checks it. */
export const unobservableOfDrivers: Readonly<Record<string, string>> = Object.fromEntries(
  reasons.flatMap(([reason, clauses]) => clauses.split(/\s+/).map((id) => [id, reason])),
);
