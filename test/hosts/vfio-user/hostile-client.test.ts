import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { sinkFor } from '../../../src/core/index.ts';
import { regionIndex } from '../../../src/hosts/vfio-user/layout.ts';
import { EntropyDevice, legacyHeader } from '../../../src/virtio/index.ts';
import { runs } from '../../properties/support/runs.ts';
import { Served, until } from './support.ts';

const source = fileURLToPath(new URL('hostile-client.c', import.meta.url));
const run = promisify(execFile);
const openFds = () => readdirSync('/proc/self/fd').length;

describe('a server before a client in C that rewrites memory while the device works, and dies anywhere', () => {
  let served: Served;
  afterEach(() => served.close());

  it('goes on, keeps nothing, and serves the next', async ({ skip }) => {
    served = await Served.of(new EntropyDevice());
    const program = join(served.folder, 'hostile-client');
    const made = spawnSync('cc', ['-O1', '-pthread', '-o', program, source], { encoding: 'utf8' });
    if (made.error !== undefined) skip("no C compiler ('cc' does not run)");
    expect(made.stderr).toBe('');
    const sane = async () => {
      const client = await served.connect();
      await client.command('deviceReset');
      await client.write(0, legacyHeader.deviceStatus.offset, 3, 1);
      expect(await client.readNumber(regionIndex.config, 0, 4)).toBe(0x10051af4);
      client.close();
      await until('it is free', () => !served.service.attached);
    };
    const found = new Set<string>();
    served.device.events = sinkFor(['finding'], ({ clause }) => void found.add(clause));
    await sane();
    const before = openFds();
    const seed = process.env['VIRTIOLAB_SEED'] ?? String(Date.now() % 1_000_000);
    const sessions = String(Math.max(30, runs(60)));
    const { stdout } = await run(program, [served.socket, seed, sessions]).catch((error: Error) => {
      throw new Error(`seed ${seed} (VIRTIOLAB_SEED): ${error.message}`);
    });
    expect(stdout).toBe(`${sessions} sessions\n`);
    await until('it is free', () => !served.service.attached);
    await sane();
    expect(served.device.ram.ranges).toEqual([]);
    expect(openFds()).toBe(before);
    // It did get as far as the rings.
    expect([...found].some((clause) => clause.startsWith('SPL-'))).toBe(true);
    // None of what was sent is a fault of ours.
    expect(served.events.filter((event) => 'fault' in event)).toEqual([]);
  });
});
