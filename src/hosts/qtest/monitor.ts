import { createConnection, type Socket } from 'node:net';
import { TargetGoneError } from '../../core/index.ts';

/** What QEMU has sent is there after so many milliseconds. */
export const ARRIVAL = 20;
const PROMPT = '(qemu) ';

/** A line to something of QEMU's that listens at a path. */
async function connected(path: string): Promise<Socket> {
  const socket = createConnection(path);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  socket.unref();
  return socket;
}

/** QEMU's monitor for people: a line is sent, and what it says until it asks for the next. */
export class QemuMonitor {
  readonly #path: string;
  #socket: Socket | null = null;
  #heard = '';

  /** @param path where QEMU was told to listen. */
  constructor(path: string) {
    this.#path = path;
  }

  async #answer(socket: Socket): Promise<string> {
    // Nothing else may keep the program alive meanwhile.
    socket.ref();
    while (!this.#heard.includes(PROMPT))
      await new Promise<void>((resolve, reject) => {
        const gone = () => reject(new TargetGoneError("QEMU's monitor", 'it hung up'));
        socket.once('close', gone);
        socket.once('data', (bytes) => {
          socket.off('close', gone);
          this.#heard += bytes.toString('utf8');
          resolve();
        });
      });
    socket.unref();
    const end = this.#heard.indexOf(PROMPT);
    const answer = this.#heard.slice(0, end);
    this.#heard = this.#heard.slice(end + PROMPT.length);
    return answer;
  }

  /** @throws TargetGoneError */
  async command(line: string): Promise<string> {
    if (this.#socket === null) {
      this.#socket = await connected(this.#path);
      await this.#answer(this.#socket);
    }
    this.#socket.write(`${line}\n`);
    return this.#answer(this.#socket);
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** Text that goes to a character device of QEMU's, and comes from it. */
export class QemuLine {
  readonly #path: string;
  #socket: Socket | null = null;
  #heard: Buffer[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  async send(bytes: Uint8Array): Promise<void> {
    (await this.#connected()).write(bytes);
  }

  /** What came since it was last asked; before that nobody listens. */
  async take(): Promise<Uint8Array> {
    await this.#connected();
    await new Promise((resolve) => setTimeout(resolve, ARRIVAL));
    return Buffer.concat(this.#heard.splice(0));
  }

  async #connected(): Promise<Socket> {
    if (this.#socket === null) {
      this.#socket = await connected(this.#path);
      this.#socket.on('data', (bytes) => this.#heard.push(bytes));
    }
    return this.#socket;
  }

  close(): void {
    this.#socket?.destroy();
  }
}
