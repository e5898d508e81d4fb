import type { Deviation } from '../../../src/conformance/device/index.ts';

const because = (reason: string, ...checks: readonly string[]): Deviation[] =>
  checks.map((check) => ({ check, reason }));

/** Behind the shim stands a modern function, whose device does not know that its driver is a legacy one. */
const shim: Readonly<Record<string, readonly Deviation[]>> = {
  block: [
    ...because(
      'the device behind has a modern driver without FLUSH, and starts as writethrough',
      'block-cache-mode-and-status',
    ),
    ...because('the device behind has a modern driver, which knows no such request', 'block-flush-out'),
  ],
  balloon: [
    ...because('the device behind has a modern driver, and takes each byte', 'balloon-actual-by-bytes'),
    ...because(
      'the device behind has a modern driver, whose first statistics count',
      'balloon-statistics-of-legacy-drivers',
    ),
  ],
  'balloon-strict': because(
    'the device behind refuses a modern driver without MUST_TELL_HOST',
    'balloon-serves-legacy-untold',
    'balloon-page-in-use-before-deflation',
  ),
};

/** What is not as it should be on a way of ours to a sample, and cannot be. */
export const deviationsOf = (sample: string, kind: string): readonly Deviation[] =>
  kind === 'via-modern-shim'
    ? [...new Set([sample.split('-')[0]!, sample])].flatMap((name) => shim[name] ?? [])
    : [];
