/** What the page and its worker say to each other: plain data, all of it typed here. */

/** The left column is the driver's machine; the right one what stands behind: the host, or the device itself. */
export type Column = 'left' | 'right';

/** The reading that is a draft of one's own. */
export const OWN = 'own';

/** What world there is. */
export interface Setup {
  /** A device type: one of the library's samples. */
  readonly type: string;
  /** One of the library's ways from a driver to a device. */
  readonly way: string;
  readonly ring: 'split' | 'packed';
  /** By which reading of the MMR draft the function is made; null for a way without drafts, or for the usual one; {@link OWN} for `draft`. */
  readonly reading: string | null;
  /** The document of a draft that somebody wrote; null where the reading is none of that. */
  readonly draft: string | null;
  /** Names of what is wrong with the device, and of what its driver does wrong: all of it together. */
  readonly lies: readonly string[];
  readonly mistakes: readonly string[];
}

/** A button that was pressed, with what was filled in. */
export interface Move {
  readonly name: string;
  readonly values: readonly (string | number)[];
}

/** A field of a button. Numbers are bounded by `least` and `most`. */
export interface MoveField {
  readonly label: string;
  readonly value: string | number;
  readonly least?: number;
  readonly most?: number;
}

/** A button that there is for a device type. */
export interface MoveSpec {
  readonly name: string;
  readonly label: string;
  readonly fields: readonly MoveField[];
  /** Who does it: the driver, or somebody on the device's own side. */
  readonly by: 'driver' | 'outside';
}

/** One line of the stream. `seq` counts from 1 in the order in which things began. */
export interface Row {
  readonly seq: number;
  /** The driver's access that it happened because of; its own number where there is none. */
  readonly root: number;
  readonly depth: number;
  readonly column: Column;
  readonly kind: 'access' | 'interrupt' | 'dma' | 'chain' | 'finding' | 'watch' | 'mark';
  /** `read`, `write`, `interrupt`, ... */
  readonly verb: string;
  /** Where: the structure, and the register by its name. */
  readonly place: string;
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
  readonly space: 'config' | 'io' | 'memory' | null;
  readonly address: string;
  readonly clause: string | null;
}

/** A register as it stands. */
export interface RegisterView {
  readonly name: string;
  readonly offset: number;
  readonly width: number;
  readonly access: string;
  /** Hexadecimal; empty for one that reading would change. */
  readonly value: string;
  readonly meaning: string;
  readonly clauses: readonly string[];
  /** Bits that have names, from the lowest. */
  readonly bits: readonly BitView[];
}

export interface BitView {
  readonly name: string;
  readonly bit: number;
  readonly set: boolean;
}

/** A structure in a BAR. */
export interface TableView {
  /** `00:04.0 BAR0 legacy`. */
  readonly title: string;
  readonly space: 'io' | 'memory';
  readonly address: string;
  readonly registers: readonly RegisterView[];
}

/** A stretch of configuration space that has a name. */
export interface ConfigPart {
  readonly name: string;
  readonly start: number;
  readonly length: number;
  readonly fields: readonly { readonly name: string; readonly value: string }[];
}

export interface BarView {
  readonly index: number;
  readonly kind: string;
  readonly address: string;
  readonly size: number;
  readonly places: readonly { readonly name: string; readonly offset: number; readonly length: number }[];
}

/** A function on one of the machines. */
export interface FunctionView {
  readonly column: Column;
  readonly machine: string;
  readonly title: string;
  readonly config: Uint8Array;
  readonly parts: readonly ConfigPart[];
  readonly bars: readonly BarView[];
  readonly tables: readonly TableView[];
}

/** A place of a ring. */
export interface SlotView {
  readonly index: number;
  readonly text: string;
  readonly state: 'free' | 'waiting' | 'used';
}

export interface QueueView {
  readonly index: number;
  readonly name: string;
  readonly size: number;
  readonly enabled: boolean;
  readonly layout: 'split' | 'packed' | null;
  /** Addresses of the three areas. */
  readonly areas: readonly string[];
  readonly position: string;
  readonly events: string;
  readonly waiting: readonly string[];
  /** Rings of the queue, by name: places around where they stand, the index itself, and the place that is next; null where none is. */
  readonly rings: readonly {
    readonly name: string;
    readonly index: number;
    readonly next: number | null;
    readonly slots: readonly SlotView[];
  }[];
}

/** All that stood after an access of the driver. */
export interface View {
  readonly seq: number;
  readonly functions: readonly FunctionView[];
  readonly queues: readonly QueueView[];
  readonly explanation: string;
}

/** A finding of the watch, with the access that it is about. */
export interface WatchView {
  readonly level: string;
  readonly rule: string;
  readonly clause: string;
  readonly text: string;
  readonly seq: number;
}

/** A choice of a list, and what it means. */
export interface Choice {
  readonly name: string;
  readonly says: string;
}

/** A draft of one's own that a function is made of. */
export interface OwnDraftView {
  readonly name: string;
  /** What can be chosen with it. */
  readonly ways: readonly string[];
  readonly types: readonly string[];
  /** Choices that it leaves open, and what was taken. */
  readonly assumed: readonly string[];
}

/** What a world that was opened offers. */
export interface Opened {
  readonly setup: Setup;
  readonly titles: { readonly left: string; readonly right: string };
  readonly moves: readonly MoveSpec[];
  readonly ways: readonly Choice[];
  readonly types: readonly string[];
  readonly rings: readonly Setup['ring'][];
  /** Readings of the draft, the usual one first; empty for a way without drafts. */
  readonly readings: readonly string[];
  readonly own: OwnDraftView | null;
  readonly mistakes: readonly Choice[];
}

/** What came of a move. */
export interface Done {
  /** Null where the move did what it is for. */
  readonly error: string | null;
  readonly result: string;
  readonly last: number;
  readonly view: View;
  readonly up: boolean;
  readonly msix: boolean;
  readonly findings: readonly WatchView[];
  /** Findings that are not in the list. */
  readonly moreFindings: number;
}

export interface ClauseView {
  readonly id: string;
  readonly party: string;
  readonly level: string;
  readonly section: string;
  readonly says: string;
  readonly address: string;
}

/** Calls of the page, what each is given, and what it answers. */
export interface Calls {
  open: { given: { setup: Setup; moves: readonly Move[] }; answer: Opened & { done: Done } };
  move: { given: Move; answer: Done };
  look: { given: { seq: number }; answer: View | null };
  /** Goes back to before the move that an access belongs to; rows behind `last`, which came later, are forgotten. */
  rewind: { given: { seq: number }; answer: Done & { moves: readonly Move[] } };
  /** What can be wrong with a device of a type. */
  lies: { given: { type: string }; answer: readonly Choice[] };
  clauses: { given: { ids: readonly string[] }; answer: readonly ClauseView[] };
}
/** What the emulator tells without being asked: rows of the stream. `fresh` ones follow nothing: the stream begins anew. */
export interface RowsNews {
  readonly rows: readonly Row[];
  readonly fresh: boolean;
}
