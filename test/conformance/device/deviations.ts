import type { Deviation } from '../../../src/conformance/device/index.ts';

const of = (target: string, reason: string, ...checks: readonly string[]): Deviation[] =>
  checks.map((check) => ({ check, target, reason }));

/** What is not as it should be on a way of ours, and cannot be. */
export const deviations: readonly Deviation[] = [
  ...of('*-memory', 'its legacy block stands in memory', 'legacy-bar', 'legacy-header-in-bar0'),
  // Behind the shim stands a modern function, whose device does not know that its driver is a legacy one.
  ...of(
    'network:via-modern-shim',
    'the address of a modern network device cannot be written',
    'legacy-configuration-early-writes',
  ),
  ...of(
    'network:via-modern-shim',
    'the device behind has a modern driver, and its header of 12 bytes',
    'network-sends-mtu-whole',
    'network-unknown-flags',
    'network-checksum-fields-unused',
    'network-header-length-is-a-hint',
    'network-checksum-not-relied-on',
    'network-no-checksum-left',
    'network-pairs-in-use',
    'network-short-header',
  ),
  ...of(
    'block*:via-modern-shim',
    'the device behind has a modern driver without FLUSH, and starts as writethrough',
    'block-cache-mode-and-status',
  ),
  ...of(
    'block*:via-modern-shim',
    'the device behind has a modern driver, which knows no such request',
    'block-flush-out',
  ),
  ...of(
    'balloon:via-modern-shim',
    'the device behind has a modern driver, and takes each byte',
    'balloon-actual-by-bytes',
  ),
  ...of(
    'balloon:via-modern-shim',
    'the device behind has a modern driver, whose first statistics count',
    'balloon-statistics-of-legacy-drivers',
  ),
];
