import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeCallsError } from '../src/hosts/posix/errors.ts';
import { type Library, loadLibrary } from '../src/hosts/posix/library.ts';
import { Connection } from '../src/hosts/vfio-user/connection.ts';
import { structure } from '../src/hosts/vfio-user/fields.ts';
import { SERVED_ADDRESS, VfioUserServer } from '../src/hosts/vfio-user/index.ts';
import { regionAccessPayload } from '../src/hosts/vfio-user/layout.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../src/virtio/index.ts';
import { compileC } from './baselines/compile.ts';
import { bytesInUse } from './memory.ts';
import { WorkloadError } from './workload.ts';

const PROGRAM = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const TRIPS = 20_000;

/** A server in a process of its own, once it says that it listens. */
function started(program: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.stdout!.once('data', () => resolve(child));
    child.once('exit', (code) => reject(new WorkloadError(`${program} ended with ${code}`)));
    child.once('error', reject);
  });
}

/** Thousand reads of a register per second, each of which waits for its answer. */
function thousandTrips(connection: Connection): number {
  const request = structure(regionAccessPayload, { offset: 0, region: 0, count: 4 });
  const start = performance.now();
  for (let i = 0; i < TRIPS; i++) connection.command('regionRead', request);
  return TRIPS / (performance.now() - start);
}

const noMemory = { read: () => null, write: () => false };
const connect = (library: Library, socket: string) => new Connection(library, socket, noMemory, 5000);

/** A server of ours in a process of its own. */
export const serveAlone = (socket: string, ...args: readonly string[]): Promise<ChildProcess> =>
  started(process.execPath, ['--import', 'tsx', PROGRAM, 'serve', socket, ...args]);

/** The time in microseconds that a part of the reads of a register does not exceed, each of which waits for its answer. */
function percentile(connection: Connection, part: number): number {
  const request = structure(regionAccessPayload, { offset: 0, region: 0, count: 4 });
  const times = new Float64Array(TRIPS);
  let before = performance.now();
  for (let i = 0; i < TRIPS; i++) {
    connection.command('regionRead', request);
    const now = performance.now();
    times[i] = 1000 * (now - before);
    before = now;
  }
  return times.sort()[Math.floor(part * (TRIPS - 1))]!;
}

/** Round trips over a socket: our server, and one in C that does the least that can be done. */
async function prepareServers(measure: (connection: Connection) => number) {
  const program = compileC('vfio-server.c');
  if (typeof program !== 'string') return program;
  let library: Library;
  try {
    library = await loadLibrary();
  } catch (error) {
    if (error instanceof NativeCallsError) return { skip: error.message };
    throw error;
  }
  const folder = mkdtempSync(join(tmpdir(), 'virtiolab-bench-'));
  const [ours, least] = [join(folder, 'ours'), join(folder, 'least')];
  const children = [await serveAlone(ours, '--device', 'block'), await started(program, [least])];
  const connections = [connect(library, ours), connect(library, least)] as const;
  return {
    ours: () => measure(connections[0]),
    baseline: () => measure(connections[1]),
    release: () => {
      for (const connection of connections) connection.close();
      for (const child of children) child.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const prepareRoundTrips = () => prepareServers(thousandTrips);
export const prepareLatency = (part: number) => prepareServers((connection) => percentile(connection, part));

const SERVED = 256;

/** Functions served by one process, each at a socket of its own, that nobody has attached. */
export async function prepareServed(measure: 'bytes' | 'milliseconds', budget: number) {
  try {
    await loadLibrary();
  } catch (error) {
    if (error instanceof NativeCallsError) return { skip: error.message };
    throw error;
  }
  const storage = new MemoryStorage(new Uint8Array(1 << 20));
  const serveAll = async (): Promise<number> => {
    const folder = mkdtempSync(join(tmpdir(), 'virtiolab-bench-'));
    const server = await VfioUserServer.start();
    try {
      const before = bytesInUse();
      const start = performance.now();
      for (let i = 0; i < SERVED; i++)
        server.serve({
          socket: join(folder, String(i)),
          plug: (board) =>
            void board.plug(
              virtioFunction(new BlockDevice({ storage }), { kind: 'modern' }).pci,
              SERVED_ADDRESS,
            ),
        });
      const took = performance.now() - start;
      return measure === 'bytes' ? (bytesInUse() - before) / SERVED : took;
    } finally {
      // Else its process would never end.
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  };
  return { ours: serveAll, baseline: () => budget };
}
