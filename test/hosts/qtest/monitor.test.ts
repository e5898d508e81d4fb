import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = `
  import { QemuMonitor } from ${JSON.stringify(join(root, 'src/hosts/qtest/monitor.ts'))};
  const monitor = new QemuMonitor(process.argv[1]);
  for (let i = 0; i < 20; i++) process.stdout.write(await monitor.command('info ' + i));
`;

describe("QEMU's monitor", () => {
  it('is waited for by a program that has nothing else to do, which ends afterwards and warns of nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'virtiolab-monitor-'));
    const path = join(folder, 'monitor');
    const server = createServer((socket) => {
      socket.write('QEMU\n(qemu) ');
      socket.on('data', (line) => setTimeout(() => socket.write(`${line.toString()}(qemu) `), 5));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      const run = promisify(execFile);
      const { stdout, stderr } = await run(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', program, path],
        { cwd: root },
      );
      expect(stdout.trim().split('\n')).toEqual(Array.from({ length: 20 }, (_, i) => `info ${i}`));
      expect(stderr).toBe('');
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});
