import {
  type DraftDocument,
  DraftDocumentError,
  type DraftField,
  DraftTextError,
  draftChecks,
  findInDraft,
  parseDraft,
  type ReadStructures,
  readStructures,
  runDraft,
  structureProblemText,
  structuresNamed,
  structuresToSvg,
} from 'virtiolab/drafts';
import type { DraftRunView, DraftView, DriveView, PictureView } from '../desk-protocol.ts';
import { readOwnDraft } from '../parts/own-draft.ts';

/** What a page can show at once. */
const MOST_FINDINGS = 200;
const MOST_PROBLEMS = 50;
const MOST_PICTURES = 30;
const MOST_FIELDS = 200;

const isDocument = (text: string) => text.trimStart().startsWith('{');

/** What is drawn, and what is not. */
function picturesOf(read: ReadStructures): Pick<DraftView, 'pictures' | 'undrawn'> {
  const pictures: PictureView[] = [];
  const undrawn: string[] = [];
  for (const structure of read.structures) {
    const { tag: name, fields } = structure;
    if (fields.length > MOST_FIELDS)
      undrawn.push(`${name}: ${fields.length} fields are too many for a picture`);
    else if (pictures.length === MOST_PICTURES)
      undrawn.push(`${name}: ${MOST_PICTURES} pictures are shown at most`);
    else pictures.push({ title: name, svg: structuresToSvg(structuresNamed(read, [name])) });
  }
  const hidden = undrawn.length - MOST_PROBLEMS;
  return {
    pictures,
    undrawn: hidden > 0 ? [...undrawn.slice(0, MOST_PROBLEMS), `and ${hidden} more`] : undrawn,
  };
}

const types: Readonly<Record<number, string>> = { 1: 'u8', 2: 'le16', 4: 'le32', 8: 'le64' };
const word = (name: string) => name.replace(/\W+/g, '_').replace(/^(?=\d)/, '_');

/** Fields of a draft's structure as C text, gaps named; where they overlap, as far as they do not. */
function fieldsText(fields: readonly DraftField[]): string[] {
  const lines: string[] = [];
  let end = 0;
  for (const { name, offset = end, width, structure, count = 1 } of fields) {
    if (offset < end) continue;
    if (offset > end) lines.push(`u8 gap_${end}[${offset - end}];`);
    const many = count === 1 ? '' : count === 0 ? '[]' : `[${count}]`;
    if (structure !== undefined) lines.push(`struct ${word(structure)} ${word(name)}${many};`);
    else lines.push(`${types[width ?? 1]} ${word(name)}${many};`);
    end = offset + (width ?? 1) * count;
  }
  return lines;
}

/** The structures and capabilities of a draft, as C text that can be drawn. */
function structuresText({ structures = [], capabilities = [] }: DraftDocument): string {
  const parts = [
    ...structures.flatMap(({ name, fields, c }) =>
      fields === undefined ? (c === undefined ? [] : [c]) : [named(name, fields)],
    ),
    ...capabilities.map(({ name, fields }) => named(name, fields)),
  ];
  return parts.join('\n');
}

const named = (name: string, fields: readonly DraftField[]) =>
  `struct ${word(name)} { ${fieldsText(fields.slice(0, MOST_FIELDS + 1)).join(' ')} };`;

function unread(problems: readonly string[]): DraftView {
  const more = problems.length - MOST_PROBLEMS;
  return {
    kind: 'unread',
    title: '',
    problems: more > 0 ? [...problems.slice(0, MOST_PROBLEMS), `and ${more} more`] : problems,
    findings: [],
    moreFindings: 0,
    pictures: [],
    undrawn: [],
    drive: null,
  };
}

function structures(text: string): DraftView {
  const read = readStructures(text);
  const problems = read.problems.map((problem) => structureProblemText({ ...problem, file: 'line' }));
  if (read.structures.length === 0)
    return unread(problems.length > 0 ? problems : ['there is no structure in it, and it is no JSON']);
  return {
    ...unread(problems),
    kind: 'structures',
    title: read.structures.length === 1 ? '1 structure' : `${read.structures.length} structures`,
    ...picturesOf(read),
  };
}

function driveOf(text: string): DriveView {
  const own = readOwnDraft(text);
  if ('reasons' in own) return { ways: [], types: [], reasons: own.reasons };
  return { ways: own.ways, types: own.types, reasons: [] };
}

/** A draft document, or C structures: read, judged, drawn. Never throws for what somebody wrote. */
export function draftView(text: string): DraftView {
  if (text.trim() === '') return unread([]);
  if (!isDocument(text)) return structures(text);
  try {
    const document = parseDraft(text);
    const found = findInDraft(document);
    const findings = found.slice(0, MOST_FINDINGS).map(({ level, check, clause, path, message }) => ({
      ...{ level, check, path, message },
      clause: clause ?? '',
      about: draftChecks[check]?.about ?? '',
    }));
    return {
      kind: 'draft',
      title: `${document.name}${document.title === undefined ? '' : `: ${document.title}`}`,
      problems: [],
      findings,
      moreFindings: found.length - findings.length,
      drive: driveOf(text),
      ...picturesOf(readStructures(structuresText(document))),
    };
  } catch (error) {
    if (error instanceof DraftDocumentError)
      return unread(
        error.message
          .split('\n')
          .slice(1)
          .map((line) => line.trim()),
      );
    if (error instanceof DraftTextError) return unread([error.message]);
    throw error;
  }
}

/** Puts a draft to work. @throws DraftDocumentError, DraftTextError */
export function draftRun(text: string, runs: number): DraftRunView {
  const {
    reasons,
    device,
    worlds,
    assumed,
    counterexamples,
    runs: made,
  } = runDraft(parseDraft(text), { runs });
  return { reasons, device, runs: made, worlds, assumed, counterexamples };
}
