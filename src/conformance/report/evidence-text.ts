import { hex } from '../../trace/index.ts';
import type { Evidence } from '../device/index.ts';

/** Bytes of RAM that a line shows. */
const SHOWN = 48;

/** One thing that happened, in a line: `write 00:04.0 common deviceStatus 0x0f ACKNOWLEDGE DRIVER FEATURES_OK DRIVER_OK`. */
export function evidenceLine(evidence: Evidence): string {
  switch (evidence.kind) {
    case 'access': {
      const { operation, width, value, decoded, space, address } = evidence;
      const { place, register, meaning } = decoded;
      const name = place === '' ? `${space} ${hex(address, 4)}` : `${place} ${register}`;
      return `${operation.padEnd(5)} ${name} ${hex(value, width)}${meaning === '' ? '' : `  ${meaning}`}`;
    }
    case 'ram': {
      const { address, bytes } = evidence;
      const more = bytes.length > 2 * SHOWN ? `... (${bytes.length / 2} bytes)` : '';
      return `ram   ${hex(address, 4)} ${bytes.slice(0, 2 * SHOWN)}${more}`;
    }
    case 'pause':
      return `pause ${evidence.times === 1 ? 'once' : `${evidence.times} times`}`;
    default:
      return `${evidence.signal === 'line' ? 'line' : 'message'} ${evidence.vector}`;
  }
}
