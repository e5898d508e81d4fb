import type { Cursor } from './cursor.ts';
import { type FieldType, type NumberTypeName, numberTypeSpellings, numberTypes } from './model.ts';
import { quoted } from './problems.ts';

/** Numbers as C names them in several words, sorted. */
const C_NUMBERS: Readonly<Record<string, NumberTypeName>> = {
  char: 'char',
  'char unsigned': 'u8',
  'char signed': 's8',
  short: 's16',
  'int short': 's16',
  'short unsigned': 'u16',
  'int short unsigned': 'u16',
  int: 's32',
  signed: 's32',
  'int signed': 's32',
  unsigned: 'u32',
  'int unsigned': 'u32',
  'long long': 's64',
  'int long long': 's64',
  'long long unsigned': 'u64',
  'int long long unsigned': 'u64',
};
const C_WORDS = new Set(['char', 'short', 'int', 'long', 'signed', 'unsigned']);

export const WANTED_TYPES =
  'types are u8, le16, le32, le64, be16 and so on, u16 and so on, char, struct NAME, union NAME';

/** The type of numbers that a word names. */
export function numberTypeNamed(word: string): NumberTypeName | null {
  if (Object.hasOwn(numberTypes, word)) return word as NumberTypeName;
  return Object.hasOwn(numberTypeSpellings, word) ? numberTypeSpellings[word]! : null;
}

/** Whether a type begins, as far as it is known. */
export const beginsType = (cursor: Cursor, ahead = 0): boolean => {
  const { text } = cursor.peek(ahead);
  const known = numberTypeNamed(text) !== null || C_WORDS.has(text) || cursor.aliases.has(text);
  return known || ((text === 'struct' || text === 'union') && cursor.isKind('word', ahead + 1));
};

/** The type that begins a declaration. */
export function takeType(cursor: Cursor): FieldType | null {
  const { text, line, kind } = cursor.peek();
  if (kind !== 'word') {
    cursor.problems.add(
      'no-field',
      line,
      `${quoted(text)} begins no field`,
      'wants a type and a name, as le32 size;',
    );
    return null;
  }
  if (text === 'struct' || text === 'union') {
    cursor.take();
    if (cursor.isKind('word')) return { kind: 'reference', form: text, tag: cursor.take().text };
    cursor.problems.add(
      'no-name',
      line,
      `${text} without a name or fields`,
      `wants ${text} NAME, or fields in braces`,
    );
    return null;
  }
  const alias = cursor.aliases.get(text);
  const single = numberTypeNamed(text);
  if (alias !== undefined && single === null) {
    cursor.take();
    return alias;
  }
  const name = (C_WORDS.has(cursor.peek(1).text) ? null : single) ?? takeCNumber(cursor);
  if (name === null) {
    cursor.problems.add('unknown-type', line, `${quoted(text)} is no type`, WANTED_TYPES);
    return null;
  }
  if (name === single) cursor.take();
  return { kind: 'number', name };
}

/** `unsigned short`; the words are taken where they are a type. */
function takeCNumber(cursor: Cursor): NumberTypeName | null {
  const words: string[] = [];
  while (C_WORDS.has(cursor.peek(words.length).text)) words.push(cursor.peek(words.length).text);
  const name = C_NUMBERS[words.sort().join(' ')] ?? null;
  if (name !== null) for (const _ of words) cursor.take();
  return name;
}
