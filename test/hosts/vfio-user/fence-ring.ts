/** What the two threads of the test of lost kicks share. */
export interface FenceWork {
  readonly ram: SharedArrayBuffer;
  /** Kicks so far; and 1 when one side has come to its end. */
  readonly control: SharedArrayBuffer;
  readonly requests: number;
  readonly fenced: boolean;
}

export const SIZE = 16;
export const place = { descriptor: 0x1000, driver: 0x2000, device: 0x3000 } as const;
export const RAM_BYTES = 0x10000;
