import type { Asked, CallTable, Told } from '../calls.ts';

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
}

/** A worker's calls, as functions that answer later. */
export class WorkerClient<Calls extends CallTable<Calls>, News = never> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  /** @param failed hears that the worker is gone. */
  constructor(worker: Worker, onNews: (news: News) => void, failed: (message: string) => void) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<Told<News>>) => {
      if (data.kind === 'news') onNews(data.news);
      else this.#settle(data);
    });
    worker.addEventListener('error', (event) => {
      const message = event.message || 'it could not be loaded';
      for (const { reject } of this.#waiting.values()) reject(new Error(message));
      this.#waiting.clear();
      failed(message);
    });
  }

  #settle(told: Exclude<Told<News>, { kind: 'news' }>): void {
    const waiting = this.#waiting.get(told.id);
    this.#waiting.delete(told.id);
    if (told.kind === 'answer') waiting?.resolve(told.answer as never);
    else waiting?.reject(new Error(told.message));
  }

  /** @throws Error with the worker's words where the call could not be answered. */
  call<Name extends keyof Calls & string>(
    call: Name,
    given: Calls[Name]['given'],
  ): Promise<Calls[Name]['answer']> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, given } satisfies Asked);
    });
  }
}
