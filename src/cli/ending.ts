import { clearLine } from './progress.ts';

/** What a shell expects of a program that a signal ended: 128 and the signal's number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Ends the program as programs are ended: with Ctrl-C, by `kill`, by the terminal that is closed. Whoever has something
 * to clear away listens to `exit`.
 */
export function endOnSignals(): void {
  process.on('exit', clearLine);
  // Nobody is left to be told where the terminal is gone; an error of its own would end the program in another way.
  process.stderr.on('error', () => {});
  for (const [signal, status] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(status));
}

/** Waits until somebody asks for the end: what serves until then has done what it should. @returns the signal's name. */
export function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of Object.keys(SIGNALS)) {
      process.removeAllListeners(signal);
      process.once(signal, () => resolve(signal));
    }
  });
}
