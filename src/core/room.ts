/** Bytes to work in, made when they are first used: a device that is idle has none. */
export class Room {
  readonly length: number;
  #bytes: Uint8Array | null = null;
  #view: DataView | null = null;

  constructor(length: number) {
    this.length = length;
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= new Uint8Array(this.length));
  }

  /** Of the same bytes. */
  get view(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer));
  }
}
