import { takeBits } from './bits.ts';
import { Cursor } from './cursor.ts';
import { joined } from './lexer.ts';
import type { Listing } from './listings.ts';
import { Members } from './members.ts';
import type { Constant, Enumeration, EnumerationMember, FieldType, Group, Structure } from './model.ts';
import { numberTypes } from './model.ts';
import { type ProblemList, quoted } from './problems.ts';
import { beginsType, numberTypeNamed, takeType } from './type-names.ts';

/** What was declared so far; values and lengths that are names are worked out when all is read. */
export interface Declarations {
  readonly constants: Constant[];
  readonly enumerations: Enumeration[];
  readonly structures: Structure[];
  /** Types by the names that `typedef` gave them. */
  readonly aliases: Map<string, FieldType>;
}

const DEFINE = /^#\s*define\s+([A-Za-z_]\w*)(\([^)]*\))?\s*([\s\S]*)$/;
/** `0 (for automatic steering)`: a value, and words in parentheses that are no value. */
const VALUE_AND_REMARK = /^(\S+) \(([A-Za-z][^() ]* [^()]*)\)$/;

/** Reads the declarations of a listing. What is no declaration is passed over, unless it was meant as one. */
export class Parser {
  readonly #cursor: Cursor;
  readonly #file: string;
  readonly #into: Declarations;

  constructor(listing: Listing, file: string, problems: ProblemList, into: Declarations) {
    this.#cursor = new Cursor(listing, problems, into.aliases);
    this.#file = file;
    this.#into = into;
  }

  read(): void {
    const cursor = this.#cursor;
    while (!cursor.isKind('end')) {
      cursor.noted = '';
      if (cursor.isKind('define')) this.define();
      else if (cursor.isKind('directive') || cursor.is(';')) cursor.skip();
      else if (cursor.opensGroup()) this.#structure(false);
      else if (cursor.is('typedef') && cursor.opensGroup(1)) {
        cursor.take();
        this.#structure(true);
      } else if (cursor.is('typedef') && beginsType(cursor, 1)) this.#alias();
      else if (cursor.is('enum') && (cursor.is('{', 1) || cursor.is('{', 2))) this.enumeration();
      else if (cursor.is('}')) {
        cursor.problems.add(
          'stray-brace',
          cursor.skip().line,
          '} closes nothing',
          'wants a { before it, or no }',
        );
      } else this.#statement();
    }
  }

  /** @see Members */
  define(): void {
    const { text, line, before, after } = this.#cursor.skip();
    const [, name, parameters = '', body = ''] = DEFINE.exec(text) ?? [];
    if (name === undefined) {
      this.#cursor.problems.add(
        'no-name',
        line,
        `${quoted(text)} defines nothing`,
        'wants #define NAME VALUE',
      );
      return;
    }
    const whole = body.trim().replace(/\s+/g, ' ');
    const [, value = whole.replace(/;$/, ''), remark = ''] = VALUE_AND_REMARK.exec(whole) ?? [];
    if (remark !== '')
      this.#cursor.problems.add(
        'loose-remark',
        line,
        `${quoted(remark)} is no value`,
        'wants it in a comment',
      );
    else if (value !== whole)
      this.#cursor.problems.add('wrong-separator', line, `#define ${name} ends with ;`, 'wants none');
    const comment = joined(before, remark, after);
    this.#into.constants.push({ name, parameters, text: value, value: null, comment, line });
  }

  /** @see Members */
  declared(group: Group, comment: string, line: number): void {
    this.#into.structures.push({ ...group, comment, file: this.#file, line });
  }

  /** @see Members */
  enumeration(): void {
    const cursor = this.#cursor;
    cursor.noted = '';
    const { line } = cursor.take();
    const name = cursor.isKind('word') ? cursor.take().text : '';
    const comment = joined(cursor.noted, cursor.peek().before);
    const opened = cursor.skip().line;
    const members: EnumerationMember[] = [];
    while (!cursor.is('}')) {
      cursor.noted = '';
      if (cursor.isKind('end')) {
        cursor.problems.add(
          'unclosed-brace',
          opened,
          '{ does not close before the listing ends',
          'wants } behind the last name',
        );
        break;
      }
      if (cursor.isKind('define')) this.define();
      else if (cursor.isKind('directive') || cursor.is(',')) cursor.skip();
      else if (!cursor.isKind('word')) {
        const { text, line } = cursor.skip();
        cursor.problems.add('no-name', line, `${quoted(text)} in an enumeration`, 'wants NAME = VALUE,');
      } else {
        const { text } = cursor.take();
        let value = '';
        if (cursor.is('=')) {
          cursor.take();
          value = cursor.takeUntil([',']);
        }
        if (cursor.is(',')) cursor.take();
        if (cursor.is(';')) {
          cursor.problems.add('wrong-separator', cursor.take().line, `${text} ends with ;`, 'wants ,');
        }
        members.push({ name: text, text: value, value: null, comment: cursor.noted });
      }
    }
    const last = members.pop();
    if (last !== undefined) members.push({ ...last, comment: joined(last.comment, cursor.peek().before) });
    cursor.noted = comment;
    cursor.skip();
    if (cursor.isKind('word') && cursor.is(';', 1)) cursor.skip();
    this.#end('enum', name, line);
    this.#into.enumerations.push({ name, members, comment: cursor.noted, line });
  }

  /** `typedef le16 name;`, `typedef struct a name;` */
  #alias(): void {
    const cursor = this.#cursor;
    cursor.skip();
    const type = takeType(cursor);
    cursor.skipAttributes();
    if (type !== null && cursor.isKind('word') && cursor.is(';', 1))
      this.#into.aliases.set(cursor.skip().text, type);
    cursor.recover();
  }

  #structure(typedef: boolean): void {
    const cursor = this.#cursor;
    const { line, text: form } = cursor.take();
    cursor.skipAttributes();
    let tag = cursor.isKind('word') ? cursor.take().text : '';
    cursor.skipAttributes();
    const comment = joined(cursor.noted, cursor.peek().before);
    const opened = cursor.skip().line;
    const kind = form as Group['form'];
    const { fields, tail } = new Members(cursor, this, kind, 1).read(opened);
    cursor.noted = comment;
    cursor.skipAttributes();
    if (cursor.isKind('word') && (typedef || cursor.is(';', 1))) {
      const { text } = cursor.take();
      if (typedef && tag === '') tag = text;
      else if (typedef) this.#into.aliases.set(text, { kind: 'reference', form: kind, tag });
    }
    cursor.skipAttributes();
    this.#end(form, tag, line);
    if (tag === '') cursor.problems.add('no-name', line, `${form} without a name`, `wants ${form} NAME {`);
    else
      this.#into.structures.push({
        form: kind,
        tag,
        fields,
        tail,
        comment: cursor.noted,
        file: this.#file,
        line,
      });
  }

  #end(form: string, tag: string, line: number): void {
    const cursor = this.#cursor;
    if (cursor.is(';')) cursor.take();
    else if (cursor.last().text === '}')
      cursor.problems.add(
        'missing-semicolon',
        cursor.last().line,
        `no semicolon behind ${form} ${tag} of line ${line}`,
        'wants ; behind }',
      );
  }

  /** Code, or a declaration that is none of ours: up to its semicolon, or its last brace. */
  #statement(): void {
    const cursor = this.#cursor;
    const first = cursor.peek();
    const type = numberTypeNamed(first.text);
    const loose =
      type !== null &&
      numberTypes[type].order !== 'native' &&
      cursor.isKind('word', 1) &&
      (cursor.is(';', 2) || cursor.is('[', 2));
    if (loose) {
      const name = cursor.peek(1).text;
      cursor.problems.add(
        'loose-field',
        first.line,
        `${quoted(`${first.text} ${name}`)} in no structure`,
        'wants struct NAME { before it',
      );
    }
    if (type !== null && cursor.is('{', 1)) {
      cursor.skip();
      takeBits(cursor, type, this);
      cursor.problems.add(
        'no-name',
        first.line,
        `bits of ${type} in no structure`,
        'wants struct NAME { around them',
      );
    }
    for (let words = 0; !cursor.isKind('end'); words++) {
      if (words > 0 && (cursor.isKind('define') || cursor.opensGroup())) return;
      if (cursor.is('}')) return;
      if (cursor.is('{')) {
        this.#block(first.text, first.line, words);
        return;
      }
      if (cursor.skip().text === ';') return;
    }
  }

  /** A block behind some words: fields in it mean that a structure was meant. */
  #block(word: string, line: number, words: number): void {
    const cursor = this.#cursor;
    let [depth, fields] = [0, 0];
    do {
      if (cursor.isKind('end')) {
        if (fields > 0)
          cursor.problems.add('unclosed-brace', line, '{ does not close before the listing ends', 'wants }');
        break;
      }
      if (cursor.is('{')) depth++;
      if (cursor.is('}')) depth--;
      if (numberTypeNamed(cursor.peek().text) !== null && cursor.isKind('word', 1)) fields++;
      cursor.skip();
    } while (depth > 0);
    if (words <= 2 && fields > 0)
      cursor.problems.add(
        'no-declaration',
        line,
        `${quoted(word)} begins no structure, yet has fields`,
        'wants struct NAME { or union NAME {',
      );
  }
}
