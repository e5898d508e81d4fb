import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MovingBus } from '../../../src/compare/migration/index.ts';
import {
  BlockDriver,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  runFirmware,
} from '../../../src/driver/index.ts';
import { CommandError, VfioUserClient } from '../../../src/hosts/vfio-user/index.ts';
import { type0Header } from '../../../src/pci/layout/index.ts';
import { program, root } from '../../cli/run.ts';

/*
 * Two servers in processes of their own, over one image, and a machine of ours that uses the first and goes on with the second: what a
 * monitor does that moves a guest with a device of vfio-user.
 */
const folder = mkdtempSync(join(tmpdir(), 'virtiolab-move-'));
const image = join(folder, 'disk.img');
const RAM_BYTES = 1 << 20;
const SECTOR = 512;
const SECTORS = 256;
const children: ChildProcess[] = [];

function serve(name: string, device: string): Promise<string> {
  const socket = join(folder, name);
  const disk = device === 'block' ? ['--image', image] : [];
  const child = spawn(
    process.execPath,
    [...program, 'serve', socket, '--device', device, '--window', 'mmr', ...disk],
    { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  children.push(child);
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', () => resolve(socket));
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
}

let sockets: Record<'here' | 'there' | 'other', string>;
beforeAll(async () => {
  writeFileSync(image, new Uint8Array(SECTORS * SECTOR));
  const [here, there, other] = await Promise.all([
    serve('here', 'block'),
    serve('there', 'block'),
    serve('other', 'entropy'),
  ]);
  sockets = { here, there, other } as typeof sockets;
}, 60_000);
afterAll(() => {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

const connect = (socket: string) =>
  VfioUserClient.connect(socket, { ramBytes: RAM_BYTES, milliseconds: 20_000 });
const contents = (nth: number) => new Uint8Array(SECTOR).fill(nth + 1);

/** What the machine itself holds of the function: where its BARs are, and that they are decoded. */
function placeAgain(from: VfioUserClient, to: VfioUserClient): void {
  const { bar, command, interruptLine } = type0Header;
  for (let at = bar.offset; at < bar.offset + bar.width * bar.count; at += bar.width)
    to.bus.configWrite(to.fn, at, 4, from.bus.configRead(from.fn, at, 4));
  to.bus.configWrite(to.fn, interruptLine.offset, 1, from.bus.configRead(from.fn, interruptLine.offset, 1));
  to.bus.configWrite(to.fn, command.offset, 2, from.bus.configRead(from.fn, command.offset, 2));
}

/** Pages that processors have written since, which no device tells of, and those that the device tells of. */
function send(from: VfioUserClient, to: VfioUserClient): number {
  const [source, target] = [from, to].map(({ bus }) => bus.ram.ranges[0]!.bytes);
  const pages = new Set(from.migration.dirty(0, RAM_BYTES));
  for (let at = 0; at < RAM_BYTES; at += 4096)
    if (Buffer.compare(source!.subarray(at, at + 4096), target!.subarray(at, at + 4096)) !== 0) pages.add(at);
  for (const at of pages) target!.set(source!.subarray(at, at + 4096), at);
  return pages.size;
}

describe('a machine whose device goes on in another process', () => {
  it('has every request answered once, whatever was in flight; a foreign state is refused, and it goes on', async () => {
    const here = await connect(sockets.here);
    runFirmware(here.bus);
    const bus = new MovingBus(here.bus);
    const found = findFunction(bus, here.fn)!;
    const transport = new LegacyTransport(bus, found, legacyAccess(bus, found), { intx: true });
    const driver = new BlockDriver(transport, new DmaMemory(bus.ram, 0x10000), {
      requestBytes: 4096,
      depth: 16,
    });
    const written: Promise<void>[] = [];
    const write = () => written.push(driver.write(written.length, contents(written.length)));
    const pause = async (times: number) => {
      for (let i = 0; i < times; i++) {
        bus.pause();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (let i = 0; i < 6; i++) write();
    await pause(5);
    const there = await connect(sockets.there);
    here.migration.startLogging();
    here.migration.set('preCopy');
    const rounds: number[] = [];
    for (let round = 0; round < 3; round++) {
      rounds.push(send(here, there));
      for (let i = 0; i < 4; i++) write();
      await pause(2);
    }
    // Those may be anywhere when it stops.
    for (let i = 0; i < 4; i++) write();
    here.migration.set('stopCopy');
    const stream = here.migration.read();
    rounds.push(send(here, there));
    expect(rounds[0]).toBeGreaterThan(0);
    // It has stopped: nothing is written any more.
    expect(send(here, there)).toBe(0);
    expect(here.migration.state).toBe('stopCopy');

    const other = await connect(sockets.other);
    for (const [target, bytes] of [
      [other, stream],
      [there, stream.subarray(0, stream.length - 9)],
      [there, stream.subarray(8)],
    ] as const) {
      target.migration.set('resuming');
      target.migration.write(bytes);
      expect(() => target.migration.set('running')).toThrow(CommandError);
      expect(target.migration.state).toBe('stop');
    }
    other.close();
    // It goes on where it was, and stops once more.
    here.migration.set('running');
    await pause(3);
    write();
    here.migration.set('stopCopy');
    const again = here.migration.read();
    send(here, there);
    there.migration.set('resuming');
    there.migration.write(again);
    bus.connect(there.bus);
    placeAgain(here, there);
    here.close();
    there.migration.set('running');
    for (let i = 0; i < 4; i++) write();
    for (let i = 0; i < 4000; i++) {
      await pause(1);
      const done = await Promise.race([Promise.all(written).then(() => true), Promise.resolve(false)]);
      if (done) break;
    }
    await Promise.all(written);
    const disk = readFileSync(image);
    for (let nth = 0; nth < written.length; nth++)
      expect([nth, Buffer.compare(disk.subarray(nth * SECTOR, (nth + 1) * SECTOR), contents(nth))]).toEqual([
        nth,
        0,
      ]);
    const reads = driver.read(3, 1);
    for (let i = 0; i < 50; i++) await pause(1);
    expect(await reads).toEqual(contents(3));
    there.close();
  }, 60_000);
});
