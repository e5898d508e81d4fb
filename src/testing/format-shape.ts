import { hex } from '../trace/index.ts';
import {
  type BarPlace,
  type FunctionShape,
  type StructurePlace,
  structureNames,
} from '../virtio/layout/index.ts';

const barText = ({ bar, offset }: BarPlace) => `BAR${bar}+${hex(offset, 1)}`;

function placeText(place: StructurePlace): string {
  if (typeof place === 'string') return place;
  const { bar, offset, length, multiplier } = place;
  return [
    offset === undefined ? `BAR${bar}` : barText({ bar, offset }),
    ...(length === undefined ? [] : [`of ${length}`]),
    ...(multiplier === undefined ? [] : [`x${multiplier}`]),
  ].join(' ');
}

/** As one reads it: `common memory, BAR3; kicks x4 at 0 8; BAR4 memory64 prefetchable; MSI-X BAR1+0x800, pending BAR1+0x0`. */
export function formatShape(shape: FunctionShape): string {
  const { bars = {}, structures = {}, notify, msix, capabilities = {}, interruptPin, resetReads = 0 } = shape;
  const { padding = 0, gap = 0, others = [] } = capabilities;
  const parts: string[] = [];
  for (const name of structureNames) {
    const places = structures[name];
    if (places !== undefined) parts.push(`${name} ${places.map(placeText).join(', ')}`);
  }
  if (notify !== undefined) {
    const { multiplier, offsets = [] } = notify;
    const unit = multiplier === undefined ? '' : ` x${multiplier}`;
    parts.push(`kicks${unit}${offsets.length === 0 ? '' : ` at ${offsets.join(' ')}`}`);
  }
  for (const [bar, { kind, prefetchable = false, lengthBytes }] of Object.entries(bars)) {
    const length = lengthBytes === undefined ? '' : ` of ${lengthBytes}`;
    parts.push(`BAR${bar} ${kind}${prefetchable ? ' prefetchable' : ''}${length}`);
  }
  if (msix !== undefined) parts.push(`MSI-X ${barText(msix.table)}, pending ${barText(msix.pendingBits)}`);
  if (padding > 0) parts.push(`capabilities padded by ${padding}`);
  if (gap > 0) parts.push(`gaps of ${gap} between capabilities`);
  for (const { id, bytes } of others) parts.push(`capability ${hex(id, 1)} of ${bytes.length + 2}`);
  if (interruptPin !== undefined) parts.push(`interrupt pin ${interruptPin}`);
  if (resetReads > 0) parts.push(`reset shows after ${resetReads} reads`);
  return `shape ${parts.length === 0 ? 'as usual' : parts.join('; ')}`;
}
