import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { run, virtiolab } from './run.ts';

describe.concurrent('lspci --vfs', () => {
  it('lists physical functions and the virtual ones beside them, by the ids that their owners tell', async () => {
    const { status, stdout, stderr } = await virtiolab(['lspci', '--vfs', '3']);
    expect([status, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(
      lines.map((line) => line.replace(/^(\S+) .*\[1af4:(\w+)\].*\((.*)\)$/, '$1 $2 $3')).slice(1),
    ).toEqual([
      '00:01.0 1042 has modern virtual functions',
      '00:01.1 1042 virtual function 1 of 00:01.0',
      '00:01.2 1042 virtual function 2 of 00:01.0',
      '00:01.3 1042 virtual function 3 of 00:01.0',
      '00:03.0 1042 has mmr-2023 virtual functions',
      '00:03.1 10fa virtual function 1 of 00:03.0',
      '00:03.2 10fa virtual function 2 of 00:03.0',
      '00:03.3 10fa virtual function 3 of 00:03.0',
    ]);
  });

  it('tells of the capability, and of BARs where they are', async () => {
    const { stdout } = await virtiolab(['lspci', '--vfs', '100', '-v', '-s', '0f.4', '--json']);
    const { functions } = JSON.parse(stdout);
    expect(functions[0]).toMatchObject({
      vendorId: '0x1af4',
      deviceId: '0x10fa',
      kind: 'mmr',
      interruptPin: 0,
    });
    const { stdout: owner } = await virtiolab(['lspci', '--vfs', '100', '-v', '-s', '1']);
    expect(owner).toMatch(
      /\n\t100 +singleRootIov +100 virtual functions \(100 at first, 100 now\), ids 1042, the first 1 further on, then every 1\n/,
    );
    expect(owner).toMatch(/\n\t140 +alternativeRoutingId\n/);
  });

  test.each([
    [['--vfs', '0'], "--vfs wants a number of 1..100, and has '0'"],
    [['--vfs', '101'], "--vfs wants a number of 1..100, and has '101'"],
    [['--vfs', 'x'], "--vfs wants a number of 1..100, and has 'x'"],
    [['--vfs', '3', '--bridges', 'ports'], '--vfs and --bridges do not go together'],
    [['--vfs', '3', '-t'], '--vfs and --tree do not go together'],
    [['--vfs', '3', '--read', 'x'], '--vfs and --read do not go together'],
  ])('refuses %j', async (args, message) => {
    const { status, stderr } = await virtiolab(['lspci', ...args]);
    expect([status, stderr.includes(message)]).toEqual([2, true]);
  });
});

const missing = spawnSync('lspci', ['--version']).error !== undefined;

describe.skipIf(missing)(
  `the pciutils${missing ? ' (skipped: no lspci here, install pciutils)' : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'virtiolab-vfs-'));
    let text = '';
    beforeAll(async () => {
      const dump = join(folder, 'vfs.txt');
      writeFileSync(dump, (await virtiolab(['lspci', '--vfs', '3', '-xxxx'])).stdout);
      text = (await run('lspci', ['-F', dump, '-vvv'])).stdout;
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    const of = (slot: string) => text.slice(text.indexOf(`\n${slot} `) + 1).split('\n\n')[0]!;

    it.each([
      ['00:01.0', '1042'],
      ['00:03.0', '10fa'],
    ])('read the SR-IOV capability of %s, enabled, and ARI', (slot, id) => {
      const owner = of(slot);
      expect(owner).toContain('Single Root I/O Virtualization (SR-IOV)');
      expect(owner).toMatch(/IOVCtl:\tEnable\+ Migration- Interrupt- MSE\+ ARIHierarchy-/);
      expect(owner).toContain('Initial VFs: 3, Total VFs: 3, Number of VFs: 3, Function Dependency Link: 00');
      expect(owner).toContain(`VF offset: 1, stride: 1, Device ID: ${id}`);
      expect(owner).toContain('Supported Page Size: 00000553, System Page Size: 00000001');
      expect(owner).toMatch(
        /Region 1: Memory at \w+ \(32-bit, non-prefetchable\)\n\t\tRegion 4: Memory at \w+ \(64-bit/,
      );
      expect(owner).toContain('Alternative Routing-ID Interpretation (ARI)');
    });

    it('read of ports that they can forward alternative routing ids, of others that they cannot', async () => {
      const dump = join(folder, 'switch.txt');
      writeFileSync(dump, (await virtiolab(['lspci', '--bridges', 'switch', '-xxxx'])).stdout);
      const all = (await run('lspci', ['-F', dump, '-vvv'])).stdout.split('\n\n');
      const ports = ['Root Port', 'Upstream Port', 'Downstream Port'].map(
        (kind) => all.find((each) => each.includes(`Express (v2) ${kind}`))!,
      );
      expect(ports.map((text) => text.includes('ARIFwd+'))).toEqual([true, false, true]);
      expect(ports.map((text) => /DevCtl2:.*ARIFwd-/.test(text))).toEqual([true, false, true]);
    });

    it('read a virtual function as one without ids, BARs and interrupt pin, that can be reset alone', () => {
      for (const slot of ['00:01.3', '00:03.1']) {
        const virtual = of(slot);
        expect(virtual).toMatch(/: Illegal Vendor ID Device ffff/);
        expect(virtual).not.toMatch(/Region|Interrupt: pin/);
        expect(virtual).toContain('FLReset+');
        expect(virtual).toContain('MSI-X: Enable- Count=2 Masked-');
      }
    });
  },
);
