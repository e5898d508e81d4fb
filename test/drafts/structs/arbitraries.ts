import fc from 'fast-check';
import {
  type BitField,
  type Constant,
  type Count,
  type Enumeration,
  type Field,
  type FieldType,
  type NumberTypeName,
  numberTypes,
  type Structure,
  type StructureDocument,
} from '../../../src/drafts/structs/index.ts';

/*
 * Documents of structures of all shapes. Shapes are drawn first; names are given afterwards, so that each is used once and
 * structures stand behind those that they hold.
 */

type Shape =
  | { kind: 'number'; type: NumberTypeName }
  | { kind: 'bits'; type: NumberTypeName; bits: { gap: number; width: number; comment: string }[] }
  | { kind: 'reference'; to: number }
  | { kind: 'group'; form: 'struct' | 'union'; tagged: boolean; fields: Drawn[]; tail: string }
  | { kind: 'open' };

interface Drawn {
  shape: Shape;
  anonymous: boolean;
  counts: Count[];
  comment: string;
}

const words = ['size', 'flags', 'queue', 'reserved', 'in', 'class', 'bar', 'struct_like', 'u8x', 'end'];

/** Comments as they are read: one line, single spaces, no marks of C or TeX within. */
const comment: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc
    .array(fc.stringMatching(/^[A-Za-z0-9.,:;()[\]{}<>=+_#&%$é'"-]{1,9}$/), { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join(' ')),
);

/** Constants that the documents have, with what they are worth: worked out here, not by what is tested. */
const known: readonly (readonly [name: string, text: string, value: number])[] = [
  ['MAX_N', '16', 16],
  ['MASK', '0x1f', 31],
  ['SHIFTED', '(1 << 5)', 32],
  ['SUM', 'MAX_N + 2 * MASK', 78],
];

const count: fc.Arbitrary<Count> = fc.oneof(
  fc.integer({ min: 1, max: 600 }).map((length) => ({ length, text: '' })),
  fc.constantFrom(...known).map(([text, , length]) => ({ length, text })),
  fc.constantFrom('', 'len', 'Queue Size', 'len / 16', 'out.len - 4').map((text) => ({ length: null, text })),
  fc.constant({ length: 18, text: 'MAX_N + 2' }),
);

const numberType = fc.constantFrom(...(Object.keys(numberTypes) as NumberTypeName[]));

const bitsShape: fc.Arbitrary<Shape> = fc.record({
  kind: fc.constant('bits' as const),
  type: numberType.filter((type) => type !== 'char'),
  bits: fc.array(
    fc.record({ gap: fc.constantFrom(0, 0, 0, 1, 3), width: fc.integer({ min: 1, max: 15 }), comment }),
    { maxLength: 5 },
  ),
});

const { drawn } = fc.letrec<{ drawn: Drawn; shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('number' as const), type: numberType }),
    bitsShape,
    fc.record({ kind: fc.constant('reference' as const), to: fc.nat(9) }),
    fc.constant<Shape>({ kind: 'open' }),
    fc.record({
      kind: fc.constant('group' as const),
      form: fc.constantFrom('struct' as const, 'union' as const),
      tagged: fc.boolean(),
      fields: fc.array(tie('drawn'), { maxLength: 4 }),
      tail: comment,
    }),
  ),
  drawn: fc.record({
    shape: tie('shape'),
    anonymous: fc.boolean(),
    counts: fc.oneof<fc.MaybeWeightedArbitrary<Count[]>[]>(
      { weight: 2, arbitrary: fc.constant([]) },
      fc.array(count, { minLength: 1, maxLength: 2 }),
    ),
    comment,
  }),
}));

class Naming {
  #next = 0;

  name(): string {
    return `${words[this.#next % words.length]!}_${this.#next++}`;
  }
}

function bitFields(shape: Shape & { kind: 'bits' }, naming: Naming): BitField[] {
  const bits: BitField[] = [];
  let low = 0;
  for (const { gap, width, comment } of shape.bits) {
    if (low + gap + width > 8 * numberTypes[shape.type].width) break;
    bits.push({ name: naming.name(), low: low + gap, width, comment });
    low += gap + width;
  }
  return bits;
}

/** `alone`: the only field of its structure, where bits without a name would be those of the structure's own name. */
function named(drawn: Drawn, before: readonly string[], naming: Naming, alone: boolean): Field {
  const { shape, comment, counts } = drawn;
  const anonymous = drawn.anonymous && (shape.kind === 'group' || shape.kind === 'bits') && !alone;
  const name = anonymous ? '' : naming.name();
  const type = ((): FieldType => {
    switch (shape.kind) {
      case 'number':
        return { kind: 'number', name: shape.type };
      case 'bits':
        return { kind: 'bits', name: shape.type, bits: bitFields(shape, naming) };
      case 'reference':
        return before.length === 0
          ? { kind: 'number', name: 'u8' }
          : { kind: 'reference', form: 'struct', tag: before[shape.to % before.length]! };
      case 'open':
        return { kind: 'open' };
      case 'group': {
        const tag = shape.tagged && !anonymous ? naming.name() : '';
        const fields = shape.fields.map((each) => named(each, before, naming, shape.fields.length === 1));
        return { kind: 'group', group: { form: shape.form, tag, fields, tail: shape.tail } };
      }
    }
  })();
  const open = type.kind === 'open';
  return { name: open ? '' : name, type, counts: open || name === '' ? [] : counts, comment, line: 0 };
}

const structures: fc.Arbitrary<Structure[]> = fc
  .array(
    fc.record({
      form: fc.constantFrom('struct' as const, 'struct' as const, 'union' as const),
      fields: fc.array(drawn, { maxLength: 7 }),
      tail: comment,
      comment,
    }),
    { maxLength: 5 },
  )
  .map((all) => {
    const naming = new Naming();
    const before: string[] = [];
    return all.map(({ form, fields, tail, comment }) => {
      const given = fields.map((each) => named(each, before, naming, false));
      const tag = naming.name();
      if (form === 'struct') before.push(tag);
      return { form, tag, fields: given, tail, comment, file: '', line: 0 };
    });
  });

const macros: fc.Arbitrary<Constant[]> = fc
  .record({ comments: fc.array(comment, { minLength: 5, maxLength: 5 }), macro: fc.boolean() })
  .map(({ comments, macro }) => [
    ...known.map(([name, text, value], i) => ({
      name,
      parameters: '',
      text,
      value,
      comment: comments[i]!,
      line: 0,
    })),
    ...(macro
      ? [
          {
            name: 'OF',
            parameters: '(a, b)',
            text: '(((a) << 8) | (b))',
            value: null,
            comment: comments[4]!,
            line: 0,
          },
        ]
      : []),
    { name: 'NOTHING', parameters: '', text: '', value: null, comment: '', line: 0 },
  ]);

const enumerations: fc.Arbitrary<Enumeration[]> = fc
  .array(
    fc.record({
      named: fc.boolean(),
      comment,
      members: fc.array(fc.record({ value: fc.option(fc.integer({ min: 0, max: 0xffff })), comment }), {
        minLength: 1,
        maxLength: 5,
      }),
    }),
    { maxLength: 2 },
  )
  .map((all) =>
    all.map(({ named, comment, members }, i) => {
      let next = 0;
      return {
        name: named ? `kind_${i}` : '',
        comment,
        line: 0,
        members: members.map(({ value, comment }, j) => {
          const worth = value ?? next;
          next = worth + 1;
          return {
            name: `KIND_${i}_${j}`,
            text: value === null ? '' : `0x${value.toString(16)}`,
            value: worth,
            comment,
          };
        }),
      };
    }),
  );

/** Documents of structures of every shape that a text can have. */
export const structureDocuments: fc.Arbitrary<StructureDocument> = fc.record({
  constants: macros,
  enumerations,
  structures,
});

/** A document without where in a text it was. */
export function withoutPlaces(document: StructureDocument): StructureDocument {
  return JSON.parse(
    JSON.stringify(
      { constants: document.constants, enumerations: document.enumerations, structures: document.structures },
      (key, value) => (key === 'line' ? 0 : key === 'file' ? '' : value),
    ),
  );
}
