import { configDefaults, defineConfig } from 'vitest/config';

// `vitest run --mode guest` (npm run test:guest) boots real guest kernels; everything else is the ordinary suite.
export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'guest' ? ['test/guest/**/*.test.ts'] : ['test/**/*.test.ts'],
    exclude: mode === 'guest' ? configDefaults.exclude : [...configDefaults.exclude, 'test/guest/**'],
    testTimeout: mode === 'guest' ? 600_000 : 30_000,
    reporters: ['default', './test/reporter.ts'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
    },
  },
}));
