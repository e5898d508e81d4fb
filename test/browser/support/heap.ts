import type { CDPSession, Page } from 'playwright-core';

interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize: number;
}

const bytesOf = ({ usedSize, backingStorageSize }: HeapUsage) => usedSize + backingStorageSize;

/** Asks one of the page's workers as the page's own tools do. */
class WorkerSession {
  readonly #page: CDPSession;
  readonly #id: string;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #next = 1;

  constructor(page: CDPSession, id: string) {
    this.#page = page;
    this.#id = id;
    page.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId !== id) return;
      const { id: answered, result } = JSON.parse(message) as { id: number; result: unknown };
      this.#waiting.get(answered)?.(result);
      this.#waiting.delete(answered);
    });
  }

  async ask(method: string): Promise<unknown> {
    const id = this.#next++;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method });
    await this.#page.send('Target.sendMessageToTarget', { sessionId: this.#id, message });
    return answer;
  }
}

/** Bytes that page and emulator hold, buffers included, once what nobody needs is collected. */
export interface Heaps {
  readonly page: number;
  readonly worker: number;
}

/** What measures a page and its first worker. */
export async function heapMeter(page: Page): Promise<() => Promise<Heaps>> {
  const own = await page.context().newCDPSession(page);
  const attached = new Promise<string>((resolve) => {
    own.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') resolve(sessionId);
    });
  });
  await own.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  const worker = new WorkerSession(own, await attached);
  return async () => {
    await own.send('HeapProfiler.collectGarbage');
    await worker.ask('HeapProfiler.collectGarbage');
    return {
      page: bytesOf((await own.send('Runtime.getHeapUsage')) as unknown as HeapUsage),
      worker: bytesOf((await worker.ask('Runtime.getHeapUsage')) as HeapUsage),
    };
  };
}
