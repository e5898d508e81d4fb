/** What v86 sends to the thread that it makes to be given its turns: in how many ms, and which turn it is. */
interface Turn {
  readonly t: number;
  readonly tick: number;
}

/**
 * Stands in for that thread. Its code would come from a blob, which the page's policy forbids; a timer would give a turn every
 * 4 ms at most. A message to itself comes at once, and lets others have their turns.
 */
class TurnGiver {
  onmessage: ((event: { readonly data: number }) => void) | null = null;
  readonly #channel = new MessageChannel();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#channel.port1.onmessage = ({ data }: MessageEvent<number>) => this.onmessage?.({ data });
  }

  postMessage({ t, tick }: Turn): void {
    clearTimeout(this.#timer);
    if (t < 1) this.#channel.port2.postMessage(tick);
    else this.#timer = setTimeout(() => this.onmessage?.({ data: tick }), t);
  }

  terminate(): void {
    clearTimeout(this.#timer);
    this.onmessage = null;
    this.#channel.port1.close();
  }
}

/** To be called before v86 is loaded, which looks then for what gives turns. */
export function giveTurns(): void {
  Object.assign(globalThis, { Worker: TurnGiver });
}
