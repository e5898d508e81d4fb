import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const DIOD = ['/usr/sbin/diod', '/usr/bin/diod', '/sbin/diod'].find((path) => existsSync(path));

export const hasDiod = DIOD !== undefined;
/** Goes into a test's title, so that whoever reads the report sees why it was skipped. */
export const diodNote = hasDiod ? '' : ' (skipped: no diod here; install the package diod)';

const PATIENCE_MS = 10_000;

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** The 9P server diod on a UNIX socket, with a folder of its own to export. */
export class Diod {
  readonly folder: string;
  /** What is exported; also the name to attach to. */
  readonly exported: string;
  readonly socket: string;
  #child: ChildProcess | null = null;

  private constructor(folder: string) {
    this.folder = folder;
    this.exported = join(folder, 'export');
    this.socket = join(folder, 'socket');
  }

  /** A scratch folder; the server is started with {@link start}. */
  static async prepare(): Promise<Diod> {
    return new Diod(await mkdtemp(join(tmpdir(), 'virtiolab-9p-')));
  }

  /** Returns when the server answers. */
  async start(): Promise<void> {
    await rm(this.socket, { force: true });
    // Whoever comes, the server works as the user who runs it; others it could not become without being root.
    const squash = ['-S', '-U', userInfo().username];
    const args = ['-f', '-n', ...squash, '-c', '/dev/null', '-L', join(this.folder, 'log')];
    this.#child = spawn(DIOD!, [...args, '-l', this.socket, '-e', this.exported], { stdio: 'ignore' });
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
      if (this.#child.exitCode !== null) throw new Error(`diod ended with status ${this.#child.exitCode}`);
      if (await accepts(this.socket)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('diod does not answer');
  }

  /** The server answers nothing any more, until {@link goOn}. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  goOn(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends the server without a word. Returns when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async destroy(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
