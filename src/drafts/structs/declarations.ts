import { StructureLayout } from './layout.ts';
import {
  type Constant,
  countText,
  type Enumeration,
  type Field,
  type FieldType,
  type Group,
  numberTypes,
  type Structure,
  type StructureDocument,
  typeText,
} from './model.ts';

/** How C and the listings of a specification differ. */
export interface DeclarationStyle {
  /** `le16 { a : 15; b : 1; } x;` as the specification has it; otherwise as bits of a structure. */
  readonly bitsInBraces: boolean;
  /** A length that is not fixed, in its brackets. */
  length(text: string): string;
  /** Behind the last brace of a structure, and of one within. */
  readonly attributes: string;
  /** Fields that the text leaves open. */
  readonly open: string;
}

const INDENT = '        ';

/** A comment that ends where it says, whatever stands in it. */
const comment = (text: string) => `/* ${text.replace(/\*\//g, '* /').replace(/\/\*/g, '/ *')} */`;

const commentLines = (text: string, indent: string) => (text === '' ? [] : [`${indent}${comment(text)}`]);

/** Writes declarations as C has them. */
export class DeclarationWriter {
  readonly #style: DeclarationStyle;

  constructor(style: DeclarationStyle) {
    this.#style = style;
  }

  constant({ name, parameters, text, comment }: Constant): string[] {
    return [...commentLines(comment, ''), `#define ${name}${parameters} ${text}`.trimEnd()];
  }

  enumeration({ name, members, comment }: Enumeration): string[] {
    return [
      ...commentLines(comment, ''),
      name === '' ? 'enum {' : `enum ${name} {`,
      ...members.flatMap((member) => [
        ...commentLines(member.comment, INDENT),
        `${INDENT}${member.name}${member.text === '' ? '' : ` = ${member.text}`},`,
      ]),
      '};',
    ];
  }

  structure(structure: Structure): string[] {
    return [
      ...commentLines(structure.comment, ''),
      ...this.#body(structure, ''),
      `}${this.#style.attributes};`,
    ];
  }

  /** A structure from its name on, to before its closing brace. */
  #body(group: Group, indent: string): string[] {
    const deeper = indent + INDENT;
    return [
      `${indent}${group.tag === '' ? group.form : `${group.form} ${group.tag}`} {`,
      ...group.fields.flatMap((field) => this.#field(field, deeper)),
      ...commentLines(group.tail, deeper),
    ];
  }

  #field(field: Field, indent: string): string[] {
    const { type } = field;
    const before = commentLines(field.comment, indent);
    const counts = field.counts.map((count) =>
      count.length === null ? `[${this.#style.length(count.text)}]` : `[${countText(count)}]`,
    );
    const name = `${field.name}${counts.join('')}`;
    const ended = (text: string) => `${indent}${`${text} ${name}`.trimEnd()};`;
    if (type.kind === 'open') return [...before, `${indent}${this.#style.open}`];
    if (type.kind === 'group')
      return [...before, ...this.#body(type.group, indent), ended(`}${this.#style.attributes}`)];
    if (type.kind === 'bits') return [...before, ...this.#bits(type, indent, ended)];
    return [...before, ended(typeText(type))];
  }

  /** Bits without a name are written too, so that what follows begins in a number of its own. */
  #bits(type: FieldType & { kind: 'bits' }, indent: string, ended: (text: string) => string): string[] {
    const { bitsInBraces, attributes } = this.#style;
    const deeper = indent + INDENT;
    const prefix = bitsInBraces ? '' : `${type.name} `;
    const lines: string[] = [];
    let low = 0;
    const upTo = (bit: number) => {
      if (bit > low) lines.push(`${deeper}${prefix}: ${bit - low};`);
      low = bit;
    };
    for (const bit of type.bits) {
      upTo(bit.low);
      lines.push(...commentLines(bit.comment, deeper), `${deeper}${prefix}${bit.name} : ${bit.width};`);
      low += bit.width;
    }
    upTo(8 * numberTypes[type.name].width);
    const open = bitsInBraces ? `${type.name} {` : 'struct {';
    return [`${indent}${open}`, ...lines, ended(`}${bitsInBraces ? '' : attributes}`)];
  }
}

/** The structures of a document so that each stands behind those that it holds. */
export function inOrderOfUse(document: StructureDocument): Structure[] {
  const layout = new StructureLayout(document);
  const done = new Set<string>();
  const sorted: Structure[] = [];
  const owners = new Map<string, Structure>();
  const own = (group: Group, structure: Structure): void => {
    if (group.tag !== '' && !owners.has(group.tag)) owners.set(group.tag, structure);
    for (const { type } of group.fields) if (type.kind === 'group') own(type.group, structure);
  };
  for (const structure of document.structures) own(structure, structure);
  const visit = (structure: Structure): void => {
    if (done.has(structure.tag)) return;
    done.add(structure.tag);
    for (const { field } of layout.fields(structure)) {
      const owner = field.type.kind === 'reference' ? owners.get(field.type.tag) : undefined;
      if (owner !== undefined) visit(owner);
    }
    sorted.push(structure);
  };
  for (const structure of document.structures) visit(structure);
  return sorted;
}
