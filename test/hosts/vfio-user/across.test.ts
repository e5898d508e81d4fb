import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conform, type Result } from '../../../src/conformance/device/index.ts';
import { type Bus, TargetGoneError } from '../../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  runFirmware,
} from '../../../src/driver/index.ts';
import { VfioUserClient, vfioUserSource } from '../../../src/hosts/vfio-user/index.ts';
import { ourSource } from '../../../src/testing/subjects.ts';
import { program, root } from '../../cli/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtiolab-vfio-'));
const served: readonly (readonly [device: string, window: string | null, same: string])[] = [
  ['entropy:transitional', null, 'entropy:transitional'],
  ['block', 'mmr', 'block:via-mmr'],
  ['block', 'io-bar', 'block:via-io-bar'],
];
const socketOf = (i: number) => join(folder, `socket-${i}`);
const children: ChildProcess[] = [];

/** Serves a device from a process of its own. */
function serve(socket: string, device: string, window: string | null): Promise<ChildProcess> {
  const way = window === null ? [] : ['--window', window];
  const child = spawn(process.execPath, [...program, 'serve', socket, '--device', device, ...way], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
}

const verdicts = async (results: AsyncIterable<Result>) => {
  const found: Record<string, string> = {};
  for await (const { check, setting, outcome } of results) found[`${check} ${setting}`] = outcome;
  return found;
};

/** Of what is elsewhere interrupts arrive in pauses only. */
async function whilePausing<T>(bus: Bus, work: Promise<T>): Promise<T> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  work.then(end, end);
  while (!ended) {
    bus.pause();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return work;
}

beforeAll(async () => {
  await Promise.all(served.map(([device, window], i) => serve(socketOf(i), device, window)));
}, 60_000);

afterAll(() => {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe('a function of ours in another process', () => {
  it.each(served.map((row, i) => [...row, i] as const))(
    '%s behind %s is judged as in this one',
    async (_device, _window, same, i) => {
      const [type, kind] = same.split(':') as [string, string];
      // What our hands have to help with has nobody here; packed rings the program does not offer.
      const here = await verdicts(conform(ourSource(type, kind), { witness: false }));
      const there = await verdicts(conform(vfioUserSource(socketOf(i)), { witness: false }));
      const made = Object.entries(there).filter(([, outcome]) => outcome !== 'SKIP');
      expect(made.length).toBeGreaterThan(60);
      expect(made.filter(([name, outcome]) => here[name] !== outcome)).toEqual([]);
    },
    60_000,
  );

  it.each(served.map((row, i) => [...row, i] as const))(
    '%s behind %s fails nothing where it has to ask for memory',
    async (_device, _window, _same, i) => {
      const there = await verdicts(
        conform(vfioUserSource(socketOf(i), { sharedRam: false }), { witness: false }),
      );
      expect(Object.entries(there).filter(([, outcome]) => outcome === 'FAIL')).toEqual([]);
    },
    60_000,
  );

  it.each([
    [true, false],
    [true, true],
    [false, false],
    [false, true],
  ])('serves our block driver, memory shared: %s, by its line: %s', async (sharedRam, intx) => {
    const client = await VfioUserClient.connect(socketOf(1), { sharedRam });
    try {
      const { bus, fn } = client;
      runFirmware(bus);
      const found = findFunction(bus, fn)!;
      const transport = new LegacyTransport(bus, found, legacyAccess(bus, found), { intx });
      const block = new BlockDriver(transport, new DmaMemory(bus.ram, 0x200000, 0xa00000));
      const written = new Uint8Array(20 * 512).map((_, i) => i * 7);
      await whilePausing(bus, block.write(3, written));
      expect(await whilePausing(bus, block.read(3, 20))).toEqual(written);
      block.close();
    } finally {
      client.close();
    }
  });

  it('is gone when its process ends, at the next access', async () => {
    const child = await serve(socketOf(9), 'entropy', null);
    const client = await VfioUserClient.connect(socketOf(9));
    expect(client.bus.configRead(client.fn, 0, 2)).toBe(0x1af4);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(() => client.bus.configRead(client.fn, 0, 2)).toThrow(TargetGoneError);
    client.close();
  });
});
