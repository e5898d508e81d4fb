import type { DraftDocument, DraftField } from '../../drafts/index.ts';

const hex = (value: number) => `0x${value.toString(16)}`;

function fieldText(field: DraftField): string {
  const { name, offset, width, structure, count, access = 'ro', reset = 0 } = field;
  const what = structure === undefined ? `${width ?? '?'}` : `structure ${structure}`;
  return [
    `${offset === undefined ? '' : `${hex(offset)} `}${name}: ${what}${count === undefined ? '' : ` x ${count}`}`,
    access,
    ...(reset === 0 ? [] : [`reset ${hex(reset)}`]),
  ].join(' ');
}

/** In the draft's own words: `draft drawn; ids network 0x10f4; structure registers { 0x0 doorbell 0: 4 rw }; block in BAR2+0x1000`. */
export function formatDraftDocument(document: DraftDocument): string {
  const { name, ids, capabilities = [], structures = [], blocks = [], spaces = [] } = document;
  const parts = [`draft ${name}`];
  if (ids !== undefined)
    parts.push(`ids ${ids.devices.map(({ type, id }) => `${type} ${hex(id)}`).join(', ') || 'none'}`);
  for (const each of capabilities) parts.push(`${each.list} capability ${each.name} of id ${hex(each.id)}`);
  for (const each of structures)
    parts.push(`structure ${each.name} { ${(each.fields ?? []).map(fieldText).join(', ')} }`);
  for (const each of blocks) {
    const { bar, offset, length, space, prefetchable = false } = each;
    const place = `${bar === undefined ? 'a BAR' : `BAR${bar}`}${offset === undefined ? '' : `+${hex(offset)}`}`;
    const kind = `${space}${prefetchable ? ', prefetchable' : ''}`;
    parts.push(
      `${each.name} of ${each.structure} in ${place}${length === undefined ? '' : `, ${length} bytes`}, ${kind}`,
    );
  }
  for (const { name: of, values = [] } of spaces)
    parts.push(`${of} ${values.map((each) => `${each.name} = ${hex(each.value)}`).join(', ')}`);
  return parts.join('; ');
}
