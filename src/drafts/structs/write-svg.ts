import { countOf, type PlacedField, StructureLayout } from './layout.ts';
import { countText, type Structure, type StructureDocument } from './model.ts';
import { bytesText } from './table-rows.ts';

/** Sizes of the picture, in pixels. */
const BYTE = 130;
const ROW = 30;
const LEFT = 120;
const TOP = 26;
const GAP = 24;
/** A sign of the labels' type takes so much. */
const SIGN = 7.3;

/** Rows of four bytes; a field of so many whole rows is drawn as one. */
const ROW_BYTES = 4;
const MOST_ROWS = 3;

/** What is drawn in one row: bytes of it, and what stands there. */
interface Cell {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly dashed: boolean;
}

interface Row {
  readonly label: string;
  readonly cells: Cell[];
}

const xml = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);

/** A label, cut where its room ends. */
function fitting(text: string, width: number): string {
  const signs = Math.max(1, Math.floor((width - 8) / SIGN));
  return text.length <= signs ? text : `${text.slice(0, signs - 1)}…`;
}

/** What stands in the cell of a field. */
function labelOf({ path, field }: PlacedField): string {
  const counts = field.counts.map((each) => `[${countText(each)}]`).join('');
  const { type } = field;
  if (type.kind === 'open') return '...';
  if (type.kind === 'group' && field.name === '')
    return `${type.group.form} { ${type.group.fields.map(({ name }) => name).join(', ')} }`;
  if (type.kind !== 'bits') return `${path}${counts}`;
  const bits = type.bits.map(({ name, width }) => `${name}: ${width}`).join(', ');
  return field.name === '' ? bits : `${path}${counts} { ${bits} }`;
}

/** The fields that are drawn: numbers, and structures whose inside is not: unions, arrays, those declared elsewhere. */
function drawn(places: readonly PlacedField[]): PlacedField[] {
  const found: PlacedField[] = [];
  let whole = Infinity;
  for (const place of places) {
    if (place.depth > whole) continue;
    const { type, counts } = place.field;
    const opened = type.kind === 'group' && type.group.form === 'struct' && counts.length === 0;
    whole = opened ? Infinity : place.depth;
    if (!opened) found.push(place);
  }
  return found;
}

function rowsOf(fields: readonly PlacedField[]): Row[] {
  const rows: Row[] = [];
  let section = '';
  /** First byte of the last row, in its section; -1 behind a field of no fixed length. */
  let start = -1;
  for (const place of fields) {
    if (place.after !== section) [section, start] = [place.after, -1];
    const prefix = section === '' ? '' : `${fitting(section, LEFT - 40)}+`;
    const row = (at: number): Row => {
      if (start !== at || rows.length === 0) rows.push({ label: `${prefix}${at}`, cells: [] });
      start = at;
      return rows.at(-1)!;
    };
    const count = countOf(place.field);
    const size = place.width === null || count === null ? null : place.width * count;
    const label = labelOf(place);
    if (size === null) {
      const at = place.offset - (place.offset % ROW_BYTES);
      row(at).cells.push({ from: place.offset - at, to: ROW_BYTES, label, dashed: true });
      continue;
    }
    for (let at = place.offset; at < place.offset + size; ) {
      const first = at - (at % ROW_BYTES);
      const whole = Math.floor((place.offset + size - at) / ROW_BYTES);
      const together = at === first && whole > MOST_ROWS;
      const end = together ? at + whole * ROW_BYTES : Math.min(first + ROW_BYTES, place.offset + size);
      const text = together
        ? `${label}, ${whole * ROW_BYTES} bytes`
        : at === place.offset
          ? label
          : `(${label})`;
      row(first).cells.push({
        from: at - first,
        to: Math.min(ROW_BYTES, end - first),
        label: text,
        dashed: false,
      });
      at = end;
    }
  }
  return rows;
}

/** One structure, from `top` on. @returns its picture and its height */
function picture(
  structure: Structure,
  layout: StructureLayout,
  top: number,
): { svg: string; height: number } {
  const title = `${structure.form} ${structure.tag}, ${bytesText(layout.sizeOf(structure))}`;
  const union = structure.form === 'union';
  // Each alternative of a union begins at its first byte: they are drawn below each other.
  const rows = union
    ? structure.fields.flatMap((field) =>
        rowsOf(drawn(layout.fields({ ...structure, form: 'struct', fields: [field] }))),
      )
    : rowsOf(drawn(layout.fields(structure)));
  const bytes = [0, 1, 2, 3].map((byte) =>
    text(LEFT + byte * BYTE + BYTE / 2, top + TOP + 12, `+${byte}`, 'middle', 11),
  );
  const lines = rows.flatMap(({ label, cells }, i) => {
    const y = top + TOP + 18 + i * ROW;
    return [
      text(LEFT - 8, y + 20, label, 'end', 12),
      ...cells.map(({ from, to, label, dashed }) => {
        const [x, width] = [LEFT + from * BYTE, (to - from) * BYTE];
        const dash = dashed ? ' stroke-dasharray="4 3"' : '';
        const box = `<rect x="${x}" y="${y}" width="${width}" height="${ROW}" fill="none" stroke="currentColor"${dash}/>`;
        return `<g><title>${xml(label)}</title>${box}${text(x + width / 2, y + 20, fitting(label, width), 'middle', 12)}</g>`;
      }),
    ];
  });
  const heading = text(LEFT, top + 16, title, 'start', 14);
  return { svg: [heading, ...bytes, ...lines].join('\n'), height: TOP + 18 + rows.length * ROW + GAP };
}

const text = (x: number, y: number, label: string, anchor: string, size: number) =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}">${xml(label)}</text>`;

/** A picture of structures, below each other: rows of 32 bits, the byte at the lowest address on the left. */
export function structuresToSvg(document: StructureDocument): string {
  const layout = new StructureLayout(document);
  const parts: string[] = [];
  let height = 8;
  for (const structure of document.structures) {
    const part = picture(structure, layout, height);
    parts.push(part.svg);
    height += part.height;
  }
  const width = LEFT + ROW_BYTES * BYTE + 10;
  const style = 'font-family="ui-monospace, monospace" fill="currentColor" color="#222"';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${style}>
<rect width="${width}" height="${height}" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}
