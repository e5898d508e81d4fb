import {
  expectAt,
  expectSame,
  list,
  record,
  type State,
  type Stateful,
  u16,
  upTo,
} from '../../core/index.ts';
import type { PciFunction } from '../../pci/index.ts';
import type { InterruptPort } from '../behaviour.ts';
import { isrStatus, NO_VECTOR } from '../layout/index.ts';

export const interruptsState = record('virtio-interrupts', 1, {
  isr: upTo(isrStatus.queue | isrStatus.configuration),
  configVector: u16,
  queueVectors: list(u16),
});

/** ISR status and vector registers of a virtio function: one state, whichever window shows it. */
export class VirtioInterrupts implements InterruptPort, Stateful {
  readonly record = interruptsState;
  readonly function: PciFunction;
  #isr = 0;
  #configVector = NO_VECTOR;
  readonly #queueVectors: number[];
  readonly #queueSizes: readonly number[];

  /** `queueSizes` by queue number; 0 for an absent queue. */
  constructor(fn: PciFunction, queueSizes: readonly number[]) {
    this.function = fn;
    this.#queueSizes = queueSizes;
    this.#queueVectors = new Array<number>(queueSizes.length).fill(NO_VECTOR);
  }

  /** Messages are told apart by what they tell of: a queue by its number, the configuration by the next one. */
  #configCause(): number {
    return this.#queueVectors.length;
  }

  queue(index: number): void {
    this.#raise(isrStatus.queue, this.#queueVectors[index]!, index);
  }

  config(): void {
    this.#raise(isrStatus.configuration, this.#configVector, this.#configCause());
  }

  /** ISR is kept with MSI-X too (PCI-ISR-02, observed); without a vector nothing interrupts (PCI-USED-01, PCI-CHG-02). */
  #raise(bit: number, vector: number, cause: number): void {
    this.#isr |= bit;
    this.function.setInterrupt(true);
    if (vector !== NO_VECTOR) this.function.msix?.trigger(vector, cause);
  }

  /** Reading clears and drops the line (PCI-ISR-05). */
  readIsr(): number {
    const isr = this.#isr;
    this.#isr = 0;
    this.function.setInterrupt(false);
    return isr;
  }

  get configVector(): number {
    return this.#configVector;
  }

  /** An event is told by the vector that it had when it occurred, or, once that is another's, not at all. */
  set configVector(value: number) {
    const vector = this.#mapped(value);
    if (vector !== this.#configVector) this.function.msix?.withdraw(this.#configCause());
    this.#configVector = vector;
  }

  /** NO_VECTOR for a queue that does not exist: an event that cannot occur cannot be mapped (PCI-MSIX-09). */
  queueVector(index: number): number {
    return this.#queueVectors[index] ?? NO_VECTOR;
  }

  setQueueVector(index: number, value: number): void {
    if ((this.#queueSizes[index] ?? 0) === 0) return;
    const vector = this.#mapped(value);
    if (vector !== this.#queueVectors[index]) this.queueStopped(index);
    this.#queueVectors[index] = vector;
  }

  /** What a vector register reads back: the vector, or NO_VECTOR where the table has no such entry (PCI-MSIX-06). */
  #mapped(value: number): number {
    return value < (this.function.msix?.vectors ?? 0) ? value : NO_VECTOR;
  }

  /** A message of the queue's that waits behind a mask is not sent any more (BF-VQR-01). ISR tells no queues apart. */
  queueStopped(index: number): void {
    this.function.msix?.withdraw(index);
  }

  /** A queue's vector is part of the state that its reset takes back (BF-VQR-02). */
  queueReset(index: number): void {
    this.queueStopped(index);
    this.#queueVectors[index] = NO_VECTOR;
  }

  hold(): void {
    this.function.msix?.hold();
  }

  release(): void {
    this.function.msix?.release();
  }

  /**
   * MSI-X went on or off. While it is off a function is prohibited from asking for service by it (PCI Local Bus 3.0, section
   * 6.8.2.3): what waited is told by ISR and the line instead, and not once more by a message later.
   */
  msixChanged(): void {
    if (!this.function.msixEnabled) this.function.msix?.withdrawAll();
  }

  /** PCI-MSIX-07; nothing is told from now on, whatever masks are lifted (BF-RST-02). */
  reset(): void {
    this.#configVector = NO_VECTOR;
    this.#queueVectors.fill(NO_VECTOR);
    this.readIsr();
    this.function.msix?.withdrawAll();
    this.function.msix?.release();
  }

  save() {
    return interruptsState.save({
      isr: this.#isr,
      configVector: this.#configVector,
      queueVectors: [...this.#queueVectors],
    });
  }

  check(state: State, path = 'interrupts') {
    const saved = interruptsState.parse(state, path);
    expectSame(`${path}.queueVectors.length`, saved.queueVectors.length, this.#queueVectors.length);
    const vectors = this.function.msix?.vectors ?? 0;
    const expected = vectors === 0 ? `${NO_VECTOR}` : `below ${vectors}, or ${NO_VECTOR}`;
    const expect = expectAt(path);
    const fits = (vector: number) => vector === NO_VECTOR || vector < vectors;
    expect(fits(saved.configVector), 'configVector', saved.configVector, expected);
    for (const [i, vector] of saved.queueVectors.entries()) {
      const absent = this.#queueSizes[i] === 0;
      expect(fits(vector), `queueVectors[${i}]`, vector, expected);
      expect(
        !absent || vector === NO_VECTOR,
        `queueVectors[${i}]`,
        vector,
        `${NO_VECTOR}: there is no such queue`,
      );
    }
    return saved;
  }

  load(state: State): void {
    const saved = this.check(state);
    this.#isr = saved.isr;
    this.#configVector = saved.configVector;
    for (const [queue, vector] of saved.queueVectors.entries()) this.#queueVectors[queue] = vector;
  }
}
