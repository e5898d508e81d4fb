import { DeclarationWriter, inOrderOfUse } from './declarations.ts';
import { StructureLayout } from './layout.ts';
import {
  type FieldType,
  type Group,
  type NumberTypeName,
  numberTypes,
  type Structure,
  type StructureDocument,
} from './model.ts';

const writer = new DeclarationWriter({
  bitsInBraces: false,
  length: (text) => (text === '' ? '' : `/* ${text} */`),
  attributes: ' __attribute__((packed))',
  open: '...',
});

/** What C calls the numbers of a text; the byte order is in the name alone. */
const cType = (name: NumberTypeName) =>
  `${'signed' in numberTypes[name] ? '' : 'u'}int${8 * numberTypes[name].width}_t`;

/** The types of numbers that a group uses. */
function typesIn(group: Group): NumberTypeName[] {
  return group.fields.flatMap(({ type }: { type: FieldType }) => {
    if (type.kind === 'number' || type.kind === 'bits') return [type.name];
    return type.kind === 'group' ? typesIn(type.group) : [];
  });
}

/**
 * A C header that gcc and clang take: packed structures, and the sizes as assertions. A structure that is none for C, since
 * fields follow one of a length that is not fixed, stands in it all the same, out of the compiler's sight.
 */
export function structuresToC(document: StructureDocument): string {
  const layout = new StructureLayout(document);
  const structures = inOrderOfUse(document);
  const types = new Set<NumberTypeName>(structures.flatMap(typesIn).filter((name) => name !== 'char'));
  const blocks: string[][] = [
    ['#pragma once', '#include <stdint.h>'],
    Object.keys(numberTypes)
      .filter((name) => types.has(name as NumberTypeName))
      .map((name) => `typedef ${cType(name as NumberTypeName)} ${name};`),
    ...document.constants.map((constant) => writer.constant(constant)),
    ...document.enumerations.map((enumeration) => writer.enumeration(enumeration)),
    ...structures.map((structure) => {
      const lines = writer.structure(structure);
      if (!compiles(structure, layout))
        return ['#if 0 /* not for a compiler: its length is not fixed */', ...lines, '#endif'];
      const size = layout.sizeOf(structure);
      const check = `_Static_assert(sizeof(${structure.form} ${structure.tag}) == ${size}, "${structure.tag}");`;
      return size === null ? lines : [...lines, check];
    }),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** Whether a compiler takes a structure: all of it has a size, but for an array at its end. */
function compiles(structure: Structure, layout: StructureLayout): boolean {
  const last = structure.fields.at(-1);
  return layout.fields(structure).every(({ field, width, count }) => {
    if (width === null || count !== null) return width !== null;
    const open = field.counts.slice(1).every(({ length }) => length !== null);
    const named = structure.fields.slice(0, -1).some(({ name }) => name !== '');
    return field === last && structure.form === 'struct' && open && named;
  });
}
