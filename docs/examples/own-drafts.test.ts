import fc from 'fast-check';
import { DraftDocumentError, findInDraft, readDraft } from 'virtiolab/drafts';
import { brokenDraftDocuments, draftDocuments, malformedDraftDocuments } from 'virtiolab/testing';
import { expect, it } from 'vitest';

it('tells good drafts from broken ones', () => {
  const errors = (document: Parameters<typeof findInDraft>[0]) =>
    findInDraft(document).filter(({ level }) => level === 'error');
  fc.assert(fc.property(draftDocuments(), (document) => errors(document).length === 0));
  fc.assert(
    fc.property(brokenDraftDocuments(), ({ breaks, document }) =>
      findInDraft(document).some(({ check }) => check === breaks),
    ),
  );
});

it('refuses what is no draft with what is wrong', () => {
  const property = fc.property(malformedDraftDocuments(), ({ json }) => {
    try {
      readDraft(json);
    } catch (error) {
      expect(error).toBeInstanceOf(DraftDocumentError);
    }
  });
  fc.assert(property);
});
