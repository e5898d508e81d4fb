import { describe, expect, it } from 'vitest';
import { clauses } from '../../src/conformance/catalogue/index.ts';
import {
  checkDraftDocument,
  DraftFindingsError,
  draftChecks,
  findInDraft,
  shippedDrafts,
} from '../../src/drafts/index.ts';

const earned = (name: string) => findInDraft(shippedDrafts[name]!);
const checks = (name: string, level: string) => [
  ...new Set(
    earned(name)
      .filter((each) => each.level === level)
      .map(({ check }) => check),
  ),
];

describe('the drafts that come with the package', () => {
  it.each(Object.keys(shippedDrafts))('%s earns the findings that were reviewed', async (name) => {
    const lines = earned(name).map(
      ({ level, check, path, message }) => `${level} ${check}\n  ${path}: ${message}\n`,
    );
    await expect(lines.join('')).toMatchFileSnapshot(`../golden/drafts/${name}.txt`);
  });

  it('of the MMR device: the first reading has no errors, the bare capability is misread, the letter alone cannot be built', () => {
    expect(checks('mmr-2023', 'error')).toEqual([]);
    expect(checks('mmr-fixed-vectors', 'error')).toEqual([]);
    expect(checks('mmr-fixed-vectors', 'warning')).toContain('msix-shift-fixed');
    expect(checks('mmr-bare-capability', 'error')).toEqual(['capability-vendor-header']);
    expect(checks('mmr-no-handshake', 'warning')).toContain('reset-unconfirmed');
    expect(checks('mmr-letter', 'error')).toContain('capability-locates');
    expect(checks('legacy-memory', 'error')).toContain('legacy-in-memory');
  });

  /** Found by reading, before there was a tool: each has to be among what the tool finds in the same text. */
  const defects: readonly (readonly [defect: string, check: string, words: RegExp])[] = [
    [
      'QUERY and MODIFY have exchanged numbers',
      'opcode-differs',
      /RESOURCE_OBJ_QUERY is described with 0xc, and listed as 0xb/,
    ],
    ['EEXIST is used and not in the table', 'name-undefined', /STATUS_EEXIST is the name of nothing/],
    [
      'a command that does not exist',
      'name-undefined',
      /CMD_RESOURCE_QUERY .* CMD_RESOURCE_OBJ_QUERY|CMD_RESOURCE_QUERY/,
    ],
    [
      'a status that does not exist',
      'name-undefined',
      /STATUS_INVALID_FIELD .*STATUS_Q_INVALID_FIELD may be meant/,
    ],
    ['another command that does not exist', 'name-undefined', /CMD_DRIVER_CAP_GET/],
    ['the bitmap is a word short at multiples of 64', 'length-short', /max_cmd is 64, and 65 bits/],
    ['0x12 is in no range', 'range-gap', /^0x12 of opcode/],
    ['ranges of parts overlap', 'range-overlap', /0x106 to 0x2ff.*crosses 0x0 to 0x1ff/],
    [
      'buffers of legacy accesses are no multiples of 8',
      'buffer-multiple',
      /LEGACY_COMMON_CFG_READ takes 25 bytes/,
    ],
    ['answers of legacy accesses neither', 'buffer-multiple', /LEGACY_DEV_CFG_READ takes 9, 10, 12 bytes/],
    [
      'a device clause stands among the driver’s',
      'statement-misplaced',
      /binds the device, and stands in the driver's/,
    ],
    ['the terminator is optional and required', 'statement-contradicts', /NOTIFY_INFO/],
    ['LIST commands carry a member that the group has not', 'member-outside', /LIST_QUERY carries member 0/],
  ];
  it.each(defects)('of administration: %s', (_, check, words) => {
    const found = earned('administration').filter((each) => each.check === check && words.test(each.message));
    expect(found).not.toEqual([]);
  });

  it.each(['broken-ids', 'broken-block', 'broken-capability'])('%s is refused, with its errors', (name) => {
    try {
      checkDraftDocument(shippedDrafts[name]!);
    } catch (error) {
      expect(error).toBeInstanceOf(DraftFindingsError);
      const { findings } = error as DraftFindingsError;
      expect(findings).toEqual(earned(name).filter(({ level }) => level === 'error'));
      expect(findings).not.toEqual([]);
      return;
    }
    throw new Error('was taken');
  });

  it('a draft without errors is given back', () => {
    expect(checkDraftDocument(shippedDrafts['mmr-2023']!)).toBe(shippedDrafts['mmr-2023']);
  });
});

it('every clause that a check cites is one of the specification', () => {
  const cited = Object.values(draftChecks).flatMap(
    ({ clause }) => clause?.match(/\b[A-Z]+(?:-[A-Z]+)*-\d\d\b/g) ?? [],
  );
  expect(cited.length).toBeGreaterThan(30);
  expect(cited.filter((id) => !clauses.has(id))).toEqual([]);
});
