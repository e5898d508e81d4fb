import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkDraftDocument,
  DraftDocumentError,
  draftChecks,
  findInDraft,
  readDraft,
  runDraft,
} from '../../src/drafts/index.ts';
import {
  brokenDraftDocuments,
  draftBreaks,
  malformedDraftDocuments,
} from '../../src/testing/drafts/broken.ts';
import { draftDocuments } from '../../src/testing/drafts/documents.ts';
import { PATIENCE, runs } from '../properties/support/runs.ts';
import { shrunk } from './shrunk.ts';

describe('drafts that are drawn', () => {
  it('have no errors, and are documents', () => {
    fc.assert(
      fc.property(draftDocuments(), (document) => {
        expect(checkDraftDocument(document)).toBe(document);
        expect(readDraft(JSON.parse(JSON.stringify(document)))).toEqual(document);
        expect(fc.stringify(document)).toMatch(/^draft drawn; ids \w+ 0x/);
      }),
      { numRuns: runs(300) },
    );
  });

  it(
    'can be run, where they have a legacy block',
    async () => {
      await fc.assert(
        fc.asyncProperty(draftDocuments(['legacy-block']), async (document) => {
          const run = await runDraft(document, { seed: 1, runs: 2 });
          expect(run).toBeDefined();
        }),
        { numRuns: Math.min(10, runs(10)) },
      );
    },
    PATIENCE,
  );

  it('shrink to the smallest that fails', () => {
    expect(
      shrunk(draftDocuments(['registers']), ({ structures }) => structures![0]!.fields!.length < 2),
    ).toBe(
      'draft drawn; ids network 0x10f9; structure registers { 0x0 doorbell 0: 4 ro, 0x4 doorbell 1: 4 ro }; block of registers in BAR0+0x0, 4096 bytes, memory',
    );
  });
});

describe('drafts with one thing wrong', () => {
  it.each(draftBreaks)('%s is found', (check) => {
    expect(Object.keys(draftChecks)).toContain(check);
    fc.assert(
      fc.property(brokenDraftDocuments([check]), ({ document, breaks }) => {
        expect(breaks).toBe(check);
        expect(findInDraft(document).map((found) => found.check)).toContain(check);
      }),
      { numRuns: runs(60), seed: 7 },
    );
  });

  it('print what is wrong, in the words of the draft', () => {
    expect(shrunk(brokenDraftDocuments(['field-overlap']), () => false)).toBe(
      'field-overlap: draft drawn; ids network 0x10f9; structure registers { 0x0 doorbell 0: 4 ro, 0x0 another: 4 ro }; block of registers in BAR0+0x0, 4096 bytes, memory',
    );
  });
});

describe('drafts that are none', () => {
  it('are refused with the place, or read', () => {
    const refused = new Set<string>();
    fc.assert(
      fc.property(malformedDraftDocuments(), ({ json, path }) => {
        try {
          findInDraft(readDraft(json));
        } catch (error) {
          expect(error).toBeInstanceOf(DraftDocumentError);
          const [problem] = (error as DraftDocumentError).problems;
          expect(path === 'the document' || problem!.path.startsWith(path)).toBe(true);
          refused.add(path.replace(/\d+/g, '0'));
        }
      }),
      { numRuns: runs(1000), seed: 3 },
    );
    expect(refused.size).toBeGreaterThan(1);
  });

  it('print the place and the value', () => {
    expect(
      shrunk(malformedDraftDocuments(), ({ value, path }) => value !== -1 || !path.endsWith('width')),
    ).toMatch(/^structures\[0\]\.fields\[\d\]\.width = -1$/);
  });
});
