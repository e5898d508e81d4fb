import {
  CONSOLE_CONTROL_BYTES,
  consoleConfig,
  consoleControl,
  consoleEvent,
  consoleFeature,
  consoleQueue,
} from '../../../virtio/layout/index.ts';
import type { Bench, Posted, Running } from '../bench.ts';
import { join, le, readLe } from '../bytes.ts';

export interface ControlMessage {
  readonly port: number;
  readonly event: number;
  readonly value: number;
}

/** Room for a message of the device's with a name or a size behind it. */
const MESSAGE_BYTES = CONSOLE_CONTROL_BYTES + 256;
/** Buffers for messages that wait with the device. */
const BUFFERS = 16;

/** A driver with MULTIPORT, which takes messages down as they come. */
export class MultiportDriver {
  readonly messages: ControlMessage[] = [];
  readonly maxPorts: number;
  readonly #bench: Bench;
  readonly #running: Running;
  readonly #posted = new Map<number, Posted>();

  constructor(bench: Bench) {
    bench.needs(consoleFeature.multiport, 'MULTIPORT');
    const { receive0, transmit0, controlReceive, controlTransmit } = consoleQueue;
    this.#bench = bench;
    this.#running = bench.start({
      features: [consoleFeature.multiport],
      queues: [receive0, transmit0, controlReceive, controlTransmit],
    });
    this.maxPorts = bench.config(consoleConfig.maxPorts.offset, 4);
    for (let i = 0; i < BUFFERS; i++) this.#giveBuffer();
  }

  #giveBuffer(): void {
    const { driver } = this.#running;
    const posted = this.#bench.post(driver, consoleQueue.controlReceive, new Uint8Array(), MESSAGE_BYTES);
    this.#posted.set(posted.head, posted);
  }

  /** Sends a message, and takes down what comes. */
  async send(clause: string, event: number, port: number, value: number): Promise<void> {
    const out = join(le(4, port), le(2, event), le(2, value));
    await this.#bench.ask(this.#running, clause, { queue: consoleQueue.controlTransmit, out, inBytes: 0 });
    await this.hear();
  }

  /** Takes down what comes within a lull. */
  async hear(): Promise<void> {
    await this.#bench.lull();
    const { driver } = this.#running;
    for (;;) {
      const used = driver.take(consoleQueue.controlReceive);
      if (used === null) return;
      const bytes = this.#bench.written(this.#posted.get(used.head)!);
      this.#posted.delete(used.head);
      const { port, event, value } = consoleControl;
      this.messages.push({
        port: readLe(bytes, port.offset, 4),
        event: readLe(bytes, event.offset, 2),
        value: readLe(bytes, value.offset, 2),
      });
      this.#giveBuffer();
    }
  }

  /** Says that it is there, and that each port that is added is ready. */
  async greet(clause: string): Promise<void> {
    await this.send(clause, consoleEvent.deviceReady, 0, 1);
    for (const { port } of this.of(consoleEvent.deviceAdd))
      await this.send(clause, consoleEvent.portReady, port, 1);
  }

  /** Messages of a kind so far. */
  of(event: number): ControlMessage[] {
    return this.messages.filter((each) => each.event === event);
  }
}
