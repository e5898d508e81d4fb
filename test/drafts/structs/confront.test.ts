import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  confront,
  FactsError,
  factsOf,
  factsText,
  type LayoutTable,
  layoutTables,
  readFacts,
  readStructures,
  type StructureFacts,
  unexplained,
} from '../../../src/drafts/structs/index.ts';
import * as mmr from '../../../src/mmr/layout/index.ts';
import * as pci from '../../../src/pci/layout/index.ts';
import * as virtio from '../../../src/virtio/layout/index.ts';
import { root } from '../../cli/run.ts';
import { specification, withoutSpecification } from './specification.ts';

/*
 * Our tables beside what the specification's text says: an anchor that is not ours. The record has its facts, names and
 * numbers, in a form of our own; `VIRTIOLAB_SPEC=DIR npx vitest run test/drafts/structs/confront.test.ts -u` writes it anew.
 */
const record = join(root, 'test/golden/structs/virtio-1.4.txt');
const recorded = () => readFacts(readFileSync(record, 'utf8'));

/** All that a text has, so that a table that comes later is held against it too. */
const recordOf = (facts: readonly StructureFacts[]) =>
  `# Structures of the virtio specification 1.4: names, offsets, widths.\n${factsText(facts)}`;

describe('our tables and the text of the specification 1.4', () => {
  it('agree, but for differences that have a reason', () => {
    expect(unexplained(confront(layoutTables, recorded()))).toEqual([]);
  });

  it('differ in what the guide lists', () => {
    const guide = readFileSync(join(root, 'docs/structs.md'), 'utf8');
    const listed = [...guide.matchAll(/^\| `([\w.]+)` \| `(\w+)` \| (.*) \|$/gm)].map((match) =>
      match.slice(1),
    );
    const found = confront(layoutTables, recorded()).tables.flatMap(({ table, differences }) =>
      differences.map(({ field, ours, text, reason }) => [
        table,
        field,
        [ours, text, reason].map((each) => each || 'none').join(' | '),
      ]),
    );
    expect(listed).toEqual(found);
  });

  it('are many', () => {
    const { tables, untabled } = confront(layoutTables, recorded());
    expect(tables.filter(({ verdict }) => verdict === 'equal').length).toBeGreaterThanOrEqual(60);
    expect(untabled.length).toBeGreaterThan(200);
  });

  it.skipIf(withoutSpecification !== '')(
    `agree with the text itself: ${withoutSpecification || 'at hand'}`,
    async () => {
      const read = readStructures(specification());
      const facts = factsOf(read);
      await expect(recordOf(facts)).toMatchFileSnapshot(record);
      expect(unexplained(confront(layoutTables, facts))).toEqual([]);
    },
  );

  it('are all of our tables', () => {
    const listed = new Set<unknown>(layoutTables.map(({ fields }) => fields));
    const shapes = new Set(layoutTables.map(({ fields }) => JSON.stringify(fields)));
    const missing: string[] = [];
    const walk = (name: string, value: unknown, depth: number): void => {
      if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > 3) return;
      const entries = Object.entries(value);
      const isMap = entries.length > 0 && entries.every(([, each]) => isRegister(each));
      if (!isMap) for (const [key, each] of entries) walk(`${name}.${key}`, each, depth + 1);
      else if (!listed.has(value) && !shapes.has(JSON.stringify(value))) missing.push(name);
    };
    for (const module of [pci, virtio, mmr])
      for (const [name, value] of Object.entries(module)) walk(name, value, 0);
    expect(missing).toEqual([]);
  });
});

function isRegister(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'offset' in value && 'width' in value && 'access' in value
  );
}

describe('a wrong table', () => {
  const facts = recorded();
  const cells = layoutTables.flatMap((table) =>
    table.text.length === 0 ? [] : Object.keys(table.fields).map((field) => ({ table, field })),
  );
  /** Every field of every table that the text has, changed in each way: what is wrong with it is found. */
  it.each([
    [
      'an offset',
      (field: LayoutTable['fields'][string]) => ({ ...field, offset: field.offset + field.width }),
    ],
    ['a width', (field) => ({ ...field, width: field.width === 1 ? 2 : field.width / 2 })],
    ['a count', (field) => ({ ...field, count: field.count + 1 })],
  ] as [string, (field: LayoutTable['fields'][string]) => LayoutTable['fields'][string]][])(
    'is found by %s',
    (_, change) => {
      const silent = cells.filter(({ table, field }) => {
        const named = table.text.some(({ differs = {} }) => Object.hasOwn(differs, field));
        const changed = { ...table, fields: { ...table.fields, [field]: change(table.fields[field]!) } };
        return !named && unexplained(confront([changed], facts)).length === 0;
      });
      expect(silent.map(({ table, field }) => `${table.name}.${field}`)).toEqual([]);
    },
  );

  it('is found by a field that is not there, and by one too many', () => {
    const table = layoutTables.find(({ name }) => name === 'commonConfig')!;
    const { queueReset, ...less } = table.fields;
    const [without] = unexplained(confront([{ ...table, fields: less }], facts));
    expect(without!.differences).toEqual([{ field: 'queue_reset', ours: '', text: '58: 2', reason: '' }]);
    const [more] = unexplained(
      confront([{ ...table, fields: { ...table.fields, more: { ...queueReset!, offset: 64 } } }], facts),
    );
    expect(more!.differences).toEqual([{ field: 'more', ours: '64: 2', text: '', reason: '' }]);
  });

  it('is found by a reason for what is the same', () => {
    const table = layoutTables.find(({ name }) => name === 'vsockHeader')!;
    const at = { ...table.text[0]!, differs: { length: 'no more' }, omits: { gone: 'no more' } };
    const [found] = unexplained(confront([{ ...table, text: [at] }], facts));
    expect(found!.differences.map(({ field, text }) => [field, text])).toEqual([
      ['length', 'the same'],
      ['gone', 'no such field'],
    ]);
  });

  it('is found by its byte order', () => {
    const table = layoutTables.find(({ name }) => name === 'consoleResize')!;
    const [found] = unexplained(confront([{ ...table, order: 'big' }], facts));
    expect(found!.differences.map(({ ours, text }) => [ours, text])).toEqual([
      ['big', 'little'],
      ['big', 'little'],
    ]);
  });

  it('is one whose structure the text does not have', () => {
    expect(unexplained(confront(layoutTables, [])).every(({ verdict }) => verdict === 'missing')).toBe(true);
  });
});

describe('a record of facts', () => {
  it('is read as it was written', () => {
    const facts = factsOf(
      readStructures(
        'struct a { le16 x[4]; union { u8 y; be32 z; }; le16 p : 4; le16 q : 12; u8 data[]; u16 w; };',
      ),
    );
    expect(readFacts(factsText(facts))).toEqual(facts);
    expect(factsText(facts)).toBe(`struct a ?
 x 0 2 4 le
 y 8 1 1 byte
 z 8 4 1 be
 p|q 12 2 1 le
 data 14 1 ? byte
 w data+0 2 1 native
`);
  });

  it.each(['struct a', 'struct a 4\n x 0 2 1 middle', ' x 0 1 1 byte', 'struct a 4\nx 0 1 1 byte'])(
    'refuses %j',
    (text) => {
      expect(() => readFacts(text)).toThrow(FactsError);
    },
  );
});
