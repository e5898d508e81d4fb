import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lyingDevices } from '../../src/testing/lying-devices.ts';
import { root } from '../cli/run.ts';
import { run } from '../package/packed.ts';
// Its tests become tests of this file.
import '../../docs/examples/own-drafts.test.ts';
import '../../docs/examples/own-driver.test.ts';
import '../../docs/examples/own-life-cycle.test.ts';
import '../../docs/examples/own-property.test.ts';
import '../../docs/examples/own-requests.test.ts';
import '../../docs/examples/own-rings.test.ts';

const examples = [
  'own-driver.test.ts',
  'own-property.test.ts',
  'own-requests.test.ts',
  'own-device.test.ts',
  'own-life-cycle.test.ts',
  'own-rings.test.ts',
  'own-drafts.test.ts',
];

describe('docs/testing.md', () => {
  it('shows its examples as they are', () => {
    const text = readFileSync(join(root, 'docs/testing.md'), 'utf8');
    const shown = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
    for (const name of examples) {
      const example = readFileSync(join(root, 'docs/examples', name), 'utf8');
      expect(shown, name).toContain(example);
    }
  });

  it('names everything that there is', () => {
    const text = readFileSync(join(root, 'docs/testing.md'), 'utf8');
    const names = text.slice(text.indexOf('## All names'));
    const list = readFileSync(join(root, 'test/golden/public/testing.txt'), 'utf8');
    for (const name of list.split('\n').filter((line) => /^\w+$/.test(line)))
      expect(names).toMatch(new RegExp(`\`${name}[\`(]`));
  });

  it('names every lying device', () => {
    const text = readFileSync(join(root, 'docs/testing.md'), 'utf8');
    for (const { name, says } of lyingDevices) expect(text).toContain(`| \`${name}\` | ${says} |`);
  });

  it('has one that node:test runs', async () => {
    const args = ['--import', 'tsx', '--test', 'docs/examples/own-device.test.ts'];
    const { status, stdout } = await run(process.execPath, args, root);
    expect(stdout).toContain('# pass 2\n');
    expect(status).toBe(0);
  });
});
