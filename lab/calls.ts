/** Calls that the page makes of a worker: what each is given, and what it answers. Plain data. */
export type CallTable<Calls> = { [Name in keyof Calls]: { given: unknown; answer: unknown } };

/** What serves each call. */
export type Answers<Calls extends CallTable<Calls>> = {
  readonly [Name in keyof Calls]: (given: Calls[Name]['given']) => Promise<Calls[Name]['answer']>;
};

export interface Asked {
  readonly id: number;
  readonly call: string;
  readonly given: unknown;
}

/** What a worker says: an answer, what went wrong with a call, or something that nobody asked for. */
export type Told<News> =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }
  | { readonly kind: 'news'; readonly news: News };

/** Serves calls in a worker, one after the other. @returns what tells news */
export function serveCalls<Calls extends CallTable<Calls>, News>(
  answers: Answers<Calls>,
): (news: News) => void {
  const tell = (told: Told<News>) => postMessage(told);
  let queue: Promise<unknown> = Promise.resolve();
  addEventListener('message', ({ data }: MessageEvent<Asked>) => {
    const { id, call, given } = data;
    const answer = (answers as unknown as Readonly<Record<string, (given: unknown) => Promise<unknown>>>)[
      call
    ]!;
    queue = queue
      .then(() => answer(given))
      .then(
        (value) => tell({ kind: 'answer', id, answer: value }),
        (error: unknown) => tell({ kind: 'failed', id, message: (error as Error).message }),
      );
  });
  return (news) => tell({ kind: 'news', news });
}
