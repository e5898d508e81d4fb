import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readStructures,
  type Structure,
  type StructureDocument,
  StructureLayout,
  structuresToC,
} from '../../../src/drafts/structs/index.ts';
import { runs } from '../../properties/support/runs.ts';
import { structureDocuments } from './arbitraries.ts';
import { specification, withoutSpecification } from './specification.ts';

const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
const withoutCompiler = compiler === undefined ? 'wants cc, gcc or clang' : '';

/** What the compiler says against a text; empty where it takes it. */
const compiles = (source: string): string => {
  const directory = mkdtempSync(join(tmpdir(), 'virtiolab-structs-'));
  try {
    const file = join(directory, 'a.c');
    writeFileSync(file, source);
    const { status, stderr } = spawnSync(compiler!, ['-std=gnu11', '-fsyntax-only', '-w', file], {
      encoding: 'utf8',
    });
    return status === 0 ? '' : stderr.slice(0, 2000);
  } finally {
    rmSync(directory, { recursive: true });
  }
};

/** Where the compiler has to put every field of a structure that it can name. */
function offsetsOf(structure: Structure, layout: StructureLayout): string[] {
  return layout
    .fields(structure, true)
    .filter(({ path, after, field }) => field.name !== '' && !path.includes('[]') && after === '')
    .map(
      ({ path, offset }) =>
        `_Static_assert(offsetof(${structure.form} ${structure.tag}, ${path}) == ${offset}, "${path}");`,
    );
}

/** The header, and where the fields of what it has for a compiler are. */
function withOffsets(document: StructureDocument): { source: string; asserted: number } {
  const layout = new StructureLayout(document);
  const header = structuresToC(document);
  const asserts: string[] = [];
  for (const structure of document.structures) {
    if (header.includes(`length is not fixed */\n${structure.form} ${structure.tag} {`)) continue;
    asserts.push(...offsetsOf(structure, layout));
  }
  return { source: `#include <stddef.h>\n${header}\n${asserts.join('\n')}\n`, asserted: asserts.length };
}

const linux = '/usr/include/linux';
const headers = existsSync(linux) ? readdirSync(linux).filter((name) => /^virtio_\w+\.h$/.test(name)) : [];
const withoutHeaders = headers.length === 0 ? 'wants the headers of Linux (linux-libc-dev)' : '';

describe.skipIf(compiler === undefined)(`a C compiler ${withoutCompiler}`, () => {
  it('puts the fields of structures of every shape where the layout does', () => {
    let asserted = 0;
    fc.assert(
      fc.property(structureDocuments, (document) => {
        const plain = {
          ...document,
          structures: document.structures.map((each) => ({ ...each, comment: '' })),
        };
        const { source, asserted: more } = withOffsets(plain);
        asserted += more;
        expect(compiles(source)).toBe('');
      }),
      { numRuns: runs(60) },
    );
    expect(asserted).toBeGreaterThan(0);
  });

  it.skipIf(withoutSpecification !== '')(
    `takes the whole specification: ${withoutSpecification || 'at hand'}`,
    () => {
      const read = readStructures(specification());
      const structures = read.structures
        .filter(({ tag }, i) => read.structures.findIndex((each) => each.tag === tag) === i)
        .map((each) => ({ ...each, comment: '' }));
      const { source, asserted } = withOffsets({ ...read, enumerations: [], structures });
      expect(asserted).toBeGreaterThan(700);
      expect(compiles(source)).toBe('');
    },
  );

  it.skipIf(withoutHeaders !== '')(`agrees about Linux's own headers: ${withoutHeaders || 'at hand'}`, () => {
    const read = readStructures(
      headers.map((file) => ({ file, text: readFileSync(join(linux, file), 'utf8') })),
    );
    const layout = new StructureLayout(read);
    const asserts = read.structures.flatMap((structure) => offsetsOf(structure, layout));
    const includes = headers.map((file) => `#include <linux/${file}>`);
    expect(asserts.length).toBeGreaterThan(500);
    expect(compiles(['#include <stddef.h>', ...includes, ...asserts, ''].join('\n'))).toBe('');
  });
});
