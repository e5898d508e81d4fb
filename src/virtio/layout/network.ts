/** Bits of a network header's flags. */
export const networkHeaderFlag = { needsChecksum: 1, dataValid: 2, rscInfo: 4 } as const;

/** A network header's segmentation types; `ecn` is a bit beside them. */
export const networkGsoType = { none: 0, tcp4: 1, udp: 3, tcp6: 4, udpL4: 5, ecn: 0x80 } as const;
