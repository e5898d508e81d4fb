import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deviceTypes } from '../src/virtio/index.ts';
import type { Evidence } from '../test/evidence.ts';
import { replaceTable, worksTable } from './works-table.ts';

/*
 * Runs the tests that the README's table of what works stands on, and writes the table from what passed. With a file as
 * argument, takes that as the evidence of a run that has been made already.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const readme = join(root, 'README.md');
const given = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), 'virtiolab-works-'));
const evidence = given ?? join(folder, 'evidence.json');
try {
  if (given === undefined) {
    const files = ['test/cli/demo.test.ts', 'test/guest'];
    const run = spawnSync(join(root, 'node_modules', '.bin', 'vitest'), ['run', '--mode', 'all', ...files], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, VIRTIOLAB_EVIDENCE: evidence, VIRTIOLAB_MACHINES: 'all' },
    });
    if (run.status !== 0) process.exitCode = 1;
  }
  const shown = JSON.parse(readFileSync(evidence, 'utf8')) as Evidence[];
  const table = worksTable(
    deviceTypes.map(({ name }) => name),
    shown,
  );
  writeFileSync(readme, replaceTable(readFileSync(readme, 'utf8'), table));
  console.log(table);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
