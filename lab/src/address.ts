import type { Move, Setup } from '../protocol.ts';

/** What the page's address says: which world, and what was done in it. */
export interface AddressState {
  readonly setup: Setup;
  readonly moves: readonly Move[];
  readonly tab: string | null;
  /** A draft, packed; '' for none. */
  readonly draft: string;
  /** The driver's accesses that are shown; null for all. */
  readonly at: number | null;
  /** The filter's words. */
  readonly find: string;
}

export const firstSetup: Setup = {
  type: 'block',
  way: 'mmr',
  ring: 'split',
  reading: null,
  draft: null,
  lies: [],
  mistakes: [],
};

/** An address that is longer is not taken: nobody wrote it by hand, and mail programs cut it. */
const MOST_CHARACTERS = 32_000;
const MOST_MOVES = 100;
/** Names of worlds and buttons: no more than words with hyphens. */
const NAME = /^[a-z][a-z0-9-]{0,60}$/;

const setupNames = ['type', 'way', 'ring', 'reading'] as const;
/** Lists of a world, and what the address calls them. */
const setupLists = [
  ['lie', 'lies'],
  ['mistake', 'mistakes'],
] as const;
/** Names of such a list. */
const MOST_NAMES = 20;

/** What separates values is escaped too. */
const escaped = (text: string | number) => encodeURIComponent(text).replaceAll('~', '%7E');

const moveText = ({ name, values }: Move) => [name, ...values.map(escaped)].join('~');

/** @throws URIError for escapes that are torn. */
function moveOf(text: string): Move | null {
  const [name = '', ...rest] = text.split('~').map(decodeURIComponent);
  if (!NAME.test(name)) return null;
  return { name, values: rest.map((value) => (/^(?:0|[1-9]\d{0,14})$/.test(value) ? Number(value) : value)) };
}

/** The part of an address behind `#`. What is as it is at first is left out. */
export function writeAddress({ setup, moves, tab, draft, at, find }: AddressState): string {
  const parts: string[] = [];
  for (const name of setupNames) {
    const value = setup[name];
    if (value !== null && value !== firstSetup[name]) parts.push(`${name}=${encodeURIComponent(value)}`);
  }
  for (const [name, list] of setupLists)
    if (setup[list].length > 0) parts.push(`${name}=${setup[list].map(encodeURIComponent).join(',')}`);
  if (moves.length > 0) parts.push(`do=${moves.slice(0, MOST_MOVES).map(moveText).join(',')}`);
  if (tab !== null) parts.push(`show=${encodeURIComponent(tab)}`);
  if (at !== null) parts.push(`at=${at}`);
  if (find !== '') parts.push(`find=${encodeURIComponent(find)}`);
  if (draft !== '') parts.push(`draft=${draft}`);
  return parts.join('&');
}

/** Reads an address. What cannot be taken is left out, and said in `problems`. */
export function readAddress(hash: string): AddressState & { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const text = hash.replace(/^#/, '');
  const given = new Map<string, string>();
  if (text.length > MOST_CHARACTERS)
    problems.push(`the address has ${text.length} characters; wants at most ${MOST_CHARACTERS}`);
  else
    for (const part of text.split('&').filter((each) => each !== '')) {
      const [name = '', ...rest] = part.split('=');
      given.set(name, rest.join('='));
    }
  const setup = { ...firstSetup } as { -readonly [Name in keyof Setup]: Setup[Name] };
  for (const name of setupNames) {
    const value = given.get(name);
    if (value === undefined) continue;
    if (!NAME.test(value)) problems.push(`${name} "${value.slice(0, 40)}" is no name`);
    else if (name === 'ring') setup.ring = value === 'packed' ? 'packed' : 'split';
    else setup[name] = value;
  }
  for (const [name, list] of setupLists) setup[list] = namesOf(name, given.get(name), problems);
  const tab = given.get('show') ?? null;
  return {
    setup,
    moves: movesOf(given.get('do') ?? '', problems),
    tab: tab !== null && NAME.test(tab) ? tab : null,
    draft: given.get('draft') ?? '',
    at: placeOf(given.get('at'), problems),
    find: textOf(given.get('find') ?? '', problems),
    problems,
  };
}

/** Names with commas between them, each once. */
function namesOf(name: string, text: string | undefined, problems: string[]): string[] {
  const names = [...new Set((text ?? '').split(',').filter((each) => each !== ''))];
  for (const each of names) if (!NAME.test(each)) problems.push(`${name} "${each.slice(0, 40)}" is no name`);
  if (names.length > MOST_NAMES)
    problems.push(`${names.length} of ${name}; the first ${MOST_NAMES} are taken`);
  return names.filter((each) => NAME.test(each)).slice(0, MOST_NAMES);
}

function placeOf(text: string | undefined, problems: string[]): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  problems.push(`at "${text.slice(0, 40)}" is no number`);
  return null;
}

function textOf(text: string, problems: string[]): string {
  try {
    return decodeURIComponent(text);
  } catch {
    problems.push(`find "${text.slice(0, 40)}" is torn`);
    return '';
  }
}

function movesOf(text: string, problems: string[]): Move[] {
  const moves: Move[] = [];
  const list = text === '' ? [] : text.split(',');
  if (list.length > MOST_MOVES) problems.push(`${list.length} moves; the first ${MOST_MOVES} are made`);
  for (const each of list.slice(0, MOST_MOVES)) {
    const move = decoded(each);
    if (move === null) problems.push(`"${each.slice(0, 40)}" is no move`);
    else moves.push(bounded(move, problems));
  }
  return moves;
}

/** Who follows a link waits for what it does. */
const MOST_TIMES = 1000;

function bounded(move: Move, problems: string[]): Move {
  const times = move.name === 'again' ? Number(move.values[0]) : 0;
  if (times <= MOST_TIMES) return move;
  problems.push(`${times} times; ${MOST_TIMES} times are made`);
  return { ...move, values: [MOST_TIMES] };
}

function decoded(text: string): Move | null {
  try {
    return moveOf(text);
  } catch {
    return null;
  }
}
