import type { DraftDocument } from '../document/document.ts';
import { administrationDocument } from './administration.ts';
import { brokenDocuments } from './broken.ts';
import { mmrDocuments } from './mmr.ts';
import { otherDocuments } from './others.ts';

/** The drafts that come with the package, by name. */
export const shippedDrafts: Readonly<Record<string, DraftDocument>> = Object.fromEntries(
  [...mmrDocuments, ...otherDocuments, administrationDocument, ...brokenDocuments].map((document) => [
    document.name,
    document,
  ]),
);
