import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findImports, maskSource } from '../../scripts/scan-source.ts';
import { root } from '../cli/run.ts';

/*
 * The package's surface: which names each subpath exports. `test/golden/public` is the reviewed list: a name that comes or
 * goes is a decision, and stands in CHANGELOG.md. `-u` writes it anew.
 */
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, { default: string } | string>;
};

/** Sources by subpath, `.` for the root. */
const doors = Object.entries(exports).flatMap(([subpath, to]) =>
  typeof to === 'string'
    ? []
    : [[subpath, join(root, to.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts'))] as const],
);

/** What needs Node, or a package that does. */
const OF_NODE = new Set(['./node', './guest', './qtest', './qemu', './vfio-user']);

/** `name`, or `type name`, as users import them, in the order of the names. */
function namesOf(file: string): string[] {
  const source = maskSource(readFileSync(file, 'utf8'));
  expect(source, `${file} exports by name`).not.toMatch(/^export \*/m);
  const names: string[] = [];
  for (const [, only, list] of source.matchAll(/^export (type )?\{([^}]*)\}/gm))
    for (const item of list!.split(',').map((each) => each.trim())) {
      if (item === '') continue;
      const [, type = only, name] = /^(type )?(?:\w+ as )?(\w+)$/.exec(item)!;
      names.push(`${type === undefined ? '' : 'type '}${name}`);
    }
  return names.sort((a, b) => (a.replace('type ', '') < b.replace('type ', '') ? -1 : 1));
}

/** Everything that loading a file loads: its own sources by path, and packages by name. */
function loads(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const source = readFileSync(file, 'utf8');
  for (const { specifier, typeOnly } of findImports(source, maskSource(source))) {
    if (typeOnly) continue;
    if (specifier.startsWith('.')) loads(join(dirname(file), specifier), seen);
    else seen.add(specifier);
  }
  return seen;
}

describe('the subpaths of the package', () => {
  it.each(doors)('%s exports the names that were reviewed', async (subpath, file) => {
    const list = join(root, 'test/golden/public', `${subpath === '.' ? 'root' : subpath.slice(2)}.txt`);
    await expect(`${namesOf(file).join('\n')}\n`).toMatchFileSnapshot(list);
  });

  it('export everything that the root does, too', () => {
    const elsewhere = new Set(doors.flatMap(([subpath, file]) => (subpath === '.' ? [] : namesOf(file))));
    const front = namesOf(doors.find(([subpath]) => subpath === '.')![1]);
    expect(front.filter((name) => !elsewhere.has(name))).toEqual([]);
  });

  it.each(doors.filter(([subpath]) => !OF_NODE.has(subpath)))('%s loads in a browser', (_, file) => {
    expect([...loads(file)].filter((name) => name.startsWith('node:'))).toEqual([]);
  });

  it('know what needs fast-check', () => {
    const needs = ([, file]: (typeof doors)[number]) =>
      [...loads(file)].some((name) => name.endsWith('testing/fast-check.ts'));
    const loaded = doors.filter(needs).map(([subpath]) => subpath);
    expect(loaded).toContain('./testing');
    expect(loaded).not.toContain('./lab');
  });

  it('know what needs Node', () => {
    for (const [subpath, file] of doors)
      if (OF_NODE.has(subpath)) expect([...loads(file)].some((name) => name.startsWith('node:'))).toBe(true);
  });
});
