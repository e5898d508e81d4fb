import { expect, it } from 'vitest';
import { busy, query, use } from './seeds/administration.ts';

const RULE = 'admin-not-tried-again';

it.each([
  ['tries again and goes on', [query, query, use], false],
  ['has done nothing since then', [query], false],
  ['goes on without', [query, use], true],
  ['tries again after something else', [query, use, query], false],
] as const)('a driver that is told to try again and %s (AVQ-19)', (_, commands, found) => {
  const broken = busy((lab) => {
    for (const command of commands) command(lab);
  });
  expect(broken.includes(RULE)).toBe(found);
});
