import { afterEach, expect } from 'vitest';
import { misfits } from './watcher.ts';

afterEach(() => {
  const seen = [...misfits];
  misfits.clear();
  expect(seen, 'findings whose clause does not fit').toEqual([]);
});
