import type { RowsNews, View, WatchView } from './protocol.ts';

/** What the page and the worker with a whole PC say to each other. */

/** What a PC boots from. */
export interface Pieces {
  readonly kernel: Blob;
  readonly initrd: Blob;
  readonly bios: Blob;
  readonly vgaBios: Blob;
  readonly commandLine: string;
}

export interface LinuxCalls {
  /** Answers once the kernel runs, and whether a host stands behind; what it prints comes as news. */
  boot: { given: { pieces: Pieces; way: string }; answer: { hosted: boolean } };
  /** Types on the terminal. */
  type: { given: { text: string }; answer: null };
  ways: { given: Record<string, never>; answer: readonly string[] };
  stop: { given: Record<string, never>; answer: null };
}

/** What the PC printed, what its driver did, what the watch says of that. */
export type LinuxNews =
  | { readonly printed: string }
  | { readonly rows: RowsNews }
  | { readonly findings: readonly WatchView[] }
  | { readonly view: View };
