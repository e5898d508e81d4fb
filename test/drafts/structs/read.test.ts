import { describe, expect, it } from 'vitest';
import {
  type PlacedField,
  problemText,
  readStructures,
  StructureLayout,
  structureProblemKinds,
  typeText,
} from '../../../src/drafts/structs/index.ts';

const listing = (text: string, options = '') =>
  `Words.\n\\begin{lstlisting}${options}\n${text}\n\\end{lstlisting}\n`;

/** The fields of the only structure as lines: path, type, place, width and count. */
function fieldsOf(text: string, expand = false): string[] {
  const read = readStructures(text);
  const layout = new StructureLayout(read);
  const line = ({ path, field, after, offset, width, count }: PlacedField) =>
    `${path} ${typeText(field.type)} ${after === '' ? '' : `${after}+`}${offset} ${width ?? '?'}${count === 1 ? '' : `x${count ?? '?'}`}`;
  return layout.fields(read.structures[0]!, expand).map(line);
}

const problemsOf = (text: string) => readStructures([{ file: 'a.tex', text }]).problems.map(problemText);

describe('the structures of a listing', () => {
  it('have no padding, and numbers of every spelling', () => {
    expect(
      fieldsOf(
        listing(
          'struct a {\n  u8 x;\n  le32 y;\n  __be16 z;\n  uint64_t w;\n  unsigned short int v;\n  le8 c[4];\n  char d;\n};',
        ),
      ),
    ).toEqual([
      'x u8 0 1',
      'y le32 1 4',
      'z be16 5 2',
      'w u64 7 8',
      'v u16 15 2',
      'c u8 17 1x4',
      'd char 21 1',
    ]);
  });

  it('have several names on a line', () => {
    expect(fieldsOf(listing('struct a { le16 x, y[3], z; u8 p : 3, q : 5; };'))).toEqual([
      'x le16 0 2',
      'y le16 2 2x3',
      'z le16 8 2',
      ' u8 10 1',
    ]);
  });

  it('have lengths that are constants, expressions and words', () => {
    const text = `#define N 4
struct b { le32 v; };
struct a {
  u8 fixed[N * 2 + 0x10];
  u8 sized[sizeof(struct b)];
  le16 table[3][N];
  u8 named[ Queue Size ];
  u8 remarked[ /* Queue Size */ ];
  u8 angled[<actual size>];
  u8 last[];
};`;
    const read = readStructures(listing(text));
    expect(read.problems).toEqual([]);
    expect(read.structures[1]!.fields.map(({ counts }) => counts)).toEqual([
      [{ length: 24, text: 'N * 2 + 0x10' }],
      [{ length: 4, text: 'sizeof(struct b)' }],
      [
        { length: 3, text: '' },
        { length: 4, text: 'N' },
      ],
      [{ length: null, text: 'Queue Size' }],
      [{ length: null, text: 'Queue Size' }],
      [{ length: null, text: 'actual size' }],
      [{ length: null, text: '' }],
    ]);
  });

  it('count from the end of what has no fixed length', () => {
    expect(fieldsOf(listing('struct a { le32 type; u8 data[]; u8 status; le16 more; };'))).toEqual([
      'type le32 0 4',
      'data u8 4 1x?',
      'status u8 data+0 1',
      'more le16 data+1 2',
    ]);
  });

  it('have structures and unions in place, with names and without', () => {
    const text = `struct a {
  u8 kind;
  union {
    struct { le32 x; le16 y; } small;
    struct wide { le64 z; } wide;
    u8 raw[3];
  };
  struct wide again;
};`;
    expect(fieldsOf(listing(text))).toEqual([
      'kind u8 0 1',
      ' union 1 8',
      'small struct 1 6',
      'small.x le32 1 4',
      'small.y le16 5 2',
      'wide struct wide 1 8',
      'wide.z le64 1 8',
      'raw u8 1 1x3',
      'again struct wide 9 8',
    ]);
    expect(fieldsOf(listing(text), true).at(-1)).toBe('again.z le64 9 8');
  });

  it('have types that a typedef named', () => {
    const text = `typedef __u16 index_t;
typedef unsigned int long_t;
typedef struct b b_t;
typedef void (*unused)(int);
struct b { u8 x[3]; };
typedef struct c { u8 y; } c_t;
struct a { index_t i; b_t b[2]; c_t c; long_t l; };`;
    const read = readStructures(listing(text));
    expect(read.problems).toEqual([]);
    const layout = new StructureLayout(read);
    const places = layout
      .fields(read.structures[2]!)
      .map(({ field, offset }) => [typeText(field.type), offset]);
    expect(places).toEqual([
      ['u16', 0],
      ['struct b', 2],
      ['struct c', 8],
      ['u32', 9],
    ]);
  });

  it('are the same with whatever line ends', () => {
    const text = listing('#define A \\\n 4\nstruct a { // one\n le16 x[A]; /* two\n three */\n u8 y;\n};');
    for (const end of ['\r\n', '\r'])
      expect(readStructures(text.replaceAll('\n', end))).toEqual(readStructures(text));
  });

  it('have bits, as C has them and in braces', () => {
    const text = `struct a {
  le16 x : 12;
  le16 : 1;
  le16 y : 3;
  be16 { p : 15, /* the low ones */
         q : 1; } flags; /* all */
  struct { le32 unmap:1; le32 reserved:31; } more;
};`;
    const read = readStructures(listing(text));
    expect(fieldsOf(listing(text))).toEqual([' le16 0 2', 'flags be16 2 2', 'more le32 4 4']);
    expect(read.structures[0]!.fields.map(({ type }) => (type.kind === 'bits' ? type.bits : null))).toEqual([
      [
        { name: 'x', low: 0, width: 12, comment: '' },
        { name: 'y', low: 13, width: 3, comment: '' },
      ],
      [
        { name: 'p', low: 0, width: 15, comment: 'the low ones' },
        { name: 'q', low: 15, width: 1, comment: '' },
      ],
      [
        { name: 'unmap', low: 0, width: 1, comment: '' },
        { name: 'reserved', low: 1, width: 31, comment: '' },
      ],
    ]);
    expect(read.structures[0]!.fields[1]!.comment).toBe('all');
  });

  it('keep comments of both kinds where they belong', () => {
    const text = `/* A structure. */
struct a { // of two fields
  /* before x,
   * on two lines */
  le32 x; // behind x
  le32 y; /* behind y */
  /* nothing follows */
};
/* A name. */
#define ONE 1 // of one`;
    const { structures, constants } = readStructures(listing(text));
    expect(structures[0]!.comment).toBe('A structure.');
    expect(structures[0]!.fields.map(({ comment }) => comment)).toEqual([
      'of two fields before x, on two lines behind x',
      'behind y',
    ]);
    expect(structures[0]!.tail).toBe('nothing follows');
    expect(constants[0]!.comment).toBe('A name. of one');
  });

  it('are read through the marks of TeX', () => {
    expect(
      fieldsOf(
        listing(
          'struct virtio\\_a {\n  le16 \\field{queue\\_size};\n$\\ldots$\n  u8 \\textit{end}; /* $x$ */\n};',
        ),
      ),
    ).toEqual(['queue_size le16 0 2', '... ... 2 ?', 'end u8 ...+0 1']);
    const escaped = listing(
      '#define A (1 << 0) /* |\\hyperref[x]{[RFC]}| */\nstruct a { u8 x; };',
      '[escapechar=|]',
    );
    expect(readStructures(escaped).constants[0]).toMatchObject({ name: 'A', value: 1, comment: '[RFC]' });
  });

  it('stand in listings that are C, and in no others', () => {
    const text = [
      listing('struct a { le16 x; };', '[language=C, label={lst:a [b] / c}]'),
      listing('<struct a="{ le16 x; }"/>', '[language=XML]'),
      listing('struct no { le16 x; };').replace('\\begin', '% \\begin'),
      '\\begin{minted}[frame=single]{c}\nstruct b { u8 x; };\n\\end{minted}',
      '\\begin{verbatim}\nstruct c { u8 x; };\n\\end{verbatim}',
    ].join('\n');
    expect(readStructures(text).structures.map(({ tag }) => tag)).toEqual(['a', 'b', 'c']);
  });

  it('are not where TeX passes over them, or only shows them', () => {
    const text = [
      listing('struct a { le16 x; };'),
      `\\begin{comment}\n${listing('struct no1 { le16 x; };')}\\end{comment}`,
      `\\iffalse\n${listing('struct no2 { le16 x; };')}\\fi`,
      'Put it into \\verb|\\begin{lstlisting}| as in',
      listing('struct b { u8 x[$N$]; };', '[mathescape=true]'),
      `\\end{document}\n${listing('struct no3 { le16 x; };')}`,
    ].join('\n');
    const read = readStructures(text);
    expect(read.problems).toEqual([]);
    expect(read.structures.map(({ tag }) => tag)).toEqual(['a', 'b']);
    expect(read.structures[1]!.fields[0]!.counts).toEqual([{ length: null, text: 'N' }]);
  });

  it('have names in enumerations and constants', () => {
    const text = `enum kind { FIRST = 0x0100, SECOND, /* two */ THIRD = 1 << 4 };
enum { LAST = THIRD + 1, };
#define WIDE (1 << 32)
#define OF(a, b) \\
  (((a) << 8) | (b))
#define ADD 0 (for an entry)
struct a { u8 x[SECOND]; };`;
    const { enumerations, constants, structures } = readStructures(listing(text));
    expect(enumerations.map(({ members }) => members.map(({ name, value }) => [name, value]))).toEqual([
      [
        ['FIRST', 256],
        ['SECOND', 257],
        ['THIRD', 16],
      ],
      [['LAST', 17]],
    ]);
    expect(constants.map(({ name, parameters, value }) => [name, parameters, value])).toEqual([
      ['WIDE', '', 2 ** 32],
      ['OF', '(a, b)', null],
      ['ADD', '', 0],
    ]);
    expect(structures[0]!.fields[0]!.counts).toEqual([{ length: 257, text: 'SECOND' }]);
  });

  it('say where in the text they stand', () => {
    const { structures } = readStructures([
      { file: 'x.tex', text: `\n\n${listing('\nstruct a {\n  u8 x,\n     y;\n};')}` },
    ]);
    expect(structures[0]).toMatchObject({ file: 'x.tex', line: 6 });
    expect(structures[0]!.fields.map(({ line }) => line)).toEqual([7, 8]);
  });

  it('hold those of another text', () => {
    const read = readStructures([
      { file: 'a.tex', text: listing('struct a { struct b head; u8 x; };') },
      { file: 'b.tex', text: listing('struct b { le64 y; };') },
    ]);
    expect(read.problems).toEqual([]);
    expect(new StructureLayout(read).sizeOfTag('a')).toBe(9);
  });

  it('pass over code, prose and other languages', () => {
    const text = `static inline unsigned f(unsigned int n) { u32 x; return n; }
le16_to_cpu(x);
for (;;) { struct a *d = v->desc[3]; if (d) { break; } }
RSAPrivateKey ::= SEQUENCE { version INTEGER }
typedef struct { u8 x; } b;`;
    const read = readStructures(listing(text));
    expect(read.problems).toEqual([]);
    expect(read.structures.map(({ tag }) => tag)).toEqual(['b']);
  });
});

describe('what is wrong with a text is named, and the rest of it is read', () => {
  const cases: readonly (readonly [text: string, problem: string, read: readonly string[]])[] = [
    ['struct a { le16 x; foo y; u8 z; };', 'a.tex:3: error: "foo" is no type; types are', ['a']],
    [
      'struct a { le16 x;\nle16; u8 z; };',
      'a.tex:4: error: no name behind "le16"; wants a type and a name',
      ['a'],
    ],
    ['struct a { le16 x };', 'a.tex:3: note: nothing behind "x"; wants ;', ['a']],
    [
      'struct a { u8 x[4; u8 y; };\nstruct b { u8 x; };',
      'a.tex:3: error: [ does not close before ";"',
      ['a', 'b'],
    ],
    ['struct a { u8 *p; u8 y; };', 'a.tex:3: error: a pointer or a function; wants a number', ['a']],
    ['struct a { le16 x : 17; };', 'a.tex:3: error: "17" bits for "x"; wants a number from 1 to 16', ['a']],
    [
      'struct a { le16 { p : 15; q : 2; } x; };',
      'a.tex:3: error: 17 bits up to "q" in le16; wants at most 16',
      ['a'],
    ],
    ['struct a { enum kind x; };', 'a.tex:3: error: enum kind has no width of its own', ['a']],
    ['struct a { struct b x; };', 'a.tex:3: error: struct b of field x is declared nowhere', ['a']],
    [
      'struct a { le16 x;\nstruct b { u8 y; };',
      'a.tex:3: error: { does not close before the listing ends',
      ['b', 'a'],
    ],
    ['struct a { le16 x; } }\nstruct b { u8 y; };', 'a.tex:3: error: } closes nothing', ['a', 'b']],
    ['/* a comment\nstruct a { le16 x; };', 'a.tex:3: error: comment "a comment" does not end', ['a']],
    [
      'strukt a { le16 x; };\nstruct b { u8 x; };',
      'a.tex:3: error: "strukt" begins no structure, yet has fields',
      ['b'],
    ],
    ['struct { le16 x; };\nstruct b { u8 x; };', 'a.tex:3: error: struct without a name', ['b']],
    [
      'struct a { u8 x; };\nstruct a { u8 y; };',
      'a.tex:4: error: struct a has other fields than at line 3',
      ['a', 'a'],
    ],
    ['struct a { u8 x; le16 x; };', 'a.tex:3: error: second field x in a', ['a']],
    ['struct a { u8 x[2 - 3]; };', 'a.tex:3: error: x[2 - 3] has -1 elements', ['a']],
    [
      'struct a { struct b x; };\nstruct b { struct a x[2]; };',
      'a.tex:3: error: struct a is in itself',
      ['a', 'b'],
    ],
    [
      'struct a { u8 command-data[]; };',
      'a.tex:3: note: command-data is no name; read as command_data',
      ['a'],
    ],
    ['struct a { le32 x; (Only if F) };', 'a.tex:3: note: "Only if F" is no C; wants it in a comment', ['a']],
    ['le64 offloads;\nstruct a { u8 x; };', 'a.tex:3: note: "le64 offloads" in no structure', ['a']],
    ['struct a { le16 \\field{x; };', 'a.tex:3: note: \\field opens a brace that does not close', ['a']],
    ['struct a { u8 x; % not C\n u8 y; };', 'a.tex:3: note: % begins no comment in a listing', ['a']],
    ['le32 { x : 16; y : 16; };\nstruct a { u8 x; };', 'a.tex:3: error: bits of le32 in no structure', ['a']],
    ['#define 5\nstruct a { u8 x; };', 'a.tex:3: error: "#define 5" defines nothing', ['a']],
  ];
  it.each(cases)('%j', (text, problem, names) => {
    const read = readStructures([{ file: 'a.tex', text: listing(text) }]);
    expect(read.problems.map(problemText).join('\n')).toContain(problem);
    expect(read.structures.map(({ tag }) => tag)).toEqual(names);
  });

  it('by every kind of problem that there is', () => {
    const others = [
      'struct a { u8 x[0]; };',
      'struct a { le16 { p : 4, } x; };',
      `struct a { ${'struct { '.repeat(40)} u8 x; ${'} y; '.repeat(40)} };`,
      `struct a {${'foo x;'.repeat(300)} };`,
      '\\begin{lstlisting}',
      '\\lstinputlisting[caption=x]{a.c}',
      '\0',
      '',
    ];
    const kinds = [...cases.map(([text]) => listing(text)), ...others].flatMap((text) =>
      readStructures(text).problems.map(({ kind }) => kind),
    );
    // A text of 32 million characters is left to itself.
    expect([...new Set<string>(kinds), 'too-large'].sort()).toEqual(
      Object.keys(structureProblemKinds).sort(),
    );
  });

  it('a file that was cut in the middle', () => {
    expect(problemsOf('\\begin{lstlisting}\nstruct a { le16 x; le3')).toEqual([
      'a.tex:1: error: \\begin{lstlisting} has no end; wants \\end{lstlisting}',
      'a.tex:2: error: "le3" is no type; types are u8, le16, le32, le64, be16 and so on, u16 and so on, char, struct NAME, union NAME',
      'a.tex:2: error: { does not close before the listing ends; wants } behind the last field',
    ]);
  });

  it('a listing without an end does not swallow the next', () => {
    const text = `\\begin{lstlisting}\nstruct a { u8 x; };\n\nWords.\n${listing('struct b { u8 x; };')}`;
    expect(readStructures(text).structures.map(({ tag }) => tag)).toEqual(['a', 'b']);
  });

  it.each([
    ['nothing', ''],
    ['prose', 'No listing here.'],
    ['TeX without listings', '\\section{A} struct a { le16 x; };'],
  ])('%s', (_, text) => {
    expect(problemsOf(text)).toEqual([
      'a.tex:1: error: no structure; wants struct NAME { ... }; in a listing, or C',
    ]);
  });

  it('a file that is no text', () => {
    expect(problemsOf('\x7fELF\x02\x01\0\0')[0]).toBe(
      'a.tex:1: error: a file that is no text; wants TeX with listings, or C',
    );
  });

  it('more problems than anybody reads', () => {
    const problems = problemsOf(listing(`struct a {\n${'foo x;\n'.repeat(5000)}};`));
    expect(problems.length).toBe(201);
    expect(problems.at(-1)).toContain('4800 more problems');
  });
});
