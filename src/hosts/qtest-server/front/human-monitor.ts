import type { Socket } from 'node:net';
import { VirtiolabError } from '../../../core/index.ts';
import { openDrive } from './drives.ts';
import { bytesOf, Properties } from './properties.ts';
import { execute, QmpError, type QmpTarget } from './qmp-commands.ts';

const PROMPT = '(qemu) ';
const MOST_CHARACTERS = 1 << 16;

type Line = (target: QmpTarget, words: readonly string[]) => Promise<string>;

/** A command that is QMP's under another form; it says nothing. */
const same =
  (name: string, args: (words: readonly string[]) => Record<string, unknown> = () => ({})): Line =>
  async (target, words) => {
    await execute(target, name, args(words));
    return '';
  };

const sizeOf = (text = '') => {
  const bytes = bytesOf(text, 'M');
  if (bytes === null) throw new QmpError('GenericError', `'${text}' is no size`);
  return bytes;
};

/** Commands for people by name; what stands behind them is cut at spaces. */
const lines: Readonly<Record<string, Line>> = {
  balloon: same('balloon', ([size]) => ({ value: sizeOf(size) })),
  block_resize: same('block_resize', ([device, size]) => ({ device, size: sizeOf(size) })),
  set_link: same('set_link', ([name, up]) => ({ name, up: up === 'on' })),
  announce_self: same('announce-self'),
  device_del: same('device_del', ([id]) => ({ id })),
  system_reset: same('system_reset'),
  stop: same('stop'),
  cont: same('cont'),
  quit: same('quit'),
  q: same('quit'),
  device_add: async ({ machine }, [text = '']) => {
    await machine.add(Properties.parse('device_add', text, 'driver'));
    return '';
  },
  drive_add: async ({ machine }, [, text = '']) => {
    const properties = Properties.parse('drive_add', text, 'file');
    machine.nodes.drives.add('drive_add', properties.text('id'), await openDrive(properties));
    return 'OK\r\n';
  },
  info: async (target, [what = '']) => {
    if (what === 'balloon') {
      const { actual } = (await execute(target, 'query-balloon', {})) as { actual: number };
      return `balloon: actual=${actual / 2 ** 20}\r\n`;
    }
    if (what === 'status') return `VM status: ${target.running ? 'running' : 'paused'}\r\n`;
    throw new QmpError('GenericError', `info '${what}' is not known; there are balloon, status`);
  },
};

/** A client of the monitor for people: a line, what there is to say about it, and a prompt. */
export class HumanSession {
  readonly #socket: Socket;
  readonly #target: QmpTarget;
  #text = '';
  #busy = false;

  constructor(socket: Socket, target: QmpTarget) {
    this.#socket = socket;
    this.#target = target;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#text += text;
      if (this.#text.length > MOST_CHARACTERS) socket.destroy();
      else void this.#work();
    });
    this.#say(PROMPT);
    socket.resume();
  }

  #say(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text);
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end).trim();
      this.#text = this.#text.slice(end + 1);
      this.#say(`${await this.#answer(line)}${PROMPT}`);
    }
    this.#busy = false;
  }

  async #answer(line: string): Promise<string> {
    const [name = '', ...words] = line.split(/ +/);
    if (name === '') return '';
    if (!Object.hasOwn(lines, name)) return `unknown command: '${name.slice(0, 80)}'\r\n`;
    try {
      return await lines[name]!(this.#target, words);
    } catch (error) {
      if (error instanceof VirtiolabError) return `Error: ${error.message}\r\n`;
      throw error;
    }
  }
}
