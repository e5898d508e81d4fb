import { describe, expect, it } from 'vitest';
import { type DraftDocument, draftChecks, findInDraft, readDraft } from '../../src/drafts/index.ts';
import { clean, cleanLegacy, rules } from './support/clean.ts';

const [lead, other] = clean.capabilities;
const [map, head, list] = clean.structures;
const [block] = clean.blocks;
const [opcode, status] = clean.spaces;
const { list: commands, ...office } = clean.commands;
const [start, stop] = commands;
const { points: _, ...free } = lead;

/** `map` with other fields. */
const mapped = (...fields: object[]) => ({ structures: [{ ...map, fields }, head, list] });
/** `list`, which is no block's, with other fields. */
const listed = (...fields: object[]) => ({ structures: [map, head, { ...list, fields }] });
const led = (...capabilities: object[]) => ({ capabilities: [...capabilities, other] });
const ids = (...devices: (readonly [type: string, id: number])[]) => ({
  ids: { vendor: 0x1af4, revision: 1, devices: devices.map(([type, id]) => ({ type, id })) },
});
const ids0 = (...devices: (readonly [type: string, id: number])[]) => ({
  ids: { ...ids(...devices).ids, revision: 0 },
});
const ruled = (changed: object) => ({ rules: { ...rules, ...changed } });
const spaced = (changed: object) => ({ spaces: [opcode, { ...status, ...changed }] });
const commanded = (...rows: object[]) => ({ commands: { ...office, list: rows } });
const a = { name: 'a', width: 4 } as const;

/** What of a clean draft is changed, and which check alone sees it. */
const edits: Readonly<Record<string, object | readonly object[]>> = {
  'vendor-id': { ids: { vendor: 0x8086, revision: 1, devices: [{ type: 'block', id: 0x1001 }] } },
  'id-duplicate': [
    ids0(['block', 0x1001], ['network', 0x1001]),
    ids0(['network', 0x1001], ['block', 0x1001]),
  ],
  'type-duplicate': ids0(['block', 0x1001], ['block', 0x1001]),
  'id-impossible': ids(['block', 0xffff]),
  'id-assigned': [ids(['block', 0x1041]), ids0(['block', 0x1000])],
  'id-modern': ids(['block', 0x1042]),
  'id-unassigned': [
    ids(['block', 0x107f]),
    ids(['block', 0x1090]),
    ids(['block', 0x2000]),
    ids0(['block', 0x103f]),
  ],
  'id-experimental': [ids(['block', 0x10f0]), ids(['block', 0x10f9], ['network', 0x10fa])],
  'id-elsewhere': [ids(['block', 0x1110]), ids(['block', 0x1100])],
  'ids-open': ids(),
  'revision-transitional': ids(['block', 0x1001]),
  'revision-open': { ids: { vendor: 0x1af4, devices: [{ type: 'block', id: 0x1001 }] } },
  'capability-header': [
    led({
      ...free,
      fields: [
        { name: 'wide', width: 8 },
        { name: 'rest', width: 8 },
      ],
    }),
  ],
  'capability-vendor-header': led({
    ...free,
    id: 0x0b,
    length: 8,
    fields: [...lead.fields.slice(0, 1), { name: 'cfg', width: 1 }, { name: 'rest', width: 1, count: 3 }],
  }),
  'capability-id': [led({ ...lead, id: 0x0d }), { capabilities: [lead, { ...other, id: 0x109 }] }],
  'capability-version': [
    led({ ...lead, version: 0 }),
    led({ ...lead, version: 16 }),
    { capabilities: [lead, { ...other, version: 1 }] },
  ],
  'capability-version-open': led({ ...lead, version: undefined }),
  'capability-dword': led({
    ...free,
    length: 5,
    fields: [...lead.fields.slice(0, 1), { name: 'odd', width: 1 }],
  }),
  'capability-length': [
    led({ ...lead, length: 12 }),
    {
      capabilities: [
        lead,
        {
          ...other,
          length: 256,
          fields: [...other.fields, { name: 'more', width: 4, count: 63 }],
          place: undefined,
        },
      ],
    },
  ],
  'capability-place': [
    led({ ...lead, place: 0x80 }),
    led({ ...lead, place: 0x102 }),
    led({ ...lead, place: 0xff8 }),
  ],
  'capability-overlap': led({ ...lead, place: 0x100 }, { ...free, name: 'second', place: 0x10c }),
  'capability-next': [
    led({ ...lead, place: 0x100, next: 0x200 }),
    led({ ...lead, place: 0x100, next: 0x100 }),
    led({ ...lead, place: 0x100, next: 0x200 }, { ...free, name: 'second', place: 0x200, next: 0x100 }),
  ],
  'cfg-type-assigned': [1, 2, 3, 4, 5, 8, 9].map((cfgType) => led({ ...lead, cfgType })),
  'cfg-type-range': [led({ ...lead, cfgType: 0 }), led({ ...lead, cfgType: 256 })],
  'cfg-type-unassigned': [6, 7, 10, 255].map((cfgType) => led({ ...lead, cfgType })),
  'capability-locates': led({ ...lead, fields: [...lead.fields.slice(0, 3), { name: 'size', width: 4 }] }),
  'capability-too-narrow': { blocks: [{ ...block, offset: 2 ** 33 }] },
  'structure-duplicate': { structures: [map, head, list, { ...list, fields: [a] }] },
  'structure-cycle': [
    listed({ name: 'me', structure: 'list' }),
    {
      structures: [
        map,
        head,
        { name: 'x', fields: [{ name: 'y', structure: 'y' }] },
        { name: 'y', fields: [{ name: 'x', structure: 'x' }] },
      ],
    },
  ],
  'structure-empty': { structures: [map, head, { name: 'void' }] },
  'structure-unread': [
    { structures: [map, head, { name: 'void', c: 'struct void { le16 x;' }] },
    { structures: [map, head, { name: 'void', c: 'struct x { le17 y; };' }] },
    { structures: [map, head, { name: 'void', c: 'nothing' }] },
  ],
  'structure-twice': { structures: [map, head, { ...list, c: 'struct list { le16 x; };' }] },
  'field-duplicate': listed(a, a),
  'field-width': [listed({ name: 'none' }), listed({ name: 'two', width: 4, structure: 'head' })],
  'field-overlap': [
    listed(a, { name: 'b', offset: 2, width: 2 }),
    mapped(a, { name: 'b', offset: 0, width: 4, when: 'msix' }),
  ],
  'field-hole': [
    listed(a, { name: 'b', offset: 6, width: 2 }),
    { structures: [map, head, { ...list, length: 12, fields: [a] }] },
    mapped(a, { name: 'b', offset: 8, width: 4 }),
  ],
  'register-misaligned': mapped({ name: 'b', width: 2 }, a),
  'field-misaligned': [
    listed({ name: 'b', width: 2 }, a),
    led({
      ...free,
      length: 8,
      fields: [
        ...lead.fields.slice(0, 1),
        { name: 'b', width: 1 },
        { name: 'c', width: 2 },
        { name: 'd', width: 1 },
      ],
    }),
  ],
  'open-array-inside': listed(
    { name: 'rest', width: 1, count: 0, offset: 0 },
    { ...a, offset: 0 },
    { name: 'b', width: 4, offset: 4 },
  ),
  'structure-length': { structures: [{ ...map, length: 7 }, head, list] },
  'reset-value': mapped({ ...a, reset: 2 ** 32 }),
  'reserved-access': mapped({ ...a, access: 'rw', reserved: true }),
  'register-of-8': mapped({ name: 'wide', width: 8 }),
  'block-bar': { blocks: [{ ...block, bar: 6 }] },
  'block-alignment': [
    { blocks: [{ ...block, offset: 0x1004 }] },
    { blocks: [{ ...block, alignment: 5000 }] },
    { blocks: [{ ...block, alignment: 0 }] },
  ],
  'block-unmappable': { blocks: [{ ...block, alignment: 8 }] },
  'block-length': { blocks: [{ ...block, length: 4 }] },
  'block-overlap': { blocks: [block, { ...block, name: 'more', alignment: undefined, offset: 0x1004 }] },
  'bar-two-kinds': {
    blocks: [block, { ...block, name: 'more', space: 'io', offset: 0, alignment: undefined }],
  },
  'io-length': { blocks: [{ ...block, space: 'io', offset: 0xfc, alignment: undefined }] },
  'vf-io': { blocks: [{ ...block, space: 'io', offset: 0 }], virtualFunctions: true },
  'prefetchable-read': { ...mapped({ ...a, access: 'rc' }), blocks: [{ ...block, prefetchable: true }] },
  'block-unlocated': {
    capabilities: [other],
    blocks: [{ ...block, offset: undefined, alignment: undefined }],
  },
  'value-twice': spaced({
    values: [
      { name: 'FINE', value: 0 },
      { name: 'GOOD', value: 0 },
    ],
  }),
  'value-differs': spaced({
    values: [
      { name: 'FINE', value: 0 },
      { name: 'FINE', value: 1 },
    ],
  }),
  'value-width': [
    spaced({ values: [{ name: 'FINE', value: 256 }] }),
    spaced({ ranges: [{ from: 0, to: 256, means: 'all' }] }),
  ],
  'range-empty': spaced({
    ranges: [
      { from: 9, to: 8, means: 'none' },
      { from: 0, to: 255, means: 'all' },
    ],
  }),
  'range-overlap': spaced({
    ranges: [
      { from: 0, to: 9, means: 'low' },
      { from: 9, to: 255, means: 'high' },
    ],
  }),
  'range-gap': [
    spaced({
      ranges: [
        { from: 0, to: 9, means: 'low' },
        { from: 11, to: 255, means: 'high' },
      ],
    }),
    spaced({ ranges: [{ from: 0, to: 254, means: 'low' }] }),
  ],
  'value-reserved': spaced({ ranges: [{ from: 0, to: 255, means: 'kept', reserved: true }] }),
  'length-short': [
    { lengths: [{ ...clean.lengths[0], bytes: 'DIV_ROUND_UP(n, 64) * 8' }] },
    { lengths: [{ ...clean.lengths[0], bytes: 'n / 8' }] },
    { lengths: [{ ...clean.lengths[0], bytes: '(n - n) / (n - n)' }] },
  ],
  'length-unreadable': ['n +', 'm', '(n', 'n)', 'n $ 2', 'sqrt(n)', 'MAX(n)', '1 2'].map((bytes) => ({
    lengths: [{ ...clean.lengths[0], bytes }],
  })),
  'opcode-differs': commanded(start, { ...stop, opcode: 3 }),
  'opcode-unlisted': commanded(start, stop, { name: 'PAUSE', opcode: 2 }),
  'buffer-multiple': [
    commanded({ ...start, in: { data: [8, 12] } }, stop),
    commanded(start, { ...stop, out: { data: [3] } }),
  ],
  'member-outside': [
    commanded({ ...start, groups: [{ name: 'members', member: 0 }] }, stop),
    commanded({ ...start, groups: [{ name: 'members', member: 10 }] }, stop),
  ],
  'name-undefined': [
    { statements: [{ says: 'x', binds: 'device', uses: ['STRAT'] }] },
    commanded({ ...start, statuses: ['START'] }, stop),
    listed({ name: 'x', structure: 'nothing', count: 0 }),
    { commands: { ...office, list: [start, stop], answer: 'nothing' } },
    commanded({ ...start, groups: [{ name: 'nobody' }] }, stop),
  ],
  'name-duplicate': [{ spaces: [opcode, status, status] }, led(free, { ...lead })],
  'statement-misplaced': { statements: [{ says: 'x', binds: 'device', section: 'driver' }] },
  'statement-contradicts': {
    statements: [
      { says: 'x', binds: 'device', about: 'x', demands: 'no' },
      { says: 'x', binds: 'device', about: 'X', demands: 'yes' },
    ],
  },
  'reset-handshake-open': ruled({ resetHandshake: undefined }),
  'reset-unconfirmed': ruled({ resetHandshake: 'none' }),
  'resets-open': ruled({ resets: rules.resets!.slice(1) }),
  'posted-writes-open': ruled({ postedWrites: undefined }),
  'writes-unordered': ruled({ postedWrites: 'unordered' }),
  'byte-order-open': ruled({ registerOrder: undefined }),
  'byte-order-untold': ruled({ orderTold: undefined }),
  'access-widths-open': ruled({ accessWidths: undefined }),
  'interrupts-open': { ...ruled({ withoutMsix: undefined }), virtualFunctions: true },
  'vf-intx': { ...ruled({ withoutMsix: 'intx' }), virtualFunctions: true },
};

const [legacyBlock] = cleanLegacy.blocks;
const [header] = cleanLegacy.structures;
const registered = (name: string, changed: object) => ({
  structures: [
    {
      ...header,
      fields: header.fields.map((field) => (field.name === name ? { ...field, ...changed } : field)),
    },
  ],
});

/** The same for a legacy block. */
const legacyEdits: Readonly<Record<string, object | readonly object[]>> = {
  'legacy-register': [
    registered('isrStatus', { access: 'ro' }),
    registered('driverFeatures', { access: 'ro' }),
    registered('queueSelect', { name: 'selector' }),
    { structures: [{ ...header, fields: [...header.fields].reverse().sort((x, y) => y.width - x.width) }] },
  ],
  'legacy-length': { blocks: [{ ...legacyBlock, length: 20 }] },
  'legacy-emulated': { blocks: [{ ...legacyBlock, space: 'emulated' }] },
  'legacy-in-memory': { blocks: [{ ...legacyBlock, space: 'memory' }] },
  'msix-shift-open': ruled({ msixShift: undefined }),
  'msix-shift-fixed': ruled({ msixShift: 'fixed' }),
  'byte-order-legacy': ruled({ registerOrder: 'big' }),
};

/** Where a check cannot help but come with another: the edit, and that other. */
const together: Readonly<Record<string, readonly [edit: object, also: string]>> = {
  // No id is that of a type which nobody knows.
  'type-unknown': [ids(['lamp', 0x10f0]), 'id-experimental'],
  // A cfg_type is assigned, or it is not.
  'cfg-type-twice': [
    {
      ...led({ ...lead, cfgType: 10 }, { ...lead, name: 'second', cfgType: 10, points: 'more' }),
      blocks: [block, { ...block, name: 'more', bar: 3 }],
    },
    'cfg-type-unassigned',
  ],
};

/** An edit, without what it takes away. */
const apply = (document: object, edit: object) =>
  readDraft(JSON.parse(JSON.stringify({ ...document, ...edit })));
const seen = (document: DraftDocument) => [...new Set(findInDraft(document).map(({ check }) => check))];

describe('static checks of drafts', () => {
  it.each([
    ['everything', clean],
    ['a legacy block', cleanLegacy],
  ])('find nothing in a clean draft of %s', (_, document) => {
    expect(findInDraft(apply(document, {}))).toEqual([]);
  });

  const rows = (document: object, table: typeof edits) =>
    Object.entries(table).flatMap(([check, edit]) =>
      (Array.isArray(edit) ? (edit as object[]) : [edit]).map(
        (each, i) => [check, i, document, each] as const,
      ),
    );
  it.each([...rows(clean, edits), ...rows(cleanLegacy, legacyEdits)])(
    '%s (%d) is found, and nothing else',
    (check, _, document, edit) => {
      expect(seen(apply(document, edit))).toEqual([check]);
    },
  );

  it.each(Object.entries(together))('%s is found, with one other', (check, [edit, also]) => {
    expect(new Set(seen(apply(clean, edit)))).toEqual(new Set([check, also]));
  });

  it('are all proved here', () => {
    const proved = [...Object.keys(edits), ...Object.keys(legacyEdits), ...Object.keys(together)];
    expect(new Set(proved)).toEqual(new Set(Object.keys(draftChecks)));
  });
});
