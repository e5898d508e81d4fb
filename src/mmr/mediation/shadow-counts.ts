/** What the mediator did for the guest's requests, since it was made. */
export interface ShadowCounts {
  chains: number;
  /** Descriptors written into the parent's ring, and bytes of them. */
  descriptors: number;
  descriptorBytes: number;
  /** Copies of requests through the mediator's memory, or turned in place, and their bytes. */
  copies: number;
  copiedBytes: number;
  /** Kicks of the parent, and its callbacks. */
  kicks: number;
  callbacks: number;
  /** Bytes of the guest's that were logged as written, where somebody logs. */
  loggedBytes: number;
  /** Chains of more descriptors than the parent's ring has: handed back as they came. */
  tooLong: number;
}

export const noShadowCounts = (): ShadowCounts => ({
  chains: 0,
  descriptors: 0,
  descriptorBytes: 0,
  copies: 0,
  copiedBytes: 0,
  kicks: 0,
  callbacks: 0,
  loggedBytes: 0,
  tooLong: 0,
});
