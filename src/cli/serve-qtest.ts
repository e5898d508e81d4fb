import { formatFunctionAddress, functionAddress, GuestMemory } from '../core/index.ts';
import { FrontMachine, Monitors, Nodes, QtestServer } from '../hosts/qtest-server/index.ts';
import { exitStatus, readOptions, UsageError } from './command.ts';
import { untilSignal } from './ending.ts';
import { print, printJson } from './output.ts';
import { deviceOptions, devicesOf } from './serve-devices.ts';

/** Where devices stand, one after the other. */
const FIRST_DEVICE = 4;
const DEVICES = 32;

const DEFAULT_MEBIBYTES = 128;
/** RAM ends where software places memory BARs on a PC. */
const MOST_MEBIBYTES = 3072;

function mebibytesOf(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= 1 && number <= MOST_MEBIBYTES))
    throw new UsageError(`option '--memory' wants a whole number of 1..${MOST_MEBIBYTES}, not '${text}'`);
  return number;
}

/** What is to be there beside a server; without it there is none. */
async function openOr(server: QtestServer, opening: Promise<void>): Promise<void> {
  try {
    await opening;
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** `serve --qtest`: a machine with devices, for programs that speak qtest. @returns the exit status. */
export async function serveQtest(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    ...deviceOptions,
    qtest: { type: 'string' },
    qmp: { type: 'string' },
    memory: { type: 'string' },
  });
  const mebibytes = options.memory === undefined ? DEFAULT_MEBIBYTES : mebibytesOf(options.memory);
  const devices = await devicesOf(options);
  if (devices.length > DEVICES - FIRST_DEVICE)
    throw new UsageError(`${devices.length} devices; the bus has places for ${DEVICES - FIRST_DEVICE}`);
  const ram = GuestMemory.allocate({ start: 0, length: mebibytes * 2 ** 20 });
  const machine = new FrontMachine(ram, new Nodes());
  const functions = devices.map(({ name, build }, i) => {
    const address = functionAddress(0, FIRST_DEVICE + i);
    machine.bus.plug(build(ram), address);
    return { address: formatFunctionAddress(address), device: name };
  });
  const server = await QtestServer.listen(options.qtest!, machine);
  const monitors = new Monitors(machine);
  if (options.qmp !== undefined) await openOr(server, monitors.open({ path: options.qmp, server: true }));
  if (options.json !== true)
    print(
      `qtest on ${server.path}, ${mebibytes} MiB of RAM`,
      ...functions.map(({ address, device }) => `  ${address} ${device}`),
    );
  const reason = await Promise.race([untilSignal(), monitors.ended]);
  const { sessions, commands } = server;
  await monitors.close();
  await server.close();
  for (const device of devices) await device.close();
  if (options.json === true)
    printJson({ socket: server.path, mebibytes, functions, sessions, commands, reason });
  else print(`${sessions} clients, ${commands} commands`);
  return exitStatus.good;
}
