import { describe, expect, it } from 'vitest';
import { type DraftDocument, findInDraft, readDraft } from '../../src/drafts/index.ts';
import { modelOf } from '../../src/drafts/model.ts';
import { clean } from './support/clean.ts';

const withC = (...texts: readonly (readonly [name: string, c: string])[]): DraftDocument =>
  readDraft({ ...clean, structures: [...clean.structures, ...texts.map(([name, c]) => ({ name, c }))] });
const places = (document: DraftDocument, name: string) =>
  modelOf(document)
    .structures.get(name)!
    .fields.map(({ field, offset, bytes }) => [field.name, offset, bytes]);
const checks = (document: DraftDocument) =>
  findInDraft(document).map(({ check, message }) => `${check}: ${message}`);

describe('a structure of a draft as C text', () => {
  it('is laid out as its author means it', () => {
    const document = withC([
      'part',
      `struct part {
        le16 part_type; /* which */
        u8 flags, reserved;
        union { le32 offset; struct { le16 index; u8 more[6]; } vq; } selector;
        le32 length;
        u8 value[];
      };`,
    ]);
    expect(places(document, 'part')).toEqual([
      ['part_type', 0, 2],
      ['flags', 2, 1],
      ['reserved', 3, 1],
      ['selector', 4, 8],
      ['length', 12, 4],
      ['value', 16, 0],
    ]);
    expect(checks(document)).toEqual([]);
  });

  it('may use another of the draft', () => {
    const document = withC(
      ['whole', 'struct whole { struct half first; struct half rest[3]; };'],
      ['half', 'struct half { le32 a; le32 b; };'],
    );
    expect(places(document, 'whole')).toEqual([
      ['first', 0, 8],
      ['rest', 8, 24],
    ]);
    expect(checks(document)).toEqual([]);
  });

  it('is checked like any other', () => {
    expect(checks(withC(['odd', 'struct odd { u8 x; le32 y; };']))).toEqual([
      'field-misaligned: y of 4 bytes stands at 0x1; wants a multiple of 4',
    ]);
  });

  it.each([
    ['a brace that is missing', 'struct s { le16 x;'],
    ['a type that nobody knows', 'struct s { le17 x; };'],
    ['no structure', 'x'],
    ['itself in itself', 'struct s { struct s x; };'],
    ['binary', '\u0000\u0001\u0002'],
  ])('with %s is told as it is', (_, c) => {
    const found = findInDraft(withC(['s', c])).filter(({ check }) => check === 'structure-unread');
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]!.path).toBe('structures[3].c');
  });
});
