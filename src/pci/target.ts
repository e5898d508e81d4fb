import { type FunctionAddress, formatFunctionAddress, HeldScheduler, type Target } from '../core/index.ts';
import type { Machine } from './machine.ts';

/** A function of a machine in this process. It has no known deviations: those are faults, and mended. */
export function machineTarget(machine: Machine, fn: FunctionAddress): Target {
  const name = machine.functions.get(fn)?.name ?? 'nothing';
  return {
    name: `${formatFunctionAddress(fn)} ${name}`,
    bus: machine,
    fn,
    held: machine.scheduler instanceof HeldScheduler ? machine.scheduler : null,
    stateful: machine,
    sharedRam: true,
    deviations: [],
    close: () => {},
  };
}
