import type { Cursor } from './cursor.ts';
import { joined } from './lexer.ts';
import { type BitField, type NumberTypeName, numberTypes } from './model.ts';
import { quoted } from './problems.ts';

/** The bits of `le16 { a : 15; b : 1; } name;`, braces included, which are next. */
export function takeBits(cursor: Cursor, type: NumberTypeName, outside: { define(): void }): BitField[] {
  const opened = cursor.take();
  const before = cursor.noted;
  const bits: BitField[] = [];
  let low = 0;
  while (!cursor.is('}')) {
    cursor.noted = '';
    if (cursor.isKind('end')) {
      cursor.problems.add(
        'unclosed-brace',
        opened.line,
        '{ does not close before the listing ends',
        'wants } behind the last bits',
      );
      break;
    }
    if (cursor.isKind('directive') || cursor.is(';')) cursor.skip();
    else if (cursor.isKind('define')) outside.define();
    else low = takeSome(cursor, type, bits, low);
  }
  const tail = cursor.peek().before;
  const last = bits.pop();
  if (last !== undefined) bits.push({ ...last, comment: joined(last.comment, tail) });
  cursor.noted = before;
  cursor.skip();
  return bits;
}

/** Some bits in braces. @returns the bit behind them */
function takeSome(cursor: Cursor, type: NumberTypeName, bits: BitField[], low: number): number {
  const { line } = cursor.peek();
  const name = cursor.isKind('word') ? cursor.takeName() : '';
  const width = cursor.is(':') ? takeBitWidth(cursor, type, name) : null;
  if (width === null) {
    if (name === '' || !cursor.is(':'))
      cursor.problems.add(
        'no-field',
        line,
        `${quoted(name || cursor.peek().text)} is not so many bits`,
        'wants NAME : BITS;',
      );
    cursor.recover();
    return low;
  }
  takeEnd(cursor);
  if (low + width > 8 * numberTypes[type].width) {
    cursor.problems.add(
      'bad-bits',
      line,
      `${low + width} bits up to ${quoted(name)} in ${type}`,
      `wants at most ${8 * numberTypes[type].width}`,
    );
    return low;
  }
  if (name !== '') bits.push({ name, low, width, comment: cursor.noted });
  return low + width;
}

/** Bits end with a semicolon; a comma is read as one. */
function takeEnd(cursor: Cursor): void {
  if (cursor.is(',')) {
    cursor.problems.add('wrong-separator', cursor.peek().line, 'bits end with ,', 'wants ;');
    cursor.take();
  } else if (cursor.is(';')) cursor.take();
  else
    cursor.problems.add(
      'missing-semicolon',
      cursor.last().line,
      `nothing behind ${quoted(cursor.last().text)}`,
      'wants ;',
    );
}

/** The number behind a colon, which is next. */
export function takeBitWidth(cursor: Cursor, type: NumberTypeName | null, name: string): number | null {
  const { line } = cursor.take();
  const token = cursor.peek();
  const most = type === null ? 0 : 8 * numberTypes[type].width;
  const width = token.kind === 'number' ? Number(token.text) : Number.NaN;
  if (Number.isInteger(width) && width <= most && (width > 0 || name === '')) {
    cursor.take();
    return width;
  }
  const wanted = type === null ? 'wants no bits of a structure' : `wants a number from 1 to ${most}`;
  cursor.problems.add('bad-bits', line, `${quoted(token.text)} bits for ${quoted(name)}`, wanted);
  return null;
}
