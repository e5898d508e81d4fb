/** The entropy device's one queue: the driver's buffers, to be filled (RNG-03). */
export const entropyQueue = { request: 0 } as const;
