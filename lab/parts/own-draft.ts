import { OptionError } from 'virtiolab/core';
import { type DraftedFunction, draftedFunction, parseDraft } from 'virtiolab/drafts';
import { type WayName, wayNames, ways } from 'virtiolab/mmr';
import { drivenTypes } from './drivers/index.ts';

/** A draft of one's own that functions are made of. */
export interface OwnDraft {
  readonly name: string;
  readonly fn: DraftedFunction;
  readonly ways: readonly WayName[];
  /** Device types that it has ids for, and that there is a driver of. */
  readonly types: readonly string[];
}

/** Ways on which a function of each kind is driven. */
const waysOfKind: Readonly<Record<DraftedFunction['kind'], readonly WayName[]>> = {
  mmr: wayNames.filter((name) => ways[name].drafts),
  'legacy-memory': ['memory-bar', 'legacy-memory'],
  'modern-shim': ['modern-shim'],
};

/**
 * The functions of a draft, or the reasons why there are none.
 * @throws DraftTextError, DraftDocumentError for what is no draft
 */
export function readOwnDraft(text: string): OwnDraft | { readonly reasons: readonly string[] } {
  const document = parseDraft(text);
  const fn = draftedFunction(document);
  if ('reasons' in fn) return fn;
  const types = fn.types.filter((type) => Object.hasOwn(drivenTypes, type));
  if (types.length === 0)
    return { reasons: [`it has an id for none of ${Object.keys(drivenTypes).join(', ')}`] };
  return { name: document.name, fn, ways: waysOfKind[fn.kind], types };
}

/** @throws OptionError for one that cannot be driven; DraftTextError, DraftDocumentError for none */
export function ownDraft(text: string): OwnDraft {
  const read = readOwnDraft(text);
  if ('reasons' in read)
    throw new OptionError('draft', 'of your own', `one that can be built: ${read.reasons.join('; ')}`);
  return read;
}
