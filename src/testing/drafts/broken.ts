import type { Arbitrary } from 'fast-check';
import type { DraftBlock, DraftDocument, DraftField } from '../../drafts/index.ts';
import { fc } from '../fast-check.ts';
import { oneAtLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { draftDocuments } from './documents.ts';
import { formatDraftDocument } from './format.ts';

/** A draft with one thing wrong. */
export interface BrokenDraft {
  /** The check that has to find it, an id of `draftChecks`. */
  readonly breaks: string;
  readonly document: DraftDocument;
}

/** Puts one thing wrong with a drawn draft of registers; `pick` chooses where. */
type Break = (document: DraftDocument, pick: number) => DraftDocument;

const at = <T>(list: readonly T[], pick: number, change: (item: T) => T): T[] =>
  list.map((item, i) => (i === pick % list.length ? change(item) : item));

const withFields = (
  document: DraftDocument,
  change: (fields: readonly DraftField[]) => DraftField[],
): DraftDocument => ({
  ...document,
  structures: document.structures!.map((structure) => ({ ...structure, fields: change(structure.fields!) })),
});

const withBlocks = (document: DraftDocument, change: (block: DraftBlock) => DraftBlock[]): DraftDocument => ({
  ...document,
  blocks: document.blocks!.flatMap(change),
});

const inMemory = (block: DraftBlock): DraftBlock => ({ ...block, space: 'memory', offset: 0, length: 4096 });

const withValues = (document: DraftDocument, ...values: readonly number[]): DraftDocument => ({
  ...document,
  spaces: [{ name: 'opcode', width: 1, values: values.map((value, i) => ({ name: `command ${i}`, value })) }],
});

const breaks: Readonly<Record<string, Break>> = {
  'vendor-id': (document, pick) => ({ ...document, ids: { ...document.ids!, vendor: pick } }),
  'id-duplicate': (document) => ({
    ...document,
    ids: {
      ...document.ids!,
      devices: ['network', 'block'].map((type) => ({ type, id: document.ids!.devices[0]!.id })),
    },
  }),
  'type-duplicate': (document) => {
    const [first] = document.ids!.devices;
    const ids = { ...document.ids!, devices: [first!, { ...first!, id: first!.id + 0x100 }] };
    return { ...document, ids };
  },
  'field-duplicate': (document, pick) =>
    withFields(document, (fields) => [
      ...fields,
      { name: fields[pick % fields.length]!.name, offset: 0x800, width: 4 },
    ]),
  'field-overlap': (document, pick) =>
    withFields(document, (fields) => [...fields, { ...fields[pick % fields.length]!, name: 'another' }]),
  'field-width': (document, pick) =>
    withFields(document, (fields) => at(fields, pick, (field) => ({ ...field, structure: 'registers' }))),
  'register-misaligned': (document) =>
    withFields(document, (fields) => [...fields, { name: 'odd', offset: 0x803, width: 4, access: 'rw' }]),
  'reset-value': (document, pick) =>
    withFields(document, (fields) => at(fields, pick, (field) => ({ ...field, reset: 2 ** 40 }))),
  'open-array-inside': (document) =>
    withFields(document, (fields) => [
      { name: 'open', offset: 0x800, width: 1, count: 0 },
      { name: 'behind', offset: 0x900, width: 1 },
      ...fields,
    ]),
  'structure-empty': (document) => withFields(document, () => []),
  'structure-duplicate': (document) => ({
    ...document,
    structures: [...document.structures!, ...document.structures!],
  }),
  'structure-length': (document) => ({
    ...document,
    structures: document.structures!.map((each) => ({ ...each, length: 0 })),
  }),
  'structure-cycle': (document) => ({
    ...document,
    structures: [{ name: 'registers', fields: [{ name: 'itself', structure: 'registers' }] }],
  }),
  'block-bar': (document, pick) => withBlocks(document, (block) => [{ ...block, bar: 6 + (pick % 250) }]),
  'block-alignment': (document) =>
    withBlocks(document, (block) => [{ ...inMemory(block), offset: 0x10, alignment: 0x1000 }]),
  'block-length': (document) => withBlocks(document, (block) => [{ ...inMemory(block), length: 0 }]),
  'block-overlap': (document) =>
    withBlocks(document, (block) => [inMemory(block), { ...inMemory(block), name: 'another' }]),
  'bar-two-kinds': (document) =>
    withBlocks(document, (block) => [
      inMemory(block),
      { name: 'another', structure: 'registers', space: 'io', bar: block.bar!, offset: 0x4000 },
    ]),
  'name-undefined': (document) => withBlocks(document, (block) => [{ ...block, structure: 'nothing' }]),
  'name-duplicate': (document) =>
    withBlocks(document, (block) => [block, { ...inMemory(block), bar: (block.bar! + 1) % 6 }]),
  'value-twice': (document, pick) => withValues(document, pick % 0x80, pick % 0x80),
  'value-width': (document, pick) => withValues(document, 0x100 + pick),
  'vf-io': (document) => ({
    ...withBlocks(document, (block) => [{ ...block, space: 'io', offset: 0 }]),
    virtualFunctions: true,
  }),
};

/** What may be wrong with a drawn draft: ids of `draftChecks`. */
export const draftBreaks: readonly string[] = Object.keys(breaks);

/** `field-overlap: draft drawn; ...`. */
export const formatBrokenDraft = ({ breaks: check, document }: BrokenDraft): string =>
  `${check}: ${formatDraftDocument(document)}`;

/** Drafts of registers with one thing wrong, which a check finds: every one of `draftBreaks` is drawn. @throws OptionError */
export const brokenDraftDocuments = (kinds: readonly string[] = draftBreaks): Arbitrary<BrokenDraft> =>
  fc
    .tuple(
      fc.constantFrom(...oneAtLeast('breaks', kinds, draftBreaks)),
      draftDocuments(['registers']),
      fc.nat(0xff),
    )
    .map(([check, document, pick]) =>
      printed({ breaks: check, document: breaks[check]!(document, pick) }, formatBrokenDraft),
    );

/** Parsed JSON that is a draft but for one value. */
export interface MalformedDraft {
  /** Where the value stands. */
  readonly path: string;
  readonly value: unknown;
  readonly json: unknown;
}

const WRONG = [null, -1, 0.5, 2 ** 53, true, '', '\u0000', '0xzz', [], {}, [[]], { toString: 1 }] as const;

type Step = string | number;

/** Every place in parsed JSON, the whole of it first. */
function placesIn(json: unknown, before: readonly Step[] = []): Step[][] {
  if (typeof json !== 'object' || json === null) return [[...before]];
  const entries: [Step, unknown][] = Array.isArray(json) ? [...json.entries()] : Object.entries(json);
  return [[...before], ...entries.flatMap(([key, value]) => placesIn(value, [...before, key]))];
}

function replaced(json: unknown, [key, ...rest]: readonly Step[], value: unknown): unknown {
  if (key === undefined) return value;
  const inner = replaced((json as Record<Step, unknown>)[key], rest, value);
  return Array.isArray(json)
    ? json.map((item, i) => (i === key ? inner : item))
    : { ...(json as object), [key]: inner };
}

const pathText = (path: readonly Step[]) =>
  path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('') ||
  'the document';

/** `structures[0].fields[0].width = -1`. */
export const formatMalformedDraft = ({ path, value }: MalformedDraft): string =>
  `${path} = ${JSON.stringify(value)}`;

/** Drafts as parsed JSON, of which one value, at any place, is of a kind that hardly any place has. */
export const malformedDraftDocuments = (): Arbitrary<MalformedDraft> =>
  fc
    .tuple(draftDocuments(['registers']), fc.nat(0xffff), fc.constantFrom<unknown[]>(...WRONG))
    .map(([document, pick, value]) => {
      const json: unknown = JSON.parse(JSON.stringify(document));
      const places = placesIn(json);
      const path = places[pick % places.length]!;
      return printed(
        { path: pathText(path), value, json: replaced(json, path, value) },
        formatMalformedDraft,
      );
    });
