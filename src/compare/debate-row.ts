/**
 * A position that somebody took in one of the debates behind the drafts, as something that runs. docs/debates.md is what the rows say.
 * Debates, by number: 000 whether vDPA devices have to offer VERSION_1, 002 legacy guests on vDPA devices, 003 mediated devices and
 * interrupt message storage, 004 which devices may take each other's state.
 */
export interface DebateRow {
  /** Unique among all rows, in words with hyphens. */
  readonly id: string;
  readonly seed: '000' | '002' | '003' | '004';
  /** What was proposed, in a line. */
  readonly proposal: string;
  readonly proposedBy: string;
  /** Who is able to use it. */
  readonly usableBy: string;
  /** Finds out by running it. Deterministic: the same facts each time, to the letter. */
  run(): Promise<DebateFacts> | DebateFacts;
  /** The command or test file that shows the same. */
  readonly command: string;
}

/** What a run of the proposal says. */
export interface DebateFacts {
  /** What it costs, counted. */
  readonly cost: string;
  /** What breaks under it, with its count; `nothing` where nothing did. */
  readonly breaks: string;
  readonly verdict: 'works' | 'works with limits' | 'breaks';
}
