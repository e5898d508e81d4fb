import { bytes, record, type Scheduler, type State, Work } from '../../core/index.ts';
import type { DevicePort } from '../device-port.ts';
import type { Chain, TakenRequest } from '../queue/chain.ts';
import { AdminCommand } from './command.ts';

export const lateAnswerState = record('admin-answer', 1, { answer: bytes() });

/** A command that was carried out, and is answered later. */
class LateAnswer implements TakenRequest {
  readonly chain: Chain;
  readonly bytes: Uint8Array;
  /** Whose members the command was about, where that is known. */
  readonly groupType: number | null;

  constructor(chain: Chain, answer: Uint8Array, groupType: number | null) {
    this.chain = chain;
    this.bytes = answer;
    this.groupType = groupType;
  }

  save() {
    return lateAnswerState.save({ answer: this.bytes });
  }
}

/** Who carries commands out. */
export interface AdminServer {
  /** Answers come by tasks of the scheduler. */
  readonly late: boolean;
  carryOut(command: AdminCommand, chain: Chain): void;
  /** An answer of so many bytes is out of reach. */
  unanswered(command: AdminCommand, length: number): void;
}

/**
 * One administration queue: its commands are carried out, and answered, in their order (AVQ-08). What a command leads to may
 * bring the driver to send more, or to reset the queue, before it has come to its end.
 */
export class AdminLine {
  /** The one in hand. */
  readonly #command = new AdminCommand();
  readonly #server: AdminServer;
  readonly #port: DevicePort;
  readonly #label: string;
  /** A command is in hand; it comes to its end by itself. */
  #busy = false;
  #waits = false;
  /** Those behind it. */
  readonly #behind: Chain[] = [];
  /** Goes up with each reset: whatever ends afterwards ends for nobody. */
  #turn = 0;
  readonly #answers: LateAnswer[] = [];
  #work: Work | null = null;
  #scheduler: Scheduler | null = null;

  constructor(server: AdminServer, port: DevicePort, index: number) {
    this.#server = server;
    this.#port = port;
    this.#label = `answers of administration queue ${index}`;
  }

  /** Commands that were taken, and not answered yet, but for one that is being looked at. */
  get inFlight(): number {
    return this.#answers.length + this.#behind.length + (this.#waits ? 1 : 0);
  }

  /** Of those, the ones that were about members of a group type. */
  inFlightAbout(groupType: number): number {
    const waits = this.#waits && this.#command.groupType === groupType ? 1 : 0;
    return waits + this.#answers.filter((each) => each.groupType === groupType).length;
  }

  take(chain: Chain): void {
    if (this.#busy) this.#behind.push(chain);
    else this.#run(chain);
  }

  #run(first: Chain): void {
    for (let chain: Chain | undefined = first; chain !== undefined; chain = this.#behind.shift()) {
      const turn = this.#turn;
      this.#busy = true;
      this.#server.carryOut(this.#command, chain);
      if (turn !== this.#turn || this.#waits) return;
      this.#finish();
      if (turn !== this.#turn) return;
      this.#busy = false;
    }
  }

  /** The command in hand comes to its end when what `begin` begins says so, now or later. */
  wait(begin: (end: () => void) => void): void {
    const turn = this.#turn;
    let begun = false;
    this.#waits = true;
    begin(() => {
      if (turn !== this.#turn) return;
      this.#waits = false;
      if (begun) this.#goOn(turn);
    });
    begun = true;
  }

  #goOn(turn: number): void {
    this.#finish();
    if (turn !== this.#turn) return;
    this.#busy = false;
    const next = this.#behind.shift();
    if (next !== undefined) this.#run(next);
  }

  /** Answers the command in hand. */
  #finish(): void {
    const command = this.#command;
    const { chain } = command;
    const length = command.finish();
    if (this.#server.late || this.#answers.length > 0)
      this.#answerLater(chain, command.resultArray.slice(0, length), command.groupType);
    else if (!this.#answer(chain, command.resultArray, length) && length > 0)
      this.#server.unanswered(command, length);
  }

  /** Writes an answer, and hands the command back. @returns false where it is out of reach. */
  #answer(chain: Chain, answer: Uint8Array, length: number): boolean {
    const written = chain.write(0, answer, 0, length);
    this.#port.complete(chain, written ? length : 0);
    // Somebody may wait for this one while another queue's commands are being carried out.
    this.#port.publish();
    return written;
  }

  /** Answers when the scheduler lets it, after those of before. */
  #answerLater(chain: Chain, answer: Uint8Array, groupType: number | null): void {
    const late = new LateAnswer(chain, answer, groupType);
    chain.request = late;
    this.#answers.push(late);
    const { scheduler } = this.#port;
    // Where the device was before, a scheduler may hold the work still.
    if (this.#scheduler !== scheduler) {
      this.#scheduler = scheduler;
      this.#work = new Work(this.#label, scheduler, () => this.#answerOldest());
    }
    this.#work!.schedule();
  }

  /** A command of a state that was loaded, which was carried out before. */
  resume(chain: Chain, request: State): void {
    this.#answerLater(chain, lateAnswerState.parse(request).answer.slice(), null);
  }

  #answerOldest(): void {
    const oldest = this.#answers.shift();
    if (oldest === undefined) return;
    if (this.#answers.length > 0) this.#work!.schedule();
    this.#port.whenDma({
      label: this.#label,
      run: () => {
        this.#answer(oldest.chain, oldest.bytes, Math.min(oldest.bytes.length, oldest.chain.writableBytes));
      },
    });
  }

  /** The queue was reset: its commands die. */
  reset(): void {
    this.#answers.length = this.#behind.length = 0;
    this.#busy = this.#waits = false;
    this.#turn++;
    this.#work?.cancel();
  }
}
