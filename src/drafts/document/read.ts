import { VirtiolabError } from '../../core/index.ts';
import { type DraftDocument, draftShape } from './document.ts';
import type { DocumentProblem, JsonSchema } from './shape.ts';

const MOST_SHOWN = 20;
const MOST_VALUE = 60;

/** A value in one line, however much there is. */
export function briefly(value: unknown): string {
  if (value === undefined) return 'nothing';
  const kind = Array.isArray(value) ? `a list of ${value.length}` : 'an object';
  if (typeof value === 'object' && value !== null) return kind;
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= MOST_VALUE ? text : `${text.slice(0, MOST_VALUE - 3)}...`;
}

/** One line: where, what was found, what would be right. */
export const problemLine = ({ path, value, wants }: DocumentProblem): string =>
  `${path === '' ? 'the document' : path}: found ${briefly(value)}; wants ${wants}`;

/** A document that is no draft. `problems` has all that is wrong with its shape. */
export class DraftDocumentError extends VirtiolabError {
  readonly problems: readonly DocumentProblem[];

  constructor(problems: readonly DocumentProblem[]) {
    const more = problems.length - MOST_SHOWN;
    const lines = problems.slice(0, MOST_SHOWN).map((each) => `\n  ${problemLine(each)}`);
    super(`no draft document:${lines.join('')}${more > 0 ? `\n  and ${more} more` : ''}`);
    this.problems = problems;
  }
}

/** Text that is no JSON. */
export class DraftTextError extends VirtiolabError {
  readonly reason: string;

  constructor(reason: string) {
    super(`no JSON: ${reason}`);
    this.reason = reason;
  }
}

const MOST_CHARACTERS = 64 << 20;

/** Reads a draft from a value of parsed JSON. @throws DraftDocumentError with everything that is wrong. */
export function readDraft(value: unknown): DraftDocument {
  const problems: DocumentProblem[] = [];
  const draft = draftShape.read(value, '', problems);
  if (draft === undefined || problems.length > 0) throw new DraftDocumentError(problems);
  return draft;
}

/** Reads a draft from JSON. @throws DraftTextError, DraftDocumentError */
export function parseDraft(text: string): DraftDocument {
  if (text.length > MOST_CHARACTERS)
    throw new DraftTextError(`${text.length} characters; wants at most ${MOST_CHARACTERS}`);
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new DraftTextError((error as Error).message);
  }
  return readDraft(value);
}

/** The same rules as JSON Schema, for editors. */
export const draftSchema: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'A draft for virtio over PCI',
  ...draftShape.schema,
};
