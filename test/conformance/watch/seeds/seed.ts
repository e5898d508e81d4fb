import type { DeviceBehaviour } from '../../../../src/virtio/index.ts';
import { Lab, type LabOptions } from '../support/lab.ts';

/** A small bug: the rule that has to name it, and what its driver does. */
export interface Seed {
  readonly rule: string;
  readonly what: string;
  run(): string[];
}

/** Rows of one kind of driver. */
export const seeds =
  (behaviour: () => DeviceBehaviour, base: LabOptions = {}) =>
  (rule: string, what: string, script: (lab: Lab) => void, options: LabOptions = {}): Seed => ({
    rule,
    what,
    run() {
      const lab = new Lab(behaviour(), { ...base, ...options });
      script(lab);
      return lab.broken;
    },
  });
