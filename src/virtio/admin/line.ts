import { bytes, record, type Scheduler, type State, Work } from '../../core/index.ts';
import type { DevicePort } from '../device-port.ts';
import type { Chain, TakenRequest } from '../queue/chain.ts';
import { AdminCommand } from './command.ts';

export const lateAnswerState = record('admin-answer', 1, { answer: bytes() });

/** A command that was carried out, and is answered later. */
class LateAnswer implements TakenRequest {
  readonly chain: Chain;
  readonly bytes: Uint8Array;

  constructor(chain: Chain, answer: Uint8Array) {
    this.chain = chain;
    this.bytes = answer;
  }

  save() {
    return lateAnswerState.save({ answer: this.bytes });
  }
}

/** One administration queue: its commands are carried out, and answered, in their order (AVQ-08). */
export class AdminLine {
  /** The one that is carried out: what it leads to may bring the driver to use another queue meanwhile. */
  readonly command = new AdminCommand();
  readonly #port: DevicePort;
  readonly #label: string;
  readonly #answers: LateAnswer[] = [];
  /** The command in hand has not come to its end, and those behind it. */
  waits = false;
  readonly #behind: Chain[] = [];
  /** Goes up with each reset: whatever ends afterwards ends for nobody. */
  turn = 0;
  #work: Work | null = null;
  #scheduler: Scheduler | null = null;

  constructor(port: DevicePort, index: number) {
    this.#port = port;
    this.#label = `answers of administration queue ${index}`;
  }

  /** Commands that were not answered yet. */
  get inFlight(): number {
    return this.#answers.length + this.#behind.length + (this.waits ? 1 : 0);
  }

  /** Keeps a command until the one in hand has come to its end. */
  keep(chain: Chain): void {
    this.#behind.push(chain);
  }

  /** The next command that was kept, unless one is in hand. */
  next(): Chain | undefined {
    return this.waits ? undefined : this.#behind.shift();
  }

  /** Writes an answer, and hands the command back. @returns false where it is out of reach. */
  answer(chain: Chain, answer: Uint8Array, length: number): boolean {
    const written = chain.write(0, answer, 0, length);
    this.#port.complete(chain, written ? length : 0);
    // Somebody may wait for this one while another queue's commands are being carried out.
    this.#port.publish();
    return written;
  }

  /** Answers when the scheduler lets it, after those of before. */
  answerLater(chain: Chain, answer: Uint8Array): void {
    const late = new LateAnswer(chain, answer);
    chain.request = late;
    this.#answers.push(late);
    const { scheduler } = this.#port;
    // Where the device was before, a scheduler may hold the work still.
    if (this.#work === null || this.#scheduler !== scheduler) {
      this.#scheduler = scheduler;
      this.#work = new Work(this.#label, scheduler, () => this.#answerOldest());
    }
    this.#work.schedule();
  }

  /** A command of a state that was loaded, which was carried out before. */
  resume(chain: Chain, request: State): void {
    this.answerLater(chain, lateAnswerState.parse(request).answer.slice());
  }

  #answerOldest(): void {
    const oldest = this.#answers.shift();
    if (oldest === undefined) return;
    if (this.#answers.length > 0) this.#work!.schedule();
    this.#port.whenDma({
      label: this.#label,
      run: () => {
        this.answer(oldest.chain, oldest.bytes, Math.min(oldest.bytes.length, oldest.chain.writableBytes));
      },
    });
  }

  /** The queue was reset: its commands die. */
  reset(): void {
    this.#answers.length = this.#behind.length = 0;
    this.waits = false;
    this.turn++;
    this.#work?.cancel();
  }
}
