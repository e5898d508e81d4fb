import type { Register } from '../../core/index.ts';

/** Turns the bytes of a field around, `at` being where its structure begins. */
export function turnField(view: DataView, at: number, { offset, width }: Register): void {
  turn(view, at + offset, width);
}

/** The same of `width` bytes anywhere. */
export function turn(view: DataView, at: number, width: number): void {
  if (width === 2) view.setUint16(at, view.getUint16(at, true), false);
  else if (width === 4) view.setUint32(at, view.getUint32(at, true), false);
  else if (width === 8) {
    const low = view.getUint32(at, true);
    view.setUint32(at, view.getUint32(at + 4, true), false);
    view.setUint32(at + 4, low, false);
  }
}
