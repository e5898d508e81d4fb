import { inOrder, type RegisterMap, type Width } from '../../core/index.ts';
import type { DraftField } from '../document/document.ts';

/** Fields that mean nothing, by what the tables call them. */
const FREE = /^(?:reserved|padding|tail)/;

/**
 * The rows of a register map, as fields of a document.
 * @param whole fields that the map has as bytes, and that are one number of so many.
 */
export function fieldsOf(map: RegisterMap, whole: Readonly<Record<string, Width>> = {}): DraftField[] {
  return inOrder(map).map(([name, { offset, width, count, access, reset }]) => {
    const bytes = whole[name];
    return {
      name,
      offset,
      width: bytes ?? width,
      ...(bytes !== undefined || count === 1 ? {} : { count }),
      ...(access === 'ro' ? {} : { access }),
      ...(reset === 0 ? {} : { reset }),
      ...(FREE.test(name) ? { reserved: true } : {}),
    };
  });
}
