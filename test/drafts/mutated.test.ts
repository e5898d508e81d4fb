import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DraftDocument,
  DraftDocumentError,
  draftChecks,
  findInDraft,
  readDraft,
  runDraft,
  shippedDrafts,
} from '../../src/drafts/index.ts';
import { PATIENCE, runs } from '../properties/support/runs.ts';
import { asJson, places, put } from './support/places.ts';

/** What an author may write by mistake. */
const odd = fc.oneof(
  fc.constantFrom(undefined, 0, 1, 2, 3, 4, 8, 255, 256, 0xffff, 0x10000, 2 ** 31, 2 ** 32, 2 ** 40),
  fc.constantFrom(
    true,
    false,
    'rc',
    'wo',
    'ro',
    'io',
    'emulated',
    'msix',
    'unordered',
    'none',
    'block',
    'legacy block',
  ),
  fc.constantFrom('queueSelect', 'bar', 'offset', 'length', 'struct x { le32 y; };', '0xffff'),
);

function read(value: unknown): DraftDocument | null {
  try {
    return readDraft(value);
  } catch (error) {
    expect(error).toBeInstanceOf(DraftDocumentError);
    return null;
  }
}

describe('a draft in which a few things are otherwise', () => {
  it.each(Object.keys(shippedDrafts))(
    '%s is judged and run all the same, whatever they are',
    (name) => {
      const document = asJson(shippedDrafts[name]);
      const edits = fc.array(fc.tuple(fc.constantFrom(...places(document)), odd), {
        minLength: 1,
        maxLength: 3,
      });
      const property = fc.property(edits, (list) => {
        let edited: unknown = document;
        for (const [way, value] of list)
          if (places(edited).some((each) => each.join() === way.join()))
            edited = asJson(put(edited, way, value) ?? null);
        const draft = read(edited);
        if (draft === null) return;
        for (const { check, level, path, message } of findInDraft(draft)) {
          expect(level).toBe(draftChecks[check]!.level);
          expect(`${path}${message}`).not.toMatch(/undefined|\[object|NaN/);
        }
        const { reasons, counterexamples } = runDraft(draft, { runs: 2 });
        for (const text of [...reasons, ...counterexamples.flatMap(({ steps }) => steps)])
          expect(text).not.toMatch(/undefined|\[object|NaN/);
      });
      fc.assert(property, { numRuns: runs(150) });
    },
    PATIENCE,
  );
});
