import { DriverWatch, type WatchReport } from '../conformance/watch/index.ts';
import { type EventSink, type Finding, sinkFor } from '../core/index.ts';
import { checkSocketPath, freeSocketPath, removeAtExit } from '../hosts/node/index.ts';
import { guestWindows, presentDevice } from '../hosts/present/present.ts';
import {
  type ServedDevice as Board,
  SERVED_ADDRESS,
  type ServerEvent,
  type Service,
  VfioUserServer,
} from '../hosts/vfio-user/index.ts';
import { isTranslated } from '../mmr/index.ts';
import { exitStatus, readArguments, UsageError } from './command.ts';
import { untilSignal } from './ending.ts';
import { complain, print, printJson } from './output.ts';
import { deviceOptions, devicesOf, type ServedDevice } from './serve-devices.ts';
import { isClean, watchLines } from './watch-view.ts';

/** What became of one socket. */
interface Account {
  readonly socket: string;
  readonly device: string;
  sessions: number;
  findings: number;
  /** What was seen of each client's drivers, where they are watched. */
  readonly watch?: WatchReport[];
}

/** Judges the drivers of one client after the other. */
class Watching {
  readonly #account: Account;
  readonly #board: Board;
  readonly #findings: EventSink;
  #watch: DriverWatch | null = null;

  constructor(account: Account, board: Board, findings: EventSink) {
    this.#account = account;
    this.#board = board;
    this.#findings = findings;
  }

  attached(): void {
    const { ram, fn } = this.#board;
    const watch = new DriverWatch({
      ram,
      config: { configRead: (_fn, offset, width) => fn.configRead(offset, width) },
      start: 'power-on',
    });
    this.#watch = watch;
    this.#board.events = (event) => {
      watch.sink(event);
      if (event.kind === 'finding') this.#findings(event);
    };
  }

  /** @returns what was seen; null where nobody has touched the device, as who looks whether a socket is alive */
  detached(): WatchReport | null {
    const report = this.#watch?.finish() ?? null;
    this.#watch = null;
    this.#board.events = this.#findings;
    if (report === null || report.accesses === 0) return null;
    this.#account.watch?.push(report);
    return report;
  }
}

/** Equal findings are told once. */
function findingsOf(account: Account, tell: (finding: Finding) => void): EventSink {
  const told = new Set<string>();
  return sinkFor(['finding'], (finding) => {
    account.findings++;
    const key = `${finding.clause} ${finding.message}`;
    if (told.has(key)) return;
    told.add(key);
    tell(finding);
  });
}

function plug(device: ServedDevice, board: Board): void {
  const window = guestWindows.find((name) => name === device.window);
  if (window !== undefined && isTranslated(window))
    presentDevice(board, device.behaviour, SERVED_ADDRESS, { window });
  else board.plug(device.build(board.ram), SERVED_ADDRESS);
}

/** `serve SOCKET...`: devices for vfio-user clients, one at each socket. @returns the exit status. */
export async function serveVfioUser(args: readonly string[]): Promise<number> {
  const { options, names: sockets } = readArguments(args, { ...deviceOptions, watch: { type: 'boolean' } });
  const watched = options.watch === true;
  if (sockets.length === 0)
    throw new UsageError("serve wants to know how; wants '--qtest SOCKET', or a socket for each '--device'");
  const devices = await devicesOf(options);
  if (devices.length !== sockets.length)
    throw new UsageError(
      `${sockets.length} sockets and ${devices.length} devices; wants a '--device' for each socket`,
    );
  if (new Set(sockets).size !== sockets.length) throw new UsageError('a socket is named twice');
  for (const socket of sockets) checkSocketPath(socket);
  for (const socket of sockets) await freeSocketPath(socket);
  const server = await VfioUserServer.start();
  const quiet = options.json === true;
  const accounts: Account[] = [];
  const services: Service[] = [];
  try {
    for (const [i, device] of devices.entries()) {
      const counts = { socket: sockets[i]!, device: device.name, sessions: 0, findings: 0 };
      const account: Account = watched ? { ...counts, watch: [] } : counts;
      let watching: Watching | null = null;
      const tell = (event: ServerEvent) => {
        if (event.kind === 'attached') watching?.attached();
        const report = event.kind === 'detached' ? (watching?.detached() ?? null) : null;
        if (report !== null && !quiet) print(...watchLines(report));
        if (event.kind === 'attached') account.sessions++;
        else if (event.reason !== 'it left')
          complain(`${event.socket}: a client was sent away: ${event.reason}`);
        if (!quiet) print(`${event.socket} ${event.kind === 'attached' ? 'has a client' : 'is free'}`);
      };
      const service = server.serve({
        socket: account.socket,
        plug: (board) => plug(device, board),
        onEvent: tell,
      });
      removeAtExit(account.socket);
      const findings = findingsOf(account, ({ clause, message }) =>
        complain(`${account.device}: ${clause}: ${message}`),
      );
      service.device.events = findings;
      if (watched) watching = new Watching(account, service.device, findings);
      accounts.push(account);
      services.push(service);
      if (!quiet) print(`${device.name} on ${account.socket}`);
    }
    const signal = await untilSignal();
    if (quiet) printJson({ devices: accounts, signal });
    else print(`${accounts.reduce((sum, { sessions }) => sum + sessions, 0)} clients`);
    const clean = accounts.every(({ watch = [] }) => watch.every((report) => isClean(report)));
    return clean ? exitStatus.good : exitStatus.failed;
  } finally {
    await server.close();
    for (const device of devices) await device.close();
  }
}
