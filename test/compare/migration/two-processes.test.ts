import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MoveSource, MovingBus } from '../../../src/compare/migration/index.ts';
import { run } from '../../cli/run.ts';
import { contents, SECTORS, SectorProgram, site } from './support/sectors.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtiolab-move-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a guest that moves to another process, over a socket', () => {
  it('goes on there with what was in flight: every sector is written once', async () => {
    const [image, log, path] = ['disk.img', 'written', 'socket'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(image, new Uint8Array(SECTORS * 512));
    writeFileSync(log, '');
    const { machine, tasks } = site(image, log);
    const program = new SectorProgram(new MovingBus(machine.guest), machine.place);
    const work = (times: number) => {
      for (let i = 0; i < times; i++) {
        program.step(SECTORS);
        tasks.release();
      }
    };
    work(20);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const source = new MoveSource(machine, { convergedPages: 4 });
    const arrived = run(process.execPath, [
      '--import',
      'tsx',
      'test/compare/migration/support/arrival.ts',
      path,
      image,
      log,
      `${SECTORS}`,
    ]);
    await new Promise<void>((resolve, reject) => {
      server.once('connection', (socket) => {
        socket.on('error', reject);
        socket.write(source.begin());
        do {
          socket.write(source.round().bytes);
          work(9);
        } while (!source.converged);
        program.step(SECTORS);
        socket.end(source.stop(program.registers), resolve);
      });
    });
    expect(tasks.pending.length).toBeGreaterThan(0);
    const here = program.back;
    const { status, stdout, stderr } = await arrived;
    server.close();
    expect([status, stderr]).toEqual([0, '']);
    const there = JSON.parse(stdout);
    expect(there).toMatchObject({ first: here, back: SECTORS });
    expect(here).toBeGreaterThan(0);
    expect(here).toBeLessThan(SECTORS);
    const written = readFileSync(log, 'utf8').trim().split('\n').map(Number);
    expect(written.toSorted((a, b) => a - b)).toEqual(Array.from({ length: SECTORS }, (_, i) => i));
    const disk = readFileSync(image);
    for (let nth = 0; nth < SECTORS; nth++)
      expect([...disk.subarray(512 * nth, 512 * nth + 512)]).toEqual([...contents(nth)]);
    expect(source.rounds.length).toBeGreaterThan(1);
  }, 60_000);
});
