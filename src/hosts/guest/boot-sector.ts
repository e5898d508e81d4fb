import type { SerialConsole } from './serial-console.ts';

/** What ends a run of a boot sector, and for how long it is waited for. */
export interface BootSectorRun {
  /** The line on the serial port that ends the run, or what tells it. */
  readonly until: string | ((line: string) => boolean);
  /** Called with every line on the serial port. */
  readonly progress?: (line: string) => void;
  /** Default 30 s. */
  readonly timeoutMs?: number;
}

export interface BootSectorResult {
  /** Lines that the boot sector sent over the serial port, the last one included. */
  readonly output: readonly string[];
  /** Lines of the firmware's own log. */
  readonly firmwareLog: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Starts a machine and collects what its boot sector says.
 * @throws GuestTimeoutError, with the firmware's last lines where the boot sector said nothing
 */
export async function collectBootSector(
  serial: SerialConsole,
  firmwareLog: () => readonly string[],
  start: () => Promise<void>,
  { until, progress, timeoutMs = DEFAULT_TIMEOUT_MS }: BootSectorRun,
): Promise<BootSectorResult> {
  const output: string[] = [];
  serial.onLine = (line) => {
    output.push(line);
    progress?.(line);
  };
  serial.context = firmwareLog;
  const [test, waitedFor] =
    typeof until === 'string'
      ? [(line: string) => line === until, `line ${JSON.stringify(until)} from the boot sector`]
      : [until, 'last line from the boot sector'];
  await Promise.all([serial.waitForLine(test, timeoutMs, waitedFor), start()]);
  return { output, firmwareLog: firmwareLog() };
}
