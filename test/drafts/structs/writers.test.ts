import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  layoutTables,
  readStructures,
  type StructureDocument,
  StructureLayout,
  structuresOfTables,
  structuresToC,
  structuresToLatex,
  structuresToLatexTable,
  structuresToMarkdown,
  structuresToSvg,
  subsetOf,
} from '../../../src/drafts/structs/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { structureDocuments } from './arbitraries.ts';

const example = readStructures(`
#define N 4
#define UNUSED 5
struct head { le16 type; u8 pad[2]; };
/* A | request. */
struct req {
  struct head head; // 50 % of it_
  le16 { a : 4; b : 12; } flags;
  union { le64 x; u8 raw[N]; };
  u8 data[];
  u8 status;
};
struct other { u8 x[UNUSED]; };`);

/** Rows of a document's fields and bits. */
function rowsIn(document: StructureDocument): number {
  const layout = new StructureLayout(document);
  return document.structures
    .flatMap((structure) => layout.fields(structure))
    .reduce((sum, { field }) => sum + 1 + (field.type.kind === 'bits' ? field.type.bits.length : 0), 0);
}

describe('tables', () => {
  it('in Markdown', () => {
    expect(structuresToMarkdown(subsetOf(example, ['req']))).toBe(`### struct head (4 bytes)

| Offset | Bytes | Type | Name |  |
| --: | --: | --- | --- | --- |
| 0 | 2 | \`le16\` | \`type\` |  |
| 2 | 2 | \`u8\` | \`pad[2]\` |  |

### struct req (variable)

A \\| request.

| Offset | Bytes | Type | Name |  |
| --: | --: | --- | --- | --- |
| 0 | 4 | \`struct head\` | \`head\` | 50 % of it\\_ |
| 4 | 2 | \`le16\` | \`flags\` |  |
| bits 0..3 |  |  | &emsp;\`a\` |  |
| bits 4..15 |  |  | &emsp;\`b\` |  |
| 6 | 8 | \`union\` |  |  |
| 6 | 8 | \`le64\` | &emsp;\`x\` |  |
| 6 | 4 | \`u8\` | &emsp;\`raw[N]\` |  |
| 14 | variable | \`u8\` | \`data[]\` |  |
| data + 0 | 1 | \`u8\` | \`status\` |  |
`);
  });

  it('in LaTeX', () => {
    const lines = structuresToLatexTable(subsetOf(example, ['req'])).split('\n');
    expect(lines).toContain('0 & 4 & struct head & \\field{head} & 50 \\% of it\\_ \\\\');
    expect(lines).toContain('bits 4..15 &  &  & \\quad \\field{b} &  \\\\');
    expect(lines).toContain('data + 0 & 1 & u8 & \\field{status} &  \\\\');
  });

  it('have a row for every field, and cells that nothing in a name or comment breaks', {
    timeout: PATIENCE,
  }, () => {
    fc.assert(
      fc.property(structureDocuments, (document) => {
        const rows = rowsIn(document);
        const markdown = structuresToMarkdown(document)
          .split('\n')
          .filter((line) => line.startsWith('| '));
        expect(markdown.length).toBe(rows + 2 * document.structures.length);
        for (const line of markdown) expect(line.replace(/\\./g, '').split('|').length).toBe(7);
        const latex = structuresToLatexTable(document)
          .split('\n')
          .filter((line) => line.includes(' & ') && !line.startsWith('%'));
        expect(latex.length).toBe(rows + document.structures.length);
        for (const line of latex) {
          const plain = line.replace(/\\[\\_#&%${}]/g, '');
          expect(plain.split('&').length).toBe(5);
          expect(plain).not.toMatch(/[_#%$^~]/);
        }
      }),
      { numRuns: runs(200) },
    );
  });
});

/** Names of elements in the order in which they close; throws where XML is not well formed. */
function wellFormed(xml: string): number {
  const open: string[] = [];
  let elements = 0;
  const rest = xml.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<>&]*(?:&#\d+;[^"<>&]*)*")*)(\/?)>/g,
    (_, close, name, __, alone) => {
      if (close === '/') expect(open.pop()).toBe(name);
      else if (alone === '') open.push(name);
      elements++;
      return '';
    },
  );
  expect(open).toEqual([]);
  expect(rest.replace(/&#\d+;/g, '')).not.toMatch(/[<>&]/);
  return elements;
}

describe('pictures', () => {
  it('have a cell for each field of a row', () => {
    const svg = structuresToSvg(subsetOf(example, ['req']));
    const cells = [
      ...svg.matchAll(
        /<title>([^<]*)<\/title><rect x="(\d+)" y="(\d+)" width="(\d+)"[^>]*?( stroke-dasharray)?/g,
      ),
    ];
    expect(cells.map(([, title]) => title)).toEqual([
      'type',
      'pad[2]',
      'head',
      'flags { a: 4, b: 12 }',
      'union { x, raw }',
      '(union { x, raw })',
      '(union { x, raw })',
      'data[]',
      'status',
    ]);
    // Bytes of a row: two and two, four, two and two, four, two and the rest, one.
    const widths = cells.map(([, , , , width]) => Number(width) / 130);
    expect(widths).toEqual([2, 2, 4, 2, 2, 4, 2, 2, 1]);
  });

  it('are XML, whatever stands in a comment or a length', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(structureDocuments, (document) => {
        expect(wellFormed(structuresToSvg(document))).toBeGreaterThan(0);
      }),
      { numRuns: runs(200) },
    );
  });

  it('cover every byte of a structure of numbers once', { timeout: PATIENCE }, () => {
    const number = fc.record({
      type: fc.constantFrom('u8', 'le16', 'be32', 'le64'),
      count: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 12 }), (fields) => {
        const text = fields.map(({ type, count }, i) => `${type} f${i}[${count}];`).join(' ');
        const document = readStructures(`struct a { ${text} };`);
        const all = [
          ...structuresToSvg(document).matchAll(
            /<title>\(?f\d+[^<]*?(?:, (\d+) bytes)?<\/title><rect x="\d+" y="\d+" width="(\d+)"/g,
          ),
        ];
        const drawn = all.reduce(
          (sum, [, whole, width]) => sum + (whole === undefined ? Number(width) / 130 : Number(whole)),
          0,
        );
        expect(drawn).toBe(new StructureLayout(document).sizeOfTag('a'));
      }),
      { numRuns: runs(200) },
    );
  });
});

describe('some of a document', () => {
  it('are structures with what they hold, and the constants of their lengths', () => {
    const some = subsetOf(example, ['req']);
    expect(some.structures.map(({ tag }) => tag)).toEqual(['head', 'req']);
    expect(some.constants.map(({ name }) => name)).toEqual(['N']);
  });

  it('are written and read like all of them', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(structureDocuments, fc.nat(), (document, pick) => {
        const { tag } = document.structures[pick % Math.max(1, document.structures.length)] ?? {
          tag: 'none',
        };
        const some = subsetOf(document, [tag]);
        const read = readStructures(structuresToLatex(some));
        const size = (each: StructureDocument) => new StructureLayout(each).sizeOfTag(tag);
        expect(size(read)).toEqual(size(document));
      }),
      { numRuns: runs(200) },
    );
  });
});

describe('our own tables', () => {
  it('are written, read, and say the same', () => {
    for (const table of layoutTables) {
      const read = readStructures(structuresToC(structuresOfTables([table])));
      expect(read.problems, table.name).toEqual([]);
      const fields = new StructureLayout(read)
        .fields(read.structures[0]!)
        .filter(({ path }) => !path.startsWith('hole_'));
      const expected = Object.values(table.fields).sort((a, b) => a.offset - b.offset);
      expect(
        fields.map(({ offset, width, count }) => ({ offset, width, count })),
        table.name,
      ).toEqual(expected.map(({ offset, width, count }) => ({ offset, width, count })));
    }
  });
});
