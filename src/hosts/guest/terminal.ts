import type { Readable, Writable } from 'node:stream';
import { GuestTimeoutError } from './errors.ts';

/** A terminal, or a pipe that stands for one. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly output: Writable;
}

/** A guest whose shell is on a serial line. */
export interface SerialGuest {
  /** Calls `listener` with every byte that the guest prints. @returns a function that ends it. */
  onOutput(listener: (byte: number) => void): () => void;
  /** Types bytes on the guest's terminal. */
  sendInput(bytes: Uint8Array): void;
  lastLines(): string[];
}

/** What the guest sends when the shell has ended: a character that no program prints. */
const ENDED = 0x1e;
/** Ctrl-], as telnet has it: leaves the guest whatever it is doing. */
const LEAVE = 0x1d;
const SHELL = `stty echo; PS1='guest # ' TERM=vt100 sh -i; stty -echo; printf '\\036'\n`;
/** Of the shell's prompt: it reads what is typed from now on. */
const PROMPT = 0x23;
/** v86's serial line takes no more at once, and the guest has to keep up. */
const PIECE_BYTES = 256;
const PIECE_MS = 20;
/** Once the input has ended, how long the guest may go on. */
const AFTER_INPUT_MS = 60_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Hands a terminal to a shell in the guest until the shell ends, Ctrl-] is pressed, or the input is at its end and the
 * shell has dealt with it. @throws GuestTimeoutError where it does not end by itself after its input.
 */
export async function handOver(guest: SerialGuest, { input, output }: Terminal): Promise<void> {
  let leave = () => {};
  let fail = (_: unknown) => {};
  let begin = () => {};
  const over = new Promise<void>((resolve, reject) => {
    leave = resolve;
    fail = reject;
  });
  let sending = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const unwatch = guest.onOutput((byte) => {
    if (byte === ENDED) leave();
    else output.write(Uint8Array.of(byte));
    if (byte === PROMPT) begin();
  });
  const send = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      guest.sendInput(bytes.subarray(at, at + PIECE_BYTES));
      await pause(PIECE_MS);
    }
  };
  const onData = (bytes: Uint8Array) => {
    if (input.isTTY === true && bytes.includes(LEAVE)) leave();
    else sending = sending.then(() => send(bytes)).catch(fail);
  };
  let limit: NodeJS.Timeout | undefined;
  const onEnd = () => {
    const late = () => fail(new GuestTimeoutError('end of the shell', AFTER_INPUT_MS, guest.lastLines()));
    limit = setTimeout(late, AFTER_INPUT_MS);
    onData(new TextEncoder().encode('exit\n'));
  };
  input.setRawMode?.(true);
  try {
    guest.sendInput(new TextEncoder().encode(SHELL));
    input.on('data', onData).on('end', onEnd);
    await over;
  } finally {
    clearTimeout(limit);
    unwatch();
    input.off('data', onData).off('end', onEnd).pause();
    input.setRawMode?.(false);
  }
}
