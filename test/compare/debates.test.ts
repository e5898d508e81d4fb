import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { debateRows, debatesDocument } from '../../src/compare/debates.ts';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe('the debates', () => {
  it('come out as they are written down', async () => {
    expect(readFileSync(root('docs/debates.md'), 'utf8')).toBe(await debatesDocument());
  });

  it('have one row for each position, which says how to see it', () => {
    const ids = debateRows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, command } of debateRows) {
      expect(id).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);
      const [, name] = /^(?:npm start --|virtiolab) ([\w-]+)/.exec(command) ?? [];
      const [file] = /(?:test|src)\/\S+/.exec(command) ?? [];
      const there = name === undefined ? existsSync(root(file ?? 'nowhere')) : Object.hasOwn(commands, name);
      expect([id, there]).toEqual([id, true]);
    }
  });
});
