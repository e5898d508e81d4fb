/** What the page and its second worker say to each other: the one at the desk, who reads drafts, dumps and traces and counts. */

export interface DraftFindingView {
  readonly level: 'error' | 'warning' | 'question';
  readonly check: string;
  readonly about: string;
  readonly clause: string;
  readonly path: string;
  readonly message: string;
}

/** A picture of structures: SVG text, to be shown as an image. */
export interface PictureView {
  readonly title: string;
  readonly svg: string;
}

/** How functions of a draft can be driven; or why none can be made. */
export interface DriveView {
  readonly ways: readonly string[];
  readonly types: readonly string[];
  readonly reasons: readonly string[];
}

/** A draft, or structures, as far as they could be read. */
export interface DraftView {
  readonly kind: 'draft' | 'structures' | 'unread';
  readonly title: string;
  /** Why it could not be read, or what of it. */
  readonly problems: readonly string[];
  readonly findings: readonly DraftFindingView[];
  /** Findings that are not in the list. */
  readonly moreFindings: number;
  readonly pictures: readonly PictureView[];
  /** Structures that have no picture, and why. */
  readonly undrawn: readonly string[];
  /** Null for what is no draft. */
  readonly drive: DriveView | null;
}

export interface CounterexampleView {
  readonly world: string;
  readonly steps: readonly string[];
  readonly what: string;
  readonly expected: string;
  readonly seen: string;
}

export interface DraftRunView {
  readonly reasons: readonly string[];
  readonly device: string | null;
  readonly runs: number;
  readonly worlds: readonly string[];
  readonly assumed: readonly string[];
  readonly counterexamples: readonly CounterexampleView[];
}

/** A function of a dump. */
export interface DumpedView {
  readonly title: string;
  readonly kind: string;
  readonly bars: readonly string[];
  readonly capabilities: readonly string[];
  readonly findings: readonly { readonly level: string; readonly clause: string; readonly message: string }[];
}

/** An access of a trace. */
export interface TracedView {
  readonly line: number;
  readonly operation: string;
  readonly place: string;
  readonly register: string;
  readonly value: string;
  readonly meaning: string;
  readonly address: string;
}

export interface TraceView {
  readonly format: string;
  readonly accesses: number;
  /** The first ones. */
  readonly rows: readonly TracedView[];
  /** How often each register was accessed, the most often first. */
  readonly registers: readonly { readonly name: string; readonly reads: number; readonly writes: number }[];
  readonly findings: readonly { readonly level: string; readonly clause: string; readonly text: string }[];
  /** What is wrong with it: what came before was read. */
  readonly problem: string | null;
}

export type FileView =
  | { readonly kind: 'dump'; readonly functions: readonly DumpedView[] }
  | { readonly kind: 'trace'; readonly trace: TraceView }
  | { readonly kind: 'unread'; readonly problems: readonly string[] };

export interface ComparedView {
  readonly request: string;
  readonly bytes: number;
  readonly vfs: number;
  /** What is counted, by its key. */
  readonly names: Readonly<Record<string, string>>;
  readonly ways: readonly {
    readonly way: string;
    /** Counts by phase and key, and modelled nanoseconds. */
    readonly phases: Readonly<
      Record<string, { readonly counts: Readonly<Record<string, number>>; readonly ns: number }>
    >;
    readonly resources: Readonly<Record<string, number>>;
  }[];
}

/** A virtual function; `status` is its device status. */
export interface MemberView {
  readonly index: number;
  readonly address: string;
  readonly ids: string;
  readonly bars: readonly string[];
  readonly status: number;
}

export interface GridView {
  readonly owner: string;
  readonly members: readonly MemberView[];
}

/** So many bytes of a file are read. */
export interface DeskNews {
  readonly read: number;
  readonly of: number;
}

export interface DeskCalls {
  /** Makes an owner with so many virtual functions, which are enabled. */
  grid: { given: { type: string; kind: string; count: number }; answer: GridView };
  /** Puts a driver to one of them, or takes it away. */
  toggle: { given: { index: number }; answer: GridView };
  draft: { given: { text: string }; answer: DraftView };
  /** A draft to begin with whose block has the registers of these structures. */
  draftOf: { given: { text: string }; answer: { text: string } };
  runDraft: { given: { text: string; runs: number }; answer: DraftRunView };
  shipped: { given: Record<string, never>; answer: readonly { name: string; title: string; text: string }[] };
  /** @param dump of the machine that a trace is of; '' for none. */
  file: { given: { file: Blob; dump: string }; answer: FileView };
  compare: { given: { device: string; vfs: number }; answer: ComparedView };
  compared: { given: Record<string, never>; answer: readonly string[] };
}
