import type { FieldFacts, StructureFacts } from './facts.ts';
import type { InText, LayoutTable, TableField } from './layout-table.ts';
import type { ByteOrder } from './model.ts';
import { ourName } from './names.ts';

/** Something that a table of ours has otherwise than the text. `reason` is empty where nobody gave one. */
export interface TableDifference {
  /** The field by our name, or by its path in the text where we have none. */
  readonly field: string;
  readonly ours: string;
  readonly text: string;
  readonly reason: string;
}

/** `named`: every difference has a reason. `missing`: the text has no such structure, or no such field to begin behind. */
export type Verdict = 'equal' | 'named' | 'different' | 'missing';

/** A table beside a structure of the text. */
export interface ConfrontedTable {
  readonly table: string;
  readonly structure: string;
  readonly after: string;
  readonly verdict: Verdict;
  readonly differences: readonly TableDifference[];
}

/** All tables beside a text. */
export interface Confrontation {
  readonly tables: readonly ConfrontedTable[];
  /** Tables that are of no structure in the text, and why. */
  readonly without: readonly { readonly table: string; readonly reason: string }[];
  /** Structures of the text that no table is of. */
  readonly untabled: readonly { readonly structure: string; readonly bytes: number | null }[];
}

/** Compares every table with the text's structure: by names, offsets, widths, counts and byte order. */
export function confront(tables: readonly LayoutTable[], facts: readonly StructureFacts[]): Confrontation {
  const byName = new Map(facts.map((each) => [each.name, each]));
  const tabled = new Set(tables.flatMap(({ text }) => text.map(({ structure }) => structure)));
  return {
    tables: tables.flatMap((table) => table.text.map((at) => beside(table, at, byName.get(at.structure)))),
    without: tables
      .filter(({ text }) => text.length === 0)
      .map(({ name, without }) => ({ table: name, reason: without })),
    untabled: facts
      .filter(({ name }) => !tabled.has(name))
      .map(({ name, bytes }) => ({ structure: name, bytes })),
  };
}

/** The tables that differ and no reason says why. */
export const unexplained = ({ tables }: Confrontation): readonly ConfrontedTable[] =>
  tables.filter(({ verdict }) => verdict === 'different' || verdict === 'missing');

function beside(table: LayoutTable, at: InText, facts: StructureFacts | undefined): ConfrontedTable {
  const after = at.after ?? '';
  const row = { table: table.name, structure: at.structure, after };
  const part = facts?.fields.filter((field) => field.after === after) ?? [];
  const first = part.find(({ path }) => path === (at.begins ?? part[0]!.path))?.offset ?? Infinity;
  const found = part
    .filter(({ offset }) => offset >= first)
    .map((each) => ({ ...each, offset: each.offset - first }));
  if (found.length === 0) return { ...row, verdict: 'missing', differences: [] };
  const differences = new TableComparison(table, at, found).differences();
  const verdict =
    differences.length === 0
      ? 'equal'
      : differences.some(({ reason }) => reason === '')
        ? 'different'
        : 'named';
  return { ...row, verdict, differences };
}

/** A place of either side. */
const placeText = ({
  offset,
  width,
  count,
}: {
  offset: number;
  width: number | null;
  count: number | null;
}) => `${offset}: ${width ?? '?'}${count === 1 ? '' : ` x ${count ?? '?'}`}`;

class TableComparison {
  readonly #table: LayoutTable;
  readonly #at: InText;
  readonly #facts: readonly FieldFacts[];
  readonly #byPath: ReadonlyMap<string, FieldFacts>;
  readonly #found: TableDifference[] = [];
  readonly #used = new Set<string>();

  constructor(table: LayoutTable, at: InText, facts: readonly FieldFacts[]) {
    this.#table = table;
    this.#at = at;
    this.#facts = facts;
    this.#byPath = new Map(facts.map((field) => [field.path, field]));
  }

  differences(): readonly TableDifference[] {
    for (const [name, field] of Object.entries(this.#table.fields)) this.#one(name, field);
    for (const field of this.#facts) this.#left(field);
    this.#stale();
    return this.#found;
  }

  #add(field: string, ours: string, text: string, reason: string | undefined): void {
    this.#found.push({ field, ours, text, reason: reason ?? '' });
  }

  /** The field of the text that a name of ours is: the one that the table says, or the one whose name it is. */
  #factsOf(name: string): FieldFacts | undefined {
    const path = this.#at.names?.[name];
    if (path !== undefined) return this.#byPath.get(path);
    const exact = this.#facts.find(({ path }) => !path.includes('.') && ourName(path) === name);
    return exact ?? this.#facts.find(({ path }) => ourName(path.slice(path.lastIndexOf('.') + 1)) === name);
  }

  #one(name: string, field: TableField): void {
    const reason = this.#at.differs?.[name];
    const half = /^(.+)(Low|High)$/.exec(name);
    let facts = this.#factsOf(name);
    // A field of 64 bits is two registers (PCI-LAY-03).
    if (facts === undefined && half !== null && field.width === 4) {
      const whole = this.#factsOf(half[1]!);
      const [lower, upper] = whole?.order === 'big' ? ['High', 'Low'] : ['Low', 'High'];
      if (whole !== undefined && whole.width === 8 && half[2] === upper)
        facts = { ...whole, offset: whole.offset + 4, width: 4 };
      if (whole !== undefined && whole.width === 8 && half[2] === lower) facts = { ...whole, width: 4 };
    }
    if (facts === undefined) {
      this.#add(name, placeText(field), '', reason);
      return;
    }
    this.#used.add(facts.path);
    // What the text leaves open, as elements of a ring, begins where ours has the first of them.
    const open = facts.count === null && field.count === 1;
    const same =
      facts.offset === field.offset &&
      bytesOf(facts.width, open ? 1 : facts.count) === field.width * field.count &&
      (facts.width === field.width || facts.order === null);
    if (!same) this.#add(name, placeText(field), placeText(facts), reason);
    else if (!agrees(facts.order, this.#table.order))
      this.#add(name, this.#table.order, facts.order!, reason);
    else if (reason !== undefined) this.#add(name, 'a reason why it differs', 'the same', '');
  }

  /** A field of the text that no field of ours is. */
  #left({ path, order, offset, width, count }: FieldFacts): void {
    const within = (paths: Iterable<string>) =>
      [...paths].find((each) => path === each || path.startsWith(`${each}.`) || path.startsWith(`${each}[`));
    if (within(this.#used) !== undefined) return;
    const omitted = within(Object.keys(this.#at.omits ?? {}));
    if (omitted !== undefined) this.#used.add(omitted);
    // Of a structure, its fields are compared.
    else if (order !== null || !this.#facts.some((each) => each.path.startsWith(`${path}.`)))
      this.#add(path, '', placeText({ offset, width, count }), '');
  }

  /** A reason for what is not so any more is a mistake of its own. */
  #stale(): void {
    const { omits = {}, differs = {}, names = {} } = this.#at;
    for (const path of Object.keys(omits))
      if (!this.#used.has(path)) this.#add(path, 'a reason why it is left out', 'no such field', '');
    for (const name of [...Object.keys(differs), ...Object.keys(names)])
      if (!Object.hasOwn(this.#table.fields, name) && !Object.hasOwn(this.#table.fields, `${name}Low`))
        this.#add(name, 'a reason', 'no such field of ours', '');
  }
}

const bytesOf = (width: number | null, count: number | null) =>
  width === null || count === null ? null : width * count;

/** Bytes and structures have no order. */
const agrees = (text: ByteOrder | null, ours: ByteOrder) => text === null || text === 'byte' || text === ours;
