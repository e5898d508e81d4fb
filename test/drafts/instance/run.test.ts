import { describe, expect, it } from 'vitest';
import {
  type DraftDocument,
  DraftRunOptionError,
  readDraft,
  runDraft,
  shippedDrafts,
} from '../../../src/drafts/index.ts';
import { shared } from '../../properties/support/runs.ts';

const mmr = shippedDrafts['mmr-2023']!;
const BLOCK_ONLY = { ...mmr, ids: { vendor: 0x1af4, revision: 0, devices: [{ type: 'block', id: 0x10fa }] } };
type Changed = Partial<Record<string, object | null>>;

/** The MMR draft with registers that are otherwise; null takes one away. */
const registers = (changed: Changed): DraftDocument => {
  const [structure] = mmr.structures!;
  const fields = structure!.fields!.flatMap((field) => {
    const change = changed[field.name];
    return change === null ? [] : [{ ...field, ...change }];
  });
  return { ...mmr, structures: [{ ...structure!, fields }] };
};
const ruled = (changed: object): DraftDocument => ({ ...mmr, rules: { ...mmr.rules, ...changed } });
/** The MMR draft with a capability of other fields. */
const encoded = (fields: readonly (readonly [name: string, width: 1 | 2 | 4 | 8])[]): DraftDocument => {
  const { length: _, ...capability } = mmr.capabilities![0]!;
  return {
    ...mmr,
    capabilities: [{ ...capability, fields: fields.map(([name, width]) => ({ name, width })) }],
  };
};
const ran = (document: DraftDocument, seed = 1, most = 150) =>
  runDraft(readDraft(JSON.parse(JSON.stringify(document))), { runs: most, seed });
/** Steps of what was found first, by the world. */
function told(document: DraftDocument): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  for (const { world, steps } of ran(document).counterexamples) found[world] ??= steps;
  return found;
}

const NATIVE = 'a driver made from the draft';
const TRANSLATED = 'a legacy driver behind the translator';

/** What breaks a legacy block, where it is seen, and a word of the last step or of one before it. */
const broken: readonly (readonly [
  what: string,
  document: DraftDocument,
  worlds: readonly string[],
  step: RegExp,
])[] = [
  [
    'a queue selector of one byte',
    registers({ queueSelect: { width: 1 } }),
    [NATIVE, TRANSLATED],
    /write queueSelect 0x(0100|ffff)/,
  ],
  [
    'a queue address of two bytes',
    registers({ queueAddress: { width: 2 }, driverFeatures: { width: 2 } }),
    [NATIVE, TRANSLATED],
    /driverFeatures/,
  ],
  [
    'driver features that nobody can write',
    registers({ driverFeatures: { access: 'ro' } }),
    [NATIVE, TRANSLATED],
    /write driverFeatures/,
  ],
  [
    'an ISR that reading does not clear',
    registers({ isrStatus: { access: 'ro' } }),
    [NATIVE, TRANSLATED],
    /read isrStatus/,
  ],
  [
    'no queue notification',
    registers({ queueNotify: null }),
    [NATIVE, TRANSLATED],
    /write queueNotify \(which the draft lacks\)|queueNotify/,
  ],
  ['no queue address', registers({ queueAddress: null }), [NATIVE, TRANSLATED], /queueAddress/],
  [
    'a selector in the place of the notification',
    registers({ queueSelect: { offset: 0x10 } }),
    [NATIVE, TRANSLATED],
    /queueSelect|queueNotify/,
  ],
  [
    'a BAR that may be read ahead',
    { ...mmr, blocks: [{ ...mmr.blocks![0]!, prefetchable: true }] },
    [NATIVE, TRANSLATED],
    /read/,
  ],
  ['writes that no read pushes', ruled({ postedWrites: 'in-order' }), [NATIVE, TRANSLATED], /write/],
  ['writes that pass each other', ruled({ postedWrites: 'unordered' }), [NATIVE, TRANSLATED], /write/],
  ['a reset that nothing confirms', ruled({ resetHandshake: 'none' }), [NATIVE], /write deviceStatus 0x00/],
];

/** What changes nothing for a driver, and for a translator that knows it. */
const harmless: readonly (readonly [what: string, document: DraftDocument])[] = [
  ['the draft itself', mmr],
  ['vector registers that always stand there', shippedDrafts['mmr-fixed-vectors']!],
  ['a capability without a vendor-specific header', shippedDrafts['mmr-bare-capability']!],
  [
    'names with underscores',
    registers(
      Object.fromEntries(
        mmr.structures![0]!.fields!.map(({ name }) => [
          name,
          { name: name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) },
        ]),
      ),
    ),
  ],
  ['a selector elsewhere', registers({ queueSelect: { offset: 0x20 } })],
  ['a wider selector', registers({ queueSelect: { offset: 0x20, width: 4 } })],
  [
    'another order of ids',
    {
      ...mmr,
      ids: { ...mmr.ids!, devices: mmr.ids!.devices.map(({ type }, i) => ({ type, id: 0x10ff - i })) },
    },
  ],
  [
    'another BAR and place',
    { ...mmr, blocks: [{ ...mmr.blocks![0]!, bar: 3, offset: 0x4000, alignment: 0x4000 }] },
  ],
  [
    'entropy alone',
    { ...mmr, ids: { vendor: 0x1af4, revision: 0, devices: [{ type: 'entropy', id: 0x10f0 }] } },
  ],
];

describe('a draft that is run', () => {
  it.each(broken)('with %s is told from a legacy function, by few steps', (_, document, worlds, step) => {
    const found = told(document);
    expect(Object.keys(found).sort()).toEqual([...worlds].sort());
    for (const steps of Object.values(found)) {
      expect(steps!.join('\n')).toMatch(step);
      expect(steps!.length).toBeLessThanOrEqual(7);
    }
  });

  it.each(harmless)('with %s is not', (_, document) => {
    const { reasons, counterexamples } = ran(document, 1, shared(400, harmless.length));
    expect({ reasons, counterexamples }).toEqual({ reasons: [], counterexamples: [] });
  });

  it.each([
    ['mmr-2023', []],
    ['mmr-fixed-vectors', []],
    ['mmr-bare-capability', []],
    ['mmr-no-handshake', [NATIVE]],
    ['mmr-letter', null],
    ['legacy-memory', [NATIVE]],
    ['io-bar', null],
    ['modern-shim', ['a legacy driver over the shim']],
    ['administration', null],
    ['broken-ids', null],
    ['broken-block', [NATIVE, TRANSLATED]],
    ['broken-capability', null],
  ])('%s that comes with the package', (name, worlds) => {
    const { reasons, counterexamples } = ran(shippedDrafts[name]!, 1, 60);
    if (worlds === null) expect(reasons).not.toEqual([]);
    else
      expect({ reasons, worlds: [...new Set(counterexamples.map(({ world }) => world))] }).toEqual({
        reasons: [],
        worlds,
      });
  });

  it('of those that come with the package all are run, or say why not, here', () => {
    expect(Object.keys(shippedDrafts)).toHaveLength(12);
  });

  it('uses its own names', () => {
    const underscored = told(registers({ queueSelect: { name: 'queue_select', width: 1 } }));
    const own = told(registers({ queueSelect: { name: 'Sel', means: 'queueSelect', width: 1 } }));
    for (const [found, name] of [
      [underscored, 'queue_select'],
      [own, 'Sel'],
    ] as const) {
      expect(Object.keys(found)).toEqual([NATIVE, TRANSLATED]);
      for (const steps of Object.values(found)) expect(steps!.join()).toContain(`write ${name} 0x`);
    }
  });

  it('tells each thing that differs once', () => {
    const { counterexamples } = ran(shippedDrafts['broken-block']!);
    for (const each of [NATIVE, TRANSLATED]) {
      const last = counterexamples.filter(({ world }) => world === each).map(({ steps }) => steps.at(-1));
      expect(new Set(last).size).toBe(last.length);
      expect(last).toEqual(expect.arrayContaining(['read isrStatus', 'read queueSelect']));
    }
  });

  it('tells the same of the same seed', () => {
    const document = registers({ queueNotify: null });
    expect(ran(document, 7)).toEqual(ran(document, 7));
  });

  it('needs no word of device types that cannot be put to work here', () => {
    const only = (type: string) => ({
      ...BLOCK_ONLY,
      ids: { ...BLOCK_ONLY.ids, devices: [{ type, id: 0x10fa }] },
    });
    expect(ran(only('balloon')).reasons).toEqual(['it has an id for none of block, entropy']);
    expect(ran(only('block')).device).toBe('block');
  });

  it('says which choices it had to make', () => {
    const { rules: _, ...silent } = mmr;
    expect(ran(silent, 1, 1).assumed).toEqual([
      'msixShift: as-legacy',
      'resetHandshake: read-back',
      'postedWrites: flushed-by-read',
    ]);
  });

  it.each([
    ['has no legacy block', { ...mmr, blocks: [] }, /no legacy block/],
    ['has no ids', { ...mmr, ids: { vendor: 0x1af4, devices: [] } }, /no device type has an id/],
    ['leads nowhere', { ...mmr, capabilities: [] }, /no capability leads to/],
    [
      'has its block in I/O space',
      { ...mmr, blocks: [{ ...mmr.blocks![0]!, space: 'io' as const }] },
      /I\/O space/,
    ],
    ['has ids twice', shippedDrafts['broken-ids']!, /the draft's id of network/],
    ['has BAR 9', { ...mmr, blocks: [{ ...mmr.blocks![0]!, bar: 9 }] }, /bar is 9/],
    [
      'has an offset that no BAR holds',
      { ...mmr, blocks: [{ ...mmr.blocks![0]!, offset: 2 ** 33 }] },
      /offset is/,
    ],
    ['has a BAR of gigabytes', { ...mmr, blocks: [{ ...mmr.blocks![0]!, offset: 2 ** 31 }] }, /./],
    [
      'has a length in its header',
      encoded([
        ['header', 4],
        ['vendorHeader', 4],
        ['bar', 1],
        ['offset', 1],
        ['length', 2],
      ]),
      /encoding: wants/,
    ],
    [
      'says no length',
      encoded([
        ['header', 4],
        ['vendorHeader', 4],
        ['bar', 4],
        ['offset', 4],
      ]),
      /does not say bar, offset and length/,
    ],
    [
      'has an ordinary capability',
      { ...mmr, capabilities: [{ ...mmr.capabilities![0]!, list: 'ordinary' as const }] },
      /is an ordinary capability/,
    ],
    ['names no structure', { ...mmr, structures: [] }, /registers of legacy block are not said/],
  ])('that %s says why it is not', (_, document, reason) => {
    const { reasons, counterexamples } = ran(document);
    expect(reasons.join('\n')).toMatch(reason);
    expect(counterexamples).toEqual([]);
  });

  it.each([{ seed: -1 }, { seed: 1.5 }, { runs: 0 }, { runs: Number.NaN }, { runs: 1e9 }])(
    '%j is refused',
    (options) => {
      expect(() => runDraft(mmr, options)).toThrow(DraftRunOptionError);
    },
  );
});
