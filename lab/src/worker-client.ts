import type { Ask, CallName, Calls, Row, Told } from '../protocol.ts';

/** Hears of rows of the stream; `fresh` ones follow nothing. */
export type RowsHandler = (rows: readonly Row[], fresh: boolean) => void;

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
}

/** The emulator's worker, as functions that answer later. */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  /** @param failed hears that the worker is gone. */
  constructor(onRows: RowsHandler, failed: (message: string) => void) {
    this.#worker = new Worker(new URL('../worker/main.ts', import.meta.url), { type: 'module' });
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Told>) => {
      if (data.kind === 'rows') onRows(data.rows, data.fresh);
      else this.#settle(data);
    });
    this.#worker.addEventListener('error', (event) => {
      const message = event.message || 'the emulator could not be loaded';
      for (const { reject } of this.#waiting.values()) reject(new Error(message));
      this.#waiting.clear();
      failed(message);
    });
  }

  #settle(told: Exclude<Told, { kind: 'rows' }>): void {
    const waiting = this.#waiting.get(told.id);
    this.#waiting.delete(told.id);
    if (told.kind === 'answer') waiting?.resolve(told.answer as never);
    else waiting?.reject(new Error(told.message));
  }

  /** @throws Error with the worker's words where the call could not be answered. */
  call<Name extends CallName>(call: Name, given: Calls[Name]['given']): Promise<Calls[Name]['answer']> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, given } as Ask);
    });
  }
}
