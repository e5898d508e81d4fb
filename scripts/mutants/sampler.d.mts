/** What it says of a mutant that was not drawn. */
export declare const NOT_DRAWN: string;

export interface Drawable {
  readonly id: string;
  readonly fileName: string;
  readonly mutatorName: string;
  readonly replacement: string;
  readonly location: {
    readonly start: { readonly line: number; readonly column: number };
    readonly end: { readonly line: number; readonly column: number };
  };
}

/** The ids of `count` mutants, or of all where there are not so many. */
export declare function draw(mutants: readonly Drawable[], count: number, seed: string): string[];
