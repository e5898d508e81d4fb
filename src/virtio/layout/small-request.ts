/**
 * The least that a driver can ask of a device of some type: one chain that every device of the type finishes by itself, and
 * that changes nothing that matters. What is about rings is tried with it, on all types alike.
 */
export interface SmallRequest {
  readonly queue: number;
  /** Readable bytes, in the order of a little-endian guest. */
  readonly out: Uint8Array;
  /** Length of the writable part in bytes, after the readable one; 0 for none. */
  readonly inBytes: number;
  /** Bytes of it that the device writes, at least and at most. */
  readonly used: readonly [least: number, most: number];
  /** Features of the type that a driver should accept whatever it is about; by default none. */
  readonly features?: readonly number[];
}

/** What a small request is made for. */
export interface SmallRequestOccasion {
  /** The driver speaks virtio 1.x. */
  readonly modern: boolean;
  /** A page of RAM that nobody uses: its address. */
  readonly page: number;
}
