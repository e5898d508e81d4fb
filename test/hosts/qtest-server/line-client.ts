import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client that sends lines and waits for their answers, one after the other. */
export class LineClient {
  readonly socket: Socket;
  #text = '';
  #ended = false;
  #wake: () => void = () => {};
  /** Lines of interrupts, as they came. */
  readonly interrupts: string[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  static async connect(path: string): Promise<LineClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new LineClient(socket);
  }

  /** The next line, or null at the end. */
  async line(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      if (this.#ended) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The next line that tells of no interrupt. */
  async answer(): Promise<string | null> {
    for (;;) {
      const line = await this.line();
      if (line?.startsWith('IRQ ') !== true) return line;
      this.interrupts.push(line);
    }
  }

  ask(line: string): Promise<string | null> {
    this.socket.write(`${line}\n`, 'latin1');
    return this.answer();
  }

  close(): void {
    this.socket.destroy();
  }
}
