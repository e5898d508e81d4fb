import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DraftDocument,
  DraftDocumentError,
  DraftTextError,
  draftSchema,
  parseDraft,
  readDraft,
  shippedDrafts,
} from '../../src/drafts/index.ts';
import { root } from '../cli/run.ts';
import { runs } from '../properties/support/runs.ts';
import { clean, cleanLegacy } from './support/clean.ts';
import { asJson, places, put } from './support/places.ts';

const documents: readonly (readonly [string, DraftDocument])[] = [
  ...Object.entries(shippedDrafts),
  ['clean', clean],
  ['clean legacy', cleanLegacy],
];
/** A validator of JSON Schema that is not ours. */
const conforms = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(draftSchema);
const reads = (value: unknown) => {
  try {
    readDraft(value);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(DraftDocumentError);
    return false;
  }
};

describe('a draft document', () => {
  it('has the schema that is published', () => {
    expect(JSON.parse(readFileSync(join(root, 'docs/schemas/draft.schema.json'), 'utf8'))).toEqual(
      asJson(draftSchema),
    );
  });

  it.each(documents)('%s conforms to the schema, and is read as it is written', (_, document) => {
    const json = asJson(document);
    expect(conforms(json), JSON.stringify(conforms.errors)).toBe(true);
    expect(readDraft(json)).toEqual(json);
  });

  it.each(documents)('%s is refused by code and schema alike, whatever is put wherever', (_, document) => {
    const json = asJson(document);
    const everywhere = places(json);
    const odd = fc.oneof(
      fc.constantFrom(
        undefined,
        null,
        '',
        '0x10',
        '0xg',
        -1,
        1.5,
        2 ** 60,
        true,
        [],
        {},
        'a"b',
        ' x',
        'x\ny',
        3,
      ),
      fc.string(),
      fc.double(),
      fc.jsonValue(),
    );
    const property = fc.property(fc.constantFrom(...everywhere), odd, (way, value) => {
      const mutated = asJson(put(json, way, value) ?? null);
      // Text for a number is one of 52 bits at most to the schema, and of the field's own range to the code.
      const hexadecimal = typeof value === 'string' && /^0x/i.test(value);
      if (!hexadecimal || conforms(mutated) === false) expect(reads(mutated)).toBe(conforms(mutated));
    });
    fc.assert(property, { numRuns: runs(300) });
  });

  it('tells everything that is wrong at once, with the place, the value and what would be right', () => {
    const error = (() => {
      try {
        readDraft({
          draft: 2,
          name: 'Loud',
          ids: { vendor: '0x1ffff', devices: [{ type: 'block' }] },
          structures: [{ name: 's', fields: [{ name: 'f', width: 3, 'odd name': 1 }] }],
          blocks: {},
        });
      } catch (caught) {
        return caught as DraftDocumentError;
      }
      throw new Error('was read');
    })();
    expect(error).toBeInstanceOf(DraftDocumentError);
    expect(error.problems.map(({ path, value }) => [path, value])).toEqual([
      ['draft', 2],
      ['name', 'Loud'],
      ['ids.vendor', '0x1ffff'],
      ['ids.devices[0].id', undefined],
      ['structures[0].fields[0]["odd name"]', 1],
      ['structures[0].fields[0].width', 3],
      ['blocks', {}],
    ]);
    expect(error.message).toContain('structures[0].fields[0].width: found 3; wants 1 or 2 or 4 or 8');
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"draft": 1, "name": "x", "structures": [{'],
    ['a comment', '// x\n{}'],
    ['binary', '\u0000\u0001'],
  ])('that is %s is no JSON', (_, text) => {
    expect(() => parseDraft(text)).toThrow(DraftTextError);
  });

  it.each([
    ['a list', '[]'],
    ['a number', '1'],
    ['null', 'null'],
    ['a hundred thousand brackets', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['a prototype', '{"draft": 1, "name": "x", "__proto__": {"blocks": 1}}'],
    ['a constructor', '{"draft": 1, "name": "x", "constructor": 1}'],
    [
      'huge',
      '{"draft": 1, "name": "x", "blocks": [{"name": "b", "structure": "s", "space": "io", "bar": 1e400}]}',
    ],
  ])('that is %s is refused by its shape', (_, text) => {
    expect(() => parseDraft(text)).toThrow(DraftDocumentError);
  });

  it('may begin with a byte order mark, and have numbers in hexadecimal', () => {
    const { ids } = parseDraft('\uFEFF{"draft": 1, "name": "x", "ids": {"vendor": "0x1AF4", "devices": []}}');
    expect(ids).toEqual({ vendor: 0x1af4, devices: [] });
  });
});
