import { takeBits, takeBitWidth } from './bits.ts';
import type { Cursor } from './cursor.ts';
import { joined } from './lexer.ts';
import {
  type BitField,
  type Field,
  type FieldType,
  type Group,
  type NumberTypeName,
  numberTypes,
} from './model.ts';
import { quoted } from './problems.ts';
import { numberTypeNamed, takeType } from './type-names.ts';

const MOST_DEPTH = 24;

/** What a body's reader does with what is no field. */
export interface Outside {
  /** Reads a `#define`, which is next. */
  define(): void;
  /** Takes a structure that is declared among the fields of another, without being one. */
  declared(group: Group, comment: string, line: number): void;
  /** Reads an enumeration, which is next. */
  enumeration(): void;
}

/** Reads the body of a structure, behind its opening brace, and takes the closing one. */
export class Members {
  readonly #fields: Field[] = [];
  readonly #cursor: Cursor;
  readonly #outside: Outside;
  readonly #form: 'struct' | 'union';
  readonly #depth: number;
  /** Bits that were taken of the last field, if that is bits which follow each other as C declares them; else 0. */
  #bitsUsed = 0;

  constructor(cursor: Cursor, outside: Outside, form: 'struct' | 'union', depth: number) {
    this.#cursor = cursor;
    this.#outside = outside;
    this.#form = form;
    this.#depth = depth;
  }

  /** `opened` is the line of the opening brace. */
  read(opened: number): { fields: readonly Field[]; tail: string } {
    const cursor = this.#cursor;
    while (!cursor.is('}')) {
      if (cursor.isKind('end')) {
        cursor.problems.add(
          'unclosed-brace',
          opened,
          `{ does not close before the listing ends`,
          'wants } behind the last field',
        );
        this.#unread();
        return { fields: this.#fields, tail: '' };
      }
      cursor.noted = '';
      this.#member();
    }
    const tail = cursor.peek().before;
    cursor.skip();
    return { fields: this.#fields, tail };
  }

  #member(): void {
    const cursor = this.#cursor;
    if (cursor.isKind('define')) this.#outside.define();
    else if (cursor.isKind('directive') || cursor.is(';')) cursor.skip();
    else if (cursor.is('(') && this.#fields.length > 0) this.#remark();
    else if (cursor.is('%')) this.#texComment();
    else if (cursor.is('...')) this.#open();
    else if (cursor.is('enum')) this.#enumeration();
    else this.#declaration();
  }

  /** `le32 hash_value; (Only if ...)`: a comment without its marks. */
  #remark(): void {
    const cursor = this.#cursor;
    const { line } = cursor.peek();
    const remark = cursor.takeRemark();
    cursor.problems.add('loose-remark', line, `${quoted(remark)} is no C`, 'wants it in a comment');
    const last = this.#fields.pop()!;
    this.#fields.push({ ...last, comment: joined(last.comment, remark) });
  }

  /** `le16 x; % words`: a comment of TeX, where those of C are wanted. */
  #texComment(): void {
    const cursor = this.#cursor;
    const { line } = cursor.skip();
    while (!cursor.isKind('end') && cursor.peek().line === line) cursor.skip();
    cursor.problems.add('loose-remark', line, '% begins no comment in a listing', 'wants // or /* */');
  }

  #open(): void {
    const { line } = this.#cursor.take();
    if (this.#cursor.is(';')) this.#cursor.take();
    this.#add({ name: '', type: { kind: 'open' }, counts: [], comment: this.#cursor.noted, line });
  }

  #enumeration(): void {
    const cursor = this.#cursor;
    if (cursor.is('{', 1) || cursor.is('{', 2)) {
      this.#outside.enumeration();
      return;
    }
    const { line } = cursor.peek();
    cursor.problems.add(
      'unknown-type',
      line,
      `enum ${cursor.peek(1).text} has no width of its own`,
      'wants le32 or another number, and the enumeration in a comment',
    );
    this.#unread();
  }

  #declaration(): void {
    const cursor = this.#cursor;
    const { line } = cursor.peek();
    cursor.skipQualifiers();
    if (cursor.opensGroup()) {
      this.#group(line);
      return;
    }
    const type = takeType(cursor);
    if (type === null) {
      this.#unread();
      return;
    }
    if (type.kind !== 'number' || !cursor.is('{')) this.#declarators(type, line);
    else {
      const bits = takeBits(cursor, type.name, this.#outside);
      this.#declarators({ kind: 'bits', name: type.name, bits }, line);
    }
  }

  #group(line: number): void {
    const cursor = this.#cursor;
    const group = this.#body();
    if (group === null) return;
    const comment = cursor.noted;
    if (group.tag !== '' && (cursor.is(';') || cursor.is('}'))) {
      // As in C, a tag without a name declares the structure and no field.
      if (cursor.is(';')) cursor.take();
      this.#outside.declared(group, cursor.noted, line);
      return;
    }
    cursor.noted = comment;
    this.#declarators(simplified(group), line);
  }

  /** A structure in place, its braces included; null where it stands too deep. */
  #body(): Group | null {
    const cursor = this.#cursor;
    const form = cursor.take().text as 'struct' | 'union';
    cursor.skipAttributes();
    const tag = cursor.isKind('word') ? cursor.take().text : '';
    cursor.skipAttributes();
    const { noted } = cursor;
    const { line } = cursor.peek();
    if (this.#depth >= MOST_DEPTH) {
      cursor.problems.add(
        'too-deep',
        line,
        `structures in ${MOST_DEPTH} structures`,
        'wants fewer, or a tag',
      );
      cursor.takeBalanced('{', '}');
      this.#unread();
      return null;
    }
    cursor.noted = joined(noted, cursor.peek().before);
    const before = cursor.noted;
    cursor.skip();
    const { fields, tail } = new Members(cursor, this.#outside, form, this.#depth + 1).read(line);
    cursor.noted = before;
    cursor.skipAttributes();
    return { form, tag, fields, tail };
  }

  /** Fields of one type: `a, b[4], c : 3;` */
  #declarators(type: FieldType, line: number): void {
    const cursor = this.#cursor;
    const found: Field[] = [];
    const bits: { name: string; width: number; line: number }[] = [];
    for (;;) {
      const first = cursor.peek();
      if (cursor.is('*') || cursor.is('(')) {
        cursor.problems.add(
          'no-field',
          first.line,
          'a pointer or a function',
          'wants a number or a structure: nothing else is on a bus',
        );
        this.#unread();
        break;
      }
      const anonymous = type.kind === 'group' || type.kind === 'bits' || cursor.is(':');
      if (!cursor.isKind('word') && !anonymous) {
        cursor.problems.add(
          'no-name',
          line,
          `no name behind ${quoted(cursor.last().text)}`,
          'wants a type and a name, as le32 size;',
        );
        this.#unread();
        break;
      }
      const name = cursor.isKind('word') ? cursor.takeName() : '';
      const counts = cursor.takeCounts();
      if (counts === null) {
        this.#unread();
        break;
      }
      if (cursor.is(':')) {
        const width = takeBitWidth(cursor, type.kind === 'number' ? type.name : null, name);
        if (width === null) {
          this.#unread();
          break;
        }
        bits.push({ name, width, line: first.line });
      } else found.push({ name, type, counts, comment: '', line: first.line });
      if (!this.#another()) break;
    }
    const comment = cursor.noted;
    for (const field of found) this.#add({ ...field, comment });
    if (type.kind === 'number')
      for (const { name, width, line } of bits) this.#addBits(type.name, name, width, comment, line);
  }

  /** What stands behind a name. @returns whether another follows */
  #another(): boolean {
    const cursor = this.#cursor;
    if (cursor.is('(')) {
      const { line } = cursor.peek();
      const remark = cursor.takeRemark();
      cursor.problems.add('loose-remark', line, `${quoted(remark)} is no C`, 'wants it in a comment');
      cursor.noted = joined(cursor.noted, remark);
    }
    cursor.skipAttributes();
    if (cursor.is(',')) {
      const { line } = cursor.take();
      const begins = numberTypeNamed(cursor.peek().text) !== null && cursor.isKind('word', 1);
      if (begins) cursor.problems.add('wrong-separator', line, 'a field ends with ,', 'wants ;');
      return !begins;
    }
    if (cursor.is(';')) cursor.take();
    else if (cursor.onNextLine() || cursor.is('}'))
      cursor.problems.add(
        'missing-semicolon',
        cursor.last().line,
        `nothing behind ${quoted(cursor.last().text)}`,
        'wants ;',
      );
    else {
      cursor.problems.add(
        'no-field',
        cursor.peek().line,
        `${quoted(cursor.peek().text)} behind ${quoted(cursor.last().text)}`,
        'wants ; behind a field',
      );
      cursor.recover();
    }
    return false;
  }

  /** Passes over a field that could not be read: what follows it has no place that is known. */
  #unread(): void {
    const { line } = this.#cursor.peek();
    this.#cursor.recover();
    this.#add({ name: '', type: { kind: 'open' }, counts: [], comment: '', line });
  }

  #add(field: Field): void {
    this.#bitsUsed = 0;
    this.#fields.push(field);
  }

  /** Bits as C has them: those of one type share a number as long as they fit; of a union each has its own. */
  #addBits(type: NumberTypeName, name: string, width: number, comment: string, line: number): void {
    const last = this.#fields.at(-1);
    const bit: BitField = { name, low: this.#bitsUsed, width, comment };
    const shared =
      this.#bitsUsed > 0 && last?.type.kind === 'bits' && last.type.name === type && this.#form === 'struct';
    if (width === 0) this.#bitsUsed = 0;
    else if (shared && bit.low + width <= 8 * numberTypes[type].width) {
      const bits = name === '' ? last.type.bits : [...last.type.bits, bit];
      this.#fields.splice(-1, 1, { ...last, type: { ...last.type, bits } });
      this.#bitsUsed += width;
    } else {
      const bits = name === '' ? [] : [{ ...bit, low: 0 }];
      this.#add({ name: '', type: { kind: 'bits', name: type, bits }, counts: [], comment: '', line });
      this.#bitsUsed = width;
    }
  }
}

/** `struct { le32 a : 1; le32 b : 31; } x` has the layout of `le32 { a : 1; b : 31; } x`, and is read as that. */
function simplified(group: Group): FieldType {
  const [only, ...more] = group.fields;
  const plain =
    group.form === 'struct' &&
    group.tag === '' &&
    group.tail === '' &&
    more.length === 0 &&
    only !== undefined;
  if (
    plain &&
    only.type.kind === 'bits' &&
    only.name === '' &&
    only.comment === '' &&
    only.counts.length === 0
  )
    return only.type;
  return { kind: 'group', group };
}
