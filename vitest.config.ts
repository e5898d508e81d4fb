import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const ordinary: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'ordinary',
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/program-setup.ts',
    setupFiles: ['test/clauses/watch.ts'],
    exclude: [...configDefaults.exclude, 'test/guest/**', 'test/browser/**'],
    // Against hanging only: no test may fail because its machine is busy.
    testTimeout: 300_000,
    // vitest would leave one of two cores to itself, which has little to do.
    maxWorkers: Math.max(1, availableParallelism()),
    hookTimeout: 300_000,
    // What a file loads is there for the next: loading all of it again for each of 400 files takes a fifth of the time.
    isolate: false,
    sequence: { groupOrder: 0 },
  },
};

// Real guest kernels: one file after the other, since two guests at once take five times as long as two in a row; and
// after everything else, for the same reason.
const guest: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'guest',
    include: ['test/guest/**/*.test.ts'],
    globalSetup: ['test/program-setup.ts', 'test/guest/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    maxWorkers: 1,
    sequence: { groupOrder: 1 },
  },
};

// The page, as a person uses it: a browser at a time. Not part of `npm test`.
const browser: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'browser',
    include: ['test/browser/**/*.test.ts'],
    globalSetup: 'test/browser/support/global-setup.ts',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
  },
};

const ordinarily: readonly TestProjectInlineConfiguration[] = [ordinary];

/** `vitest run` (npm test) runs the ordinary tests; `--mode guest` (npm run test:guest) those with real machines; `--mode all` both; `--mode browser` (npm run test:browser) the page's. */
const projectsOf: Readonly<Record<string, readonly TestProjectInlineConfiguration[]>> = {
  guest: [guest],
  browser: [browser],
  all: [ordinary, guest],
};

export default defineConfig(({ mode }) => ({
  // The examples of docs/ import the package by its name, as a user does.
  resolve: {
    alias: [
      { find: 'virtiolab/testing', replacement: `${import.meta.dirname}/src/testing/index.ts` },
      { find: /^virtiolab\/(\w+)$/, replacement: `${import.meta.dirname}/src/public/$1.ts` },
    ],
  },
  test: {
    projects: [...(projectsOf[mode] ?? ordinarily)],
    reporters: ['default', './test/reporter.ts'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
    },
  },
}));
