import { defineConfig } from 'vitest/config';

/** The tests of one folder, for `npm run mutants`: MUTANTS_TESTS lists their places. */
export default defineConfig({
  test: {
    include: JSON.parse(process.env.MUTANTS_TESTS ?? '[]') as string[],
    setupFiles: ['test/clauses/watch.ts'],
    testTimeout: 60_000,
  },
});
