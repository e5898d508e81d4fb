import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  problemText,
  readStructures,
  structuresFromJson,
  structuresToC,
  structuresToJson,
  structuresToLatex,
} from '../../../src/drafts/structs/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { structureDocuments, withoutPlaces } from './arbitraries.ts';

/** Errors only: notes are about how a text says it. */
const errorsOf = (problems: ReturnType<typeof readStructures>['problems']) =>
  problems.filter(({ level }) => level === 'error').map(problemText);

describe('what was written is read back the same', () => {
  it.each([
    ['a C header', structuresToC],
    ['LaTeX listings', structuresToLatex],
  ])('from %s', { timeout: PATIENCE }, (_, write) => {
    fc.assert(
      fc.property(structureDocuments, (document) => {
        const read = readStructures(write(document));
        expect(errorsOf(read.problems)).toEqual([]);
        expect(withoutPlaces(read)).toEqual(document);
      }),
      { numRuns: runs(500) },
    );
  });

  it('from JSON', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(structureDocuments, (document) => {
        expect(structuresFromJson(JSON.parse(JSON.stringify(structuresToJson(document))))).toEqual(document);
      }),
      { numRuns: runs(500) },
    );
  });
});
