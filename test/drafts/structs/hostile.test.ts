import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readStructures,
  StructureJsonError,
  StructureLayout,
  structuresFromJson,
  structuresToC,
  structuresToJson,
  structuresToLatex,
} from '../../../src/drafts/structs/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { structureDocuments } from './arbitraries.ts';

/** Everything that is done with what was read. */
function readThrough(text: string): void {
  const read = readStructures(text);
  const layout = new StructureLayout(read);
  for (const structure of read.structures) layout.fields(structure, true);
  structuresToC(read);
  structuresToLatex(read);
  structuresToJson(read);
}

const pieces = fc.constantFrom(
  ...[
    'struct',
    'union',
    'enum',
    'typedef',
    'le16',
    'u8',
    'x',
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    ';',
    ',',
    ':',
    '*',
    '=',
    '-',
  ],
  ...[
    '#define',
    '\n',
    '/*',
    '*/',
    '//',
    '\\',
    '$',
    '\\field{',
    '\\ldots',
    '...',
    '"',
    "'",
    '1',
    '0x',
    '<<',
    'sizeof',
  ],
  ...['\\begin{lstlisting}', '\\end{lstlisting}', '\\begin{lstlisting}[', '__attribute__((', '%', '\0', 'é'],
);

describe('a text that is not what it seems', () => {
  it('never throws, whatever it is made of', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 60 }), (parts) => {
        readThrough(parts.join(' '));
        readThrough(`\\begin{lstlisting}\n${parts.join('')}\n\\end{lstlisting}`);
      }),
      { numRuns: runs(1000) },
    );
  });

  it('never throws where it is cut, or a piece of it is another', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(structureDocuments, fc.nat(), fc.nat(40), pieces, (document, place, length, piece) => {
        const text = structuresToLatex(document);
        const at = place % (text.length + 1);
        readThrough(text.slice(0, at));
        readThrough(text.slice(0, at) + piece + text.slice(at + length));
      }),
      { numRuns: runs(400) },
    );
  });

  it('refuses JSON with one thing changed, or takes it, and never otherwise', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(structureDocuments, fc.nat(), fc.jsonValue(), (document, place, other) => {
        const json = structuresToJson(document);
        let leaves = 0;
        const changed = (wanted: number) =>
          JSON.stringify(json, (_, value) =>
            (typeof value !== 'object' || value === null) && leaves++ === wanted ? other : value,
          );
        changed(-1);
        const wanted = place % leaves;
        leaves = 0;
        const text = changed(wanted);
        try {
          structuresFromJson(JSON.parse(text));
        } catch (error) {
          expect(error).toBeInstanceOf(StructureJsonError);
        }
      }),
      { numRuns: runs(400) },
    );
  });

  const many = 50_000;
  it.each([
    ['comments that never end', '/*\n'.repeat(many)],
    ['comments within one that ends', `${'/*\n'.repeat(many)}*/`],
    ['listings that never end', '\\begin{lstlisting}\n'.repeat(many)],
    ['listings on one line', '\\begin{lstlisting}'.repeat(many)],
    ['structures in structures', `struct a { ${'struct { '.repeat(many)}`],
    [
      'structures in structures that close',
      `struct a { ${'struct { '.repeat(many)} u8 x; ${'} y; '.repeat(many)} };`,
    ],
    ['brackets', `struct a { u8 x${'['.repeat(many)}; };`],
    ['lengths', `struct a { u8 x${'[2]'.repeat(many)}; };`],
    ['parentheses in a length', `struct a { u8 x[${'('.repeat(many)}1${')'.repeat(many)}]; };`],
    ['sums in a length', `struct a { u8 x[1${' + 1'.repeat(many)}]; };`],
    ['signs in a length', `struct a { u8 x[${'-'.repeat(many)}1]; };`],
    ['parentheses in a name', `#define A ${'('.repeat(many)}`],
    ['words in a name', `#define A 1 (a ${'b '.repeat(many)}`],
    ['names of names', Array.from({ length: 20_000 }, (_, i) => `#define N${i} N${i + 1}\n`).join('')],
    ['attributes', `struct a ${'__attribute__(( '.repeat(many)} { u8 x; };`],
    ['structures with attributes', 'struct __attribute__(( '.repeat(many)],
    [
      'commands in commands',
      `\\begin{lstlisting}\nstruct a { u8 ${'\\field{'.repeat(many)}x${'}'.repeat(many)}; };`,
    ],
    ['commands that do not close', `\\begin{lstlisting}\n${'\\field{'.repeat(many)}`],
    ['mathematics', `\\begin{lstlisting}\n${'$\\a '.repeat(many)}`],
    ['escapes', `\\begin{lstlisting}[escapeinside={(*}{*)}]\n${'(* '.repeat(many)}`],
    ['backslashes', `#define A ${'\\ '.repeat(many)}`],
    ['remarks', `struct a { u8 x; ${'( '.repeat(many)}`],
    ['hyphens', `struct a { u8 x${'-x'.repeat(many)}; };`],
    ['fields', `struct a {${Array.from({ length: many }, (_, i) => `u8 x${i};\n`).join('')}};`],
    ['bits', `struct a { ${'u8 : 1; '.repeat(many)} };`],
    ['structures', Array.from({ length: 20_000 }, (_, i) => `struct s${i} { u8 x; };\n`).join('')],
    [
      'a chain of structures',
      Array.from({ length: 20_000 }, (_, i) => `struct s${i} { struct s${i + 1} x; };\n`).join(''),
    ],
    [
      'a tree of structures that doubles',
      Array.from(
        { length: 60 },
        (_, i) => `struct s${i} { struct s${i + 1} x; struct s${i + 1} y; };\n`,
      ).join(''),
    ],
    ['strings', '"'.repeat(many)],
    ['digits', `struct a { u8 x[${'9'.repeat(many)}]; };`],
  ])('ends in time: %s', (_, text) => {
    const start = process.cpuUsage();
    readStructures(text);
    // Nothing here takes half a second; a quadratic reader takes minutes. Time of the processor, since others may use it too.
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(15);
  });
});
