import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bench, type Setting } from '../../src/conformance/device/index.ts';
import { OptionError } from '../../src/core/index.ts';
import {
  type LifeCyclePart,
  lifeCycle,
  lifeCycleCommands,
  lifeCycleParts,
} from '../../src/testing/life-cycle.ts';
import { type DeviceMutant, deviceMutants } from '../../src/testing/mutants/index.ts';
import { openSubject, type SubjectKind } from '../../src/testing/subjects.ts';
import { deviceTypes } from '../../src/virtio/index.ts';
import { shared } from '../properties/support/runs.ts';

interface Target {
  readonly type: string;
  readonly kind?: SubjectKind;
  readonly setting: Setting;
  readonly mutant?: DeviceMutant;
}

/** What fast-check makes of a device: the commands that fail, and why; null where none do. */
async function failure(
  { type, kind = 'modern', setting, mutant }: Target,
  parts: readonly LifeCyclePart[] = lifeCycleParts,
  numRuns = 300,
): Promise<{ commands: string; message: string } | null> {
  const commands = fc.commands(lifeCycleCommands(parts), { maxCommands: 30, size: 'max' });
  const property = fc.asyncProperty(commands, async (list) => {
    const bench = new Bench(openSubject(type, kind, mutant), setting);
    await fc.asyncModelRun(() => lifeCycle(bench), list);
  });
  const { failed, counterexample, errorInstance } = await fc.check(property, { numRuns, seed: 1 });
  return failed
    ? {
        commands: String(counterexample![0]).replace(/ \/\*.*/, ''),
        message: (errorInstance as Error).message,
      }
    : null;
}

const mutantOf = (name: string) => deviceMutants.find((each) => each.name === name)!;

const targets = deviceTypes.flatMap(({ name, transitionalId }): [string, SubjectKind, Setting][] => [
  [name, 'modern', 'modern'],
  [name, 'modern', 'packed'],
  ...(transitionalId === null ? [] : [[name, 'legacy', 'legacy'] as [string, SubjectKind, Setting]]),
]);

describe('the commands of a life cycle', () => {
  it.each(targets)('are gone through by our device %s:%s, %s', async (type, kind, setting) => {
    expect(await failure({ type, kind, setting }, lifeCycleParts, shared(600, targets.length))).toBeNull();
  });

  it.each<[string, LifeCyclePart[], RegExp, RegExp]>([
    [
      'driver-bit-lost',
      ['status'],
      /^write deviceStatus, the next step,write deviceStatus, the next step$/,
      /PCI-COM-07/,
    ],
    [
      'reset-ignored',
      ['status'],
      /^(write deviceStatus, the next step,)+write deviceStatus 0x00$/,
      /BF-RST-01/,
    ],
    [
      'enabled-after-queue-reset',
      ['negotiation', 'queue'],
      /^negotiate, with RING_RESET,.*,write queueReset 1 of queue \d$/,
      /PCI-COM-13/,
    ],
    [
      'configuration-late',
      ['negotiation', 'configuration'],
      /^read field \d+ .*,negotiate.*,read field \d+ /,
      /PCI-COM-06/,
    ],
  ])('find %s, shrunk', async (name, parts, commands, message) => {
    const found = await failure({ type: 'block', setting: 'modern', mutant: mutantOf(name) }, parts);
    expect(found?.commands).toMatch(commands);
    expect(found?.message).toMatch(message);
  });

  it('are each made', async () => {
    const made = new Set<string>();
    const commands = fc.commands(lifeCycleCommands(), { maxCommands: 30, size: 'max' });
    const property = fc.asyncProperty(commands, async (list) => {
      const bench = new Bench(openSubject('block', 'modern'), 'modern');
      const { model } = lifeCycle(bench);
      await fc.asyncModelRun(() => ({ model, real: bench }), list);
      for (const each of model.made) made.add((each as { code: string }).code.replace(/\..*/, ''));
    });
    await fc.assert(property, { numRuns: 300, seed: 2 });
    expect([...made].sort()).toEqual([
      'driver-ok',
      'enable-queue',
      'failed',
      'map-vector',
      'negotiate',
      'read-accepted',
      'read-config',
      'read-features',
      'read-queue',
      'read-size',
      'read-vectors',
      'reset',
      'reset-queue',
      'status',
      'work',
      'write-address',
      'write-features',
    ]);
  });

  it('are refused for a part that there is none of', () => {
    expect(() => lifeCycleCommands(['afterlife' as LifeCyclePart])).toThrow(OptionError);
    expect(() => lifeCycleCommands(['afterlife' as LifeCyclePart])).toThrow(
      'status, negotiation, queue, configuration, ring',
    );
    expect(() => lifeCycleCommands([])).toThrow(OptionError);
  });
});
